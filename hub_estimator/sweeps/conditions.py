"""Conditions with which a parameter is there, and the values of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
  from hub_estimator.sweeps.parameters import Parameter

# What Optuna holds of a parameter.
Value = Union[None, bool, int, float, str]
# Name of a parameter -> those of its values with which the condition holds.
When = Mapping[str, tuple[Value, ...]]


def holds(when: When, params: Mapping[str, Value]) -> bool:
  """Returns whether a condition holds with the values of other parameters."""
  return all(
    name in params and params[name] in values for name, values in when.items()
  )


def all_conditions(
  parameter: Parameter, parameters: Sequence[Parameter]
) -> When:
  """Returns a parameter's condition with those of the parameters it names.

  Returns:
    name -> the values with which all of them hold; some have none if they can
    never hold.
  """
  by_name = {other.name: other for other in parameters}
  found: dict[str, tuple[Value, ...]] = {}
  open_conditions = [parameter.when]
  while open_conditions:
    for name, values in open_conditions.pop().items():
      found[name] = tuple(v for v in found.get(name, values) if v in values)
      if name in by_name:
        open_conditions.append(by_name[name].when)
  return found
