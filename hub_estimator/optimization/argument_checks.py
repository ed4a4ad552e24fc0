"""Checks of the numbers that come from a config."""

from __future__ import annotations

import math
import numbers
import re
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


def check_patterns(name: str, value: Any) -> None:
  """Raises unless a value is a list of regular expressions.

  Args:
    name: where the value is set, as Gin spells it: "function.argument".
    value: the value to check.

  Raises:
    UserTypeError: not a list or tuple of strings.
    UserValueError: a string that is no regular expression.
  """
  if not isinstance(value, (list, tuple)) or not all(
    isinstance(pattern, str) for pattern in value
  ):
    raise errors.UserTypeError(
      f"`{name}` is a list of regular expressions, [] for none; got {value!r}."
    )
  problems = []
  for pattern in value:
    try:
      re.compile(pattern)
    except re.error as error:
      problems.append(f"{pattern!r}: {error}")
  if problems:
    raise errors.UserValueError(
      f"`{name}` is a list of regular expressions, but {'; '.join(problems)}."
    )
