"""The values of a study's objectives in what a run gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from hub_estimator.sweeps.records import Objective
from hub_estimator.training import gin_problems

# What `results.json` has beside metrics, and the time of the whole run.
RUN_NUMBERS = (
  "examples_per_second",
  "feature_extraction_seconds",
  "global_step",
  "module_trainable_parameters",
  "num_parameters",
  "num_trainable_parameters",
  "seconds",
  "train_seconds",
)


def values_of(
  objectives: Sequence[Objective], results: Mapping[str, Any]
) -> tuple[list[float], Optional[str]]:
  """Returns the objectives' values, and what is wrong with them.

  Args:
    objectives: of the study.
    results: what `results.json` holds, and "seconds".

  Returns:
    a value for each objective, and None; or what is wrong, in a sentence.
  """
  found = {name: results.get(name) for name in RUN_NUMBERS}
  found.update(results.get("metrics") or {})
  problem = missing_objectives(objectives, tuple(found))
  if problem:
    return [], problem
  values = []
  for objective in objectives:
    value = found[objective.name]
    if value is None or not math.isfinite(value):
      return [], f"{objective.name} is no finite number at the end of the run."
    values.append(float(value))
  return values, None


def missing_objectives(
  objectives: Sequence[Objective], names: Sequence[str]
) -> Optional[str]:
  """Returns what is wrong if an objective is none of what runs report.

  Args:
    objectives: of the study.
    names: of metrics and of `RUN_NUMBERS`.
  """
  for objective in objectives:
    if objective.name not in names:
      match = gin_problems.nearest(objective.name, names)
      hint = f" Did you mean {match!r}?" if match else ""
      return (
        f"sweep.objective = {objective.name!r} is nothing that a run of this "
        f"config reports.{hint} There are: {', '.join(sorted(names))}."
      )
  return None
