"""Points of a search space: on its grid, at random, and at its ends.

A point is a dict: name of a parameter -> value, without the parameters whose
conditions do not hold.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from hub_estimator.sweeps.conditions import (
  Value,
  When,
  all_conditions,
  holds,
)
from hub_estimator.sweeps.parameters import Parameter

Point = dict[str, Value]

# So many equal points in a row, and what is left is listed, or given up.
_MOST_REPEATS = 500
_MOST_LISTED_POINTS = 20000
_MOST_REPEATS_WITHOUT_END = 20000


def iterate_points(
  parameters: Sequence[Parameter],
  values_fn: Callable[[Parameter], Sequence[Value]],
) -> Iterator[Point]:
  """Yields all points; the values of later parameters vary fastest.

  Args:
    parameters: in their order.
    values_fn: parameter -> its values.
  """

  values = [values_fn(parameter) for parameter in parameters]

  def extended(index: int, point: Point) -> Iterator[Point]:
    if index == len(parameters):
      yield point
    elif holds(parameters[index].when, point):
      for value in values[index]:
        yield from extended(index + 1, {**point, parameters[index].name: value})
    else:
      yield from extended(index + 1, point)

  yield from extended(0, {})


def count_points(
  parameters: Sequence[Parameter],
  values_fn: Callable[[Parameter], Sequence[Value]],
  size_fn: Callable[[Parameter], Optional[int]],
) -> Optional[int]:
  """Returns the number of points, without making them.

  Args:
    parameters: in their order.
    values_fn: parameter with choices -> its values.
    size_fn: parameter -> the number of its values; None for without end.

  Returns:
    the number; None if there is no end.
  """
  used_later = [
    frozenset(name for later in parameters[i + 1 :] for name in later.when)
    for i in range(len(parameters))
  ]

  @functools.cache
  def count(index: int, chosen: frozenset) -> Optional[int]:
    if index == len(parameters):
      return 1
    parameter, needed = parameters[index], used_later[index]
    point = dict(chosen)
    kept = frozenset(item for item in chosen if item[0] in needed)
    if not holds(parameter.when, point):
      return count(index + 1, kept)
    if parameter.name not in needed:
      size, rest = size_fn(parameter), count(index + 1, kept)
      return None if size is None or rest is None else size * rest
    counts = [
      count(index + 1, kept | {(parameter.name, value)})
      for value in values_fn(parameter)
    ]
    return None if None in counts else sum(counts)

  return count(0, frozenset())


def random_points(
  parameters: Sequence[Parameter], count: int, seed: int
) -> list[Point]:
  """Returns random points, no two of them equal.

  Every parameter is drawn by itself, uniformly over its choices or its range
  (over the logarithm if the range says so). The first points of a longer list
  are those of a shorter one.

  Args:
    parameters: in their order.
    count: how many.
    seed: of the draws.

  Returns:
    the points; fewer than `count` if there are no others.
  """
  generator = random.Random(seed)
  num_points = count_points(
    parameters, lambda p: p.grid_values(), lambda p: p.num_values
  )
  points: list[Point] = []
  seen: set[tuple] = set()
  repeats = 0
  while len(points) < count and len(points) != num_points:
    if repeats == _MOST_REPEATS and _is_short(num_points):
      points += _remaining(parameters, seen, generator)
      break
    if repeats == _MOST_REPEATS_WITHOUT_END and num_points is None:
      break  # A range so narrow that its numbers are used up.
    point = _random_point(parameters, generator)
    key = tuple(point.items())
    repeats = repeats + 1 if key in seen else 0
    if key not in seen:
      seen.add(key)
      points.append(point)
  return points[:count]


def _is_short(num_points: Optional[int]) -> bool:
  return num_points is not None and num_points <= _MOST_LISTED_POINTS


def _random_point(
  parameters: Sequence[Parameter], generator: random.Random
) -> Point:
  point: Point = {}
  for parameter in parameters:
    if holds(parameter.when, point):
      point[parameter.name] = parameter.draw(generator)
  return point


def _remaining(
  parameters: Sequence[Parameter], seen: set, generator: random.Random
) -> list[Point]:
  left = [
    point
    for point in iterate_points(parameters, lambda p: p.all_values())
    if tuple(point.items()) not in seen
  ]
  return sorted(left, key=lambda _: generator.random())


def structural_points(
  parameters: Sequence[Parameter], limit: int
) -> list[Point]:
  """Returns a point for each combination of what is not only a number.

  Args:
    parameters: in their order. One with numbers alone, on which no condition
      depends, is at its first or least value.
    limit: the most points.
  """
  names = structural_names(parameters)

  def values(parameter: Parameter) -> Sequence[Value]:
    return parameter.ends if parameter.name in names else parameter.ends[:1]

  return list(itertools.islice(iterate_points(parameters, values), limit))


def structural_names(parameters: Sequence[Parameter]) -> tuple[str, ...]:
  """Returns the parameters that are more than a number.

  Those with choices that are no numbers, and those on which conditions depend.
  """
  conditions = {name for parameter in parameters for name in parameter.when}
  return tuple(
    parameter.name
    for parameter in parameters
    if not parameter.is_numeric or parameter.name in conditions
  )


def extreme_points(parameters: Sequence[Parameter]) -> list[Point]:
  """Returns few points that hold every choice and both ends of every range."""
  missing = {p.name: list(p.ends) for p in parameters}
  points = []
  for parameter in parameters:
    while missing[parameter.name]:
      allowed = dict(all_conditions(parameter, parameters))
      allowed[parameter.name] = tuple(missing[parameter.name][:1])
      point = _point_with_new_values(parameters, allowed, missing)
      for name, value in point.items():
        missing[name] = [v for v in missing[name] if v != value]
      points.append(point)
  return points


def _point_with_new_values(
  parameters: Sequence[Parameter],
  allowed: When,
  missing: dict[str, list[Value]],
) -> Point:
  point: Point = {}
  for parameter in parameters:
    if holds(parameter.when, point):
      values = allowed.get(parameter.name, parameter.ends)
      new = [value for value in values if value in missing[parameter.name]]
      point[parameter.name] = [*new, *values][0]
  return point
