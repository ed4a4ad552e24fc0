"""Workers that are forked from this process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import Callable, NamedTuple, Optional, Protocol

from hub_estimator import errors
from hub_estimator.sweeps.worker import (
  Worker,
  WorkerSettings,
  new_worker_id,
)

LOG_FILE = "workers.log"
_STDOUT, _STDERR = 1, 2
# As commands end with an error that one line explains.
_ERROR_STATUS = 2


class EndedWorker(NamedTuple):
  """A worker that is no more.

  Attributes:
    index: which of the workers.
    worker_id: its id.
    status: its exit status; minus the number of a signal that ended it.
    error: what it said at its end; None if all is well.
  """

  index: int
  worker_id: str
  status: int
  error: Optional[str] = None

  @property
  def has_died(self) -> bool:
    """Whether it did not end by itself."""
    return self.status < 0 or self.status == 1


class Workers(Protocol):
  """What runs workers, wherever that is."""

  def start(self, index: int) -> None:
    """Starts a worker, which must not run.

    Args:
      index: which of the workers.
    """

  def ended(self) -> list[EndedWorker]:
    """Returns the workers that ended since the last call; does not wait."""

  def num_running(self) -> int:
    """Returns how many run."""

  def stop(self) -> None:
    """Has all end; their runs write a checkpoint first."""

  def kill(self) -> None:
    """Ends all at once."""


class LocalWorkers:
  """Forks workers; they end when this process does, however it ends.

  This process has one thread, and has imported TensorFlow without using it.
  """

  def __init__(
    self, create_settings: Callable[[int, int, tuple[int, ...]], WorkerSettings]
  ):
    """Starts none yet.

    Args:
      create_settings: (index, life_fd, close_fds) -> a worker's settings.
    """
    self._create_settings = create_settings
    # Index -> (pid, worker's id, the pipe's end that its life hangs on).
    self._running: dict[int, tuple[int, str, int]] = {}

  def start(self, index: int) -> None:
    """Starts a worker; see `Workers`."""
    reading, writing = os.pipe()
    others = tuple(life for _, _, life in self._running.values())
    settings = self._create_settings(index, reading, (*others, writing))
    worker_id = new_worker_id()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
      os.close(reading)
      self._running[index] = (pid, worker_id, writing)
      return
    status = 1
    try:
      status = _work(settings, worker_id)
    finally:
      os._exit(status)

  def ended(self) -> list[EndedWorker]:
    """Returns workers that ended; see `Workers`."""
    found = []
    for index, (pid, worker_id, life) in list(self._running.items()):
      waited, status = os.waitpid(pid, os.WNOHANG)
      if waited:
        os.close(life)
        del self._running[index]
        code = os.waitstatus_to_exitcode(status)
        found.append(EndedWorker(index, worker_id, code))
    return found

  def num_running(self) -> int:
    """Returns how many run."""
    return len(self._running)

  def stop(self) -> None:
    """Has all end; see `Workers`."""
    self._signal(signal.SIGTERM)

  def kill(self) -> None:
    """Ends all at once; their runs end with them."""
    self._signal(signal.SIGKILL)

  def _signal(self, number: int) -> None:
    for pid, _, _ in self._running.values():
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _work(settings: WorkerSettings, worker_id: str) -> int:
  """Works in this process; returns its exit status."""
  # A Ctrl-C at the terminal comes to the parent alone, which tells workers.
  os.setsid()
  for descriptor in settings.close_fds:
    os.close(descriptor)
  path = os.path.join(settings.plan.study_dir, LOG_FILE)
  descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
  os.dup2(descriptor, _STDOUT)
  os.dup2(descriptor, _STDERR)
  os.close(descriptor)
  try:
    return Worker(settings, worker_id).run()
  except errors.UserError as error:
    print(f"error: {error}", file=sys.stderr)
    return _ERROR_STATUS
  except BaseException:
    traceback.print_exc()
    return 1
  finally:
    sys.stdout.flush()
    sys.stderr.flush()
