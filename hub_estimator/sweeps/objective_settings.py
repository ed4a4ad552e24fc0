"""Reads `sweep.objective` and `sweep.direction`."""

from __future__ import annotations

import re
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.sweeps.records import Objective

# Parts of the names of numbers in results.json of which less is better.
_COSTS = frozenset(("seconds", "secs", "parameters", "bytes"))
_HOW = "a metric's name, or a list of two"


def read_objectives(
  objective: Any, direction: Any
) -> tuple[tuple[Objective, ...], list[str]]:
  """Returns what a study optimizes, and what is wrong in it.

  Args:
    objective: a name, or a list of one or two.
    direction: "auto", "max" or "min", or a list beside a list of names.

  Returns:
    the objectives, and sentences that begin with the parameter's name.
  """
  names = objective if isinstance(objective, (list, tuple)) else [objective]
  problem = _names_problem(objective, names)
  if problem:
    return (), [f"sweep.objective: {problem}"]
  directions = _directions(direction, len(names))
  if directions is None:
    return (), [_direction_problem(direction, names)]
  objectives, problems = [], []
  for name, mode in zip(names, directions):
    try:
      objectives.append(Objective(name, _is_max(name, mode)))
    except errors.UserValueError as error:
      problems.append(f"sweep.direction: {error}")
  return tuple(objectives), problems


def _names_problem(objective: Any, names: list) -> str:
  if not names:
    return f"it is {_HOW}; the list is empty"
  if not all(isinstance(name, str) and name.strip() for name in names):
    return f"it is {_HOW}; got {objective!r}"
  if len(names) > 2:
    return (
      f"a Pareto front is of at most two objectives; got {len(names)}: "
      f"{', '.join(names)}"
    )
  if len(set(names)) < len(names):
    return f"{names[0]!r} is there twice; write it once"
  return ""


def _directions(direction: Any, count: int) -> Optional[list]:
  if isinstance(direction, (list, tuple)):
    return list(direction) if len(direction) == count else None
  # One word for two objectives would hide that one of them is a cost.
  return [direction] * count if count == 1 or direction == "auto" else None


def _direction_problem(direction: Any, names: list[str]) -> str:
  shown = "['max', 'min']" if len(names) > 1 else "'min'"
  return (
    f"sweep.direction: there is one for each of {', '.join(names)}, as in "
    f"{shown}; got {direction!r}"
  )


def _is_max(name: str, mode: Any) -> bool:
  # It imports TensorFlow, and mistakes elsewhere need not wait for that.
  from hub_estimator.hub import metric_direction

  words = set(re.split(r"[^a-z0-9]+", name.lower()))
  if mode == "auto" and words & _COSTS:
    return False
  sign = metric_direction.sign_of(
    name, mode, "sweep.objective", "sweep.direction"
  )
  return sign == 1
