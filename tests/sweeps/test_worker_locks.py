"""A worker's lock says that it, or a child of it, lives."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest
from children import Child

from hub_estimator import errors
from hub_estimator.sweeps import worker_locks


def held_by(study_dir, worker_id):
  """Starts a worker that holds its lock, and a child of it."""

  def work(channel):
    worker_locks.WorkerLock(study_dir, worker_id)
    child = Child(lambda inner: inner.receive())
    channel.send(child.pid)
    channel.receive()

  worker = Child(work)
  return worker, worker.receive()


@pytest.fixture
def study_dir(tmp_path):
  return str(tmp_path)


def test_no_file_is_not_held(study_dir):
  assert not worker_locks.is_held(study_dir, "w1")
  assert worker_locks.remove_dead(study_dir) == []


def test_held_until_it_is_released(study_dir):
  lock = worker_locks.WorkerLock(study_dir, "w1")
  assert worker_locks.is_held(study_dir, "w1")
  assert worker_locks.is_held(study_dir, "w1")
  assert not worker_locks.is_held(study_dir, "w2")
  assert worker_locks.remove_dead(study_dir) == []
  lock.release()
  lock.release()
  assert not worker_locks.is_held(study_dir, "w1")
  assert os.listdir(os.path.join(study_dir, "workers")) == []


def test_a_killed_worker_is_dead_when_its_children_are(study_dir):
  worker, child = held_by(study_dir, "w1")
  # Stopped, the child does not see that its worker has gone.
  os.kill(child, 19)
  try:
    worker.kill()
    assert worker_locks.is_held(study_dir, "w1")
    assert worker_locks.remove_dead(study_dir) == []
  finally:
    os.kill(child, 9)
  wait_for_end(child)
  assert not worker_locks.is_held(study_dir, "w1")


def wait_for_end(pid):
  """Waits until a process that is no child of this one has ended."""
  try:
    descriptor = os.pidfd_open(pid)
  except ProcessLookupError:
    return
  import select

  select.select([descriptor], [], [])
  os.close(descriptor)


def test_dead_workers_files_are_removed(study_dir):
  def die(worker_id):
    def work(channel):
      worker_locks.WorkerLock(study_dir, worker_id)

    Child(work).join()

  for worker_id in ("a-1", "a-2", "b-1"):
    die(worker_id)
  alive = worker_locks.WorkerLock(study_dir, "a-3")
  assert worker_locks.remove_dead(study_dir, prefix="a-") == ["a-1", "a-2"]
  assert worker_locks.remove_dead(study_dir) == ["b-1"]
  assert os.listdir(os.path.join(study_dir, "workers")) == ["a-3.lock"]
  alive.release()


def test_a_child_that_releases_leaves_the_worker_its_lock(study_dir):
  lock = worker_locks.WorkerLock(study_dir, "w1")
  Child(lambda channel: lock.release()).join()
  assert worker_locks.is_held(study_dir, "w1")
  lock.release()


def test_a_started_program_does_not_hold_it(study_dir):
  lock = worker_locks.WorkerLock(study_dir, "w1")
  program = subprocess.Popen(
    [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
  )
  lock.release()
  try:
    # Only the file's lock counts here, not that the file has gone.
    lock = worker_locks.WorkerLock(study_dir, "w2")
    os.close(lock._descriptor)
    assert not worker_locks.is_held(study_dir, "w2")
  finally:
    program.communicate(b"\n")


def test_two_workers_of_one_id(study_dir):
  lock = worker_locks.WorkerLock(study_dir, "w1")
  with pytest.raises(errors.UserRuntimeError, match="live one has 'w1'"):
    worker_locks.WorkerLock(study_dir, "w1")
  lock.release()


def test_an_id_of_a_dead_worker_can_be_used_again(study_dir):
  Child(lambda channel: worker_locks.WorkerLock(study_dir, "w1")).join()
  lock = worker_locks.WorkerLock(study_dir, "w1")
  assert worker_locks.is_held(study_dir, "w1")
  lock.release()


def test_an_id_that_is_no_file_name(study_dir):
  with pytest.raises(ValueError, match="Not a worker's id"):
    worker_locks.is_held(study_dir, "../w1")


def test_a_folder_that_cannot_be_written(tmp_path):
  (tmp_path / "workers").write_text("a file")
  with pytest.raises(errors.UserOSError, match="--study_dir"):
    worker_locks.WorkerLock(str(tmp_path), "w1")


def test_a_file_system_without_locks(study_dir, monkeypatch):
  def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, "No locks available")

  monkeypatch.setattr(fcntl, "flock", flock)
  with pytest.raises(errors.UserOSError, match="locks"):
    worker_locks.WorkerLock(study_dir, "w1")


def test_a_lock_that_cannot_be_asked_is_told(study_dir, monkeypatch):
  lock = worker_locks.WorkerLock(study_dir, "w1")

  def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, "No locks available")

  with monkeypatch.context() as patch:
    patch.setattr(fcntl, "flock", flock)
    with pytest.raises(errors.UserOSError, match="Cannot tell whether"):
      worker_locks.is_held(study_dir, "w1")
  lock.release()


def test_the_machine_has_a_name_that_stays():
  assert worker_locks.machine_id() == worker_locks.machine_id()
  assert worker_locks.lock_path("/d", worker_locks.machine_id())
