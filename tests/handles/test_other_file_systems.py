"""Handles and caches of TensorFlow's file systems, here the one in memory."""

import hashlib
import uuid

import pytest
import tiny_modules

from hub_estimator import handles
from hub_estimator.handles import web_resolver
from hub_estimator.tf_compat import tf

gfile = tf.io.gfile
FILES = tiny_modules.module_files({"words.txt": b"a\n"})


@pytest.fixture
def memory():
  """A folder of the file system in memory, which a process has one of."""
  return f"ram://{uuid.uuid4().hex}"


def _write(path, content):
  gfile.makedirs(path.rpartition("/")[0])
  with gfile.GFile(path, "wb") as file:
    file.write(content)


def test_a_folder_is_itself(memory):
  for name, content in FILES.items():
    _write(f"{memory}/m/{name}", content)
  assert handles.find(f"{memory}/m") == (f"{memory}/m", True)


def test_a_folder_that_there_is_not(memory):
  with pytest.raises(OSError, match="does not exist"):
    handles.resolve(f"{memory}/missing")


def test_the_newest_export(memory):
  for seconds in ("1600000000", "1700000000"):
    _write(f"{memory}/{seconds}/module/tfhub_module.pb", b"\x08\x03")
  assert handles.resolve(memory) == f"{memory}/1700000000/module"


def test_archives_are_unpacked_into_the_cache(memory, cache, settings):
  handle = f"{memory}/m.tar.gz"
  _write(handle, tiny_modules.archive(FILES))
  folder = handles.resolve(handle)
  assert folder == cache.module_folder(handle)
  assert handles.find(handle) == (folder, True)
  settings.setenv("TFHUB_OFFLINE", "1")
  assert handles.resolve(handle) == folder
  with pytest.raises(web_resolver.OfflineError):
    handles.resolve(f"{memory}/other.tar.gz")


def test_a_cache_in_another_file_system(memory, server, settings, caplog):
  settings.setenv("TFHUB_CACHE_DIR", f"{memory}/cache")
  url = server.serve("/m", tiny_modules.archive(FILES))
  key = hashlib.sha1(url.encode()).hexdigest()
  folder = f"{memory}/cache/{key}"
  assert handles.resolve(url) == folder
  with gfile.GFile(f"{folder}/assets/words.txt", "rb") as file:
    assert file.read() == b"a\n"
  assert handles.resolve(url) == folder
  assert len(server.requests) == 1
  gfile.remove(f"{folder}/saved_model.pb")
  assert handles.resolve(url) == folder
  assert gfile.exists(f"{folder}/saved_model.pb")
  assert len(server.requests) == 2


def test_an_archive_that_there_is_not(memory):
  with pytest.raises(OSError, match="missing.tar.gz does not exist"):
    handles.resolve(f"{memory}/missing.tar.gz")


@pytest.mark.parametrize("handle", ["shelf://m", "shelf://m.tar.gz"])
def test_a_scheme_that_nothing_knows(handle):
  with pytest.raises(ValueError, match="no file system for shelf://") as raised:
    handles.resolve(handle)
  assert "hub.register_resolver()" in str(raised.value)


@pytest.mark.parametrize("handle", ["gs://bucket/m", "s3://bucket/m"])
def test_offline_nothing_is_read_from_elsewhere(settings, handle):
  settings.setenv("TFHUB_OFFLINE", "1")
  with pytest.raises(web_resolver.OfflineError, match="not on this machine"):
    handles.resolve(handle)


def test_what_a_file_system_says_is_passed_on():
  with pytest.raises(OSError, match="TensorFlow cannot read gs://: .+"):
    handles.resolve("gs://")
