"""Variable groups: what is trained together, at one learning rate."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hub_estimator import errors
from hub_estimator.optimization import argument_checks

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

# What TensorFlow takes as part of a variable's name.
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\-]*(/[A-Za-z0-9_.\-]+)*")


@dataclasses.dataclass(frozen=True)
class VariableGroup:
  """Variables with an optimizer of their own.

  Attributes:
    name: such as "head" or "module/1"; no two groups of a graph share it. It
      enters the names of the optimizer's variables that belong to no single
      variable (Adam's powers of beta), and of summaries, so that a checkpoint
      fits another graph with other groups beside this one.
    variables: what is trained; each in one group only.
    learning_rate_multiplier: factor on the schedule's learning rate, at least
      0.

  Raises:
    UserTypeError, UserValueError: an attribute is of the wrong kind or out of
      range.
  """

  name: str
  variables: tuple[tf.Variable, ...]
  learning_rate_multiplier: float = 1.0

  def __post_init__(self):
    if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
      raise errors.UserValueError(
        f"`VariableGroup.name` is a name such as 'head' or 'module/1': "
        f"letters, digits and any of _ . - /; got {self.name!r}."
      )
    argument_checks.check_number(
      "VariableGroup.learning_rate_multiplier",
      self.learning_rate_multiplier,
      0,
    )
    object.__setattr__(self, "variables", _expand(self.variables))


def check_groups(groups: Sequence[VariableGroup]) -> None:
  """Raises UserValueError if two groups share a name or a variable."""
  problems = []
  names = set()
  group_of = {}
  for group in groups:
    if group.name in names:
      problems.append(f"two groups have the name {group.name!r}")
    names.add(group.name)
    for variable in group.variables:
      # Variables do not always hash: by identity.
      other = group_of.setdefault(id(variable), group.name)
      if other != group.name:
        problems.append(
          f"the variable {variable.name!r} is in {other!r} and in "
          f"{group.name!r}"
        )
  if problems:
    raise errors.UserValueError(
      "Variable groups have names of their own, and each variable is in one of "
      f"them, but {'; '.join(problems)}."
    )


def _expand(variables: Iterable[tf.Variable]) -> tuple[tf.Variable, ...]:
  """Returns the variables, those that are partitioned as their parts."""
  expanded = []
  for variable in variables:
    # A PartitionedVariable is iterable in its own way, and is no Variable.
    parts = getattr(variable, "_get_variable_list", None)
    expanded += parts() if parts else [variable]
  return tuple(expanded)
