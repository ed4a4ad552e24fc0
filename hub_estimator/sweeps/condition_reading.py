"""Reads the 'when' of entries of `sweep.search_space`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from hub_estimator.sweeps.conditions import Value, When
from hub_estimator.sweeps.entry_reading import shown
from hub_estimator.sweeps.parameters import ChoiceParameter, Parameter
from hub_estimator.training import gin_problems


def read_condition(
  name: str,
  data: Any,
  parameters: Mapping[str, Parameter],
  names: Sequence[str],
) -> tuple[Optional[When], list[str]]:
  """Returns the condition of a parameter.

  Args:
    name: of the parameter.
    data: what stands behind 'when'.
    parameters: those of the search space in which nothing is wrong, by name.
    names: of all parameters, in their order.

  Returns:
    the condition, None if something is wrong with it or with a parameter that
    it names; what is wrong with it, in sentences.
  """
  if type(data) is not dict:
    return None, [
      "'when' is a dict from a parameter to the choices of it with which this "
      f"one is there, {{'RECIPE': @l2_sp()}}; got {shown(data)}"
    ]
  when: dict[str, tuple[Value, ...]] = {}
  problems = []
  for other, wanted in data.items():
    problem = _name_problem(name, other, parameters, names)
    parameter = parameters.get(other)
    if not problem and isinstance(parameter, ChoiceParameter):
      when[other], problem = _values(parameter, wanted)
    if problem:
      problems.append(problem)
  return (None if len(when) < len(data) or problems else when), problems


def _name_problem(
  name: str,
  other: Any,
  parameters: Mapping[str, Parameter],
  names: Sequence[str],
) -> str:
  if other == name:
    return "'when' names the parameter itself"
  if other not in names:
    known = [known for known in names if known != name]
    return (
      f"'when' names {shown(other)}, which is no parameter of the search space"
      f"{gin_problems.did_you_mean(str(other), known)}"
    )
  if names.index(other) > names.index(name):
    return (
      f"'when' names {other}, which comes later: write {other} before {name}"
    )
  # What is wrong with one that is not there has been said.
  if not isinstance(parameters.get(other), (ChoiceParameter, type(None))):
    return (
      f"'when' names {other}, which is a range: a condition is on a parameter "
      "with choices"
    )
  return ""


def _values(
  parameter: ChoiceParameter, data: Any
) -> tuple[tuple[Value, ...], str]:
  values = {_key(c.data): c.value for c in parameter.choices}
  # A list that is itself a choice means that choice.
  is_any_of = type(data) is list and _key(data) not in values
  wanted = data if is_any_of else [data]
  if not wanted:
    return (), f"'when' can never hold: it lists no choice of {parameter.name}"
  unknown = [item for item in wanted if _key(item) not in values]
  if unknown:
    return (), (
      f"'when' wants {parameter.name} to be {', '.join(map(shown, unknown))}, "
      "which is none of its choices; there are: "
      f"{', '.join(choice.text for choice in parameter.choices)}"
    )
  return tuple(dict.fromkeys(values[_key(item)] for item in wanted)), ""


def _key(data: Any) -> Any:
  """Returns what is equal for values that are the same choice."""
  if type(data) in (int, float):
    return ("number", data)
  return ("text", shown(data))
