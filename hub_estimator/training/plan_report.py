"""A plan in words and numbers: for the dry run and for results.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hub_estimator.optimization import Optimization
from hub_estimator.recipes import FineTuningPlan
from hub_estimator.recipes.plan import HEAD
from hub_estimator.tf_compat import tf

# Steps of the schedule that are looked at for its peak.
_NUM_SAMPLES = 201


def group_results(
  plan: FineTuningPlan, moved: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
  """Returns group -> what results.json says of it.

  Args:
    plan: the run's plan.
    moved: group -> relative distance, of `GroupMovement`.
  """
  sizes = {v.name: v.num_parameters for v in plan.module_variables}
  found = {}
  for group in (*plan.module_groups, plan.head_group(0)):
    entry = {
      "first_step": group.first_step,
      "learning_rate_multiplier": group.learning_rate_multiplier,
    }
    if group.name != HEAD:
      entry["num_variables"] = len(group.variable_names)
      entry["num_parameters"] = sum(sizes[n] for n in group.variable_names)
    entry["moved"] = moved.get(group.name)
    found[group.name] = entry
  return found


def stage_lines(plan: FineTuningPlan) -> list[str]:
  """Returns a line for each stage: its steps and what trains in it."""
  lines = []
  for stage in plan.stages:
    cached = "; features from the cache" if stage.uses_cached_features else ""
    lines.append(
      f"steps {stage.first_step} to {stage.last_step}: "
      f"{stage.describe_groups()}{cached}"
    )
  return lines


def peak_rates(
  optimization: Optimization, plan: FineTuningPlan
) -> dict[str, float]:
  """Returns group -> its highest learning rate in the run, float.

  The schedule is looked at in some two hundred steps.

  Args:
    optimization: its schedule.
    plan: the run's plan.
  """
  last = plan.train_steps - 1
  steps = np.unique(np.linspace(0, last, _NUM_SAMPLES).astype(np.int64))
  steps = np.unique([*steps, *(s.first_step for s in plan.stages)])
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    step = tf.compat.v1.placeholder(tf.int64, [])
    rate = optimization.schedule_fn(step)
    rates = [session.run(rate, {step: s}) for s in steps]
  peaks: dict[str, float] = {}
  for s, scheduled in zip(steps, rates):
    for group in plan.stage_at(int(s)).groups:
      value = float(scheduled) * group.learning_rate_multiplier
      peaks[group.name] = max(peaks.get(group.name, 0.0), value)
  return peaks
