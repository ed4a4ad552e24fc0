"""Checks of arguments that several pipelines have."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

from hub_estimator import errors

_LARGEST_COUNT = 2**31 - 1
LABEL_KINDS = ("class", "multi_label", "regression")


def check_count(
  owner: str, name: str, value: Any, low: int = 1, high: int = _LARGEST_COUNT
) -> None:
  """Raises unless a value is a whole number within a range.

  Args:
    owner: the Gin configurable, for the message.
    name: its parameter.
    value: what was given.
    low: the least that is allowed.
    high: the largest that is allowed.
  """
  if (
    not isinstance(value, numbers.Integral)
    or isinstance(value, bool)
    or not low <= value <= high
  ):
    raise errors.UserValueError(
      f"`{owner}.{name}` is a whole number from {low} to {high}; got {value!r}."
    )


def check_fraction(owner: str, name: str, value: Any) -> None:
  """Raises unless a value is a number from 0 to 1."""
  if (
    not isinstance(value, numbers.Real)
    or isinstance(value, bool)
    or not 0 <= value <= 1
  ):
    raise errors.UserValueError(
      f"`{owner}.{name}` is a number from 0 to 1; got {value!r}."
    )


def check_choice(
  owner: str, name: str, value: Any, choices: Sequence[Any]
) -> None:
  """Raises unless a value is one of those there are."""
  if value not in choices:
    raise errors.UserValueError(
      f"There is no `{owner}.{name} = {value!r}`. There are "
      f"{', '.join(map(repr, choices))}."
    )


def did_you_mean(name: str, names: Iterable[str]) -> str:
  """Returns " Did you mean 'x'?" for a name close to one there is, or ""."""
  close = difflib.get_close_matches(name, list(names), n=1)
  return f" Did you mean {close[0]!r}?" if close else ""


def did_you_mean_aside(name: str, names: Iterable[str]) -> str:
  """Returns as `did_you_mean`, for the middle of a sentence."""
  question = did_you_mean(name, names).strip()
  return f" ({question[0].lower()}{question[1:]})" if question else ""


def check_label_kind(owner: str, label_kind: Any) -> None:
  """Raises unless the argument `label_kind` is a kind of labels, or None."""
  if label_kind is not None and label_kind not in LABEL_KINDS:
    raise errors.UserValueError(
      f"There is no `{owner}.label_kind = {label_kind!r}`. There are "
      f"{', '.join(map(repr, LABEL_KINDS))}, and None to tell from the labels."
    )
