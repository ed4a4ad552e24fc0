"""What of a Ray cluster each worker gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from hub_estimator import errors

# Ray counts in ten thousandths.
_UNIT = 1e-4


class Node(NamedTuple):
  """A machine of a cluster, or a part of one.

  Attributes:
    host: its name.
    num_cpus: how many cores Ray may give away there.
    num_gpus: how many GPUs.
  """

  host: str
  num_cpus: float
  num_gpus: float = 0.0


class Share(NamedTuple):
  """What a worker asks Ray for.

  Attributes:
    num_cpus: cores; less than 1 if several workers share one.
    num_gpus: GPUs; less than 1 if several workers share one.
  """

  num_cpus: float
  num_gpus: float = 0.0


def share(nodes: Sequence[Node], num_workers: int) -> Share:
  """Returns the largest share of which a cluster has enough for all workers.

  A share lies on one node. Where there are GPUs, each worker gets of them,
  which comes first.

  Args:
    nodes: of the cluster.
    num_workers: at least 1.

  Raises:
    UserValueError: no node has cores (beside its GPUs).
  """
  has_gpus = any(node.num_gpus > 0 for node in nodes)
  useful = [
    node
    for node in nodes
    if node.num_cpus > 0 and (node.num_gpus > 0 or not has_gpus)
  ]
  num_gpus = 0.0
  if has_gpus and useful:
    num_gpus = _largest(
      max(node.num_gpus for node in useful),
      num_workers,
      lambda size: sum(_fit(node.num_gpus, size) for node in useful),
    )
  num_cpus = None
  if useful:
    num_cpus = _largest(
      max(node.num_cpus for node in useful),
      num_workers,
      lambda size: sum(_places(node, size, num_gpus) for node in useful),
    )
  if num_cpus is None or num_gpus is None:
    found = ", ".join(
      f"{node.host} ({node.num_cpus:g} cores, {node.num_gpus:g} GPUs)"
      for node in nodes
    )
    raise errors.UserValueError(
      "--executor=ray: workers need cores of the Ray cluster"
      f"{', on nodes that have GPUs' if has_gpus else ''}, and it has none to "
      f"give. Its nodes: {found or 'none'}. Start nodes with cores (ray start "
      "--address=… --num-cpus=N), or leave --executor out."
    )
  return Share(num_cpus, num_gpus)


def _largest(
  most: float, num_workers: int, capacity: Callable[[float], int]
) -> Optional[float]:
  """Returns the largest size, whole or 1/k, of which there are enough."""
  whole = [float(size) for size in range(int(most), 0, -1)]
  num_parts = math.ceil(num_workers * max(1.0, 1 / most))
  parts = [
    math.floor(1 / k / _UNIT + 1e-6) * _UNIT for k in range(2, num_parts + 1)
  ]
  for size in [*whole, *parts]:
    if capacity(size) >= num_workers:
      return round(size, 4)
  return None


def _places(node: Node, num_cpus: float, num_gpus: float) -> int:
  places = _fit(node.num_cpus, num_cpus)
  return min(places, _fit(node.num_gpus, num_gpus)) if num_gpus else places


def _fit(available: float, size: float) -> int:
  return math.floor(available / size + 1e-6)
