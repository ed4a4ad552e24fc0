"""The module's variables in groups by depth, from the input up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hub_estimator import errors
from hub_estimator.optimization import argument_checks
from hub_estimator.recipes import variable_patterns
from hub_estimator.recipes.plan import PlannedVariable
from hub_estimator.recipes.recipe import list_names

# The layers of the language model that Howard and Ruder fine-tune: embeddings
# and three LSTMs.
NUM_GROUPS = 4


class DepthGroups:
  """How a recipe splits a module into groups: by depth, or by names."""

  def __init__(
    self,
    recipe_name: str,
    groups: Optional[Sequence[str]],
    num_groups: Optional[int],
  ):
    """Holds the settings.

    Args:
      recipe_name: for messages.
      groups: a regular expression for each group, from the input up; a variable
        belongs to the first that its name matches. None goes by depth.
      num_groups: how many groups of neighbouring depths to make at most; None
        for one group a depth. Not used with `groups`.

    Raises:
      UserError: an argument of another kind or out of range.
    """
    self._name = recipe_name
    self._patterns = None
    if groups is not None:
      self._patterns = variable_patterns.compile_patterns(
        f"{recipe_name}.groups", groups
      )
      if not self._patterns:
        raise errors.UserValueError(
          f"{recipe_name}.groups = []: give a regular expression for each "
          "group, or None to group by depth."
        )
    if num_groups is not None:
      argument_checks.check_number(f"{recipe_name}.num_groups", num_groups, 1)
    self._num_groups = num_groups

  def split(
    self, variables: Sequence[PlannedVariable]
  ) -> list[tuple[PlannedVariable, ...]]:
    """Splits variables into groups, from the input up.

    Variables that the signature does not use get no gradient, and are put into
    the lowest group.

    Raises:
      UserValueError: a variable that no expression of `groups` matches, or an
        expression that no variable matches.
    """
    if self._patterns is not None:
      return self._split_by_name(variables)
    depths = sorted({v.depth for v in variables if v.depth is not None})
    if not depths:
      return [tuple(variables)] if variables else []
    count = min(self._num_groups or len(depths), len(depths))
    # What does not divide evenly goes to the lowest group: the layers near the
    # head are the ones worth telling apart.
    size = len(depths) // count
    surplus = len(depths) - size * count
    group_of = {
      depth: max(0, (i - surplus) // size) for i, depth in enumerate(depths)
    }
    found: list[list[PlannedVariable]] = [[] for _ in range(count)]
    for v in variables:
      found[0 if v.depth is None else group_of[v.depth]].append(v)
    return [tuple(group) for group in found]

  def _split_by_name(self, variables):
    place = f"{self._name}.groups"
    variable_patterns.matching_names(place, self._patterns, variables)
    found = [[] for _ in self._patterns]
    left = []
    for v in variables:
      for group, pattern in zip(found, self._patterns):
        if pattern.search(v.name):
          group.append(v)
          break
      else:
        left.append(v.name)
    if left:
      raise errors.UserValueError(
        f"{place}: no expression matches {list_names(left)}: each trainable "
        "variable of the module belongs to a group; '.*' as the last takes the "
        "rest."
      )
    return [tuple(group) for group in found]
