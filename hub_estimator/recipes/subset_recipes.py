"""Recipes that train a part of a module, or nothing of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Callable, Optional

import gin

from hub_estimator import errors
from hub_estimator.recipes import variable_patterns
from hub_estimator.recipes.plan import FineTuningPlan, PlannedVariable
from hub_estimator.recipes.recipe import Recipe, list_names


@gin.register("feature_extraction", module="hub_estimator")
class FeatureExtraction(Recipe):
  """The module stays as it is, in inference mode; the head trains.

  With the module f and the head's weights v, training minimizes L(v^T f(x))
  over v alone: a linear probe, unless the head has hidden layers (Kornblith et
  al., "Do Better ImageNet Models Transfer Better?", 2019,
  https://arxiv.org/abs/1805.08974, compares it with fine-tuning).
  """

  recipe_name = "feature_extraction"
  needs_trained_module = False

  def __init__(
    self, cache_features: bool = False, cache_dir: Optional[str] = None
  ):
    """Holds the settings.

    Args:
      cache_features: whether every example passes through the module once:
        f(x) of all splits is written to a cache on disk, by what the module,
        the preprocessing and the data are, and training and evaluation read it.
        Other runs, with other heads, reuse it. The checkpoint still predicts
        from raw inputs and holds the module. Not together with augmentation.
      cache_dir: the cache's folder; None for HUB_ESTIMATOR_FEATURE_CACHE or
        ~/.cache/hub_estimator/features.
    """
    self.cache_features = cache_features
    self.cache_dir = cache_dir

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    return dataclasses.replace(
      freeze(plan, lambda v: True),
      caches_features=plan.caches_features or self.cache_features,
      feature_cache_dir=self.cache_dir or plan.feature_cache_dir,
    )


@gin.register("bias_only", module="hub_estimator")
class BiasOnly(Recipe):
  """BitFit: of the module only the biases train.

  Ben Zaken et al., "BitFit: Simple Parameter-efficient Fine-tuning for
  Transformer-based Masked Language-models", 2022,
  https://arxiv.org/abs/2106.10199: with f(x) = W x + b, b trains and W stays.
  Biases are variables of rank 1 that are added to activations, and the offsets
  of normalizations, as in the paper; what counts is told from the graph, and
  listed by --dry_run.
  """

  recipe_name = "bias_only"

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    return _keep(self.recipe_name, plan, lambda v: v.is_bias, "bias")


@gin.register("normalization_only", module="hub_estimator")
class NormalizationOnly(Recipe):
  """Of the module only the scales and offsets of normalizations train.

  Frankle et al., "Training BatchNorm and Only BatchNorm", 2021,
  https://arxiv.org/abs/2003.00152, shows how much they can do by themselves:
  y = gamma (x - mean) / sqrt(variance + epsilon) + beta, of which gamma and
  beta train. Batch norm's statistics are updated as the module's author wished.
  """

  recipe_name = "normalization_only"

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    return _keep(
      self.recipe_name,
      plan,
      lambda v: v.is_normalization,
      "scale or offset of a normalization",
    )


@gin.register("variable_selection", module="hub_estimator")
class VariableSelection(Recipe):
  """Names of the module's variables say which of them train."""

  recipe_name = "variable_selection"

  def __init__(
    self,
    train: Optional[Sequence[str]] = None,
    freeze: Sequence[str] = (),  # noqa: A002 - the setting's plain name.
  ):
    """Holds the settings.

    Args:
      train: regular expressions, searched in the names: variables that match
        none of them stay as they are. None for all.
      freeze: regular expressions: variables that match one of them stay as they
        are, whatever `train` says.

    Raises:
      UserError: something that is no list of regular expressions.
    """
    self.train = train
    self.freeze = freeze
    self._train = None
    if train is not None:
      self._train = variable_patterns.compile_patterns(
        f"{self.recipe_name}.train", train
      )
    self._freeze = variable_patterns.compile_patterns(
      f"{self.recipe_name}.freeze", freeze
    )

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`.

    Raises:
      UserValueError: an expression that matches no trainable variable.
    """
    kept = {v.name for v in plan.module_variables}
    if self._train is not None:
      kept = set().union(
        *variable_patterns.matching_names(
          f"{self.recipe_name}.train", self._train, plan.module_variables
        )
      )
    kept -= set().union(
      *variable_patterns.matching_names(
        f"{self.recipe_name}.freeze", self._freeze, plan.module_variables
      )
    )
    return freeze(plan, lambda v: v.name not in kept)


def freeze(
  plan: FineTuningPlan, is_frozen: Callable[[PlannedVariable], bool]
) -> FineTuningPlan:
  """Returns a plan in which some variables never train."""
  return plan.with_variables(
    dataclasses.replace(v, first_step=None) if is_frozen(v) else v
    for v in plan.module_variables
  )


def _keep(name, plan, is_kept, what) -> FineTuningPlan:
  if plan.module_variables and not any(map(is_kept, plan.module_variables)):
    names = [v.name for v in plan.module_variables]
    raise errors.UserValueError(
      f"{name} trains each {what} of the module, and none of its trainable "
      f"variables is one: {list_names(names)}. Choose them by name with "
      "@variable_selection()."
    )
  return freeze(plan, lambda v: not is_kept(v))
