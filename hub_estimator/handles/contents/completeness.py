"""Whether a module's folder has all its files, without TensorFlow."""

from __future__ import annotations

import contextlib
import os
from typing import Optional

from google.protobuf import message as protobuf_message

from hub_estimator import errors
from hub_estimator.file_formats import (
  damage,
  files,
  hub_messages,
  saved_model_outline,
)
from hub_estimator.handles.contents import first_bytes
from hub_estimator.handles.contents.module_parts import (
  ASSETS_FOLDER,
  MANIFEST_FILE,
  MODULE_DEF_FILE,
  SAVED_MODEL_FILE,
  SAVED_MODEL_TEXT_FILE,
  VARIABLES_FOLDER,
  stays_in_folder,
)

_VARIABLES = f"{VARIABLES_FOLDER}/variables"
_INDEX = f"{_VARIABLES}.index"


def missing_parts(folder: str, hub_module: Optional[bool] = None) -> list[str]:
  """Returns what a folder lacks of a module or SavedModel.

  Whether bytes have changed is not looked at, except for those that say what
  else has to be there. That the end of an asset is missing cannot be seen.

  Args:
    folder: the folder.
    hub_module: whether it has to hold a TF1 Hub module (True) or a SavedModel,
      of TF1 or TF2 (False). With None it is a module, or a TF2 SavedModel.

  Returns:
    a phrase for each problem, which names the file by its path in the folder;
    empty if the folder is complete.
  """
  outline, problems = _graph_problems(folder)
  is_other = outline is not None and outline.is_tf2
  if (
    not hub_module
    and not _exists(folder, SAVED_MODEL_FILE)
    and _exists(folder, SAVED_MODEL_TEXT_FILE)
  ):
    # What else belongs to it is not read out of text.
    problems, is_other = [], _is_tf2_text(folder)
  is_needed = not is_other if hub_module is None else hub_module
  if is_needed or _exists(folder, MODULE_DEF_FILE):
    problems = _module_def_problems(folder) + problems
  if outline is not None:
    problems += _variables_problems(folder, outline.has_state)
    for name in outline.asset_files:
      problems += _asset_problems(folder, name)
  return problems


def contents(folder: str) -> list[str]:
  """Returns the paths of all files below a folder, for its manifest.

  Args:
    folder: the folder.

  Returns:
    paths in it, with "/" between names, sorted; without the manifest's own.
  """
  return sorted(_contents(folder, ""))


def lfs_pointers(folder: str, names: list[str]) -> list[str]:
  """Returns those of a folder's files that are pointers of Git LFS.

  Args:
    folder: the folder.
    names: names in it; those in its folder of variables are looked at as well.
  """
  tried = list(names)
  variables = os.path.join(folder, VARIABLES_FOLDER)
  with contextlib.suppress(OSError):
    if VARIABLES_FOLDER in names and files.is_folder(variables):
      tried += [f"{VARIABLES_FOLDER}/{name}" for name in files.names(variables)]
  heads = {name: first_bytes.read(os.path.join(folder, name)) for name in tried}
  return [n for n in tried if first_bytes.is_lfs_pointer(heads[n] or b"")]


def _contents(folder: str, above: str) -> list[str]:
  found = []
  for name in files.names(folder):
    path = os.path.join(folder, name)
    if files.is_folder(path):
      found += _contents(path, f"{above}{name}/")
    elif name != MANIFEST_FILE:
      found.append(above + name)
  return found


def _graph_problems(folder: str):
  """Returns the outline of the graphs, None without one, and problems."""
  problem = _file_problem(folder, SAVED_MODEL_FILE)
  if problem is not None:
    return None, [problem]
  try:
    path = os.path.join(folder, SAVED_MODEL_FILE)
    return saved_model_outline.read_outline(path), []
  except errors.UserError as error:
    return None, [_damage(SAVED_MODEL_FILE, error)]


def _is_tf2_text(folder: str) -> bool:
  text = files.read(os.path.join(folder, SAVED_MODEL_TEXT_FILE))
  return b"object_graph_def {" in text


def _module_def_problems(folder: str) -> list[str]:
  problem = _file_problem(folder, MODULE_DEF_FILE)
  if problem is not None:
    return [problem]
  content = files.read(os.path.join(folder, MODULE_DEF_FILE))
  try:
    module_def = hub_messages.ModuleDef.FromString(content)
  except protobuf_message.DecodeError as error:
    return [f"{MODULE_DEF_FILE} is damaged: {damage.first_line(error)}"]
  if not module_def.format:
    return [f"{MODULE_DEF_FILE} is damaged: it names no format"]
  # Formats and features that are not known are no matter of missing files.
  return []


def _variables_problems(folder: str, is_needed: bool) -> list[str]:
  if not _exists(folder, _INDEX):
    # A checkpoint of TensorFlow's first format is one file without a suffix.
    is_complete = not is_needed or _exists(folder, _VARIABLES)
    return [] if is_complete else [f"{_INDEX} is missing"]
  problem = _file_problem(folder, _INDEX)
  if problem is not None:
    return [problem]
  try:
    # Only here: it needs NumPy, whose import takes longer than all else.
    from hub_estimator.file_formats import checkpoint_index

    index = checkpoint_index.CheckpointIndex(os.path.join(folder, _VARIABLES))
  except errors.UserError as error:
    return [_damage(_INDEX, error)]
  problems = []
  for path, num_bytes in index.shard_ends(index.entries).items():
    name = f"{VARIABLES_FOLDER}/{os.path.basename(path)}"
    # Tensors without elements may be all that lies in an empty file.
    problem = _file_problem(folder, name, may_be_empty=num_bytes == 0)
    if problem is None and files.size(path) < num_bytes:
      problem = (
        f"{name} is cut off: it has {files.size(path):,} of at least "
        f"{num_bytes:,} bytes"
      )
    if problem is not None:
      problems.append(problem)
  return problems


def _asset_problems(folder: str, name: str) -> list[str]:
  if not stays_in_folder(name):
    return [
      f"{SAVED_MODEL_FILE} names the asset {name!r}, which does not lie in "
      f"{ASSETS_FOLDER}/"
    ]
  problem = _file_problem(folder, f"{ASSETS_FOLDER}/{name}", may_be_empty=True)
  return [] if problem is None else [problem]


def _file_problem(
  folder: str, name: str, may_be_empty: bool = False
) -> Optional[str]:
  """Returns why a path in a folder cannot be a file of a module, or None."""
  path = os.path.join(folder, name)
  if not files.exists(path):
    return f"{name} is missing"
  if files.is_folder(path):
    return f"{name} is a folder and not a file"
  head = first_bytes.read(path)
  if head is None:
    return f"{name} cannot be read"
  if not head and not may_be_empty:
    return f"{name} is empty"
  if first_bytes.is_lfs_pointer(head):
    return f"{name} is a Git LFS pointer, not the file: run `git lfs pull`"
  return None


def _damage(name: str, error: Exception) -> str:
  reason = damage.first_line(error.__cause__ or error)
  return f"{name} is damaged: {reason}"


def _exists(folder: str, name: str) -> bool:
  return files.exists(os.path.join(folder, name))
