"""Which workers of a study are alive, as the kernel knows it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket

from hub_estimator import errors

_FOLDER = "workers"
_SUFFIX = ".lock"
_NEW_SUFFIX = ".lock.new"


class WorkerLock:
  """Says that a worker lives: a lock on `workers/<id>.lock` of its study.

  The lock (flock) belongs to the open file, which the worker and all children
  that it forks from then on have in common: it is held until the last of them
  has ended, however that ends. So while a killed worker's trial still runs, the
  worker is not dead, and nobody begins the trial again beside it. A program
  that is started (exec) does not hold it.
  """

  def __init__(self, study_dir: str, worker_id: str):
    """Takes the lock; makes its folder if there is none.

    Args:
      study_dir: the study's folder.
      worker_id: of letters, digits, `_`, `.` and `-`; no other worker's.

    Raises:
      UserRuntimeError: a live worker has that id.
      UserOSError: the file cannot be made or locked.
    """
    self.worker_id = worker_id
    self.path = lock_path(study_dir, worker_id)
    self._pid = os.getpid()
    if is_held(study_dir, worker_id):
      raise errors.UserRuntimeError(
        f"Each worker of a study has an id of its own, and a live one has "
        f"{worker_id!r} ({self.path}). Give another."
      )
    new = self.path.removesuffix(_SUFFIX) + _NEW_SUFFIX
    try:
      os.makedirs(os.path.dirname(self.path), exist_ok=True)
      self._descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o666)
      fcntl.flock(self._descriptor, fcntl.LOCK_EX)
      # Nobody ever sees a file of this name whose worker lives and that is not
      # locked.
      os.rename(new, self.path)
    except OSError as error:
      raise errors.UserOSError(
        f"Cannot lock {self.path}, which says that a worker lives: {error}. "
        "Give a --study_dir on a file system with locks (flock) that you may "
        "write to."
      ) from error

  def release(self) -> None:
    """Gives this process's part of the lock back.

    In the worker's own process the file goes, too; call it there when its
    children have ended. In a child it only closes the child's descriptor.
    """
    if self._descriptor is None:
      return
    if os.getpid() == self._pid:
      with contextlib.suppress(OSError):
        os.remove(self.path)
    os.close(self._descriptor)
    self._descriptor = None


def lock_path(study_dir: str, worker_id: str) -> str:
  """Returns where a worker's lock is."""
  if not re.fullmatch(r"[A-Za-z0-9_.\-]+", worker_id):
    raise ValueError(f"Not a worker's id: {worker_id!r}")
  return os.path.join(study_dir, _FOLDER, worker_id + _SUFFIX)


def is_held(study_dir: str, worker_id: str) -> bool:
  """Returns whether a worker of this machine (or a child of it) lives.

  Nobody is kept waiting, and no holder notices.

  Raises:
    UserOSError: the file is there and cannot be opened or locked.
  """
  path = lock_path(study_dir, worker_id)
  try:
    return _is_locked(path)
  except OSError as error:
    raise errors.UserOSError(
      f"Cannot tell whether the worker of {path} lives: {error}."
    ) from error


def remove_dead(study_dir: str, prefix: str = "") -> list[str]:
  """Removes the files of workers that have ended.

  Locks of some network file systems do not reach other machines, whose live
  workers would seem dead: `prefix` tells one's own apart.

  Args:
    study_dir: the study's folder.
    prefix: of the ids to look at.

  Returns:
    the ids of those removed, sorted.
  """
  folder = os.path.join(study_dir, _FOLDER)
  removed = []
  with contextlib.suppress(FileNotFoundError):
    for name in sorted(os.listdir(folder)):
      if not name.startswith(prefix) or not name.endswith(_SUFFIX):
        continue
      path = os.path.join(folder, name)
      with contextlib.suppress(OSError):
        if not _is_locked(path):
          os.remove(path)
          removed.append(name.removesuffix(_SUFFIX))
  return removed


def _is_locked(path: str) -> bool:
  try:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
  except (FileNotFoundError, NotADirectoryError):
    return False
  try:
    # Shared: two who ask at the same time do not take each other for a holder.
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
  except BlockingIOError:
    return True
  finally:
    os.close(descriptor)
  return False


def machine_id() -> str:
  """Returns the name of this machine since it was last started.

  A worker whose machine has another one by now is dead: the locks that it held
  are gone. It is the host's name and, where the kernel tells it, the boot's id.
  """
  name = re.sub(r"[^A-Za-z0-9_.\-]", "_", socket.gethostname())
  try:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
      return f"{name}-{file.read().strip()}"
  except OSError:
    return name
