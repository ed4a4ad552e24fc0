"""Cores of a machine, of which several workers take without being told which.

Ray counts cores and does not number them, and several nodes of a cluster may be
one machine. So a worker locks the numbers that it takes, for all workers of
this user on the machine; the kernel unlocks them when it and its trial end.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from typing import Optional

# Workers that may share a core before nobody counts any more.
_MAX_SHARING = 64


class HeldCores:
  """Cores that this process and its children have until they end.

  Attributes:
    cores: their numbers, sorted; empty where the system cannot tell.
  """

  def __init__(
    self,
    count: int,
    cores: Optional[Sequence[int]] = None,
    folder: Optional[str] = None,
  ):
    """Takes cores that nobody has, or else those that the fewest have.

    Args:
      count: how many; all, if there are not so many.
      cores: those to choose from; those that this process may run on if None.
      folder: of the locks; one of the user's in the machine's folder for
        temporary files if None.
    """
    if cores is None:
      cores = _own_cores()
    folder = folder or os.path.join(
      tempfile.gettempdir(), f"hub_estimator_cores_{os.getuid()}"
    )
    self._descriptors: list[int] = []
    taken: list[int] = []
    try:
      os.makedirs(folder, mode=0o700, exist_ok=True)
      for sharing in range(_MAX_SHARING):
        for core in cores:
          if core in taken or len(taken) >= count:
            continue
          if self._lock(os.path.join(folder, f"{core}.{sharing}.lock")):
            taken.append(core)
    except OSError:
      # The system's scheduler does without.
      taken = []
    self.cores = tuple(sorted(taken))

  def _lock(self, path: str) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
      fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      os.close(descriptor)
      return False
    self._descriptors.append(descriptor)
    return True

  def release(self) -> None:
    """Gives the cores back."""
    for descriptor in self._descriptors:
      os.close(descriptor)
    self._descriptors.clear()


def _own_cores() -> list[int]:
  if not hasattr(os, "sched_getaffinity"):
    return []
  return sorted(os.sched_getaffinity(0))
