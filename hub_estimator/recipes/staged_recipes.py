"""Recipes in stages: parts of a module train from a later step on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional

import gin

from hub_estimator import errors
from hub_estimator.optimization import argument_checks
from hub_estimator.recipes import depth_groups
from hub_estimator.recipes.plan import FineTuningPlan, PlannedVariable
from hub_estimator.recipes.recipe import Recipe


@gin.register("linear_probe_then_fine_tune", module="hub_estimator")
class LinearProbeThenFineTune(Recipe):
  """LP-FT: the head alone first, then everything.

  Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform
  Out-of-Distribution", 2022, https://arxiv.org/abs/2202.10054. Gradients of a
  head that starts from random weights move the module's features before the
  head fits them; after a linear probe there is little left to move:

      steps 0 to S:          v <- argmin L(v^T f(x)), the module f in inference
                             mode, at the schedule's rate
      steps S to the end:    v and f, at the schedule's rate times m

  One run and one folder; a run that was stopped goes on in the stage it was in.
  """

  recipe_name = "linear_probe_then_fine_tune"

  def __init__(
    self,
    probe_steps: Optional[int] = None,
    fine_tuning_multiplier: float = 0.1,
    cache_features: bool = False,
    cache_dir: Optional[str] = None,
  ):
    """Holds the settings.

    Args:
      probe_steps: S; half of TRAIN_STEPS if None, as the paper gives both the
        same number of epochs.
      fine_tuning_multiplier: m, the factor on the rates of module and head in
        the second stage, above 0. The paper tunes both rates apart, and that of
        fine-tuning comes out one or two orders lower.
      cache_features: whether the first stage reads the module's features from a
        cache; see `feature_extraction`.
      cache_dir: the cache's folder; see `feature_extraction`.

    Raises:
      UserError: an argument of another kind or out of range.
    """
    if probe_steps is not None:
      argument_checks.check_step_count(
        f"{self.recipe_name}.probe_steps", probe_steps, 1
      )
    argument_checks.check_number(
      f"{self.recipe_name}.fine_tuning_multiplier",
      fine_tuning_multiplier,
      0,
      without_low=True,
    )
    self.probe_steps = probe_steps
    self.fine_tuning_multiplier = fine_tuning_multiplier
    self.cache_features = cache_features
    self.cache_dir = cache_dir

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`.

    Raises:
      UserValueError: the probe takes all steps.
    """
    start = self.probe_steps or max(1, plan.train_steps // 2)
    if start >= plan.train_steps:
      raise errors.UserValueError(
        f"{self.recipe_name}.probe_steps = {start} leaves no step to fine-tune "
        f"in: TRAIN_STEPS = {plan.train_steps}."
      )
    m = self.fine_tuning_multiplier
    head = {s: k * m for s, k in plan.head_multipliers.items() if s > start}
    before = {s: k for s, k in plan.head_multipliers.items() if s < start}
    last = max(s for s in plan.head_multipliers if s <= start)
    return dataclasses.replace(
      plan.with_variables(
        dataclasses.replace(
          _not_before(v, start),
          learning_rate_multiplier=v.learning_rate_multiplier * m,
        )
        for v in plan.module_variables
      ),
      head_multipliers={
        **before,
        start: plan.head_multipliers[last] * m,
        **head,
      },
      caches_features=plan.caches_features or self.cache_features,
      feature_cache_dir=self.cache_dir or plan.feature_cache_dir,
    )


@gin.register("gradual_unfreezing", module="hub_estimator")
class GradualUnfreezing(Recipe):
  """One group of layers more every so many steps, from the top.

  Howard and Ruder, 2018, https://arxiv.org/abs/1801.06146, section 3.3: group l
  counted from the head down trains from step l N on, the head from the start.
  The paper has N = one epoch. Batch norm statistics of groups that do not train
  yet are not updated. Optimizer slots of a group start with it.
  """

  recipe_name = "gradual_unfreezing"

  def __init__(
    self,
    steps_per_group: Optional[int] = None,
    num_groups: Optional[int] = depth_groups.NUM_GROUPS,
    groups: Optional[Sequence[str]] = None,
  ):
    """Holds the settings.

    Args:
      steps_per_group: N; if None, half of TRAIN_STEPS shared by all groups, so
        that everything trains in the second half.
      num_groups: as in `discriminative_learning_rates`.
      groups: as in `discriminative_learning_rates`.

    Raises:
      UserError: an argument of another kind or out of range.
    """
    if steps_per_group is not None:
      argument_checks.check_step_count(
        f"{self.recipe_name}.steps_per_group", steps_per_group, 1
      )
    self.steps_per_group = steps_per_group
    self.num_groups = num_groups
    self.groups = groups
    self._groups = depth_groups.DepthGroups(
      self.recipe_name, groups, num_groups
    )

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    # Those whose turn another recipe put after the end count, too: one that is
    # left out would move all others.
    variables = [v for v in plan.module_variables if v.first_step is not None]
    split = self._groups.split(variables)
    steps = self.steps_per_group or max(
      1, plan.train_steps // (2 * max(1, len(split)))
    )
    starts = {
      v.name: (len(split) - i) * steps
      for i, group in enumerate(split)
      for v in group
    }
    return plan.with_variables(
      _not_before(v, starts.get(v.name, 0)) for v in plan.module_variables
    )


def _not_before(variable: PlannedVariable, step: int) -> PlannedVariable:
  if variable.first_step is None:
    return variable
  return dataclasses.replace(
    variable, first_step=max(variable.first_step, step)
  )
