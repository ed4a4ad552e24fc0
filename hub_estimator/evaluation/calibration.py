"""How far the probabilities of a classifier can be believed."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from hub_estimator.evaluation.outcomes import Outcomes
from hub_estimator.inputs.label_encoding import CLASS


def calibration_bins(
  outcomes: Outcomes, num_bins: int = 15
) -> list[dict[str, Any]]:
  """Returns the bars of a reliability diagram.

  A prediction falls into bin m of M by its confidence, the probability of the
  class that is predicted: ((m - 1)/M, m/M]. For multi-label, each class of
  each example is a prediction, with the confidence max(p, 1 - p).

  Args:
    outcomes: of the kind class or multi-label.
    num_bins: M, 15 in the paper (see `calibration_error`).

  Returns:
    for each bin "low" and "high", its borders; "num_predictions"; "weight", the
    share of the weight of all predictions that is in it; "confidence" and
    "accuracy", the weighted means over it, None for an empty bin.
  """
  scores = np.clip(outcomes.scores.astype(np.float64), 0, 1)
  predictions = outcomes.predictions()
  weights = outcomes.weights
  if weights is None:
    weights = np.ones(len(scores))
  if outcomes.kind == CLASS:
    confidence = scores.max(axis=1)
  else:
    confidence = np.maximum(scores, 1 - scores).reshape(-1)
    weights = np.repeat(weights, scores.shape[1])
  is_right = (predictions == outcomes.labels).reshape(-1)
  # Rounding errors would put 0.6 = 9/15 into the bin above.
  numbers = np.ceil(np.round(confidence * num_bins, 6)).astype(int) - 1
  numbers = np.clip(numbers, 0, num_bins - 1)

  def sums(values):
    return np.bincount(numbers, values, minlength=num_bins)

  weight = sums(weights)
  counts = np.bincount(numbers, minlength=num_bins)
  confidences, rights = sums(weights * confidence), sums(weights * is_right)
  return [
    {
      "low": m / num_bins,
      "high": (m + 1) / num_bins,
      "num_predictions": int(counts[m]),
      "weight": float(weight[m] / weight.sum()),
      "confidence": float(confidences[m] / weight[m]) if weight[m] else None,
      "accuracy": float(rights[m] / weight[m]) if weight[m] else None,
    }
    for m in range(num_bins)
  ]


def calibration_error(bins: list[dict[str, Any]]) -> Optional[float]:
  """Returns the expected calibration error of a reliability diagram.

    ECE = sum_m (|B_m| / n) |acc(B_m) - conf(B_m)|

  with |B_m| the number of predictions in bin m (their weight, if examples have
  weights), n that of all, acc the share of right ones and conf their mean
  confidence. From Guo et al., "On Calibration of Modern Neural Networks", 2017,
  https://arxiv.org/abs/1706.04599.

  Args:
    bins: as `calibration_bins` gives them.
  """
  return sum(
    item["weight"] * abs(item["accuracy"] - item["confidence"])
    for item in bins
    if item["num_predictions"]
  )
