"""What of a machine each of its workers gets."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Resources:
  """Cores and devices of a worker's trials.

  Attributes:
    cores: the numbers of the cores to run on; empty leaves that to the system.
    gpus: the numbers of the GPUs to use, as CUDA_VISIBLE_DEVICES has them;
      None leaves that variable as it is.
    shares_gpu: whether another worker has one of them, too.
  """

  cores: tuple[int, ...] = ()
  gpus: Optional[tuple[str, ...]] = None
  shares_gpu: bool = False

  def apply(self) -> None:
    """Restricts this process, before it makes a session.

    TensorFlow makes as many threads as there are cores that it may run on, for
    the work within an op, between ops and for data.
    """
    if self.cores and hasattr(os, "sched_setaffinity"):
      os.sched_setaffinity(0, self.cores)
      os.environ["OMP_NUM_THREADS"] = str(len(self.cores))
    if self.gpus is not None:
      os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(self.gpus)
    if self.shares_gpu:
      os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"


def shares(
  num_workers: int,
  cores: Optional[Sequence[int]] = None,
  gpus: Optional[Sequence[str]] = None,
) -> list[Resources]:
  """Divides this machine among workers.

  Cores are dealt out evenly, each to one worker; with more workers than cores
  each has one, and some share it. So are GPUs.

  Args:
    num_workers: at least 1.
    cores: those to divide; those that this process may run on if None.
    gpus: those to divide; of CUDA_VISIBLE_DEVICES, or of the machine, if None.
  """
  cores = _own_cores() if cores is None else sorted(cores)
  gpus = _own_gpus() if gpus is None else list(gpus)
  return [
    Resources(
      tuple(_share(cores, index, num_workers)),
      tuple(_share(gpus, index, num_workers)) if gpus else None,
      bool(gpus) and num_workers > len(gpus),
    )
    for index in range(num_workers)
  ]


def _share(items: Sequence, index: int, num_workers: int) -> list:
  if not items:
    return []
  if num_workers >= len(items):
    return [items[index % len(items)]]
  return list(items[index::num_workers])


def _own_cores() -> list[int]:
  if not hasattr(os, "sched_getaffinity"):
    return []
  return sorted(os.sched_getaffinity(0))


def _own_gpus() -> list[str]:
  chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
  if chosen is not None:
    return [name.strip() for name in chosen.split(",") if name.strip()]
  # What NVIDIA's driver makes; TensorFlow must not be asked before the fork.
  folder = "/proc/driver/nvidia/gpus"
  count = len(os.listdir(folder)) if os.path.isdir(folder) else 0
  return [str(number) for number in range(count)]
