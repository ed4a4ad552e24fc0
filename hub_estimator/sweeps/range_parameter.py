"""A parameter of a search space with a range of numbers."""

from __future__ import annotations

import dataclasses
import decimal
import math
import random
from typing import TYPE_CHECKING, Any, Optional, Union

from hub_estimator import errors
from hub_estimator.sweeps.conditions import Value, When
from hub_estimator.training.gin_resolution import value_text

if TYPE_CHECKING:
  import optuna

_MOST_GRID_VALUES = 100_000


@dataclasses.dataclass(frozen=True)
class RangeParameter:
  """A parameter with a range of numbers.

  Attributes:
    name: of the macro or binding.
    low: the least value.
    high: the greatest value, if `step` hits it.
    is_integer: whether the values are integers.
    log: whether values are drawn and spread by their logarithm.
    step: between neighbouring values; None for a range without gaps.
    num: how many points of it are on a grid; None if `step` says it.
    when: the condition; empty if the parameter is always there.
  """

  name: str
  low: Union[int, float]
  high: Union[int, float]
  is_integer: bool
  log: bool = False
  step: Union[None, int, float] = None
  num: Optional[int] = None
  when: When = dataclasses.field(default_factory=dict)

  @property
  def is_numeric(self) -> bool:
    """Whether all values are numbers."""
    return True

  @property
  def _num_steps(self) -> int:
    low, high, step = map(_decimal, (self.low, self.high, self.step or 1))
    return int((high - low) / step)

  @property
  def top(self) -> Union[int, float]:
    """The greatest value that is hit."""
    if self.step is None:
      return self.high
    return self._stepped(self._num_steps)

  @property
  def num_values(self) -> Optional[int]:
    """How many values there are; None if without end."""
    if self.step is None and not self.is_integer:
      return None
    return self._num_steps + 1

  @property
  def ends(self) -> tuple[Value, ...]:
    """The least and the greatest value."""
    return (self.low, self.top)

  @property
  def fits_a_step(self) -> bool:
    """Whether `step` is not larger than the range."""
    return self._num_steps > 0

  @property
  def grid_size(self) -> int:
    """How many values are on a grid."""
    if self.step is not None:
      return self._num_steps + 1
    # Integers that are close by their logarithm can be the same.
    return len(self.grid_values())

  @property
  def grid_problem(self) -> str:
    """Why a grid cannot be made of it; "" if it can."""
    num_points = self.num
    if self.step is not None:
      num_points = self.grid_size
    if num_points is not None:
      if num_points <= _MOST_GRID_VALUES:
        return ""
      return (
        f"{num_points} points of the range from {self.low!r} to {self.high!r} "
        f"are too many for a grid, which takes up to {_MOST_GRID_VALUES}"
      )
    ways = "'num': N for N points of it"
    if not self.log:
      ways = f"'step': the distance between its points, or {ways}"
    return (
      f"the range from {self.low!r} to {self.high!r} has no points for a grid:"
      f" add {ways}"
    )

  def grid_values(self) -> tuple[Value, ...]:
    """Returns the values on a grid, from low to high.

    Raises:
      UserValueError: neither `step` nor `num` is set.
    """
    if self.grid_problem:
      raise errors.UserValueError(f"{self.name}: {self.grid_problem}")
    if self.step is not None:
      return tuple(self._stepped(i) for i in range(self._num_steps + 1))
    last = self.num - 1
    values = [self._between(i / last) for i in range(1, last)]
    if not self.is_integer:
      # 0.3 rather than 0.30000000000000004.
      values = [self._inside(float(f"{value:.12g}")) for value in values]
    return tuple(dict.fromkeys([self.low, *values, self.high]))

  def all_values(self) -> tuple[Value, ...]:
    """Returns all values of a range that has an end of them."""
    if self.step is None:
      return tuple(range(self.low, self.high + 1))
    return self.grid_values()

  def _stepped(self, index: int) -> Union[int, float]:
    value = _decimal(self.low) + index * _decimal(self.step)
    return int(value) if self.is_integer else float(value)

  def _between(self, fraction: float) -> Union[int, float]:
    """Returns what lies at a fraction of the way from low to high."""
    if self.log:
      low, high = math.log(self.low), math.log(self.high)
      value = math.exp(low + fraction * (high - low))
    else:
      # Not low + fraction * (high - low), which can overflow.
      value = (1 - fraction) * self.low + fraction * self.high
    return self._inside(math.floor(value + 0.5) if self.is_integer else value)

  def _inside(self, value: Union[int, float]) -> Union[int, float]:
    return min(max(value, self.low), self.high)

  def draw(self, generator: random.Random) -> Value:
    """Returns a random value."""
    fraction = generator.random()
    if self.num_values is None or self.log:
      return self._between(fraction)
    index = int(fraction * self.num_values)
    return self.low + index if self.step is None else self._stepped(index)

  def text(self, value: Value) -> str:
    """Returns what a Gin file says for a value.

    Raises:
      UserValueError: it is not within the range.
    """
    is_number = type(value) in (int, float)
    if not is_number or not self.low <= self._snapped(value) <= self.high:
      raise errors.UserValueError(
        f"{self.name} = {value!r} is outside the range of the search space: "
        f"{self.low!r} to {self.high!r}"
      )
    return value_text(self._snapped(value))

  def _snapped(self, value: Union[int, float]) -> Union[int, float]:
    """Returns the value with which Optuna's differs by rounding alone."""
    if self.is_integer:
      return int(value)
    if self.step is None:
      return float(value)
    steps = (_decimal(float(value)) - _decimal(self.low)) / _decimal(self.step)
    return self._stepped(round(steps))

  def suggest(self, trial: optuna.Trial) -> Value:
    """Returns the value that an Optuna trial takes."""
    suggest_fn = trial.suggest_int if self.is_integer else trial.suggest_float
    value = suggest_fn(self.name, self.low, self.top, **self._spacing())
    return self._snapped(value)

  def distribution(self) -> optuna.distributions.BaseDistribution:
    """Returns Optuna's description of the parameter."""
    from optuna import distributions

    kind = distributions.FloatDistribution
    if self.is_integer:
      kind = distributions.IntDistribution
    return kind(self.low, self.top, **self._spacing())

  def _spacing(self) -> dict[str, Any]:
    step = 1 if self.is_integer and self.step is None else self.step
    return {"log": self.log, "step": step}

  def to_json(self) -> dict[str, Any]:
    """Returns what tells the parameter from others, but for its condition."""
    return {
      "name": self.name,
      "low": self.low,
      "high": self.high,
      "integer": self.is_integer,
      "log": self.log,
      "step": self.step,
      "num": self.num,
    }


def _decimal(number: Union[int, float]) -> decimal.Decimal:
  # 0.1 is one tenth here, as it was written, and not the double next to it.
  return decimal.Decimal(repr(number))
