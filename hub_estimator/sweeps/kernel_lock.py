"""Locks on files that end with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
import os
import threading

# What file systems without locks answer.
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

# A forked child has its parent's descriptors, and a lock lasts until the last
# of them is closed: a child that was forked while another thread held a lock
# would keep it after its parent was killed. So children close these first.
_held: set[int] = set()
_guard = threading.Lock()


def _close_in_child() -> None:
  global _guard
  for descriptor in _held:
    os.close(descriptor)
  _held.clear()
  _guard = threading.Lock()


os.register_at_fork(
  before=lambda: _guard.acquire(),
  after_in_parent=lambda: _guard.release(),
  after_in_child=_close_in_child,
)


class KernelLock:
  """A kernel's lock (flock) on a file.

  It excludes other processes of this machine (and others, where the folder is
  shared and its file system passes locks on), and other threads of this one.
  However its holder ends, the lock ends with it. Forked children do not hold
  it.

  It is what Optuna asks of a journal's lock (`acquire`, `release`).
  """

  def __init__(self, path: str, makes_file: bool = True):
    """Makes a lock that nobody holds yet.

    Args:
      path: the file's, which stays.
      makes_file: whether to make the file if there is none.
    """
    self._path = path
    self._makes_file = makes_file
    self._thread = threading.local()

  @property
  def descriptor(self) -> int:
    """Of the locked file, open to read and write (or read, if shared)."""
    return self._thread.descriptor

  def acquire(self, *, is_shared: bool = False, wait: bool = True) -> bool:
    """Takes the lock.

    Args:
      is_shared: whether others may hold it at the same time, as readers do.
      wait: whether to wait for it, as long as it takes.

    Returns:
      whether this thread holds it now; always so if it waited.

    Raises:
      OSError: the file cannot be opened, or its file system has no locks.
    """
    if is_shared:
      flags, kind = os.O_RDONLY, fcntl.LOCK_SH
    else:
      flags, kind = os.O_RDWR, fcntl.LOCK_EX
      if self._makes_file:
        flags |= os.O_CREAT
    with _guard:
      # Who may come to the file may lock it: users may share a folder.
      descriptor = os.open(self._path, flags | os.O_CLOEXEC, 0o666)
      _held.add(descriptor)
    try:
      fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
      _close(descriptor)
      return False
    except BaseException:
      _close(descriptor)
      raise
    self._thread.descriptor = descriptor
    self._thread.pid = os.getpid()
    return True

  def release(self) -> None:
    """Gives the lock back; in a child of the holder, does nothing."""
    descriptor = self._thread.descriptor
    del self._thread.descriptor
    if self._thread.pid != os.getpid():
      # Closed when it was forked; the number may be another file's by now.
      return
    try:
      fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
      _close(descriptor)


def _close(descriptor: int) -> None:
  with _guard:
    _held.discard(descriptor)
    os.close(descriptor)
