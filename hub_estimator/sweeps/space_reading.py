"""Reads the value of `sweep.search_space` into parameters."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from hub_estimator.sweeps.condition_reading import read_condition
from hub_estimator.sweeps.conditions import all_conditions
from hub_estimator.sweeps.entry_reading import read_entry, shown
from hub_estimator.sweeps.parameters import Parameter
from hub_estimator.training import gin_internals

_PATH = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_NAME = re.compile(f"({_PATH}/)*{_PATH}")


class SpaceReader:
  """Makes parameters of plain data, and collects what is wrong.

  Attributes:
    problems: sentences.
    parameters: those in which nothing is wrong, in their order.
  """

  def __init__(self, place: str):
    """Starts empty.

    Args:
      place: where the search space was written, "sweep.gin:3"; or "".
    """
    self.problems: list[str] = []
    self.parameters: list[Parameter] = []
    prefix = f"{place}: " if place else ""
    self._prefix = f"{prefix}sweep.search_space"

  def read(self, space: Any) -> None:
    """Reads a search space."""
    if type(space) is not dict:
      self._problem(
        "",
        "it is a dict from names of macros and bindings to choices and ranges, "
        f"{{'NAME': [1, 2]}}; got {shown(space)}",
      )
      return
    if not space:
      self._problem(
        "",
        "it is empty: name what to vary, "
        "{'MODULE_HANDLE': ['path/a', 'path/b']}",
      )
    entries = {n: entry for n, entry in space.items() if self._is_name(n)}
    self._check_same(list(entries))
    by_name = {}
    for name, entry in entries.items():
      parameter, problems = read_entry(name, entry)
      for problem in problems:
        self._problem(name, problem)
      if parameter is not None:
        by_name[name] = parameter
    self.parameters = self._with_conditions(entries, by_name)

  def _problem(self, name: str, sentence: str) -> None:
    where = f"[{name!r}]" if name else ""
    self.problems.append(f"{self._prefix}{where}: {sentence}")

  def _is_name(self, name: Any) -> bool:
    if isinstance(name, str) and _NAME.fullmatch(name):
      return True
    self._problem(
      "",
      f"{shown(name)} is not the name of a macro or binding; names are texts "
      "such as 'LEARNING_RATE' and 'l2_sp.alpha'",
    )
    return False

  def _check_same(self, names: list[str]) -> None:
    by_key: dict[Any, str] = {}
    for name in names:
      other = by_key.setdefault(_binding_key(name), name)
      if other != name:
        self._problem(name, f"{other} is the same binding: keep one of the two")

  def _with_conditions(
    self, entries: dict[str, Any], by_name: dict[str, Parameter]
  ) -> list[Parameter]:
    found = dict(by_name)
    for name, entry in entries.items():
      if type(entry) is not dict or "when" not in entry:
        continue
      when, problems = read_condition(
        name, entry["when"], by_name, list(entries)
      )
      for problem in problems:
        self._problem(name, problem)
      if when is not None and name in found:
        found[name] = dataclasses.replace(found[name], when=when)
    parameters = list(found.values())
    for parameter in parameters:
      for other, values in all_conditions(parameter, parameters).items():
        if not values:
          self._problem(
            parameter.name,
            "'when' can never hold: the conditions of this parameter and of "
            f"those that it names leave no choice of {other}",
          )
    return parameters


def _binding_key(name: str) -> Any:
  """Returns what is equal for names of the same binding."""
  path, _, parameter = name.rpartition(".")
  scope, _, selector = path.rpartition("/")
  found = gin_internals.find_configurables(selector) if selector else []
  return (scope, found[0], parameter) if len(found) == 1 else name
