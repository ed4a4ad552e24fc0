"""The storage of a study: opened, locked, and waited for when it is away."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Optional, TypeVar

import optuna
import sqlalchemy
from absl import logging

from hub_estimator import errors
from hub_estimator.sweeps import (
  journal_file,
  kernel_lock,
  postgresql,
  retrying,
  storage_errors,
  storage_places,
)

T = TypeVar("T")

DEFAULT_RETRY_SECS = 600.0
LOCK_FILE = "study.lock"
_LONGEST_LOCK_PAUSE_SECS = 0.1
# Seconds that SQLite itself waits for another process's change.
_SQLITE_TIMEOUT_SECS = 30

# What a forked child inherited of its parent's storages. Kept there: a
# connection that nobody refers to is closed, and its server would take that for
# the parent's wish.
_opened: weakref.WeakSet[StudyStorage] = weakref.WeakSet()
_inherited: list[Any] = []
os.register_at_fork(
  after_in_child=lambda: _inherited.extend(
    (one._storage, one._thread) for one in _opened
  )
)


class StudyStorage:
  """Where a study is kept, for one process.

  It belongs to the process that opened it. After a fork the child opens its
  own, with the same arguments: two processes with one connection would read
  each other's answers, and with one Optuna journal object take each other's
  trials for their own. All methods refuse to work in a child; what the child
  inherited is neither used nor closed there, and it ends with `os._exit`.
  Fork while no other thread of the process is in one of its operations.

  Attributes:
    study_dir: the study's folder.
    place: a `storage_places.Place`.
    lock_name: what `lock` locks in a database that several studies share: the
      study's name. Set it when that is known, before the first `lock`.
    retry_secs: how long an operation is tried again.
  """

  def __init__(
    self,
    study_dir: str,
    place: storage_places.Place,
    retry_secs: float,
    lock_name: str,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
  ):
    """Use `open_storage`."""
    self.study_dir = study_dir
    self.place = place
    self.retry_secs = retry_secs
    self.lock_name = lock_name
    self._clock = clock
    self._sleep = sleep
    self._pid = os.getpid()
    self._thread = threading.local()
    self._storage = self._retrying(self._create, is_opening=True)
    _opened.add(self)

  @property
  def storage(self) -> optuna.storages.BaseStorage:
    """Optuna's."""
    self._check_process()
    return self._storage

  @property
  def is_shared(self) -> bool:
    """Whether several machines can work on the study: a database server."""
    return self.place.kind == storage_places.POSTGRESQL

  @property
  def description(self) -> str:
    """For messages; without passwords."""
    return self.place.description

  def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Runs an operation; again while the storage cannot be reached.

    An operation whose answer was lost may have taken effect, and is then run a
    second time: it has to bear that. Inside `lock`, the lock is taken again
    first, if it was lost with its connection; what was read before may have
    changed by then (`exclusively` starts from the top instead).

    Args:
      function: the operation.
      *args: its arguments.
      **kwargs: its arguments.

    Returns:
      what it returns.

    Raises:
      UserRuntimeError: the storage could not be reached for `retry_secs`, or it
        refused; the message says how to go on.
      Exception: any other of the operation's.
    """
    self._check_process()

    def run() -> T:
      # A storage finds its database again by itself, and then works on
      # without the lock.
      self._retake_lost_lock()
      return function(*args, **kwargs)

    # `exclusively` runs all of it again.
    return run() if self._is_exclusive() else self._retrying(run)

  def try_once(
    self,
    function: Callable[..., T],
    *args: Any,
    default: Optional[T] = None,
    **kwargs: Any,
  ) -> Optional[T]:
    """Runs an operation once, for what can be left out, such as a heartbeat.

    Args:
      function: the operation.
      *args: its arguments.
      default: what to return if the storage cannot be reached.
      **kwargs: its arguments.

    Returns:
      what it returns, or `default`. A server that does not answer takes
      `connect_timeout` (10 seconds) to be found so.

    Raises:
      Exception: as `call`, if it is not about reaching the storage.
    """
    self._check_process()
    try:
      return function(*args, **kwargs)
    except Exception as error:
      kind = storage_errors.kind_of(error)
      if kind is storage_errors.Kind.UNREACHABLE:
        logging.debug("%s: %s", self.description, error)
        return default
      if kind is storage_errors.Kind.REFUSED:
        raise retrying.refusal(error, self.description) from error
      raise

  @contextlib.contextmanager
  def lock(self, timeout_secs: float = DEFAULT_RETRY_SECS) -> Iterator[None]:
    """Keeps all other processes, of all machines, out of the study.

    Only `lock` and `exclusively` heed it. A thread that has it may take it
    again. It ends with its process; for a file it is one on `study.lock` in
    the study's folder, for PostgreSQL an advisory lock of the database.

    Args:
      timeout_secs: how long to wait for it.

    Raises:
      UserRuntimeError: others had it for all that time, or the storage could
        not be reached.
    """
    self._check_process()
    if getattr(self._thread, "lock", None) is not None:
      yield
      return
    self._thread.lock = self._retrying(lambda: self._take_lock(timeout_secs))
    try:
      yield
    finally:
      lock, self._thread.lock = self._thread.lock, None
      if lock is not None:
        lock.release()

  def exclusively(
    self, function: Callable[..., T], *args: Any, **kwargs: Any
  ) -> T:
    """Runs an operation with `lock`, and all of it again as `call` does.

    When the database goes away in between, the lock is gone, and others may
    change the study before this process is back: so `function` starts anew,
    with the lock. In it, `call` tries once.

    Args:
      function: the operation; it has to bear being run a second time.
      *args: its arguments.
      **kwargs: its arguments.

    Returns:
      what it returns.

    Raises:
      Exception: as `call` and `lock`.
    """
    self._check_process()

    def run() -> T:
      with self.lock():
        # It may be one that the caller took before.
        self._retake_lost_lock()
        self._thread.is_exclusive = True
        try:
          return function(*args, **kwargs)
        finally:
          self._thread.is_exclusive = False

    if self._is_exclusive():
      return function(*args, **kwargs)
    return self._retrying(run)

  def close(self) -> None:
    """Closes the connections; in a forked child it leaves them alone."""
    if os.getpid() == self._pid and hasattr(self._storage, "engine"):
      self._storage.engine.dispose()

  def __enter__(self) -> StudyStorage:
    return self

  def __exit__(self, *exc_info: Any) -> None:
    self.close()

  def _check_process(self) -> None:
    if os.getpid() != self._pid:
      raise RuntimeError(
        f"The storage of process {self._pid} in process {os.getpid()}: a "
        "forked process opens its own."
      )

  def _create(self) -> optuna.storages.BaseStorage:
    place = self.place
    if place.kind == storage_places.JOURNAL:
      return optuna.storages.JournalStorage(
        journal_file.JournalFile(place.path)
      )
    if place.kind == storage_places.SQLITE:
      return optuna.storages.RDBStorage(
        _optuna_url(place.sqlalchemy_url),
        # No connection is left open for a fork to find.
        {
          "poolclass": sqlalchemy.NullPool,
          "connect_args": {"timeout": _SQLITE_TIMEOUT_SECS},
        },
      )
    # Machines that come to a new database at the same time would all make its
    # tables.
    lock = postgresql.AdvisoryLock(place.url, "tables")
    lock.acquire(self.retry_secs)
    try:
      return optuna.storages.RDBStorage(
        _optuna_url(place.sqlalchemy_url),
        postgresql.engine_options(place.url),
      )
    finally:
      lock.release()

  def _take_lock(
    self, timeout_secs: float
  ) -> kernel_lock.KernelLock | postgresql.AdvisoryLock:
    if self.is_shared:
      lock = postgresql.AdvisoryLock(self.place.url, f"study {self.lock_name}")
      is_held = lock.acquire(timeout_secs)
      what = f"the lock of the study {self.lock_name!r} in {self.description}"
    else:
      what = os.path.join(self.study_dir, LOCK_FILE)
      lock = kernel_lock.KernelLock(what)
      is_held = self._take_file_lock(lock, what, timeout_secs)
    if not is_held:
      raise errors.UserRuntimeError(
        f"Another process has held {what} for {timeout_secs:.0f} s, which is "
        "held for moments only. Look for a stopped process that works on the "
        "study, end it, and start the same command again."
      )
    return lock

  def _take_file_lock(
    self, lock: kernel_lock.KernelLock, path: str, timeout_secs: float
  ) -> bool:
    end = self._clock() + timeout_secs
    pause = 0.001
    try:
      while not lock.acquire(wait=False):
        if self._clock() >= end:
          return False
        self._sleep(pause)
        pause = min(2 * pause, _LONGEST_LOCK_PAUSE_SECS)
    except OSError as error:
      raise errors.UserOSError(
        f"Cannot lock {path}: {error}. Give a --study_dir that you may write "
        "to, on a file system with locks (flock)."
      ) from error
    return True

  def _retrying(self, function: Callable[[], T], is_opening: bool = False) -> T:
    return retrying.retrying(
      function,
      self.description,
      self.retry_secs,
      self._clock,
      self._sleep,
      is_opening,
    )

  def _retake_lost_lock(self) -> None:
    """Takes a lock again that ended with its connection to a database."""
    lock = getattr(self._thread, "lock", None)
    if not isinstance(lock, postgresql.AdvisoryLock) or lock.is_held():
      return
    if self._is_exclusive():
      raise storage_errors.LockLostError("the lock's connection is gone")
    lock.release()
    self._thread.lock = None
    self._thread.lock = self._take_lock(DEFAULT_RETRY_SECS)

  def _is_exclusive(self) -> bool:
    return getattr(self._thread, "is_exclusive", False)


def open_storage(
  study_dir: str,
  url: Optional[str] = None,
  num_workers: int = 1,
  *,
  lock_name: str = "",
  retry_secs: float = DEFAULT_RETRY_SECS,
  clock: Callable[[], float] = time.monotonic,
  sleep: Callable[[float], None] = time.sleep,
) -> StudyStorage:
  """Opens a study's storage, and makes it if there is none.

  Args:
    study_dir: the study's folder, which exists.
    url: `--storage`: "postgresql://…" for several machines, "journal:PATH" or a
      path that ends in ".log", "sqlite:///PATH" for one worker. None for a
      file in `study_dir`: the `study.db` or `journal.log` that is there, or
      else SQLite for one worker and a journal for several.
    num_workers: of this machine.
    lock_name: the study's name, if it is known; see `StudyStorage.lock_name`.
    retry_secs: how long operations, and this, are tried again while the storage
      cannot be reached.
    clock: seconds.
    sleep: waits for some seconds.

  Raises:
    UserValueError: `url` is none that can be used; several workers on SQLite;
      `study_dir` has the study in another place.
    UserImportError: PostgreSQL without psycopg.
    UserRuntimeError: the storage cannot be reached for `retry_secs`, or refuses
      (a wrong password, an unknown database), which is told at once.
    UserOSError: a journal cannot be opened.
  """
  place = storage_places.find_place(study_dir, url, num_workers)
  if place.kind == storage_places.POSTGRESQL:
    postgresql.check_driver()
  else:
    folder = os.path.dirname(place.path)
    if not os.path.isdir(folder):
      raise errors.UserOSError(
        f"{retrying.capitalized(place.description)} is to be in a "
        "folder that does not exist. Make it, or give another --storage."
      )
  return StudyStorage(study_dir, place, retry_secs, lock_name, clock, sleep)


def _optuna_url(url: sqlalchemy.URL) -> str:
  # Optuna formats what it is given.
  text = url.render_as_string(hide_password=False)
  return text.replace("{", "{{").replace("}", "}}")
