"""Order, front and spread of trials, worked out by hand."""

import pytest
from trial_records import SIZE, complete, run, study, trial

from hub_estimator.sweeps import records

BOTH = (records.Objective("accuracy", True), SIZE)


def numbers(trials):
  return [trial.number for trial in trials]


def test_the_best_value_comes_first_and_equal_ones_by_their_numbers():
  found = study(
    complete(0, 0.5),
    trial(1, records.FAILED),
    complete(2, 0.9),
    complete(3, 0.7),
    complete(4, 0.9),
    trial(5, records.RUNNING),
  )
  assert numbers(found.ranked()) == [2, 4, 3, 0]
  assert found.best().number == 2
  # Neither of two equal ones is better than the other.
  assert numbers(found.front()) == [2, 4]
  assert numbers(found.of_state(records.RUNNING, records.FAILED)) == [1, 5]


def test_low_values_may_be_the_good_ones():
  loss = (records.Objective("loss", False),)
  found = study(
    complete(0, 0.5), complete(1, 0.2), complete(2, 0.3), objectives=loss
  )
  assert numbers(found.ranked()) == [1, 2, 0]
  assert found.best().number == 1
  assert numbers(found.front()) == [1]


def test_the_front_has_what_nothing_is_better_than_in_both():
  found = study(
    complete(0, 0.8, 100),
    complete(1, 0.9, 100),  # Better than 0 in accuracy, equal in size.
    complete(2, 0.9, 200),  # Worse than 1.
    complete(3, 0.5, 10),
    complete(4, 0.5, 10),  # Equal to 3.
    complete(5, 0.4, 20),  # Worse than 3 in both.
    complete(6, 0.95, 500),
    trial(7, records.PRUNED),
    objectives=BOTH,
  )
  assert numbers(found.front()) == [1, 3, 4, 6]
  # The front, then the others; each from the best accuracy on.
  assert numbers(found.ranked()) == [6, 1, 3, 4, 2, 0, 5]
  assert found.best().number == 6


def test_of_equal_first_objectives_the_second_tells():
  found = study(
    complete(0, 0.9, 200),
    complete(1, 0.9, 100),
    complete(2, 0.9, 300),
    objectives=BOTH,
  )
  assert found.best().number == 1
  assert numbers(found.front()) == [1]
  assert numbers(found.ranked()) == [1, 0, 2]


def test_both_objectives_may_be_infinite():
  found = study(complete(0, float("-inf"), float("inf")), objectives=BOTH)
  assert numbers(found.front()) == [0]


def test_without_a_complete_trial_there_is_no_best():
  found = study(trial(0, records.FAILED), trial(1, records.WAITING))
  assert found.best() is None
  assert found.ranked() == found.front() == ()


def test_spread_and_seconds_are_those_of_the_seeds():
  runs = [
    run(0, value, size, seed=seed, seconds=seconds)
    for value, size, seed, seconds in (
      (0.5, 10, 0, 1.0),
      (0.7, 10, 1, 2.0),
      (0.9, 40, 2, 6.0),
    )
  ]
  found = complete(0, 0.7, 20, runs=runs)
  # sqrt((0.04 + 0 + 0.04) / 2), sqrt((100 + 100 + 400) / 2)
  assert found.spread() == pytest.approx(0.2)
  assert found.spread(1) == pytest.approx(300**0.5)
  assert found.seconds == 3.0
  assert complete(0, 0.7).spread() is None
  assert trial(0, records.WAITING).seconds is None


def test_the_best_seed_is_best_by_the_first_objective():
  runs = [
    run(0, 0.5, 1, seed=0),
    run(0, 0.9, 9, seed=2),
    run(0, 0.9, 5, seed=1),
  ]
  found = complete(0, 0.77, 5, runs=runs)
  assert records.best_seed(found, BOTH).seed == 1
  low = (records.Objective("loss", False),)
  assert records.best_seed(found, low).seed == 0
