"""What of a Ray cluster a worker asks for."""

import pytest

from hub_estimator import errors
from hub_estimator.sweeps.ray_shares import Node, Share, share


def nodes_of(*cpus):
  return [Node(f"n{number}", cpu) for number, cpu in enumerate(cpus)]


@pytest.mark.parametrize(
  "cpus,num_workers,expected",
  [
    ((8,), 2, 4),
    ((8,), 3, 2),
    ((1, 1), 2, 1),
    ((0, 1, 1), 2, 1),
    # Two fit on the large node, as 9 / 3 has it; three of 2 cores do.
    ((8, 1), 3, 2),
    ((4, 4), 1, 4),
    # More workers than cores: some share one.
    ((1,), 2, 0.5),
    ((1, 1), 3, 0.5),
    ((1,), 3, 0.3333),
    ((2,), 7, 0.25),
    ((0.5,), 1, 0.5),
    ((0.5,), 2, 0.25),
  ],
)
def test_the_largest_share_of_which_there_are_enough(
  cpus, num_workers, expected
):
  found = share(nodes_of(*cpus), num_workers)
  assert found.num_cpus == pytest.approx(expected)
  assert found.num_gpus == 0


@pytest.mark.parametrize(
  "nodes,num_workers,expected",
  [
    ([Node("a", 8, 2)], 2, Share(4, 1)),
    ([Node("a", 8, 1)], 2, Share(4, 0.5)),
    ([Node("a", 8, 4)], 1, Share(8, 4)),
    # A node without GPUs is of no use.
    ([Node("a", 8, 2), Node("b", 64)], 2, Share(4, 1)),
  ],
)
def test_gpus_come_first(nodes, num_workers, expected):
  assert share(nodes, num_workers) == expected


def test_no_cores():
  with pytest.raises(
    errors.UserValueError,
    match=r"workers need cores of the Ray cluster, and it has none to give. "
    r"Its nodes: n0 \(0 cores, 0 GPUs\). Start nodes with cores",
  ):
    share(nodes_of(0), 1)


def test_no_cores_beside_gpus():
  with pytest.raises(errors.UserValueError, match="on nodes that have GPUs"):
    share([Node("a", 0, 1), Node("b", 4)], 1)
