"""The points of a search space that are known before the first trial."""

from __future__ import annotations

import itertools
from typing import Any

from hub_estimator.sweeps.search_space import SearchSpace
from hub_estimator.sweeps.sweep_file import SweepSettings


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
