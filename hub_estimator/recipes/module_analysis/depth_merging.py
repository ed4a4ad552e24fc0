"""The trainable variables of a module in groups by depth, from the input up."""

from __future__ import annotations

from typing import Optional

from hub_estimator.recipes.module_analysis.analysis import ModuleAnalysis


def depth_groups(
  analysis: ModuleAnalysis, num_groups: Optional[int] = 4
) -> list[list[str]]:
  """Splits the trainable variables that a signature uses into groups by depth.

  Args:
    analysis: of the module.
    num_groups: how many groups of neighbouring depths to make at most, of as
      many depths each as can be; what does not divide evenly goes to the lowest
      group. None for one group a depth.

  Returns:
    names of variables in the module, a list for each group, from the input up.
  """
  used = [v for v in analysis.trainable_variables if v.depth is not None]
  depths = sorted({v.depth for v in used})
  if not depths:
    return []
  count = min(num_groups or len(depths), len(depths))
  size = len(depths) // count
  surplus = len(depths) - size * count
  groups: list[list[str]] = [[] for _ in range(count)]
  for v in used:
    groups[max(0, (depths.index(v.depth) - surplus) // size)].append(v.name)
  return groups
