"""Checks of the numbers that come from a config."""

from __future__ import annotations

import math
import numbers
from typing import Any

from hub_estimator import errors


def check_number(
  name: str,
  value: Any,
  low: float,
  high: float = math.inf,
  *,
  without_low: bool = False,
  without_high: bool = False,
) -> None:
  """Raises unless a value is a finite number within a range.

  Args:
    name: where the value is set, as Gin spells it: "function.argument".
    value: the value to check.
    low: the least value allowed.
    high: the greatest value allowed.
    without_low: `low` itself is not allowed.
    without_high: `high` itself is not allowed.

  Raises:
    UserTypeError: not a number.
    UserValueError: NaN, infinite, or outside the range.
  """
  if not isinstance(value, numbers.Real) or isinstance(value, bool):
    raise errors.UserTypeError(
      f"`{name}` is a number; got {value!r} ({type(value).__name__})."
    )
  too_low = value <= low if without_low else value < low
  too_high = value >= high if without_high else value > high
  if not math.isfinite(value) or too_low or too_high:
    rule = f"{'more than' if without_low else 'at least'} {low}"
    if math.isfinite(high):
      rule += f" and {'less than' if without_high else 'at most'} {high}"
    raise errors.UserValueError(f"`{name}` is {rule}; got {value!r}.")


def check_count(name: str, value: Any, low: int, what: str) -> None:
  """Raises unless a value is a whole number, at least `low`.

  Args:
    name: where the value is set, as Gin spells it: "function.argument".
    value: the value to check.
    low: the least number allowed.
    what: what is counted, in the plural.

  Raises:
    UserTypeError: not an integer.
    UserValueError: less than `low`.
  """
  if not isinstance(value, numbers.Integral) or isinstance(value, bool):
    raise errors.UserTypeError(
      f"`{name}` is a whole number of {what}; got {value!r} "
      f"({type(value).__name__})."
    )
  if value < low:
    raise errors.UserValueError(
      f"`{name}` is a number of {what} of at least {low}; got {value}."
    )


def check_step_count(name: str, value: Any, low: int) -> None:
  """Raises unless a value is a whole number of steps; see `check_count`."""
  check_count(name, value, low, "training steps")
