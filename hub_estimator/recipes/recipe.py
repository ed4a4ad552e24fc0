"""The interface of a recipe, and how several of them make one plan."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

from hub_estimator import errors
from hub_estimator.recipes.plan import FineTuningPlan, PlannedVariable

if TYPE_CHECKING:
  from hub_estimator.recipes.run_settings import RunSettings

_LISTED = 5


class Recipe(abc.ABC):
  """A way to fine-tune: a change of the plan, chosen in a config.

  `RECIPE` is one of them or a list; each changes the plan that the ones before
  it made. The plan they start from trains all that `TRAINABLE` says, from the
  first step, at the schedule's rate.

  Attributes:
    needs_trained_module: whether the recipe means nothing if the module stays
      as it is.
  """

  needs_trained_module = True

  @property
  def name(self) -> str:
    """What it is called in configs."""
    return getattr(type(self), "recipe_name", type(self).__name__)

  def choose_settings(self, settings: RunSettings) -> RunSettings:
    """Returns the settings of the run that the recipe stands for.

    Called before anything else looks at them; most recipes have no say here.
    """
    return settings

  @abc.abstractmethod
  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """Returns the plan with the recipe's change.

    Raises:
      UserValueError: the recipe does not fit the module or the run.
    """

  def describe(self) -> str:
    """Returns the recipe with its settings, for results and the dry run."""
    settings = ", ".join(
      f"{key} = {value!r}"
      for key, value in sorted(vars(self).items())
      if not key.startswith("_")
    )
    return f"{self.name}({settings})"


def as_recipes(value: Any) -> tuple[Recipe, ...]:
  """Returns a config's value for RECIPE as a tuple of recipes.

  Raises:
    UserTypeError: something else than a recipe or a list of recipes.
  """
  values = value if isinstance(value, (list, tuple)) else [value]
  for item in values:
    if not isinstance(item, Recipe):
      raise errors.UserTypeError(
        f"RECIPE = {value!r}: it is a recipe such as "
        "@discriminative_learning_rates(), with its parentheses, or a list of "
        "recipes; [] for none."
      )
  return tuple(values)


def create_plan(
  recipes: Union[Recipe, Sequence[Recipe]],
  module_variables: Sequence[PlannedVariable],
  train_steps: int,
) -> FineTuningPlan:
  """Lets recipes write a plan, one after the other.

  Args:
    recipes: one or several.
    module_variables: the module's trainable variables, as they train without
      recipes; none if the module is not trained.
    train_steps: the global step to train to.

  Raises:
    UserValueError: recipes that do not go together, or not with the module.
  """
  recipes = as_recipes(recipes)
  plan = FineTuningPlan(train_steps, tuple(module_variables))
  names = [recipe.name for recipe in recipes]
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice:
    raise errors.UserValueError(
      f"RECIPE = [{', '.join(names)}] has {', '.join(twice)} more than once: a "
      "recipe is applied once."
    )
  for recipe in recipes:
    plan = recipe.apply(plan)
  _check_there_is_something_to_do(recipes, plan)
  return plan


def _check_there_is_something_to_do(recipes, plan) -> None:
  """Raises for recipes that change nothing because the module is frozen."""
  if plan.trained_variables:
    return
  without = [r.name for r in recipes if r.needs_trained_module]
  if not without:
    return
  freezing = [r.name for r in recipes if not r.needs_trained_module]
  if not plan.module_variables:
    why = "the module is not trained: set TRAINABLE = True"
  elif plan.late_variables:
    why = (
      "no variable of the module has its turn before step "
      f"{plan.train_steps} (TRAIN_STEPS): train longer, or let them start "
      "earlier"
    )
  elif freezing:
    why = f"{', '.join(freezing)} freezes the module: leave one of them out"
  else:
    why = "none of the module's variables is left to train"
  raise errors.UserValueError(
    f"RECIPE: {', '.join(without)} says how the module is trained, and {why}."
  )


def list_names(names: Sequence[str], limit: int = _LISTED) -> str:
  """Joins names, the first few of many."""
  more = len(names) - limit
  return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")
