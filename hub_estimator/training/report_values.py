"""What a run hands to those who write its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from hub_estimator.evaluation import Outcomes, compute_metrics

# Split -> what came out for each example, and the metrics of it.
Evaluations = Mapping[str, tuple[Outcomes, dict[str, Any]]]
# (model_dir, evaluations, hyperparameters by name)
ReportFn = Callable[[str, Evaluations, Mapping[str, Any]], Any]


def with_metrics(
  outcomes: Mapping[str, Outcomes], global_step: int
) -> Evaluations:
  """Computes the metrics of splits.

  Args:
    outcomes: by split.
    global_step: that of the checkpoint.
  """
  return {
    split: (found, {"global_step": global_step, **compute_metrics(found)})
    for split, found in outcomes.items()
  }
