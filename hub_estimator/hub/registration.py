"""Marking the modules of a graph that an exporter is to write."""

from __future__ import annotations

import re

from hub_estimator import errors
from hub_estimator.hub.module import Module
from hub_estimator.tf_compat import tf

_COLLECTION = ("hub_estimator", "registered_modules")
_COLUMNS_COLLECTION = ("hub_estimator", "registered_modules_of_columns")

# One path component that needs no quoting in a shell and cannot leave the
# export's folder.
_NAME_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")


def register_module_for_export(module: Module, export_name: str) -> None:
  """Marks a module for export by `LatestModuleExporter`.

  To be called from a model_fn, in PREDICT mode at least.

  Args:
    module: the module.
    export_name: the name of its folder in an export: letters, digits, "_", "-"
      and ".", not starting with "." or "-"; unique in the graph.

  Raises:
    ValueError: a name of another form, or one that is registered already.
  """
  if not _NAME_PATTERN.match(export_name):
    raise errors.UserValueError(
      f"export_name {export_name!r} is not the name of a folder: use letters, "
      "digits, '_', '-' and '.', and start with a letter, a digit or '_'."
    )
  graph = module.graph
  registered = dict(graph.get_collection(_COLLECTION))
  if export_name in registered:
    raise errors.UserValueError(
      f"There is already a module registered to be exported as "
      f"{export_name!r}. Registered names: {sorted(registered)}."
    )
  graph.add_to_collection(_COLLECTION, (export_name, module))


def register_module_of_column(module: Module, key: str) -> None:
  """Marks the module of a feature column for export.

  It is exported under the column's key, with "_" for what no name of a folder
  can have; names that `register_module_for_export` was or will be given come
  first, and a number is added where the name is taken.
  """
  name = re.sub(r"[^A-Za-z0-9_.\-]", "_", key)
  if not _NAME_PATTERN.match(name):
    name = f"_{name}"
  module.graph.add_to_collection(_COLUMNS_COLLECTION, (name, module))


def registered_modules(graph: tf.Graph) -> dict[str, Module]:
  """Returns {export name: module} of a graph."""
  modules = dict(graph.get_collection(_COLLECTION))
  for base, module in graph.get_collection(_COLUMNS_COLLECTION):
    name, number = base, 0
    while name in modules:
      number += 1
      name = f"{base}_{number}"
    modules[name] = module
  return modules
