"""The search space of a sweep: what is varied, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Optional

from hub_estimator import errors
from hub_estimator.sweeps import points, space_reading
from hub_estimator.sweeps.conditions import Value, all_conditions, holds
from hub_estimator.sweeps.parameters import ChoiceParameter, Parameter
from hub_estimator.sweeps.points import Point
from hub_estimator.training import gin_problems

if TYPE_CHECKING:
  import optuna

HANDLE_NAME = "MODULE_HANDLE"


@dataclasses.dataclass(frozen=True)
class SearchSpace:
  """What is varied in a sweep.

  A *point* of it is a dict: name of a parameter -> value, without the
  parameters whose conditions do not hold. Values are what Optuna holds: None,
  bools, numbers and text; a reference or list is its Gin text.

  Attributes:
    parameters: in the order in which they are written.
  """

  parameters: tuple[Parameter, ...]

  @classmethod
  def parse(cls, value: Any, place: str = "") -> SearchSpace:
    """Reads the value of `sweep.search_space`.

    Args:
      value: plain data as Gin's reader gives it, nothing evaluated: a dict
        from names of macros and bindings to a list of choices, or a dict with
        'choices', or with 'low', 'high', 'log', 'step' and 'num'; with 'when'
        in such a dict for a condition.
      place: where it was written, for messages.

    Raises:
      GinConfigError: with all problems.
    """
    reader = space_reading.SpaceReader(place)
    reader.read(value)
    if reader.problems:
      raise gin_problems.GinConfigError(reader.problems)
    return cls(tuple(reader.parameters))

  @property
  def names(self) -> tuple[str, ...]:
    """Of the parameters, in their order."""
    return tuple(parameter.name for parameter in self.parameters)

  @property
  def handle_name(self) -> Optional[str]:
    """MODULE_HANDLE if modules are varied, None otherwise."""
    return HANDLE_NAME if HANDLE_NAME in self.names else None

  @property
  def structural_names(self) -> tuple[str, ...]:
    """Parameters that are more than a number.

    Those with choices that are no numbers, and those on which conditions
    depend.
    """
    return points.structural_names(self.parameters)

  def parameter(self, name: str) -> Parameter:
    """Returns a parameter.

    Raises:
      UserKeyError: there is none with this name.
    """
    for parameter in self.parameters:
      if parameter.name == name:
        return parameter
    hint = gin_problems.did_you_mean(name, self.names)
    raise errors.UserKeyError(f"{name} is not in the search space{hint}")

  def suggest(self, trial: optuna.Trial) -> Point:
    """Returns the point that an Optuna trial takes."""
    point: Point = {}
    for parameter in self.parameters:
      if holds(parameter.when, point):
        point[parameter.name] = parameter.suggest(trial)
    return point

  def bindings(self, params: Mapping[str, Value]) -> tuple[str, ...]:
    """Returns "NAME = value" in Gin text of each parameter, in their order.

    Args:
      params: a point, or the `params` of an Optuna trial.

    Raises:
      UserKeyError: a name that is not in the space.
      UserValueError: a value that is not in the space.
    """
    for name in params:
      self.parameter(name)
    return tuple(
      f"{parameter.name} = {parameter.text(params[parameter.name])}"
      for parameter in self.parameters
      if parameter.name in params
    )

  def distributions(
    self, params: Mapping[str, Value]
  ) -> dict[str, optuna.distributions.BaseDistribution]:
    """Returns Optuna's descriptions of the parameters of a point.

    Args:
      params: the point.
    """
    return {name: self.parameter(name).distribution() for name in params}

  def grid_problems(self) -> list[str]:
    """Returns what keeps the points of a grid from being made: sentences."""
    return [
      f"sweep.search_space[{parameter.name!r}]: {parameter.grid_problem}"
      for parameter in self.parameters
      if parameter.grid_problem
    ]

  def points(self) -> Iterator[Point]:
    """Returns all points of the grid; later parameters vary fastest.

    Raises:
      GinConfigError: ranges have neither 'step' nor 'num', or too many points.
    """
    self._check_grid()
    return points.iterate_points(self.parameters, lambda p: p.grid_values())

  def num_points(self) -> int:
    """Returns how many points the grid has, without making them.

    Raises:
      GinConfigError: ranges have neither 'step' nor 'num', or too many points.
    """
    self._check_grid()
    return points.count_points(
      self.parameters,
      lambda p: p.grid_values(),
      lambda p: p.grid_size,
    )

  def _check_grid(self) -> None:
    problems = self.grid_problems()
    if problems:
      raise gin_problems.GinConfigError(problems)

  def random_points(self, count: int, seed: int) -> list[Point]:
    """Returns random points, no two of them equal.

    The first points of a longer list are those of a shorter one.

    Args:
      count: how many.
      seed: of the draws.

    Returns:
      the points; fewer than `count` if the space has no others.
    """
    return points.random_points(self.parameters, count, seed)

  def structural_points(self, limit: int) -> list[Point]:
    """Returns a point for each combination of the structural parameters.

    The others are at their first or least value.

    Args:
      limit: the most points.
    """
    return points.structural_points(self.parameters, limit)

  def extreme_points(self) -> list[Point]:
    """Returns few points that hold every choice and both ends of ranges."""
    return points.extreme_points(self.parameters)

  def without(self, name: str, values: Container[Value]) -> SearchSpace:
    """Returns the space with some choices of a parameter left out.

    Parameters whose conditions can then no longer hold are left out with them.

    Args:
      name: of a parameter with choices.
      values: those to leave out.

    Raises:
      UserKeyError: there is no such parameter.
      UserValueError: no choice is left.
    """
    parameter = self.parameter(name)
    assert isinstance(parameter, ChoiceParameter)
    kept = tuple(c for c in parameter.choices if c.value not in values)
    if not kept:
      raise errors.UserValueError(
        f"sweep.search_space[{name!r}]: none of its {len(parameter.choices)} "
        "choices is left"
      )
    left: list[Parameter] = []
    names: set[str] = set()
    for other in self.parameters:
      if other.name == name:
        other = dataclasses.replace(other, choices=kept)
      elif name in other.when:
        left_values = tuple(v for v in other.when[name] if v not in values)
        other = dataclasses.replace(
          other, when={**other.when, name: left_values}
        )
      conditions = all_conditions(other, left)
      if all(conditions.values()) and names.issuperset(conditions):
        left.append(other)
        names.add(other.name)
    return SearchSpace(tuple(left))

  def to_json(self) -> dict[str, Any]:
    """Returns what tells the space from others, as JSON has it."""
    return {
      "parameters": [
        {**parameter.to_json(), "when": self._when_json(parameter)}
        for parameter in self.parameters
      ]
    }

  def _when_json(self, parameter: Parameter) -> dict[str, list[str]]:
    return {
      name: [self.parameter(name).text(value) for value in values]
      for name, values in parameter.when.items()
    }
