"""Where cached features are, and what killed processes left there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Optional

import filelock

from hub_estimator import errors
from hub_estimator.tf_compat import tf

VARIABLE = "HUB_ESTIMATOR_FEATURE_CACHE"
_LOCKS_FOLDER = ".locks"
# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
# A folder of a process of another machine is left behind if nothing was written
# there for so long.
_STALE_SECS = 24 * 3600
_TEMPORARY = re.compile(
  r"\.[0-9a-f]+\.temp-(?P<host>.*)-(?P<pid>\d+)-[0-9a-f]+"
)


def default_folder() -> str:
  """Returns the folder of the cache, which need not exist.

  The one that HUB_ESTIMATOR_FEATURE_CACHE names; else `hub_estimator/features`
  in `$XDG_CACHE_HOME` or `~/.cache`.
  """
  chosen = os.environ.get(VARIABLE)
  if chosen:
    return chosen
  caches = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
  return os.path.join(caches, "hub_estimator", "features")


def local_folder(path: Optional[str]) -> str:
  """Returns the absolute path of the cache's folder.

  Args:
    path: as a user gave it; None for the default.

  Raises:
    UserError: no path, or one of another machine.
  """
  path = default_folder() if path is None else path
  if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
    raise errors.UserTypeError(
      f"cache_dir = {path!r}: it is the path of a folder, or None for the "
      f"default, which the environment variable {VARIABLE} sets."
    )
  path = os.fspath(path)
  if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", path):
    raise errors.UserValueError(
      f"The cache of features cannot be in {path}: its files are mapped into "
      "memory, and must be in a folder of this machine. Set cache_dir or the "
      f"environment variable {VARIABLE} to one."
    )
  return os.path.abspath(os.path.expanduser(path))


@contextlib.contextmanager
def entry_lock(folder: str, key: str, what: str) -> Iterator[None]:
  """Lets one process at a time compute an entry, and others wait for it.

  The lock saves work and keeps no promise: where there are no locks each
  computes the entry, and the first to finish wins.

  Args:
    folder: the cache's folder, which exists.
    key: the entry's.
    what: what it is, for messages.
  """
  lock = None
  try:
    locks = os.path.join(folder, _LOCKS_FOLDER)
    os.makedirs(locks, exist_ok=True)
    lock = filelock.FileLock(
      os.path.join(locks, f"{key}.lock"), thread_local=False
    )
    try:
      lock.acquire(timeout=0)
    except filelock.Timeout:
      tf.get_logger().warning(
        "Another process is computing %s: waiting for it.", what
      )
      lock.acquire()
  except NotImplementedError:
    lock = None
  except OSError as error:
    if error.errno not in _NO_LOCKS:
      raise
    lock = None
  try:
    yield
  finally:
    if lock is not None:
      lock.release()


@contextlib.contextmanager
def temporary_folder(folder: str, key: str) -> Iterator[str]:
  """Gives a new folder beside an entry's place; it is gone afterwards.

  Its name says whose it is, so that others can tell that it was left behind.
  """
  host = re.sub(r"[^A-Za-z0-9_.\-]", "_", socket.gethostname())
  path = os.path.join(
    folder, f".{key}.temp-{host}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
  )
  os.mkdir(path)
  try:
    yield path
  finally:
    shutil.rmtree(path, ignore_errors=True)


def remove_stale_folders(folder: str) -> list[str]:
  """Removes the temporary folders of processes that are no more.

  Returns:
    their paths.
  """
  removed = []
  with contextlib.suppress(OSError):
    for name in os.listdir(folder):
      path = os.path.join(folder, name)
      if _is_stale(name, path):
        shutil.rmtree(path, ignore_errors=True)
        removed.append(path)
  return removed


def _is_stale(name: str, path: str) -> bool:
  match = _TEMPORARY.fullmatch(name)
  if not match:
    return False
  host = re.sub(r"[^A-Za-z0-9_.\-]", "_", socket.gethostname())
  if match["host"] == host and not _is_running(int(match["pid"])):
    return True
  try:
    times = [os.stat(path).st_mtime]
    with os.scandir(path) as files:
      times += [file.stat().st_mtime for file in files]
  except OSError:  # Its process has just removed or moved it.
    return False
  return max(times) < time.time() - _STALE_SECS


def _is_running(pid: int) -> bool:
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  except OSError:  # Another user's.
    return True
  return True
