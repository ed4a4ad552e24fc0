"""Where the cache is, and whose modules in it are used."""

import os
import stat
import subprocess
import sys
import tempfile

import pytest
import tiny_modules

from hub_estimator import handles
from hub_estimator.handles.cache import location as cache_location

HANDLE = "https://models.test/m/1"
needs_root = pytest.mark.skipif(
  os.geteuid() != 0, reason="only root can act as another user"
)
_OTHER_UID = 54321


@pytest.fixture
def temporary(tmp_path, settings):
  """The folder for temporary files; no cache folder is chosen."""
  folder = tmp_path / "tmp"
  folder.mkdir()
  settings.delenv("TFHUB_CACHE_DIR")
  settings.setattr(tempfile, "tempdir", str(folder))
  settings.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
  return folder


def _fetch(path):
  with open(path, "wb") as file:
    file.write(tiny_modules.archive())
  return "the source"


def test_the_default_is_tensorflow_hubs_and_private(temporary):
  folder = temporary / "tfhub_modules"
  assert cache_location.cache_folder() == str(folder)
  handles.ModuleCache().get(HANDLE, _fetch)
  assert stat.S_IMODE(folder.stat().st_mode) == 0o700
  assert cache_location.cache_folder() == str(folder)


def test_what_tensorflow_hub_made_for_this_user_is_used(temporary):
  (temporary / "tfhub_modules").mkdir(mode=0o755)
  assert cache_location.cache_folder() == str(temporary / "tfhub_modules")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_a_default_that_others_may_write_in_is_not_used(
  temporary, tmp_path, mode
):
  folder = temporary / "tfhub_modules"
  folder.mkdir()
  folder.chmod(mode)
  assert cache_location.cache_folder() == str(
    tmp_path / "xdg" / "tfhub_modules"
  )


def test_a_default_that_is_a_link_is_not_used(temporary, tmp_path):
  (tmp_path / "elsewhere").mkdir()
  (temporary / "tfhub_modules").symlink_to(tmp_path / "elsewhere")
  assert cache_location.cache_folder() == str(
    tmp_path / "xdg" / "tfhub_modules"
  )


@needs_root
def test_a_default_of_another_user_is_not_used(temporary, tmp_path):
  folder = temporary / "tfhub_modules"
  folder.mkdir()
  os.chown(folder, _OTHER_UID, -1)
  assert cache_location.cache_folder() == str(
    tmp_path / "xdg" / "tfhub_modules"
  )


def test_a_chosen_folder_is_made_as_folders_are(cache):
  umask = os.umask(0o027)
  try:
    cache.get(HANDLE, _fetch)
  finally:
    os.umask(umask)
  assert stat.S_IMODE(os.stat(cache.folder).st_mode) == 0o750


def test_a_chosen_folder_may_be_a_file_address(settings, tmp_path):
  settings.setenv("TFHUB_CACHE_DIR", f"file://{tmp_path}/c")
  assert handles.ModuleCache().folder == f"{tmp_path}/c"


@needs_root
def test_a_module_of_another_user_in_an_open_folder_is_not_used(cache):
  folder = cache.get(HANDLE, _fetch)
  os.chmod(cache.folder, 0o1777)
  os.chown(folder, _OTHER_UID, -1)
  with pytest.raises(OSError, match=f"belongs to user {_OTHER_UID}") as raised:
    cache.find(HANDLE)
  assert folder in str(raised.value)
  # In a folder that not everybody may write in it is used: the user chose it.
  os.chmod(cache.folder, 0o775)
  assert cache.find(HANDLE) == folder


@needs_root
def test_a_chosen_folder_of_another_user_is_used(cache):
  folder = cache.get(HANDLE, _fetch)
  for path in (cache.folder, folder):
    os.chown(path, _OTHER_UID, -1)
  assert cache.find(HANDLE) == folder


def test_a_module_that_everybody_may_write_in_is_not_used(cache):
  folder = cache.get(HANDLE, _fetch)
  os.chmod(folder, 0o777)
  with pytest.raises(OSError, match="can be written by everybody"):
    cache.find(HANDLE)


def test_a_link_in_place_of_a_module_is_not_used(cache, tmp_path):
  folder = cache.get(HANDLE, _fetch)
  os.rename(folder, tmp_path / "elsewhere")
  os.symlink(tmp_path / "elsewhere", folder)
  with pytest.raises(OSError, match="is a link"):
    cache.find(HANDLE)


_READ = """
import os, sys
from hub_estimator import errors, handles
import requests
if os.geteuid() == 0:
  os.setgroups([])
  os.setgid(65534)
  os.setuid(65534)
print(handles.resolve(sys.argv[1]))
try:
  handles.resolve(sys.argv[2])
except errors.UserOSError as error:
  print(error)
"""


def test_a_cache_that_cannot_be_written_in_is_read(settings):
  # Not below pytest's own folders, which other users cannot enter.
  with tempfile.TemporaryDirectory() as parent:
    os.chmod(parent, 0o755)
    cache = os.path.join(parent, "cache")
    settings.setenv("TFHUB_CACHE_DIR", cache)
    folder = handles.ModuleCache().get(HANDLE, _fetch)
    os.chmod(cache, 0o555)
    before = sorted(os.listdir(cache))
    result = subprocess.run(
      [sys.executable, "-c", _READ, HANDLE, "https://models.test/missing"],
      capture_output=True,
      text=True,
    )
    os.chmod(cache, 0o755)
    assert result.returncode == 0, result.stderr[-2000:]
    found, problem = result.stdout.splitlines()
    assert found == folder
    assert "nothing can be written: Permission denied" in problem
    assert sorted(os.listdir(cache)) == before


_RESOLVE_AS = """
import os, sys
from hub_estimator import handles
uid, gid = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
os.umask(0o002)
for handle in sys.argv[3:]:
  print(handles.resolve(handle))
"""


@needs_root
def test_a_group_shares_a_cache(settings):
  gid = 54322
  with tempfile.TemporaryDirectory() as parent:
    os.chmod(parent, 0o755)
    cache = os.path.join(parent, "cache")
    os.mkdir(cache)
    os.chown(cache, -1, gid)
    os.chmod(cache, 0o2770)
    settings.setenv("TFHUB_CACHE_DIR", cache)
    archives = [os.path.join(parent, name) for name in ("a.tar", "b.tar")]
    for path in archives:
      with open(path, "wb") as file:
        file.write(tiny_modules.archive(compression=""))

    def resolve_as(uid, *paths):
      return subprocess.run(
        [sys.executable, "-c", _RESOLVE_AS, str(uid), str(gid), *paths],
        capture_output=True,
        text=True,
      )

    first = resolve_as(54323, archives[0])
    assert first.returncode == 0, first.stderr[-2000:]
    second = resolve_as(54324, *archives)
    assert second.returncode == 0, second.stderr[-2000:]
    assert second.stdout.splitlines()[0] == first.stdout.strip()
    # What one has installed and is not whole, the other installs again.
    folder = first.stdout.strip()
    os.remove(os.path.join(folder, "saved_model.pb"))
    again = resolve_as(54324, archives[0])
    assert again.returncode == 0, again.stderr[-2000:]
    assert os.path.exists(os.path.join(folder, "saved_model.pb"))
