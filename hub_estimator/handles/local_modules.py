"""Modules in folders: a module's own, and those of a run's exports."""

from __future__ import annotations

import os
from typing import Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles.contents.module_parts import MODULE_DEF_FILE


def module_folder(path: str, export_name: Optional[str] = None) -> str:
  """Returns the folder of the module that a folder holds.

  Args:
    path: a module's folder, or a folder in which a `LatestModuleExporter`
      writes (`<model_dir>/export/tf_hub`), of which the newest export is
      meant.
    export_name: which module of such an export; needed only if there are
      several.

  Returns:
    the module's folder; `path` itself if it is no export folder.

  Raises:
    ValueError: an export of several modules and no `export_name`, or one that
      it does not have.
  """
  if files.exists(os.path.join(path, MODULE_DEF_FILE)):
    return path
  for export in reversed(exports(path)):
    folder = os.path.join(path, export)
    names = module_names(folder)
    if not names:
      continue
    if export_name is None and len(names) > 1:
      raise errors.UserValueError(
        f"{path} holds {len(names)} modules and none is named: give one of "
        f"{', '.join(os.path.join(folder, name) for name in names)}."
      )
    if export_name is not None and export_name not in names:
      raise errors.UserValueError(
        f"The newest export in {path} has no module {export_name!r}: it has "
        f"{', '.join(names)}."
      )
    return os.path.join(folder, export_name or names[0])
  return path


def exports(folder: str) -> list[str]:
  """Returns the names of a folder's exports (unix seconds), oldest first."""
  if not files.is_folder(folder):
    return []
  return [
    name
    for name in files.names(folder)
    if len(name) == 10
    and name.isdigit()
    and files.is_folder(os.path.join(folder, name))
  ]


def module_names(export_folder: str) -> list[str]:
  """Returns the names of the modules in one export, sorted."""
  return [
    name
    for name in files.names(export_folder)
    if files.exists(os.path.join(export_folder, name, MODULE_DEF_FILE))
  ]
