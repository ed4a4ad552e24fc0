"""Head2Toe: a linear probe on features of all of a module's outputs."""

from __future__ import annotations

import dataclasses
from typing import Optional

import gin

from hub_estimator import errors
from hub_estimator.optimization import argument_checks
from hub_estimator.recipes.plan import FineTuningPlan
from hub_estimator.recipes.recipe import Recipe
from hub_estimator.recipes.subset_recipes import freeze


@dataclasses.dataclass(frozen=True)
class FeatureSelection:
  """How features are pooled and chosen; see `Head2Toe`.

  Attributes:
    target_size: how many numbers of each output are kept at most.
    keep_fraction: the part of all features that is kept.
    group_lasso: the factor of the group lasso in the selection's loss.
    selection_steps: training steps of the selection; None for TRAIN_STEPS.
    selection_learning_rate: the rate of its Adam optimizer.
  """

  target_size: int
  keep_fraction: float
  group_lasso: float
  selection_steps: Optional[int]
  selection_learning_rate: float


@gin.register("head2toe", module="hub_estimator")
class Head2Toe(Recipe):
  """Head2Toe: the head sees all outputs of the signature, and a choice of them.

  Evci, Dumoulin, Larochelle and Mozer, "Head2Toe: Utilizing Intermediate
  Representations for Better Transfer Learning", 2022,
  https://arxiv.org/abs/2201.03529. The outputs h_1, h_2, … that the signature
  offers (its endpoints) are average-pooled to at most `target_size` numbers
  each, scaled to unit norm and joined to a vector h. A linear head W on all of
  h is trained with a group lasso, each feature i a group:

      min_W  L(W h) + lambda sum_i s_i,    s_i = sqrt(sum_j W_ij^2)

  The `keep_fraction` of features with the largest s_i are kept, and the head is
  trained anew on these. The module stays as it is; its features are cached.

  Which features were kept is saved in the checkpoint and, with their s_i, in
  `selected_features.json` of the run's folder.
  """

  recipe_name = "head2toe"
  needs_trained_module = False

  def __init__(
    self,
    target_size: int = 512,
    keep_fraction: float = 0.1,
    group_lasso: float = 0.001,
    selection_steps: Optional[int] = None,
    selection_learning_rate: float = 0.01,
    cache_dir: Optional[str] = None,
  ):
    """Holds the settings.

    Args:
      target_size: numbers of each output to keep at most. An output of more
        than two dimensions is averaged over windows of its inner dimensions, so
        that their number times that of its channels fits.
      keep_fraction: the part of features to keep, above 0 to 1. The paper
        chooses it for each data set by validation; to be swept.
      group_lasso: lambda, at least 0; to be swept, too.
      selection_steps: training steps of the head that selects; TRAIN_STEPS if
        None.
      selection_learning_rate: the learning rate of its Adam optimizer.
      cache_dir: the features' cache; see `feature_extraction`.

    Raises:
      UserError: an argument of another kind or out of range.
    """
    place = self.recipe_name
    argument_checks.check_number(f"{place}.target_size", target_size, 1)
    argument_checks.check_number(
      f"{place}.keep_fraction", keep_fraction, 0, 1, without_low=True
    )
    argument_checks.check_number(f"{place}.group_lasso", group_lasso, 0)
    argument_checks.check_number(
      f"{place}.selection_learning_rate",
      selection_learning_rate,
      0,
      without_low=True,
    )
    if selection_steps is not None:
      argument_checks.check_step_count(
        f"{place}.selection_steps", selection_steps, 1
      )
    self.target_size = target_size
    self.keep_fraction = keep_fraction
    self.group_lasso = group_lasso
    self.selection_steps = selection_steps
    self.selection_learning_rate = selection_learning_rate
    self.cache_dir = cache_dir

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`.

    Raises:
      UserValueError: the head trains at changing rates, which is another
        recipe's doing.
    """
    if plan.stages[1:]:
      raise errors.UserValueError(
        f"{self.recipe_name} trains the head alone, and another recipe of the "
        "list makes stages of the run: leave one of them out."
      )
    return dataclasses.replace(
      freeze(plan, lambda v: True),
      caches_features=True,
      feature_cache_dir=self.cache_dir or plan.feature_cache_dir,
      selection=FeatureSelection(
        self.target_size,
        self.keep_fraction,
        self.group_lasso,
        self.selection_steps,
        self.selection_learning_rate,
      ),
    )
