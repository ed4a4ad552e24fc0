"""Cores that workers of one machine take."""

import os

import pytest
from children import Child

from hub_estimator.sweeps.node_cores import HeldCores


@pytest.fixture
def take(tmp_path):
  held = []

  def take_some(count, cores=(2, 3, 5)):
    held.append(HeldCores(count, cores, str(tmp_path / "locks")))
    return held[-1]

  yield take_some
  for one in held:
    one.release()


def test_each_core_goes_to_one(take):
  assert take(1).cores == (2,)
  assert take(2).cores == (3, 5)


def test_what_is_given_back_is_taken_again(take):
  first = take(2)
  assert take(1).cores == (5,)
  first.release()
  assert take(2).cores == (2, 3)


def test_more_workers_than_cores_share_evenly(take):
  assert [take(1).cores for _ in range(7)] == [
    *((2,), (3,), (5,)),
    *((2,), (3,), (5,)),
    (2,),
  ]


def test_more_than_there_are(take):
  assert take(9).cores == (2, 3, 5)
  assert take(2).cores == (2, 3)


def test_the_rest_is_shared(take):
  take(2)
  # 5 is free, and one more is needed.
  assert take(2).cores == (2, 5)


def test_cores_are_free_when_their_process_has_been_killed(take, tmp_path):
  def work(channel):
    channel.send(HeldCores(2, (2, 3, 5), str(tmp_path / "locks")).cores)
    channel.receive()

  child = Child(work)
  assert child.receive() == [2, 3]
  assert take(1).cores == (5,)
  child.kill()
  assert take(2).cores == (2, 3)


def test_the_cores_of_this_process_in_the_machines_folder(
  tmp_path, monkeypatch
):
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  held = HeldCores(1)
  assert held.cores == (min(os.sched_getaffinity(0)),)
  held.release()
  assert len(os.listdir(tmp_path)) == 1


def test_without_a_folder_for_locks_the_system_decides(tmp_path):
  (tmp_path / "file").write_text("")
  assert HeldCores(1, (2, 3), str(tmp_path / "file")).cores == ()
