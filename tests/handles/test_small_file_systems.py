"""A cache on a file system that is full, or read-only: a real one in memory."""

import os
import subprocess

import pytest
import tiny_modules

from hub_estimator import handles


@pytest.fixture
def file_system(tmp_path, settings):
  """A file system of 4 MiB that holds the cache; a function mounts it anew."""
  folder = tmp_path / "mounted"
  folder.mkdir()

  def mount(*options):
    return subprocess.run(
      ["mount", *options, str(folder)], capture_output=True, check=False
    )

  if os.geteuid() or mount("-t", "tmpfs", "-o", "size=4m", "tmpfs").returncode:
    pytest.skip("file systems cannot be mounted here")
  settings.setenv("TFHUB_CACHE_DIR", str(folder / "cache"))
  yield mount
  subprocess.run(["umount", str(folder)], check=True)


def _names(folder):
  return sorted(name for name in os.listdir(folder) if name != ".locks")


def test_a_full_disk_and_then_a_read_only_one(file_system, server):
  small = server.serve("/small", tiny_modules.archive())
  content = tiny_modules.module_files({"noise": os.urandom(6 * 2**20)})
  large = server.serve("/large", tiny_modules.archive(content))
  folder = handles.resolve(small)
  cache = os.path.dirname(folder)
  before = _names(cache)
  with pytest.raises(OSError, match="There is no space for") as raised:
    handles.resolve(large)
  assert f"cache {cache} (No space left on device)" in str(raised.value)
  assert _names(cache) == before

  assert file_system("-o", "remount,ro").returncode == 0
  num_requests = len(server.requests)
  assert handles.resolve(small) == folder
  with pytest.raises(OSError, match="nothing can be written: Read-only file"):
    handles.resolve(large)
  assert len(server.requests) == num_requests
