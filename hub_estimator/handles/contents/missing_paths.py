"""Saying what may be meant by a path at which there is nothing."""

from __future__ import annotations

import difflib
import os
import re
from typing import Optional

from hub_estimator.file_formats import files
from hub_estimator.handles.contents import module_parts

_HANDLE = "A handle is the path of a module's folder."
# The sites of modules, and what ends the names of most others.
_WEB_HOST = re.compile(
  r"(www\.[\w.-]+|[\w-]+(\.[\w-]+)*\.(com|dev|org|net|io|ai|edu|co))(:\d+)?/.+",
  re.IGNORECASE,
)
_KAGGLE_MODEL = re.compile(
  r"[\w.-]+/[\w.-]+/(tensorflow[12]|tfhub)(/[\w.-]+){1,2}", re.IGNORECASE
)


def describe_missing(path: str) -> str:
  """Returns the message for a path at which there is nothing."""
  if files.exists(path + ".index"):
    return _describe_prefix(path)
  said = f"{path} does not exist."
  if files.is_local(path) and os.path.lexists(path):
    return (
      f"{path} is a symbolic link to {os.readlink(path)}, which does not exist."
    )
  meant = _otherwise_written(path)
  if meant is not None:
    return f"{said} Did you mean {meant}?"
  is_relative = files.is_local(path) and not os.path.isabs(path)
  address = _web_address(path) if is_relative else None
  if address is not None:
    return f"{said} If it is the address of a module, write {address}."
  advice = _of_parents(path)
  if is_relative:
    advice += f" It is looked for in the working directory {os.getcwd()}."
  return f"{said} {advice}"


def _describe_prefix(path: str) -> str:
  whole = module_parts.whole_of(path)
  if whole is not None and module_parts.is_module(whole):
    way_out = f"They are those of the module {whole}: give {whole}."
  else:
    way_out = (
      "A TF1 Hub module is a folder with tfhub_module.pb; export one with "
      "ModuleSpec.export(path, checkpoint_path)."
    )
  return (
    f"{path} does not exist. It is the prefix of a bare checkpoint "
    f"({path}.index): weights without a graph. {way_out}"
  )


def _otherwise_written(path: str) -> Optional[str]:
  """Returns a path that exists and differs in how it is written, or None."""
  if not files.is_local(path):
    return None
  for meant in (path.strip(" \t\r\n'\""), os.path.expandvars(path)):
    meant = os.path.expanduser(meant)
    if meant and meant != path and os.path.exists(meant):
      return meant
  return None


def _web_address(path: str) -> Optional[str]:
  if os.path.exists(path.split("/")[0]):
    return None
  if _WEB_HOST.fullmatch(path):
    return f"https://{path}"
  if _KAGGLE_MODEL.fullmatch(path):
    return f"https://www.kaggle.com/models/{path}"
  return None


def _of_parents(path: str) -> str:
  """Returns what to say of the folders above a path, and of names in them."""
  below, nearest = path.rstrip("/"), module_parts.parent_folder(path)
  parent = nearest
  while nearest and not files.exists(nearest):
    below, nearest = nearest, module_parts.parent_folder(nearest)
  if nearest and not files.is_folder(nearest):
    return f"{nearest} is a file, not a folder. {_HANDLE}"
  similar = _similar(nearest, os.path.basename(below)) if nearest else []
  meant = f"Did you mean {' or '.join(similar)}?" if similar else ""
  if nearest == parent:
    return meant or _HANDLE
  said = f"Neither does its parent folder {parent}"
  if nearest not in ("", ".", module_parts.parent_folder(parent)):
    said += f"; the nearest folder that does is {nearest}"
  return f"{said}. {meant}".rstrip()


def _similar(folder: str, name: str, limit: int = 2) -> list[str]:
  """Returns what has a similar name, among folders and archives."""
  try:
    names = {other.lower(): other for other in files.names(folder)}
  except OSError:
    return []
  close = difflib.get_close_matches(name.lower(), names, 8, 0.7)
  archives = [n for n in names if n.startswith(f"{name.lower()}.")]
  found = []
  for other in dict.fromkeys(archives + close):
    path = os.path.join("" if folder == "." else folder, names[other])
    if other.endswith(module_parts.ARCHIVE_ENDS) or files.is_folder(path):
      found.append(path)
  return found[:limit]
