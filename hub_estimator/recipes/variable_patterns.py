"""Regular expressions over the names of a module's variables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hub_estimator import errors
from hub_estimator.optimization import argument_checks
from hub_estimator.recipes.plan import PlannedVariable
from hub_estimator.recipes.recipe import list_names


def compile_patterns(place: str, patterns: Any) -> tuple[re.Pattern, ...]:
  """Compiles regular expressions of a config.

  Args:
    place: where they are set, as Gin spells it.
    patterns: a list of strings.

  Raises:
    UserTypeError: something else.
    UserValueError: a string that is no regular expression.
  """
  argument_checks.check_patterns(place, patterns)
  return tuple(re.compile(pattern) for pattern in patterns)


def matching_names(
  place: str,
  patterns: Sequence[re.Pattern],
  variables: Sequence[PlannedVariable],
) -> list[set[str]]:
  """Returns the names that each pattern is found in.

  Raises:
    UserValueError: a pattern that no name matches; it lists the names.
  """
  found = [
    {v.name for v in variables if pattern.search(v.name)}
    for pattern in patterns
  ]
  for pattern, names in zip(patterns, found):
    if not names:
      raise errors.UserValueError(
        f"{place}: {pattern.pattern!r} matches none of the module's trainable "
        f"variables: {list_names([v.name for v in variables], 20)}."
      )
  return found
