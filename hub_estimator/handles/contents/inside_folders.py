"""Finding what was meant inside of a folder that was given in its place."""

from __future__ import annotations

import os
from typing import Optional

from hub_estimator.file_formats import files
from hub_estimator.handles import local_modules
from hub_estimator.handles.contents import (
  first_bytes,
  module_parts,
  saved_model_kinds,
)

# Of a large folder, only its beginning is looked at.
_NUM_FILES = 20
_NUM_FOLDERS = 100
_NUM_REMOTE_FOLDERS = 10
_NUM_NAMED = 5


def describe(path: str, names: list[str]) -> Optional[str]:
  """Returns what to say of a folder with modules below it, or None.

  Args:
    path: the folder.
    names: the names in it.
  """
  folders = _folders(path, names)
  return (
    _run_or_exports(path, names, folders)
    or _modules(folders)
    or _saved_models(folders)
    or _modules_of_folders(folders)
  )


def describe_model_file(path: str, names: list[str]) -> Optional[str]:
  """Returns what to say of a folder with a model of another format, or None."""
  archive = None
  for name in names[:_NUM_FILES]:
    file_path = os.path.join(path, name)
    head = first_bytes.read(file_path)
    kind = None if head is None else first_bytes.kind_of(head)
    if kind is None:
      continue
    if kind.is_model:
      return kind.sentence(f"Its {name}")
    if kind.is_archive and archive is None:
      archive = kind.sentence(f"Its {name}")
  return archive


def listed(paths: list[str], word: str) -> str:
  """Returns "a, b or c" of paths, the first few of many."""
  if len(paths) > _NUM_NAMED:
    return f"{', '.join(paths[:_NUM_NAMED])} {word} others"
  if len(paths) == 1:
    return paths[0]
  return f"{', '.join(paths[:-1])} {word} {paths[-1]}"


def _folders(path: str, names: list[str]) -> list[str]:
  limit = _NUM_FOLDERS if files.is_local(path) else _NUM_REMOTE_FOLDERS
  paths = [os.path.join(path, name) for name in names[:limit]]
  return [path for path in paths if files.is_folder(path)]


def _names(path: str) -> list[str]:
  try:
    return files.names(path)
  except OSError:
    return []


def _run_or_exports(
  path: str, names: list[str], folders: list[str]
) -> Optional[str]:
  """Returns what to say of a run's folder, or of its folder `export`."""
  what, inside = "a run's exports", [f for f in folders if _holds_exports(f)]
  if not inside and "export" in names:
    exports = os.path.join(path, "export")
    inside = _folders(exports, _names(exports))
    what, inside = "a run", [f for f in inside if _holds_exports(f)] or inside
  if not inside:
    return None
  return f"It is the folder of {what}: give {listed(inside, 'or')}."


def _holds_exports(folder: str) -> bool:
  try:
    return any(
      local_modules.module_names(os.path.join(folder, export))
      for export in local_modules.exports(folder)
    )
  except OSError:
    return False


def _modules(folders: list[str], depth: str = "one level") -> Optional[str]:
  found = [folder for folder in folders if module_parts.is_module(folder)]
  if not found:
    return None
  there_are = (
    "There is a module"
    if len(found) == 1
    else f"There are {len(found)} modules"
  )
  return f"{there_are} {depth} down: give {listed(found, 'or')}."


def _modules_of_folders(folders: list[str]) -> Optional[str]:
  inner = [
    path for folder in folders for path in _folders(folder, _names(folder))
  ]
  return _modules(inner, "two levels")


def _saved_models(folders: list[str]) -> Optional[str]:
  for folder in folders:
    if saved_model_kinds.is_told(folder):
      return (
        f"There is no module one level down, but {folder}. "
        f"{saved_model_kinds.describe(folder, 'That')}"
      )
  return None
