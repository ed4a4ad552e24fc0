"""Calls in forked processes."""

import os
import pathlib
import signal

import pytest

from hub_estimator.sweeps.forked_calls import call_forked
from hub_estimator.sweeps.resources import Resources

ONE, TWO = [Resources()], [Resources(), Resources()]


def number_of_descriptors():
  return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def nothing_is_left():
  # Tests of other files in this process may have some.
  before = number_of_descriptors(), children()
  yield
  assert (number_of_descriptors(), children()) == before


def children():
  """Returns the processes that this one has not seen the end of."""
  return {
    pid
    for thread in os.listdir("/proc/self/task")
    for pid in pathlib.Path(f"/proc/self/task/{thread}/children")
    .read_text()
    .split()
  }


@pytest.mark.parametrize("num_items", [0, 1, 2, 7])
def test_results_are_in_the_order_of_the_items(num_items):
  items = list(range(num_items))
  assert call_forked(lambda n: n * n, items, TWO) == [n * n for n in items]


def test_calls_are_in_other_processes_as_many_as_there_are_resources():
  pids = call_forked(lambda _: os.getpid(), range(6), TWO)
  assert len(set(pids)) == 2 and os.getpid() not in pids


def test_each_process_has_its_resources():
  own = sorted(os.sched_getaffinity(0))
  given = [Resources((own[0],)), Resources((own[-1],))]
  found = call_forked(lambda _: sorted(os.sched_getaffinity(0)), [0, 1], given)
  assert found == [[own[0]], [own[-1]]]
  assert sorted(os.sched_getaffinity(0)) == own


def test_a_process_that_dies_gives_none_for_the_item_it_died_of():
  def call(number):
    if number == 1:
      os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
      os._exit(0)
    return number

  for resources in (ONE, TWO):
    found = call_forked(call, range(6), resources)
    assert found == [0, None, 2, 3, None, 5]


def test_an_item_whose_process_was_killed_has_another_turn(tmp_path):
  def call(number):
    mark = tmp_path / str(number)
    if number != 1 and not mark.exists():
      mark.touch()
      os.kill(os.getpid(), signal.SIGKILL)
    return number

  for resources in (ONE, TWO):
    assert call_forked(call, range(5), resources) == list(range(5))
    for mark in tmp_path.iterdir():
      mark.unlink()


def test_all_may_die():
  assert call_forked(lambda _: os._exit(1), range(3), TWO) == [None] * 3


def test_what_json_cannot_hold_is_as_if_the_process_had_died():
  found = call_forked(lambda n: object() if n == 0 else n, range(2), ONE)
  assert found == [None, 1]


def test_large_results_do_not_block():
  found = call_forked(lambda n: str(n) * 300_000, range(6), TWO)
  assert [(text[0], len(text)) for text in found] == [
    (str(n), 300_000) for n in range(6)
  ]


def test_a_process_may_die_in_the_middle_of_its_answer(monkeypatch):
  pipes = []
  real_pipe = os.pipe

  def pipe():
    pipes.append(real_pipe())
    return pipes[-1]

  def call(number):
    if number == 0:
      os.write(pipes[-1][1], b"[0, 12")
      os.kill(os.getpid(), signal.SIGKILL)
    return number

  monkeypatch.setattr(os, "pipe", pipe)
  assert call_forked(call, [0, 1], ONE) == [None, 1]


def test_an_error_of_the_caller_leaves_no_process(monkeypatch):
  def interrupted(_):
    raise KeyboardInterrupt

  monkeypatch.setattr("json.loads", interrupted)
  with pytest.raises(KeyboardInterrupt):
    call_forked(lambda n: n, range(4), TWO)
