"""Worker processes: how they end, and what they say then."""

import os
import signal
import sys
import time
import types

import pytest

from hub_estimator import errors
from hub_estimator.sweeps import local_workers
from hub_estimator.sweeps.local_workers import EndedWorker, LocalWorkers


@pytest.fixture
def workers(monkeypatch, tmp_path):
  """Makes `LocalWorkers` of a function that each of their processes calls."""
  made = []
  stderr = open(2, "w", closefd=False)  # noqa: SIM115

  def make(function):
    class Worker:
      def __init__(self, settings, worker_id):
        function(settings)

      def run(self):
        return 0

    def create_settings(index, life_fd, close_fds):
      return types.SimpleNamespace(
        index=index,
        life_fd=life_fd,
        close_fds=close_fds,
        plan=types.SimpleNamespace(study_dir=str(tmp_path)),
      )

    monkeypatch.setattr(local_workers, "Worker", Worker)
    # Not pytest's, which goes elsewhere.
    monkeypatch.setattr(sys, "stderr", stderr)
    made.append(LocalWorkers(create_settings))
    return made[-1]

  yield make
  for one in made:
    one.kill()
    ended(one)
  stderr.close()


def ended(workers):
  """Waits until all have ended; returns index -> `EndedWorker`."""
  found = {}
  while workers.num_running():
    found.update((one.index, one) for one in workers.ended())
    time.sleep(0.001)
  return found


def number_of_descriptors():
  return len(os.listdir("/proc/self/fd"))


def test_a_worker_that_is_done(workers):
  before = number_of_descriptors()
  some = workers(lambda settings: None)
  some.start(0)
  some.start(1)
  assert some.num_running() == 2
  found = ended(some)
  assert {one.status for one in found.values()} == {0}
  assert not any(one.has_died or one.error for one in found.values())
  assert len({one.worker_id for one in found.values()}) == 2
  assert number_of_descriptors() == before


def test_an_error_of_the_user_comes_to_the_parent(workers, tmp_path):
  def fail(settings):
    raise errors.UserRuntimeError("The storage\nis gone.")

  some = workers(fail)
  some.start(0)
  one = ended(some)[0]
  assert (one.status, one.error) == (2, "The storage is gone.")
  assert not one.has_died
  log = (tmp_path / "workers.log").read_text()
  assert log == "error: The storage is gone.\n"


def test_a_worker_that_breaks_has_its_traceback_in_the_log(workers, tmp_path):
  some = workers(lambda settings: 1 / 0)
  some.start(0)
  one = ended(some)[0]
  assert (one.status, one.error, one.has_died) == (1, None, True)
  log = (tmp_path / "workers.log").read_text()
  assert log.startswith("Traceback") and "ZeroDivisionError" in log


def test_kill_ends_all(workers):
  some = workers(lambda settings: signal.pause())
  some.start(0)
  some.start(1)
  some.kill()
  found = ended(some)
  assert [found[i].status for i in (0, 1)] == [-signal.SIGKILL] * 2
  assert all(one.has_died for one in found.values())


def test_stop_ends_workers_that_have_just_started(workers):
  """Also before a worker has handlers of its own: it may wait for a storage."""
  calls = []
  before = signal.signal(signal.SIGTERM, lambda *_: calls.append(os.getpid()))
  try:
    some = workers(lambda settings: signal.pause())
    some.start(0)
    some.stop()
    assert ended(some)[0].status == -signal.SIGTERM
  finally:
    signal.signal(signal.SIGTERM, before)
  assert calls == []


def test_a_worker_does_not_keep_the_pipes_of_others_open(workers):
  reading, writing = os.pipe()

  def check(settings):
    if settings.index == 1:
      is_open = [_is_open(fd) for fd in settings.close_fds]
      os.write(writing, bytes(is_open))
      os.write(writing, bytes([_is_open(settings.life_fd)]))
    else:
      signal.pause()

  some = workers(check)
  some.start(0)
  some.start(1)
  while some.num_running() > 1:
    some.ended()
  os.close(writing)
  some.kill()
  with os.fdopen(reading, "rb") as file:
    # Two of its own, two of the other's; the pipe that its own life hangs on.
    assert file.read() == bytes([False] * 4 + [True])


def _is_open(descriptor):
  try:
    os.fstat(descriptor)
  except OSError:
    return False
  return True


@pytest.mark.parametrize(
  "status, has_died",
  [(0, False), (2, False), (75, False), (1, True), (-9, True), (-11, True)],
)
def test_has_died(status, has_died):
  assert EndedWorker(0, "id", status).has_died is has_died
