"""The metrics of a pass over a split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub_estimator.evaluation import class_metrics, regression_metrics
from hub_estimator.evaluation.outcomes import Outcomes
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL


def compute_metrics(
  outcomes: Outcomes, top_k: Sequence[int] = (5,), num_bins: int = 15
) -> dict[str, Any]:
  """Computes what JSON can hold of how good the scores are.

  Means are weighted by the examples' weights; an example with a weight of 0
  counts nowhere. What is not defined for these examples is None, with a
  sentence under "notes".

  All kinds have "num_examples" and "loss" (see `example_losses`), and, last,
  "notes", a list of sentences.

  For classes: "accuracy", "top_<k>_accuracy", "macro_precision",
  "macro_recall", "macro_f1", "calibration_error"; with two classes "auc" (of
  the ROC curve) and "average_precision" of class 1. For multi-label: "accuracy"
  (over all decisions, as `MultiLabelHead` has it), "exact_match" (examples all
  of whose classes are right), "micro_f1", the macro metrics, "auc" and
  "average_precision" (means over the classes for which they are defined),
  "calibration_error".

  Then "per_class": [{"class", "precision", "recall", "f1", "num_examples"}],
  for multi-label with "auc"; and "calibration_bins", see `calibration_bins`.
  For classes also "confusion_matrix", whose rows are labels and whose columns
  are predictions (sums of weights, if examples have weights), left out above
  100 classes; and "confusions", the 20 most frequent mistakes: [{"label",
  "prediction", "num_examples"}].

  Precision is 0 for a class that is never predicted, recall and F1 are None for
  one without an example; macro means are over the classes that occur among
  labels or predictions, as in scikit-learn, where a class that is predicted
  but has no example counts as 0.

  For regression: "rmse", "mae", "r2", "pearson", "spearman"; with several
  targets the first two over all of them, the others as means over targets, and
  "per_target": [{"target", "rmse", "mae", "r2", "pearson", "spearman"}].

  Args:
    outcomes: labels and scores.
    top_k: for which k the share of examples is computed whose label is among
      the k largest probabilities; those below the number of classes are used.
    num_bins: of the calibration error.

  Raises:
    UserValueError: see `Outcomes.checked`.
  """
  outcomes = outcomes.checked()
  if outcomes.kind == CLASS:
    return class_metrics.compute_class_metrics(outcomes, top_k, num_bins)
  if outcomes.kind == MULTI_LABEL:
    return class_metrics.compute_multi_label_metrics(outcomes, num_bins)
  return regression_metrics.compute_regression_metrics(outcomes)
