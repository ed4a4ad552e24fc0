"""Reads a sweep file: Gin that binds `sweep.*` and nothing else.

Nothing of it is bound in Gin: the references in a search space are choices of
other bindings, and making them here would make their objects.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hub_estimator.sweeps import repeated_keys
from hub_estimator.sweeps.sweep_settings import CheckedSettings, SweepSettings
from hub_estimator.training import (
  gin_internals,
  gin_problems,
  gin_reading,
  gin_resolution,
  gin_values,
)

__all__ = ["SweepSettings", "read_sweep_file"]

SELECTOR = "hub_estimator.sweep"
_BELONGS = "it belongs into the config, the sweep file says only how it varies"


def read_sweep_file(
  path: os.PathLike, gin_params: Sequence[str] = ()
) -> SweepSettings:
  """Returns the settings that a sweep file binds.

  The configurables that the search space refers to must have been imported:
  the config is parsed first. Gin's bindings stay as they are.

  Args:
    path: of the Gin file, looked for as the files of a config are.
    gin_params: bindings that override it, each like `sweep.num_trials = 3`.

  Raises:
    GinConfigError: with all problems: the file is missing, syntax, names that
      do not exist, bindings that belong into the config, what is wrong in the
      search space and the other settings.
  """
  reader = gin_reading.ConfigReader(import_modules=False)
  reader.read_file(os.fspath(path))
  for text in gin_params:
    reader.read_param(text)
  problems = [
    *reader.problems,
    *(
      f"{path}: import {module}: {_BELONGS}; whoever runs the config of a "
      "trial needs the import, too"
      for module in reader.modules
    ),
  ]
  own, foreign = _split(reader.statements)
  problems += foreign
  problems += _repeated_key_problems(own)
  bindings, unresolved = gin_resolution.resolve(own, " in the config")
  macros = _Macros(bindings)
  settings = [b for b in bindings.values() if not b.is_macro]
  values = {b.parameter: macros.expanded(b.value) for b in settings}
  # Where a macro is missing, that is the problem, and not the value.
  known = {
    name: value
    for name, value in values.items()
    if not any(map(_is_macro, gin_values.iterate_leaves(value)))
  }
  places = {b.parameter: b.place for b in settings}
  problems += unresolved
  problems += macros.unused()
  problems += CheckedSettings(known, places).problems
  if not reader.problems:
    problems += _missing(list(values), path)
  if problems:
    raise gin_problems.GinConfigError(problems)
  return SweepSettings(**values)


def _split(
  statements: Sequence[gin_reading.Statement],
) -> tuple[list[gin_reading.Statement], list[str]]:
  """Returns what binds `sweep.*` and macros, and why the rest is refused."""
  own, problems = [], []
  for statement in statements:
    found = gin_internals.find_configurables(statement.selector)
    if not statement.parameter:
      own.append(statement)
    elif found != [SELECTOR]:
      match = gin_problems.nearest(statement.selector, ["sweep"])
      hint = f"; did you mean sweep.{statement.parameter}?" if match else ""
      problems.append(f"{statement.place}: {statement.name}: {_BELONGS}{hint}")
    elif statement.scope:
      problems.append(
        f"{statement.place}: {statement.name}: a sweep has no scopes; write "
        f"sweep.{statement.parameter}"
      )
    else:
      own.append(statement)
  return own, problems


def _repeated_key_problems(
  statements: Sequence[gin_reading.Statement],
) -> list[str]:
  """Returns which parameters of a search space are there twice."""
  problems = []
  for statement in statements:
    path, _, line = statement.place.rpartition(":")
    if not (line.isdigit() and os.path.isfile(path)):
      continue  # Of the command line.
    with open(path, encoding="utf-8") as file:
      text = "".join(file.readlines()[int(line) - 1 :])
    problems += [
      f"{path}:{int(line) + below - 1}: {statement.name}: {key} is there twice;"
      " keep one"
      for below, key in repeated_keys.repeated_keys(text)
    ]
  return problems


class _Macros:
  """The macros of a sweep file."""

  def __init__(self, bindings: gin_resolution.Bindings):
    self._bindings = {b.scope: b for b in bindings.values() if b.is_macro}
    self._used: set[str] = set()

  def expanded(self, value: Any, outer: tuple[str, ...] = ()) -> Any:
    """Returns a value with macros replaced by theirs, as far as there are."""

    def replaced(leaf: Any) -> Any:
      # One that is defined by itself has been reported.
      if not _is_macro(leaf) or leaf.name in outer:
        return leaf
      self._used.add(leaf.name)
      binding = self._bindings.get(leaf.name)
      if binding is None:
        return leaf
      return self.expanded(binding.value, (*outer, leaf.name))

    return gin_values.map_value(value, replaced)

  def unused(self) -> list[str]:
    """Returns why the macros that no setting uses are refused."""
    return [
      f"{binding.place}: {name}: no setting of the sweep uses this macro; a "
      "macro of the config belongs into the config"
      for name, binding in self._bindings.items()
      if name not in self._used
    ]


def _is_macro(leaf: Any) -> bool:
  return isinstance(leaf, gin_values.Macro)


def _missing(names: Sequence[str], path: os.PathLike) -> list[str]:
  """Returns what is not bound, unless one of the names is it misspelt."""
  examples = {
    "search_space": "{'MODULE_HANDLE': ['path/a', 'path/b']}",
    "objective": "'accuracy'",
  }
  return [
    f"{path}: sweep.{name} is missing: write sweep.{name} = {example}"
    for name, example in examples.items()
    if gin_problems.nearest(name, names) is None
  ]
