"""Named evaluation sets: further splits, which a model never trains on.

Which classes there are, the other splits say: with other evaluation sets, a
model stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from hub_estimator import errors
from hub_estimator.inputs.example_source import WHOLE

_Value = TypeVar("_Value")

# The names of splits and parts that are no evaluation sets.
_RESERVED = ("train", "eval", "test", WHOLE)
# They become names of folders.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_evaluation_sets(owner: str, evaluation_sets: Any) -> dict[str, Any]:
  """Returns the argument `evaluation_sets` as a dict, {} for None.

  Args:
    owner: the Gin configurable that has the argument, for messages.
    evaluation_sets: name -> path.

  Raises:
    UserTypeError: it is no dict from names.
    UserValueError: a name that is taken, or that is no name.
  """
  if evaluation_sets is None:
    return {}
  if not isinstance(evaluation_sets, Mapping) or not all(
    isinstance(name, str) for name in evaluation_sets
  ):
    raise errors.UserTypeError(
      f"`{owner}.evaluation_sets` is a dict from names to paths, such as "
      f"{{'hard': 'hard.csv'}}; got {evaluation_sets!r}."
    )
  for name in evaluation_sets:
    if name in _RESERVED:
      raise errors.UserValueError(
        f"`{owner}.evaluation_sets` has the name {name!r}, which is that of a "
        f"split: {', '.join(map(repr, _RESERVED))} are taken. Give it another."
      )
    if not _NAME.fullmatch(name):
      raise errors.UserValueError(
        f"`{owner}.evaluation_sets` has the name {name!r}: names are of "
        "letters, digits, '_', '-' and '.', and begin with a letter or digit."
      )
  return dict(evaluation_sets)


def binding_of(owner: str, name: str) -> str:
  """Returns the Gin binding of an evaluation set, for messages."""
  return f"{owner}.evaluation_sets[{name!r}]"


def is_evaluation_set(part: str) -> bool:
  """Returns whether a split or part of a source is a named evaluation set."""
  return part not in _RESERVED


def without_sets(parts: Mapping[str, _Value]) -> dict[str, _Value]:
  """Returns the parts of a source that say which classes there are."""
  return {n: part for n, part in parts.items() if not is_evaluation_set(n)}
