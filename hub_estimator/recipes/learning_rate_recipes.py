"""Recipes that train all of a module, at rates of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Optional

import gin

from hub_estimator.optimization import argument_checks
from hub_estimator.recipes import depth_groups
from hub_estimator.recipes.plan import FineTuningPlan
from hub_estimator.recipes.recipe import Recipe


@gin.register("full_fine_tuning", module="hub_estimator")
class FullFineTuning(Recipe):
  """Everything trains, the module slower than the head.

  With the schedule's rate r(t), each step uses r(t) for the head and m r(t) for
  the module's variables. The module's {"train"} graph is used if it has one,
  and UPDATE_OPS run.
  """

  recipe_name = "full_fine_tuning"

  def __init__(self, module_learning_rate_multiplier: float = 0.1):
    """Holds the setting.

    Args:
      module_learning_rate_multiplier: m, above 0. The head starts from random
        weights and has far to go, the module does not; a tenth is a common
        choice.

    Raises:
      UserError: not a number above 0.
    """
    argument_checks.check_number(
      "full_fine_tuning.module_learning_rate_multiplier",
      module_learning_rate_multiplier,
      0,
      without_low=True,
    )
    self.module_learning_rate_multiplier = module_learning_rate_multiplier

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    return plan.with_variables(
      dataclasses.replace(
        v,
        learning_rate_multiplier=v.learning_rate_multiplier
        * self.module_learning_rate_multiplier,
      )
      for v in plan.module_variables
    )


@gin.register("discriminative_learning_rates", module="hub_estimator")
class DiscriminativeLearningRates(Recipe):
  """The deeper a layer lies below the head, the slower it trains.

  Howard and Ruder, "Universal Language Model Fine-tuning for Text
  Classification", 2018, https://arxiv.org/abs/1801.06146, section 3.2: with the
  rate r of the last layer, the head, layer group l counted from the head down
  trains at

      r_l = r / factor^l,   l = 1 for the module's top group.
  """

  recipe_name = "discriminative_learning_rates"

  def __init__(
    self,
    factor: float = 2.6,
    num_groups: Optional[int] = depth_groups.NUM_GROUPS,
    groups: Optional[Sequence[str]] = None,
  ):
    """Holds the settings.

    Args:
      factor: what the rate is divided by from one group to the one below it, at
        least 1; the paper's, found empirically.
      num_groups: groups of layers are found from the graph, by the depth of
        their variables' first use, and neighbouring depths put together to this
        many groups at most: 4, as the paper's language model has layers. None
        makes a group of each depth; at 2.6 a group, ten are a factor of 14,000.
      groups: regular expressions over the names of the module's variables, one
        for each group, from the input up, in place of depths.

    Raises:
      UserError: an argument of another kind or out of range.
    """
    argument_checks.check_number(f"{self.recipe_name}.factor", factor, 1)
    self.factor = factor
    self.num_groups = num_groups
    self.groups = groups
    self._groups = depth_groups.DepthGroups(
      self.recipe_name, groups, num_groups
    )

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    split = self._groups.split(plan.trained_variables)
    multipliers = {
      v.name: self.factor ** -(len(split) - i)
      for i, group in enumerate(split)
      for v in group
    }
    return plan.with_variables(
      dataclasses.replace(
        v,
        learning_rate_multiplier=v.learning_rate_multiplier
        * multipliers.get(v.name, 1.0),
      )
      for v in plan.module_variables
    )
