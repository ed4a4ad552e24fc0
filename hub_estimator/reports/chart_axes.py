"""Axes of charts: which numbers stand at them, and where."""

from __future__ import annotations

import math
from typing import NamedTuple


class Axis(NamedTuple):
  """An axis.

  Attributes:
    low: the value at its start.
    high: the value at its end.
    ticks: the values that are written at it.
    is_log: whether equal distances are equal factors.
  """

  low: float
  high: float
  ticks: list[float]
  is_log: bool = False

  def place(self, value: float) -> float:
    """Returns where a value is, from 0 at the start to 1 at the end."""
    low, high = self.low, self.high
    if self.is_log:
      low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def linear_axis(low: float, high: float, num_ticks: int = 5) -> Axis:
  """Returns an axis from and to round numbers.

  Args:
    low: the least value.
    high: the largest value.
    num_ticks: about how many numbers stand at it.
  """
  if high <= low:
    margin = abs(low) / 10 or 1.0
    low, high = low - margin, high + margin
  step = _round_step((high - low) / num_ticks)
  first = math.floor(low / step + 1e-9)
  last = math.ceil(high / step - 1e-9)
  ticks = [number * step for number in range(first, last + 1)]
  return Axis(ticks[0], ticks[-1], ticks)


def log_axis(low: float, high: float) -> Axis:
  """Returns an axis of factors.

  Args:
    low: the least value, above 0.
    high: the largest value.
  """
  first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
  last = max(last, first + 1)
  stride = -(-(last - first) // 6)
  ticks = [10.0**power for power in range(first, last + 1, stride)]
  return Axis(10.0**first, 10.0**last, ticks, is_log=True)


def step_axis(first: int, last: int) -> Axis:
  """Returns an axis that ends with the last step; ticks are whole numbers."""
  last = max(last, first + 1)
  step = max(1.0, _round_step((last - first) / 5))
  start = math.ceil(first / step)
  ticks = [number * step for number in range(start, int(last / step) + 1)]
  return Axis(first, last, ticks)


def _round_step(step: float) -> float:
  """Returns the next of 1, 2, 5 times a power of ten."""
  power = 10.0 ** math.floor(math.log10(step))
  for factor in (1, 2, 5):
    if step <= factor * power * (1 + 1e-9):
      return factor * power
  return 10 * power


def format_tick(value: float) -> str:
  """Returns a value as it stands at an axis."""
  if value == 0:
    return "0"
  if 1e6 > abs(value) >= 1e4:
    return f"{value / 1000:g}k"
  if abs(value) >= 1e6:
    return f"{value / 1e6:g}M" if abs(value) < 1e9 else f"{value:.0e}"
  return f"{value:.6g}" if abs(value) >= 1e-3 else f"{value:.0e}"
