"""Cores and GPUs for each worker."""

import os

import pytest
from children import Child

from hub_estimator.sweeps.resources import Resources, shares


@pytest.mark.parametrize(
  "num_workers, cores, expected",
  [
    (1, [0, 1, 2], [(0, 1, 2)]),
    (2, [0, 1, 2, 3], [(0, 2), (1, 3)]),
    (2, [4, 2, 9], [(2, 9), (4,)]),
    (3, [0, 1, 2], [(0,), (1,), (2,)]),
    (5, [0, 1], [(0,), (1,), (0,), (1,), (0,)]),
    (2, [], [(), ()]),
  ],
)
def test_cores_are_dealt_out(num_workers, cores, expected):
  found = shares(num_workers, cores, [])
  assert [one.cores for one in found] == expected
  assert all(one.gpus is None and not one.shares_gpu for one in found)


@pytest.mark.parametrize(
  "num_workers, gpus, expected, is_shared",
  [
    (1, ["0", "1"], [("0", "1")], False),
    (2, ["0", "1"], [("0",), ("1",)], False),
    (2, ["GPU-a", "3", "5"], [("GPU-a", "5"), ("3",)], False),
    (3, ["0", "1"], [("0",), ("1",), ("0",)], True),
  ],
)
def test_gpus_are_dealt_out(num_workers, gpus, expected, is_shared):
  found = shares(num_workers, [0], gpus)
  assert [one.gpus for one in found] == expected
  assert {one.shares_gpu for one in found} == {is_shared}


def test_the_process_has_cores_of_its_own():
  own = sorted(os.sched_getaffinity(0))
  assert shares(1, gpus=[])[0].cores == tuple(own)


@pytest.mark.parametrize(
  "value, expected",
  [("2, 0", ("2", "0")), ("", None), ("GPU-1b", ("GPU-1b",))],
)
def test_chosen_gpus_are_the_ones_to_deal_out(monkeypatch, value, expected):
  monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
  assert shares(1, [0])[0].gpus == expected


def test_gpus_of_the_driver_are_counted(monkeypatch):
  monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
  real_listdir, real_isdir = os.listdir, os.path.isdir
  folder = "/proc/driver/nvidia/gpus"
  monkeypatch.setattr(
    os.path, "isdir", lambda path: path == folder or real_isdir(path)
  )
  monkeypatch.setattr(
    os,
    "listdir",
    lambda path: ["a", "b"] if path == folder else real_listdir(path),
  )
  assert [one.gpus for one in shares(2, [0])] == [("0",), ("1",)]


def applied(given):
  """Returns what a process has that applies resources."""

  def run(channel):
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    os.environ.pop("TF_FORCE_GPU_ALLOW_GROWTH", None)
    os.environ.pop("OMP_NUM_THREADS", None)
    given.apply()
    names = (
      "CUDA_VISIBLE_DEVICES",
      "TF_FORCE_GPU_ALLOW_GROWTH",
      "OMP_NUM_THREADS",
    )
    cores = sorted(os.sched_getaffinity(0))
    channel.send([cores, *map(os.environ.get, names)])

  child = Child(run)
  found = child.receive()
  child.join()
  return found


def test_resources_are_applied_to_the_process():
  own = sorted(os.sched_getaffinity(0))
  assert applied(Resources()) == [own, None, None, None]
  assert applied(Resources((own[-1],))) == [[own[-1]], None, None, "1"]
  assert applied(Resources((), ("1", "3"), True)) == [own, "1,3", "true", None]
  assert applied(Resources((), ())) == [own, "", None, None]
