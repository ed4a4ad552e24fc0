import numpy as np
import pytest

from hub_estimator.evaluation import Outcomes, compute_metrics
from hub_estimator.evaluation.calibration import calibration_bins
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL


def binary(labels, positive, **arguments):
  positive = np.array(positive, np.float32)
  return Outcomes(
    CLASS,
    np.array(labels),
    np.stack([1 - positive, positive], axis=1),
    **arguments,
  )


# Confidences 0.7 (right), 0.8 (wrong), 0.95 (right).
OUTCOMES = ([1, 0, 0], [0.7, 0.8, 0.05])


def test_error():
  # Two of three in (0.6, 0.8]: |1/2 - 0.75|; one in (0.8, 1]: |1 - 0.95|.
  metrics = compute_metrics(binary(*OUTCOMES), num_bins=5)
  expected = 2 / 3 * 0.25 + 1 / 3 * 0.05
  assert metrics["calibration_error"] == pytest.approx(expected, abs=1e-6)
  bins = metrics["calibration_bins"]
  assert [b["num_predictions"] for b in bins] == [0, 0, 0, 2, 1]
  assert bins[3]["accuracy"] == pytest.approx(1 / 2)
  assert bins[3]["confidence"] == pytest.approx(0.75)
  assert bins[3]["weight"] == pytest.approx(2 / 3)
  assert (bins[3]["low"], bins[3]["high"]) == pytest.approx((0.6, 0.8))
  assert bins[0] == {
    "low": 0,
    "high": 0.2,
    "num_predictions": 0,
    "weight": 0,
    "confidence": None,
    "accuracy": None,
  }


def test_weights():
  outcomes = binary(*OUTCOMES, weights=np.array([3, 1, 4], np.float32))
  metrics = compute_metrics(outcomes, num_bins=5)
  # (3 * 0.7 + 0.8) / 4 = 0.725, and 3/4 of it right.
  expected = 4 / 8 * 0.025 + 4 / 8 * 0.05
  assert metrics["calibration_error"] == pytest.approx(expected, abs=1e-6)


def test_probability_of_1_is_in_the_last_bin():
  bins = calibration_bins(binary([1], [1.0]), 15)
  assert [b["num_predictions"] for b in bins] == [0] * 14 + [1]


def test_border_is_in_the_bin_below():
  # 9/15 in float32 is a little above.
  bins = calibration_bins(binary([1], [9 / 15]), 15)
  assert bins[8]["num_predictions"] == 1


def test_multi_label_counts_each_class():
  outcomes = Outcomes(
    MULTI_LABEL, np.array([[1, 0]]), np.array([[0.25, 0.125]], np.float32)
  )
  # Confidences 0.75 (wrong) and 0.875 (right).
  metrics = compute_metrics(outcomes, num_bins=4)
  assert metrics["calibration_error"] == pytest.approx(
    1 / 2 * 0.75 + 1 / 2 * 0.125
  )
