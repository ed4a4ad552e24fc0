"""Workers that are forked from this process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import Callable, NamedTuple, Optional, Protocol

from hub_estimator import errors
from hub_estimator.sweeps import stop_signals
from hub_estimator.sweeps.process_output import append_output_to
from hub_estimator.sweeps.worker import (
  Worker,
  WorkerSettings,
  new_worker_id,
)

LOG_FILE = "workers.log"
# As commands end with an error that one line explains.
_ERROR_STATUS = 2
# What a pipe takes at once.
_LONGEST_ERROR_BYTES = 4096


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
    self._running: dict[int, _Running] = {}

  def start(self, index: int) -> None:
    """Starts a worker; see `Workers`."""
    reading, life = os.pipe()
    error_reading, error_writing = os.pipe()
    os.set_blocking(error_reading, False)
    others = [d for one in self._running.values() for d in one.descriptors]
    settings = self._create_settings(
      index, reading, (*others, life, error_reading)
    )
    worker_id = new_worker_id()
    pid = stop_signals.fork()
    if pid:
      os.close(reading)
      os.close(error_writing)
      self._running[index] = _Running(pid, worker_id, life, error_reading)
      return
    status = 1
    try:
      status = _work(settings, worker_id, error_writing)
    finally:
      os._exit(status)

  def ended(self) -> list[EndedWorker]:
    """Returns workers that ended; see `Workers`."""
    found = []
    for index, running in list(self._running.items()):
      waited, status = os.waitpid(running.pid, os.WNOHANG)
      if waited:
        error = _read_error(running.error)
        for descriptor in running.descriptors:
          os.close(descriptor)
        del self._running[index]
        code = os.waitstatus_to_exitcode(status)
        found.append(EndedWorker(index, running.worker_id, code, error))
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
    for running in self._running.values():
      with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, number)


class _Running(NamedTuple):
  """A worker that runs; its life hangs on `life`, `error` is what it says."""

  pid: int
  worker_id: str
  life: int
  error: int

  @property
  def descriptors(self) -> tuple[int, int]:
    """This process's ends of pipes."""
    return self.life, self.error


def _read_error(descriptor: int) -> Optional[str]:
  """Returns what a worker said at its end, if anything."""
  try:
    content = os.read(descriptor, _LONGEST_ERROR_BYTES)
  except BlockingIOError:  # Another process has the other end, too.
    return None
  return content.decode(errors="replace") or None


def _work(settings: WorkerSettings, worker_id: str, error_writing: int) -> int:
  """Works in this process; returns its exit status."""
  # A Ctrl-C at the terminal comes to the parent alone, which tells workers.
  os.setsid()
  for descriptor in settings.close_fds:
    os.close(descriptor)
  append_output_to(os.path.join(settings.plan.study_dir, LOG_FILE))
  try:
    return Worker(settings, worker_id).run()
  except errors.UserError as error:
    text = errors.one_line(error)
    print(f"error: {text}", file=sys.stderr)
    os.write(error_writing, text.encode()[:_LONGEST_ERROR_BYTES])
    return _ERROR_STATUS
  except BaseException:
    traceback.print_exc()
    return 1
  finally:
    sys.stdout.flush()
    sys.stderr.flush()
