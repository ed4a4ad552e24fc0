"""The objectives in what a run gave."""

import math

import pytest

from hub_estimator.sweeps.objective_values import (
  RUN_NUMBERS,
  missing_objectives,
  values_of,
)
from hub_estimator.sweeps.records import Objective

RESULTS = {
  "metrics": {"accuracy": 0.75, "loss": 2, "auc": None},
  "num_trainable_parameters": 12,
  "train_seconds": 3.5,
  "seconds": 4.25,
  "status": "finished",
}
ACCURACY = Objective("accuracy", True)


def problem_of(name, results=RESULTS):
  values, problem = values_of([Objective(name, True)], results)
  assert values == []
  return problem


def test_metrics_and_numbers_of_the_run():
  objectives = [Objective(name, False) for name in ("loss", "seconds")]
  assert values_of([ACCURACY], RESULTS) == ([0.75], None)
  assert values_of(objectives, RESULTS) == ([2.0, 4.25], None)
  number = Objective("num_trainable_parameters", False)
  assert values_of([ACCURACY, number], RESULTS) == ([0.75, 12.0], None)


def test_a_metric_hides_a_number_of_the_run():
  results = {**RESULTS, "metrics": {"global_step": 0.5}, "global_step": 4}
  assert values_of([Objective("global_step", True)], results) == ([0.5], None)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_no_value(value):
  results = {"metrics": {"accuracy": value}}
  assert problem_of("accuracy", results) == (
    "accuracy is no finite number at the end of the run."
  )


def test_a_number_that_the_run_does_not_have():
  assert problem_of("num_parameters") == (
    "num_parameters is no finite number at the end of the run."
  )


def test_an_unknown_objective_has_the_nearest_name_and_those_there_are():
  assert problem_of("acuracy") == (
    "sweep.objective = 'acuracy' is nothing that a run of this config reports. "
    "Did you mean 'accuracy'? There are: accuracy, auc, examples_per_second, "
    "feature_extraction_seconds, global_step, loss, module_trainable_parameters"
    ", num_parameters, num_trainable_parameters, seconds, train_seconds."
  )


def test_what_is_like_nothing_has_no_suggestion():
  problem = problem_of("zzz", {})
  assert problem == (
    "sweep.objective = 'zzz' is nothing that a run of this config reports. "
    f"There are: {', '.join(sorted(RUN_NUMBERS))}."
  )


def test_the_second_objective_is_looked_at_too():
  objectives = [ACCURACY, Objective("nothing", True)]
  assert "'nothing'" in missing_objectives(objectives, ["accuracy"])
  assert missing_objectives(objectives, ["accuracy", "nothing"]) is None
