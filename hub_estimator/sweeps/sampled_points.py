"""The points of a search space that are known before the first trial."""

from __future__ import annotations

import itertools
from typing import Any, Optional

from hub_estimator.sweeps.search_space import SearchSpace
from hub_estimator.sweeps.sweep_file import SweepSettings


def num_possible(
  settings: SweepSettings, space: SearchSpace, wanted: Optional[int]
) -> Optional[int]:
  """Returns how many trials a sweep has that wants some number of them.

  A grid has only so many points, and a space of choices only so many that
  random search can draw.

  Args:
    settings: name the sampler.
    space: the search space.
    wanted: trials; None for all of a grid, or as many as the time allows.

  Returns:
    how many; None if time says.
  """
  if settings.sampler == "grid":
    num_points = space.num_points()
    return num_points if wanted is None else min(wanted, num_points)
  if settings.sampler == "random" and wanted is not None:
    return len(fixed_points(settings, space, wanted))
  return wanted


def fixed_points(
  settings: SweepSettings, space: SearchSpace, count: int
) -> list[dict[str, Any]]:
  """Returns the parameters of the first trials, of more of them if `count` is.

  All of a grid and of random search. A sampler that learns starts with random
  points; drawn by each worker for itself, some would be the same.

  Args:
    settings: name the sampler.
    space: the search space.
    count: of trials.
  """
  if settings.sampler == "grid":
    return list(itertools.islice(space.points(), count))
  if settings.sampler != "random":
    count = min(count, settings.startup_trials)
  return space.random_points(count, settings.seed)
