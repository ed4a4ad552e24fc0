import json

import numpy as np
import pytest
import scipy.stats

from hub_estimator.evaluation import Outcomes, compute_metrics
from hub_estimator.inputs.label_encoding import REGRESSION

pytestmark = pytest.mark.filterwarnings("error")


def compute(labels, scores, **arguments):
  labels, scores = (
    np.array(values, np.float32).reshape(len(values), -1)
    for values in (labels, scores)
  )
  return compute_metrics(Outcomes(REGRESSION, labels, scores, **arguments))


def test_one_target():
  metrics = compute([0, 1, 2, 3], [0, 2, 1, 3])
  assert metrics == {
    "num_examples": 4,
    "loss": pytest.approx(2 / 4),
    "rmse": pytest.approx(np.sqrt(1 / 2)),
    "mae": pytest.approx(2 / 4),
    "r2": pytest.approx(1 - 2 / 5),  # Around 1.5: 2.25 + 0.25 + 0.25 + 2.25.
    "pearson": pytest.approx(4 / 5),
    "spearman": pytest.approx(4 / 5),
    "notes": [],
  }


def test_correlations_are_those_of_scipy():
  random = np.random.RandomState(0)
  labels = random.randint(0, 5, 50)  # With ties.
  scores = (labels + random.randn(50)) ** 3
  metrics = compute(labels, scores)
  pearson = scipy.stats.pearsonr(labels, scores).statistic
  spearman = scipy.stats.spearmanr(labels, scores).statistic
  assert metrics["pearson"] == pytest.approx(pearson, abs=1e-6)
  assert metrics["spearman"] == pytest.approx(spearman, abs=1e-6)


def test_weights_count_examples_several_times():
  labels, scores = [0, 1, 2, 3, 9], [0, 2, 1, 1, -9]
  weighted = compute(
    labels, scores, weights=np.array([1, 2, 1, 3, 0], np.float32)
  )
  rows = [0, 1, 1, 2, 3, 3, 3]
  repeated = compute([labels[r] for r in rows], [scores[r] for r in rows])
  assert weighted.pop("num_examples") == 4
  assert repeated.pop("num_examples") == 7
  assert weighted.pop("notes") == repeated.pop("notes") == []
  assert weighted == pytest.approx(repeated)


def test_several_targets():
  metrics = compute([[0, 5], [2, 5]], [[1, 5], [3, 7]])
  first, second = metrics["per_target"]
  assert first == {
    "target": 0,
    "rmse": pytest.approx(1),
    "mae": pytest.approx(1),
    "r2": pytest.approx(0),
    "pearson": pytest.approx(1),
    "spearman": pytest.approx(1),
  }
  assert second == {
    "target": 1,
    "rmse": pytest.approx(np.sqrt(2)),
    "mae": pytest.approx(1),
    "r2": None,
    "pearson": None,
    "spearman": None,
  }
  assert metrics["rmse"] == pytest.approx(np.sqrt(6 / 4))
  assert metrics["mae"] == pytest.approx(1)
  assert metrics["pearson"] == pytest.approx(1)
  assert metrics["notes"][0] == (
    "r2 is not defined: all labels are the same number in target 1."
  )
  json.dumps(metrics, allow_nan=False)


@pytest.mark.parametrize(
  "labels, scores, r2",
  [
    ([2, 2, 2], [1, 2, 3], None),
    ([1, 2, 3], [2, 2, 2], 0),
    ([5], [4], None),
  ],
  ids=["labels", "predictions", "one example"],
)
def test_constants_have_no_correlation(labels, scores, r2):
  metrics = compute(labels, scores)
  assert metrics["pearson"] is None
  assert metrics["spearman"] is None
  assert metrics["r2"] == r2
  assert metrics["notes"][-1] == (
    "spearman is not defined: all labels or predictions are the same number."
  )


def test_tiny_numbers_have_a_correlation():
  metrics = compute([1e-30, 2e-30, 3e-30], [1, 2, 3])
  assert metrics["pearson"] == pytest.approx(1)
