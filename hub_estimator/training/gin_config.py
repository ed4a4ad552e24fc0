"""The configuration of a run: Gin files and bindings, checked as a whole.

A configuration has one injection root (`train`); every other object is passed
to it by reference, so what a run uses is found by following references, before
anything is built. Nothing here imports TensorFlow, unless a configuration
imports a module that does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hub_estimator.training import (
  gin_checks,
  gin_effective,
  gin_internals,
  gin_problems,
  gin_reachability,
  gin_reading,
  gin_resolution,
  gin_values,
)

GinConfigError = gin_problems.GinConfigError

# What the last `parse_config` bound: key → (Gin's value, the binding). Gin
# keeps no places; a value that is another object was bound by other code.
_PARSED: dict[tuple[str, str, str], tuple[Any, gin_values.Binding]] = {}
_MODULES: list[str] = []


def parse_config(
  gin_files: Sequence[os.PathLike],
  gin_params: Sequence[str] = (),
  keep_orphans: bool = False,
) -> None:
  """Replaces Gin's bindings by those of files and `--gin_param` texts.

  Later files override earlier ones, and `gin_params` override all files. A
  file, and what it includes, is looked for in the folder of the including
  file, in the working directory and in the `configs` folder that comes with
  the package. Modules that files import are imported. Gin's configuration is
  not locked.

  Args:
    gin_files: Paths of Gin files.
    gin_params: Bindings, each like `TRAIN_STEPS = 300`.
    keep_orphans: Whether what was bound for a configurable stays when the only
      reference to it is replaced. Without, a config that replaces `@X()` of a
      file that it includes need not know what that file binds for X.

  Raises:
    GinConfigError: With all problems found: files that are missing, syntax,
      modules that cannot be imported, names of configurables, parameters and
      macros that do not exist. Nothing is bound then.
  """
  gin_internals.clear()
  _PARSED.clear()
  _MODULES.clear()
  bindings, modules = _read(gin_files, gin_params, keep_orphans)
  for key, binding in bindings.items():
    _PARSED[key] = (gin_internals.bind(binding), binding)
  _MODULES.extend(modules)


def check_files(
  gin_files: Sequence[os.PathLike], gin_params: Sequence[str] = ()
) -> None:
  """Checks that all files are there and that Gin can read them.

  Nothing is imported, looked up or bound: a command calls this before it
  imports TensorFlow for the configurables that `parse_config` looks up.

  Raises:
    GinConfigError: With all files that are missing and all syntax errors.
  """
  reader = _read_sources(gin_files, gin_params, import_modules=False)
  if reader.problems:
    raise GinConfigError(reader.problems)


def check_config(root: str = "train", allow_unused: bool = False) -> None:
  """Checks what is bound, without building anything.

  Args:
    root: Selector of the configurable that the command calls. Parameters that
      the command passes itself belong in the `denylist` of its registration.
    allow_unused: Whether bindings may have no effect: a config that several
      runs share may bind what only some of them use.

  Raises:
    GinConfigError: With all problems: macros and parameters in use that are
      still `%gin.REQUIRED`, parameters without value or default, macros and
      bindings that nothing reached from the root uses, objects that need
      themselves.
  """
  problems = gin_checks.find_problems(_reachable(root), root, allow_unused)
  if problems:
    raise GinConfigError(problems)


def unused_bindings(root: str = "train") -> dict[str, str]:
  """Returns the left side of each binding without effect → what is wrong.

  Args:
    root: As in `check_config`.
  """
  return gin_checks.unused_problems(_reachable(root), root, [])


def effective_config(root: str = "train") -> dict[str, str]:
  """Returns the value of every parameter that a run from `root` uses.

  Returns:
    Sorted dict `scope/selector.parameter` → Gin text, with the shortest
    selector, and a scope only where the configuration binds in it. Macros are
    replaced by their values, references stay (`@X()`), parameters not bound
    have their default; a default without Gin text is left out.

  Raises:
    GinConfigError: A value was bound from Python that no Gin text can spell.
  """
  return gin_effective.effective_config(_reachable(root))


def effective_config_of_file(
  path: os.PathLike, root: str = "train"
) -> dict[str, str]:
  """Returns `effective_config` of a Gin file; what is bound now stays.

  Raises:
    GinConfigError: As from `parse_config`.
  """
  bindings, _ = _read([path], ())
  reachable = gin_reachability.Reachable(bindings, root)
  return gin_effective.effective_config(reachable)


def config_differences(old: dict[str, str], new: dict[str, str]) -> list[str]:
  """Returns lines like `train.train_steps: 300 there, 500 here`.

  Args:
    old: Effective configuration "there" (of a run folder).
    new: Effective configuration "here" (of this command).
  """
  return gin_effective.differences(old, new)


def operative_config_text(header: str = "", root: str = "train") -> str:
  """Returns the text of a Gin file that alone gives the same run.

  Imports first, then macros (kept as macros), then every configurable in use
  with its bindings and its defaults. It includes no other file.

  Args:
    header: Lines for the top, written as comments.
    root: As in `check_config`.

  Raises:
    GinConfigError: As from `effective_config`.
  """
  return gin_effective.operative_config_text(_reachable(root), _MODULES, header)


def whole_config_text(header: str = "") -> str:
  """Returns the text of a Gin file that binds all that is bound now.

  Unlike `operative_config_text` with what no run uses, and without defaults: a
  run that adds a binding may use other parts of it. It includes no other file.

  Args:
    header: Lines for the top, written as comments.

  Raises:
    GinConfigError: As from `effective_config`.
  """
  return gin_effective.whole_config_text(_bindings(), _MODULES, header)


def bound_texts() -> dict[str, str]:
  """Returns the left side of each binding → the Gin text of its value.

  Raises:
    GinConfigError: As from `effective_config`.
  """
  return gin_effective.bound_texts(_bindings())


def _read(
  gin_files: Sequence[os.PathLike],
  gin_params: Sequence[str],
  keep_orphans: bool = False,
) -> tuple[gin_resolution.Bindings, list[str]]:
  reader = _read_sources(gin_files, gin_params, import_modules=True)
  bindings, problems = gin_resolution.resolve(
    reader.statements, keep_orphans=keep_orphans
  )
  problems = [*reader.problems, *problems]
  if problems:
    raise GinConfigError(problems)
  return bindings, reader.modules


def _read_sources(
  gin_files: Sequence[os.PathLike],
  gin_params: Sequence[str],
  import_modules: bool,
) -> gin_reading.ConfigReader:
  reader = gin_reading.ConfigReader(import_modules)
  for name in gin_files:
    reader.read_file(os.fspath(name))
  for text in gin_params:
    reader.read_param(text)
  return reader


def _reachable(root: str) -> gin_reachability.Reachable:
  return gin_reachability.Reachable(_bindings(), root)


def _bindings() -> gin_resolution.Bindings:
  bindings = {}
  for key, value in gin_internals.bound_values():
    parsed_value, binding = _PARSED.get(key, (None, None))
    if binding is None or parsed_value is not value:
      place = "gin.bind_parameter"
      binding = gin_values.Binding(*key, gin_internals.from_gin(value), place)
    bindings[key] = binding
  return bindings
