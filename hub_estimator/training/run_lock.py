"""One process at a time works in a run's folder."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import socket
from collections.abc import Iterator

import filelock

from hub_estimator import errors

LOCK_FILE = "run.lock"
# Beside the lock: whoever tries to take that empties it.
HOLDER_FILE = "run.lock.holder"

# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def run_lock(model_dir: str) -> Iterator[None]:
  """Holds a run's folder for this process; makes the folder if there is none.

  It is a kernel's lock (flock), which ends with the process that holds it,
  however that ends: the files `run.lock` and `run.lock.holder` of a process
  that died are no obstacle. Where the file system has no locks, there is none.

  A folder that this made, and in which nothing was written, is gone afterwards.

  Args:
    model_dir: the run's folder.

  Raises:
    UserRuntimeError: another process, or another thread of this one, holds it;
      the message names it.
    UserOSError: the folder cannot be made, or nothing can be written in it.
  """
  made = _missing_folders(model_dir)
  is_new = not os.path.exists(os.path.join(model_dir, LOCK_FILE))
  lock = filelock.FileLock(
    os.path.join(model_dir, LOCK_FILE),
    timeout=0,
    thread_local=False,
    # Who may come to the file may lock it: users may share a folder.
    mode=0o666,
  )
  holder = os.path.join(model_dir, HOLDER_FILE)
  try:
    os.makedirs(model_dir, exist_ok=True)
    lock.acquire()
  except filelock.Timeout:
    raise errors.UserRuntimeError(
      "One process at a time works in a run's folder, and --model_dir="
      f"{model_dir} is held by {_describe_holder(holder)}. Wait for it, or end "
      "it, or give another --model_dir."
    ) from None
  except (NotImplementedError, OSError) as error:
    if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
      raise errors.UserOSError(
        f"Cannot write to --model_dir={model_dir}: {error}. Give another path."
      ) from error
  try:
    with contextlib.suppress(OSError), open(holder, "w") as file:
      json.dump(_own_description(), file)
    yield
  finally:
    with contextlib.suppress(OSError):
      os.remove(holder)
    if is_new:
      _remove_if_unused(model_dir, made)
    lock.release()


def _missing_folders(path: str) -> list[str]:
  """Returns a path and those above it that do not exist, the path first."""
  found = []
  path = os.path.abspath(path)
  while not os.path.exists(path):
    found.append(path)
    path = os.path.dirname(path)
  return found


def _remove_if_unused(model_dir: str, made: list[str]) -> None:
  """Removes the lock's file, and the folders made, if there is nothing else."""
  with contextlib.suppress(OSError):
    if os.listdir(model_dir) != [LOCK_FILE]:
      return
    os.remove(os.path.join(model_dir, LOCK_FILE))
    for path in made:
      os.rmdir(path)


def _own_description() -> dict:
  now = datetime.datetime.now().astimezone()
  return {
    "pid": os.getpid(),
    "host": socket.gethostname(),
    "started": now.isoformat(sep=" ", timespec="seconds"),
  }


def _describe_holder(path: str) -> str:
  try:
    with open(path, encoding="utf-8") as file:
      found = json.load(file)
    return f"process {found['pid']} on {found['host']} since {found['started']}"
  except (OSError, ValueError, KeyError, TypeError):
    return "another process"
