"""The cache: what counts as there, what is fetched again, what is trusted."""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys

import pytest
import tiny_modules

from hub_estimator import handles
from hub_estimator.handles.cache import installation, manifest, module_cache

HANDLE = "https://models.test/m/1"
ASSETS = {"words.txt": b"a\nb\n"}


@pytest.fixture
def fetches():
  return []


@pytest.fixture
def get(cache, fetches):
  """Gets the module, from an archive if it is fetched."""

  def fetch(path):
    fetches.append(path)
    with open(path, "wb") as file:
      file.write(tiny_modules.archive(tiny_modules.module_files(ASSETS)))
    return "the source"

  return lambda handle=HANDLE: cache.get(handle, fetch)


def _names(folder):
  return sorted(
    name for name in os.listdir(folder) if not name.startswith(".locks")
  )


def test_a_module_lies_where_tensorflow_hub_has_it(get, cache, fetches):
  key = hashlib.sha1(HANDLE.encode()).hexdigest()
  folder = get()
  assert folder == os.path.join(cache.folder, key)
  assert _names(cache.folder) == [key, f"{key}.descriptor.txt"]
  with open(f"{folder}.descriptor.txt") as file:
    assert file.readline() == f"Module: {HANDLE}\n"
  assert get() == folder
  assert len(fetches) == 1


def test_the_manifest_has_sizes_and_checksums(get):
  folder = get()
  with open(os.path.join(folder, ".manifest.json")) as file:
    content = json.load(file)
  assert content["handle"] == HANDLE
  assert content["source"] == "the source"
  assert content["installed"].endswith("+00:00")
  assert content["files"]["tfhub_module.pb"] == {
    "size": 2,
    "sha256": hashlib.sha256(b"\x08\x03").hexdigest(),
  }
  assert sorted(content["files"]) == [
    "assets/words.txt",
    "saved_model.pb",
    "tfhub_module.pb",
  ]


@pytest.mark.parametrize(
  "name",
  ["tfhub_module.pb", "saved_model.pb", "assets/words.txt", ".manifest.json"],
)
@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_what_is_not_whole_is_fetched_again(get, fetches, caplog, name, damage):
  folder = get()
  path = os.path.join(folder, name)
  if damage == "removed" and name != ".manifest.json":
    os.remove(path)
  else:
    os.truncate(path, 1)
  assert get() == folder
  assert len(fetches) == 2
  (record,) = caplog.records
  assert f"The cached module of {HANDLE} is not whole" in record.getMessage()
  assert name in record.getMessage()
  assert handles.ModuleCache().find(HANDLE) == folder
  assert "old" not in "".join(_names(os.path.dirname(folder)))


def test_an_emptied_folder_is_fetched_again(get, fetches):
  folder = get()
  shutil.rmtree(folder)
  os.mkdir(folder)
  assert get() == folder
  assert len(fetches) == 2


def test_changed_bytes_are_found_when_asked_for(get, fetches, settings):
  path = os.path.join(get(), "assets", "words.txt")
  with open(path, "r+b") as file:
    file.write(b"x")
  get()
  assert len(fetches) == 1
  settings.setenv("TFHUB_CACHE_VERIFY", "1")
  get()
  assert len(fetches) == 2
  with open(path, "rb") as file:
    assert file.read() == ASSETS["words.txt"]


def test_a_cache_that_tensorflow_hub_filled_is_used(cache, get, fetches):
  folder = cache.module_folder(HANDLE)
  os.makedirs(folder)
  for name, content in tiny_modules.module_files(ASSETS).items():
    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
      file.write(content)
  before = _names(folder)
  assert get() == folder
  assert fetches == []
  assert _names(folder) == before
  os.remove(os.path.join(folder, "assets", "words.txt"))
  assert get() == folder
  assert len(fetches) == 1


@pytest.mark.parametrize(
  "files, text",
  [
    ({"readme.txt": b"hello"}, "saved_model.pb is missing"),
    ({"tfhub_module.pb": b"\x08\x03"}, "saved_model.pb is missing"),
    (
      {**tiny_modules.module_files(), "saved_model.pb": b"\xff\xff"},
      "saved_model.pb",
    ),
  ],
)
def test_an_archive_without_a_module_is_refused(cache, files, text):
  def fetch(path):
    with open(path, "wb") as file:
      file.write(tiny_modules.archive(files))
    return "https://models.test/archive"

  with pytest.raises(OSError, match=text) as raised:
    cache.get(HANDLE, fetch)
  message = str(raised.value)
  assert "https://models.test/archive does not appear to be a valid" in message
  assert cache.folder not in message
  assert _names(cache.folder) == []


def test_a_failed_fetch_leaves_nothing_and_keeps_what_was_there(get, cache):
  folder = get()
  os.remove(os.path.join(folder, "saved_model.pb"))
  before = _names(cache.folder)

  def fail(path):
    with open(path, "wb") as file:
      file.write(b"half")
    raise ValueError("connection lost")

  with pytest.raises(ValueError, match="connection lost"):
    cache.get(HANDLE, fail)
  assert _names(cache.folder) == before
  assert os.path.exists(os.path.join(folder, "assets", "words.txt"))


def test_a_fetch_may_make_a_folder(cache, tmp_path):
  def fetch(path):
    os.mkdir(path)
    tiny_modules.write_module(tmp_path / "built", ASSETS)
    shutil.copytree(tmp_path / "built", path, dirs_exist_ok=True)
    return "a folder"

  folder = cache.get("mine://m", fetch)
  assert handles.ModuleCache().find("mine://m") == folder
  assert "assets/words.txt" in manifest.read(folder).files


def test_what_killed_processes_left_is_removed(get, cache):
  key = module_cache.cache_key(HANDLE)
  os.makedirs(cache.folder)
  dead = subprocess.Popen([sys.executable, "-c", ""])
  dead.wait()
  mark = installation._process_mark().rsplit("-", 2)[0]
  left = f"{key}.install-{mark}-{dead.pid}-00000000"
  living = f"{key}.install-{mark}-{os.getpid()}-00000000"
  elsewhere = f"{key}.install-elsewhere-{dead.pid}-00000000"
  for name in (left, living, elsewhere):
    os.mkdir(os.path.join(cache.folder, name))
  get()
  names = _names(cache.folder)
  assert left not in names
  assert {living, elsewhere} <= set(names)


def test_no_space_is_said_and_leaves_nothing(cache):
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)

  def fetch(path):
    with open(path, "wb") as file:
      file.write(b"x" * 100_000)

  resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
  try:
    with pytest.raises(OSError, match="There is no space for") as raised:
      cache.get(HANDLE, fetch)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert cache.folder in str(raised.value)
  assert "TFHUB_CACHE_DIR" in str(raised.value)
  assert _names(cache.folder) == []


def test_files_are_not_readable_by_fewer_than_the_user_wants(get):
  umask = os.umask(0o022)
  try:
    folder = get()
  finally:
    os.umask(umask)
  assert os.stat(folder).st_mode & 0o777 == 0o755
  assert os.stat(os.path.join(folder, "saved_model.pb")).st_mode & 0o777 == (
    0o644
  )
