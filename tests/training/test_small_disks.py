"""Runs on a disk that is full, or read-only: a real one in memory."""

import os
import subprocess

import pytest
import tiny_runs

from hub_estimator import errors
from hub_estimator.tf_compat import tf
from hub_estimator.training import checkpoint_care
from hub_estimator.training.training_hooks import TrainingMonitor

STEPS = 12
TEXT = f"""
TRAIN_STEPS = {STEPS}
train.eval_every_steps = 2
create_cosine_schedule_fn.train_steps = {STEPS}
train.keep_checkpoint_max = None
train.exports_to_keep = None
"""


def close_event_files():
  """TensorFlow keeps them open; a file system in use is not unmounted."""
  tf.compat.v1.summary.FileWriterCache.clear()


@pytest.fixture
def disk(tmp_path):
  """A file system of 4 MiB; a function mounts it anew."""
  folder = tmp_path / "mounted"
  folder.mkdir()

  def mount(*options):
    return subprocess.run(
      ["mount", *options, str(folder)], capture_output=True, check=False
    )

  if os.geteuid() or mount("-t", "tmpfs", "-o", "size=4m", "tmpfs").returncode:
    pytest.skip("file systems cannot be mounted here")
  yield folder, mount
  close_event_files()
  subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
  folder = tmp_path_factory.mktemp("undisturbed")
  config = tiny_runs.write_config(folder, TEXT)
  tiny_runs.launch(config, folder / "run")
  return config, folder / "run"


def fill(folder, room):
  """Leaves so many bytes of room."""
  status = os.statvfs(folder)
  size = status.f_bavail * status.f_frsize - room
  with open(folder / "ballast", "wb") as file:
    file.write(b"\1" * size)


# With little room, it is the next checkpoint that does not fit; with more, the
# module or what is written after it.
@pytest.mark.parametrize("room_kib", [0, 8, 16, 24, 40, 64, 96])
def test_a_full_disk_leaves_the_last_good_checkpoint(
  disk, undisturbed, monkeypatch, room_kib
):
  folder, _ = disk
  config, whole = undisturbed
  run = folder / "run"
  tiny_runs.launch(config, run, "TRAIN_STEPS = 4")
  count_run = TrainingMonitor.count_run

  def count_and_fill(self):
    count_run(self)
    if self.step == 5:
      fill(folder, room_kib * 1024)

  with (
    monkeypatch.context() as patch,
    pytest.raises(errors.UserOSError) as raised,
  ):
    patch.setattr(TrainingMonitor, "count_run", count_and_fill)
    tiny_runs.launch(config, run, resume=True)
  message = str(raised.value)
  assert "No space left on device" in message
  assert message.startswith(f"Cannot write {run}")
  checkpoint = checkpoint_care.newest_whole(str(run))
  if "The last good checkpoint" in message:
    assert f"The last good checkpoint is {checkpoint}." in message
  assert int(checkpoint.rpartition("-")[2]) >= 4
  names = os.listdir(run / "export" / "tf_hub")
  for name in filter(str.isdigit, names):
    tiny_runs.exported_weights(str(run / "export" / "tf_hub" / name / "module"))
  os.remove(folder / "ballast")
  finished = tiny_runs.launch(config, run, resume=True)
  assert finished["global_step"] == STEPS
  left, right = (
    tiny_runs.checkpoint_weights(path, STEPS) for path in (run, whole)
  )
  tiny_runs.assert_equal_weights(left, right)


@pytest.mark.parametrize("room_kib", [0, 40])
def test_a_disk_that_is_full_before(disk, undisturbed, room_kib):
  folder, _ = disk
  config, _ = undisturbed
  run = folder / "run"
  tiny_runs.launch(config, run, "TRAIN_STEPS = 4")
  fill(folder, room_kib * 1024)
  with pytest.raises(errors.UserOSError, match="No space left on device"):
    tiny_runs.launch(config, run, resume=True)
  os.remove(folder / "ballast")
  assert tiny_runs.launch(config, run, resume=True)["global_step"] == STEPS


def test_a_read_only_disk(disk, undisturbed):
  folder, mount = disk
  config, _ = undisturbed
  tiny_runs.launch(config, folder / "run", "TRAIN_STEPS = 4")
  close_event_files()
  assert mount("-o", "remount,ro").returncode == 0
  with pytest.raises(errors.UserOSError) as raised:
    tiny_runs.launch(config, folder / "run", resume=True)
  message = str(raised.value)
  assert "Read-only file system" in message
  assert str(folder / "run") in message
