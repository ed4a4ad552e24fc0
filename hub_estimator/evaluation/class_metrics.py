"""The metrics of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator.evaluation.calibration import (
  calibration_bins,
  calibration_error,
)
from hub_estimator.evaluation.example_losses import example_losses
from hub_estimator.evaluation.outcomes import Outcomes

# Beyond, a matrix is megabytes of JSON that nobody reads.
_MAX_MATRIX_CLASSES = 100
_MAX_CONFUSIONS = 20
_MAX_LISTED = 10


def compute_class_metrics(
  outcomes: Outcomes, top_k: Sequence[int], num_bins: int
) -> dict[str, Any]:
  """See `compute_metrics`."""
  labels, predictions = outcomes.labels, outcomes.predictions()
  notes: list[str] = []
  metrics = _first_metrics(outcomes)
  metrics["accuracy"] = _mean(labels == predictions, outcomes.weights)
  for k in top_k:
    if 0 < k < outcomes.num_columns:
      metrics[f"top_{k}_accuracy"] = _mean(
        _rank_of_label(outcomes) < k, outcomes.weights
      )
  per_class, macro = _per_class(outcomes, predictions, notes)
  metrics.update(macro)
  if outcomes.num_columns == 2:
    metrics.update(
      _ranking_metrics(labels, outcomes.scores[:, 1], outcomes.weights)
    )
    if metrics["auc"] is None:
      name = outcomes.class_name(int(labels[0]))
      notes.append(
        f"auc and average_precision are not defined: all labels are of the "
        f"class {name!r}."
      )
  bins = calibration_bins(outcomes, num_bins)
  metrics["calibration_error"] = calibration_error(bins)
  metrics["per_class"] = per_class
  matrix = _confusion_matrix(outcomes, predictions)
  if outcomes.num_columns <= _MAX_MATRIX_CLASSES:
    metrics["confusion_matrix"] = matrix.tolist()
  else:
    notes.append(
      f"confusion_matrix is left out, for there are {outcomes.num_columns} "
      "classes: see confusions."
    )
  metrics["confusions"] = _confusions(outcomes, matrix)
  metrics["calibration_bins"] = bins
  metrics["notes"] = notes
  return metrics


def compute_multi_label_metrics(
  outcomes: Outcomes, num_bins: int
) -> dict[str, Any]:
  """See `compute_metrics`."""
  from sklearn.metrics import f1_score

  labels, predictions = outcomes.labels, outcomes.predictions()
  weights = outcomes.weights
  notes: list[str] = []
  metrics = _first_metrics(outcomes)
  is_right = labels == predictions
  metrics["accuracy"] = _mean(is_right.mean(axis=1), weights)
  metrics["exact_match"] = _mean(is_right.all(axis=1), weights)
  metrics["micro_f1"] = float(
    # From the counts of all classes at once: one class keeps its columns.
    f1_score(
      labels.reshape(-1),
      predictions.reshape(-1),
      sample_weight=None
      if weights is None
      else np.repeat(weights, outcomes.num_columns),
      zero_division=0,
    )
  )
  per_class, macro = _per_class(outcomes, predictions, notes)
  metrics.update(macro)
  rankings = [
    _ranking_metrics(labels[:, c], outcomes.scores[:, c], weights)
    for c in range(outcomes.num_columns)
  ]
  for row, ranking in zip(per_class, rankings):
    row["auc"] = ranking["auc"]
  for name in ("auc", "average_precision"):
    metrics[name] = _mean_of_defined(ranking[name] for ranking in rankings)
  undefined = [row["class"] for row in per_class if row["auc"] is None]
  if undefined:
    notes.append(
      "auc and average_precision leave out the classes that no example has or "
      f"that all have: {_listed(undefined)}."
    )
  bins = calibration_bins(outcomes, num_bins)
  metrics["calibration_error"] = calibration_error(bins)
  metrics["per_class"] = per_class
  metrics["calibration_bins"] = bins
  metrics["notes"] = notes
  return metrics


def _first_metrics(outcomes: Outcomes) -> dict[str, Any]:
  losses = example_losses(outcomes.kind, outcomes.labels, outcomes.scores)
  return {
    "num_examples": len(outcomes.scores),
    "loss": _mean(losses, outcomes.weights),
  }


def _mean(values, weights: Optional[np.ndarray]) -> float:
  return float(np.average(values, weights=weights))


def _mean_of_defined(values) -> Optional[float]:
  defined = [value for value in values if value is not None]
  return float(np.mean(defined)) if defined else None


def _listed(names: Sequence[str]) -> str:
  text = ", ".join(names[:_MAX_LISTED])
  more = len(names) - _MAX_LISTED
  return f"{text} and {more} more" if more > 0 else text


def _rank_of_label(outcomes: Outcomes) -> np.ndarray:
  """Returns how many classes come before the label's, by their scores.

  Of equal scores the class with the smaller number comes first, as in argmax:
  a model that says the same of all classes is not right for all examples.
  """
  scores, labels = outcomes.scores, outcomes.labels.reshape(-1, 1)
  of_label = np.take_along_axis(scores, labels, axis=1)
  is_before = np.arange(scores.shape[1]) < labels
  return ((scores > of_label) | ((scores == of_label) & is_before)).sum(axis=1)


def _per_class(outcomes: Outcomes, predictions, notes: list[str]):
  """Returns the rows of "per_class", and the macro metrics."""
  from sklearn.metrics import precision_recall_fscore_support

  labels, num_classes = outcomes.labels, outcomes.num_columns
  numbers = np.arange(num_classes)
  if labels.ndim == 1:
    counts = np.bincount(labels, minlength=num_classes)
    num_predicted = np.bincount(predictions, minlength=num_classes)
  else:
    counts, num_predicted = labels.sum(axis=0), predictions.sum(axis=0)
  if num_classes == 1:
    # A single column of zeros and ones would be taken for two classes.
    values = precision_recall_fscore_support(
      labels[:, 0],
      predictions[:, 0],
      labels=[1],
      average=None,
      sample_weight=outcomes.weights,
      zero_division=0,
    )
  else:
    values = precision_recall_fscore_support(
      labels,
      predictions,
      labels=numbers,
      average=None,
      sample_weight=outcomes.weights,
      zero_division=0,
    )
  precision, recall, f1 = values[:3]
  rows = [
    {
      "class": outcomes.class_name(c),
      "precision": float(precision[c]),
      "recall": float(recall[c]) if counts[c] else None,
      "f1": float(f1[c]) if counts[c] else None,
      "num_examples": int(counts[c]),
    }
    for c in range(num_classes)
  ]
  missing = [row["class"] for row in rows if not row["num_examples"]]
  if missing:
    notes.append(
      "recall and f1 are not defined for the classes without an example: "
      f"{_listed(missing)}."
    )
  occurs = (counts > 0) | (num_predicted > 0)

  def macro(each):
    return float(each[occurs].mean()) if occurs.any() else None

  return rows, {
    "macro_precision": macro(precision),
    "macro_recall": macro(recall),
    "macro_f1": macro(f1),
  }


def _ranking_metrics(is_positive, scores, weights) -> dict[str, Any]:
  """Returns "auc" and "average_precision", None if there is one class only."""
  from sklearn.metrics import average_precision_score, roc_auc_score

  if is_positive.min() == is_positive.max():
    return {"auc": None, "average_precision": None}
  return {
    "auc": float(roc_auc_score(is_positive, scores, sample_weight=weights)),
    "average_precision": float(
      average_precision_score(is_positive, scores, sample_weight=weights)
    ),
  }


def _confusion_matrix(outcomes: Outcomes, predictions) -> np.ndarray:
  from sklearn.metrics import confusion_matrix

  return confusion_matrix(
    outcomes.labels,
    predictions,
    labels=np.arange(outcomes.num_columns),
    sample_weight=outcomes.weights,
  )


def _confusions(outcomes: Outcomes, matrix: np.ndarray) -> list[dict[str, Any]]:
  mistakes = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
  order = np.argsort(-mistakes, axis=None, kind="stable")[:_MAX_CONFUSIONS]
  found = []
  for label, prediction in zip(*np.unravel_index(order, mistakes.shape)):
    if mistakes[label, prediction]:
      found.append(
        {
          "label": outcomes.class_name(label),
          "prediction": outcomes.class_name(prediction),
          "num_examples": mistakes[label, prediction].item(),
        }
      )
  return found
