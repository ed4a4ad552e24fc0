"""The metrics of regression."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from hub_estimator.evaluation.example_losses import example_losses
from hub_estimator.evaluation.outcomes import Outcomes

_PER_TARGET = ("r2", "pearson", "spearman")


def compute_regression_metrics(outcomes: Outcomes) -> dict[str, Any]:
  """See `compute_metrics`."""
  from sklearn.metrics import mean_absolute_error

  labels = outcomes.labels.astype(np.float64)
  scores = outcomes.scores.astype(np.float64)
  weights = outcomes.weights
  if weights is None:
    weights = np.ones(len(scores))
  notes: list[str] = []
  loss = np.average(
    example_losses(outcomes.kind, labels, scores), weights=weights
  )
  per_target = [
    _target_metrics(number, labels[:, number], scores[:, number], weights)
    for number in range(labels.shape[1])
  ]
  metrics: dict[str, Any] = {
    "num_examples": len(scores),
    "loss": float(loss),
    "rmse": float(np.sqrt(loss)),
    "mae": float(mean_absolute_error(labels, scores, sample_weight=weights)),
  }
  for name in _PER_TARGET:
    values = [row[name] for row in per_target if row[name] is not None]
    metrics[name] = float(np.mean(values)) if values else None
    if len(values) < len(per_target):
      notes.append(_undefined_note(name, per_target))
  if len(per_target) > 1:
    metrics["per_target"] = per_target
  metrics["notes"] = notes
  return metrics


def _undefined_note(name: str, per_target) -> str:
  what = "labels" if name == "r2" else "labels or predictions"
  note = f"{name} is not defined: all {what} are the same number"
  if len(per_target) > 1:
    numbers = [str(r["target"]) for r in per_target if r[name] is None]
    note += f" in target {', '.join(numbers)}"
  return f"{note}."


def _target_metrics(number, labels, scores, weights) -> dict[str, Any]:
  from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    r2_score,
  )

  r2 = None
  if labels.min() < labels.max():
    r2 = float(r2_score(labels, scores, sample_weight=weights))
  mse = mean_squared_error(labels, scores, sample_weight=weights)
  return {
    "target": number,
    "rmse": float(np.sqrt(mse)),
    "mae": float(mean_absolute_error(labels, scores, sample_weight=weights)),
    "r2": r2,
    "pearson": weighted_pearson(labels, scores, weights),
    "spearman": weighted_pearson(
      weighted_ranks(labels, weights), weighted_ranks(scores, weights), weights
    ),
  }


def weighted_pearson(
  first: np.ndarray, second: np.ndarray, weights: np.ndarray
) -> Optional[float]:
  """Returns Pearson's correlation, None if one side is a constant.

    r = cov(a, b) / sqrt(cov(a, a) cov(b, b)),
    cov(a, b) = sum_i w_i (a_i - mean_w a) (b_i - mean_w b)

  which SciPy has without weights only. An example of weight 2 counts as two.

  Args:
    first: [num_examples].
    second: [num_examples].
    weights: [num_examples], above 0.
  """
  if first.min() == first.max() or second.min() == second.max():
    return None
  a = first - np.average(first, weights=weights)
  b = second - np.average(second, weights=weights)
  # Of size 1, so that squares of tiny numbers do not vanish.
  a, b = a / np.abs(a).max(), b / np.abs(b).max()
  scale = np.sqrt((weights * a * a).sum() * (weights * b * b).sum())
  return float(np.clip((weights * a * b).sum() / scale, -1, 1))


def weighted_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
  """Returns ranks, equal values sharing the mean of theirs.

  The rank is the weight of all smaller values plus half of that of equal ones:
  with weights of 1 the usual one less 1/2, and an example of weight 2 counts as
  two equal ones.

  Args:
    values: [num_examples].
    weights: [num_examples].
  """
  _, places = np.unique(values, return_inverse=True)
  places = places.reshape(-1)
  of_value = np.bincount(places, weights)
  return (np.cumsum(of_value) - of_value / 2)[places]
