"""Checks of the arguments of `train`."""

from __future__ import annotations

from typing import Any

from hub_estimator import errors


def check_kind(name: str, value: Any, kind: type, example: str) -> None:
  """Raises UserTypeError unless an argument is an object of a class.

  Args:
    name: the argument.
    value: its value.
    kind: the class.
    example: what makes one, as Gin spells it.
  """
  if not isinstance(value, kind):
    raise errors.UserTypeError(
      f"train.{name} = {value!r}: it is an object such as {example} makes; "
      "write the parentheses."
    )


def check_count(name: str, value: Any, least: int = 1) -> None:
  """Raises UserValueError unless an argument is a whole number.

  Args:
    name: the argument.
    value: its value.
    least: the smallest number that is allowed.
  """
  if not isinstance(value, int) or isinstance(value, bool) or value < least:
    raise errors.UserValueError(
      f"train.{name} = {value!r}: it is a whole number of at least {least}."
    )
