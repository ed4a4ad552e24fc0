"""One process installs a module, others wait for it.

The lock saves work and keeps no promise: an installation is made beside its
place and moved there in whole, so two at a time would do no harm.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import os
import socket
import stat
from collections.abc import Iterator

import filelock

from hub_estimator import errors
from hub_estimator.handles import settings

_POLL_SECS = 0.05
# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_FOLDER = ".locks"


class LockTimeoutError(errors.UserOSError, TimeoutError):
  """Another process did not finish in time."""


@contextlib.contextmanager
def install_lock(module_folder: str, handle: str) -> Iterator[None]:
  """Holds the lock of one module of a cache.

  It is a kernel's lock (flock), which ends with the process that holds it,
  however that ends; on file systems without one, a lock file with the holder's
  host and process.

  Args:
    module_folder: the module's folder in the cache.
    handle: the module's handle, for messages.

  Raises:
    LockTimeoutError (an OSError): it is held for longer than
      TFHUB_LOCK_TIMEOUT_SECS; the message names the holder.
    OSError: the cache cannot be written in.
  """
  cache, key = os.path.split(module_folder)
  timeout_secs = settings.lock_timeout_secs()
  folder = os.path.join(cache, _FOLDER)
  path = os.path.join(folder, f"{key}.lock")
  holder_path = os.path.join(folder, f"{key}.holder")
  try:
    _make_folder(folder, cache)
    lock = _acquired(path, timeout_secs)
  except filelock.Timeout:
    raise LockTimeoutError(
      f"{_holder(holder_path)} has been installing {handle} in {cache} for "
      f"more than {timeout_secs:g} s. Wait for it or end it, or raise "
      "TFHUB_LOCK_TIMEOUT_SECS."
    ) from None
  except OSError as error:
    raise errors.UserOSError(
      f"{handle} is not in the cache {cache}, in which nothing can be written: "
      f"{error.strerror or error}. Set TFHUB_CACHE_DIR to a folder that you "
      "can write in."
    ) from error
  try:
    with contextlib.suppress(OSError), open(holder_path, "w") as file:
      file.write(
        f"Process {os.getpid()} of {_user()} on {socket.gethostname()}"
      )
    yield
  finally:
    with contextlib.suppress(OSError):
      os.remove(holder_path)
    lock.release()


def _make_folder(folder: str, cache: str) -> None:
  """Makes the folder of locks, for whoever may write in the cache."""
  with contextlib.suppress(FileExistsError):
    os.mkdir(folder)
    os.chmod(folder, stat.S_IMODE(os.stat(cache).st_mode))


def _acquired(path: str, timeout_secs: float):
  arguments = {
    "timeout": timeout_secs,
    "thread_local": False,
    # Who may come to the file may lock it: users may share a cache.
    "mode": 0o666,
  }
  try:
    lock = filelock.FileLock(path, **arguments)
    lock.acquire(poll_interval=_POLL_SECS)
  except filelock.Timeout:
    raise
  except (NotImplementedError, OSError) as error:
    if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
      raise
    lock = filelock.SoftFileLock(f"{path}.soft", **arguments)
    lock.acquire(poll_interval=_POLL_SECS)
  return lock


def _holder(path: str) -> str:
  try:
    with open(path) as file:
      return file.read() or "Another process"
  except OSError:
    return "Another process"


def _user() -> str:
  try:
    return f"user {getpass.getuser()}"
  except (KeyError, OSError):  # A user id without a name, as in containers.
    return f"user {os.getuid()}"
