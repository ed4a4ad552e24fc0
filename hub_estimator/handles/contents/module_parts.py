"""Parts of modules that are given for the module, and what is left of one."""

from __future__ import annotations

import os
from typing import Optional

from hub_estimator.file_formats import files, saved_model_outline

MODULE_DEF_FILE = "tfhub_module.pb"
SAVED_MODEL_FILE = "saved_model.pb"
SAVED_MODEL_TEXT_FILE = "saved_model.pbtxt"
VARIABLES_FOLDER = "variables"
ASSETS_FOLDER = "assets"
MANIFEST_FILE = ".manifest.json"  # Of a module in the cache.
# How the names of archives end in which modules are looked for.
ARCHIVE_ENDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_FOLDERS = (VARIABLES_FOLDER, ASSETS_FOLDER, "assets.extra")
_PARTS = (
  MODULE_DEF_FILE,
  SAVED_MODEL_FILE,
  SAVED_MODEL_TEXT_FILE,
  *_FOLDERS,
)
_ATTACHMENTS = "hub_module_attachments"


def parent_folder(path: str) -> str:
  """Returns the folder that a path lies in; "" if there is none above it."""
  path = path.rstrip("/")
  if files.is_local(path):
    if os.path.basename(path) in ("", ".", ".."):
      path = os.path.abspath(path)
    return os.path.dirname(path) or "."
  parent = os.path.dirname(path)
  # What is above a bucket is no path: "gs:".
  return parent if files.scheme(f"{parent}/") else ""


def whole_of(path: str) -> Optional[str]:
  """Returns the folder of the module or SavedModel that a path is a part of.

  Args:
    path: where there may be anything, or nothing (the prefix of a checkpoint).

  Returns:
    the folder; None if the path is no part of one.
  """
  parent = parent_folder(path)
  above = parent_folder(parent) if parent else ""
  for folder, name in ((parent, path), (above, parent)):
    is_part = _name(name) in (_PARTS if name == path else _FOLDERS)
    if folder and is_part and (is_module(folder) or has_graphs(folder)):
      return folder
  return None


def is_module(folder: str) -> bool:
  """Whether a folder has the file that makes it a module."""
  return files.exists(os.path.join(folder, MODULE_DEF_FILE))


def has_graphs(folder: str) -> bool:
  """Whether a folder has the graphs of a SavedModel, binary or as text."""
  return any(
    files.exists(os.path.join(folder, name))
    for name in (SAVED_MODEL_FILE, SAVED_MODEL_TEXT_FILE)
  )


def stays_in_folder(file_name: str) -> bool:
  """Whether a file name, joined to a folder, names a file below the folder."""
  return {"", ".."}.isdisjoint(file_name.replace("\\", "/").split("/"))


def is_half_module(outline: saved_model_outline.SavedModelOutline) -> bool:
  """Whether a graph is a TF1 Hub module's, by what it alone has.

  Those are messages attached to it, or a graph without tags, which TensorFlow's
  own SavedModels do not have.
  """
  return not outline.is_tf2 and (
    _ATTACHMENTS in outline.collections or frozenset() in outline.tag_sets
  )


def _name(path: str) -> str:
  path = path.rstrip("/")
  if files.is_local(path):
    path = os.path.abspath(path)
  return os.path.basename(path)
