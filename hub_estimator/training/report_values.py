"""What a run hands to those who write its report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Callable

from hub_estimator import errors
from hub_estimator.evaluation import Outcomes, compute_metrics
from hub_estimator.training.staged_training import Trained

# Split -> what came out for each example, and the metrics of it.
Evaluations = Mapping[str, tuple[Outcomes, dict[str, Any]]]
# (model_dir, evaluations, hyperparameters by name)
ReportFn = Callable[[str, Evaluations, Mapping[str, Any]], Any]


def report(
  report_fn: ReportFn,
  model_dir: str,
  trained: Trained,
  hyperparameters: Mapping[str, Any],
) -> None:
  """Has the report of a run written; what is wrong with it is only said.

  Args:
    report_fn: writes it.
    model_dir: the run's folder.
    trained: what training gave.
    hyperparameters: by name.
  """
  try:
    evaluations = {
      split: (
        found,
        {"global_step": trained.global_step, **compute_metrics(found)},
      )
      for split, found in trained.outcomes.items()
    }
    report_fn(model_dir, evaluations, hyperparameters)
  except (errors.UserError, OSError) as error:
    # The run itself is done, and its results are written.
    print(f"warning: no report was written: {error}", file=sys.stderr)
