"""One process at a time in a run's folder."""

import os
import pathlib
import subprocess
import sys

import pytest

from hub_estimator import errors
from hub_estimator.training import run_lock
from hub_estimator.training.run_lock import HOLDER_FILE, LOCK_FILE

ROOT = pathlib.Path(__file__).resolve().parents[2]

# `training` imports TensorFlow with its other files; this one needs none.
_HOLD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("run_lock", sys.argv[1])
run_lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_lock)
with run_lock.run_lock(sys.argv[2]):
  print("held", flush=True)
  sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
  """A process that holds the folder `run`."""
  process = subprocess.Popen(
    [sys.executable, "-c", _HOLD, run_lock.__file__, str(tmp_path / "run")],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
  )
  assert process.stdout.readline() == "held\n"
  yield process
  process.kill()
  process.communicate()


def test_another_process_is_refused_and_told_of_the_holder(tmp_path, holder):
  run = tmp_path / "run"
  started = (run / HOLDER_FILE).read_text()
  for _ in range(2):
    with pytest.raises(errors.UserRuntimeError) as raised:
      with run_lock.run_lock(str(run)):
        raise AssertionError
    message = str(raised.value)
    assert message.startswith(
      "One process at a time works in a run's folder, and --model_dir="
      f"{run} is held by process {holder.pid} on {os.uname().nodename} since 2"
    )
    assert message.endswith(
      "Wait for it, or end it, or give another --model_dir."
    )
  # What was refused left all as it was.
  assert (run / HOLDER_FILE).read_text() == started
  (run / HOLDER_FILE).write_text("{")
  with pytest.raises(errors.UserRuntimeError, match="by another process. Wait"):
    with run_lock.run_lock(str(run)):
      raise AssertionError


def test_what_a_killed_process_left_is_no_obstacle(tmp_path, holder):
  holder.kill()
  holder.wait()
  names = {path.name for path in (tmp_path / "run").iterdir()}
  assert names == {LOCK_FILE, HOLDER_FILE}
  with run_lock.run_lock(str(tmp_path / "run")):
    assert str(os.getpid()) in (tmp_path / "run" / HOLDER_FILE).read_text()


def test_a_second_thread_or_call_is_refused(tmp_path):
  with run_lock.run_lock(str(tmp_path)):
    with pytest.raises(errors.UserRuntimeError, match=f"process {os.getpid()}"):
      with run_lock.run_lock(str(tmp_path)):
        raise AssertionError
  with run_lock.run_lock(str(tmp_path)):
    pass


def test_a_folder_in_which_nothing_was_written_does_not_stay(tmp_path):
  with pytest.raises(ZeroDivisionError):
    with run_lock.run_lock(str(tmp_path / "a" / "b")):
      assert (tmp_path / "a" / "b").is_dir()
      raise ZeroDivisionError
  assert list(tmp_path.iterdir()) == []
  with run_lock.run_lock(str(tmp_path / "a" / "b")):
    (tmp_path / "a" / "b" / "config.gin").write_text("")
  names = {path.name for path in (tmp_path / "a" / "b").iterdir()}
  assert names == {"config.gin", LOCK_FILE}


def test_file_systems_without_locks(tmp_path, monkeypatch):
  import fcntl

  def no_locks(*_):
    raise OSError(37, "No locks available")

  monkeypatch.setattr(fcntl, "flock", no_locks)
  with run_lock.run_lock(str(tmp_path / "run")):
    pass


def test_a_folder_that_cannot_be_made(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.UserOSError) as raised:
    with run_lock.run_lock(str(tmp_path / "file" / "run")):
      raise AssertionError
  message = str(raised.value)
  assert message.startswith(f"Cannot write to --model_dir={tmp_path}/file/run:")
  assert message.endswith("Give another path.")
