"""Saying what a file or folder is when it is not a TF1 Hub module."""

from __future__ import annotations

from typing import Optional

from hub_estimator.file_formats import files
from hub_estimator.handles.contents import (
  checkpoint_kinds,
  completeness,
  first_bytes,
  inside_folders,
  module_parts,
  saved_model_kinds,
)
from hub_estimator.handles.contents.first_bytes import describe_bytes
from hub_estimator.handles.contents.missing_paths import describe_missing

__all__ = ["describe", "describe_bytes", "describe_missing"]

_NUM_TRIED_FOR_POINTERS = 20


def describe(path: str) -> str:
  """Returns what a path without `tfhub_module.pb` is, and what to do.

  Args:
    path: a file or folder that exists.

  Returns:
    a sentence or two, for a message that names the path before.
  """
  whole = module_parts.whole_of(path)
  if whole is not None and module_parts.is_module(whole):
    return f"It is a part of the module {whole}: give {whole}."
  if whole is not None:
    return (
      f"It is a part of {whole}. {saved_model_kinds.describe(whole, 'That')}"
    )
  if not files.is_folder(path):
    return _describe_file(path)
  try:
    names = files.names(path)
  except OSError as error:
    return f"The folder cannot be read: {error.strerror}."
  if module_parts.MODULE_DEF_FILE in names:
    return _describe_module(path)
  if not names:
    return "The folder is empty."
  return (
    _lfs_pointers(path, names)
    or _saved_model(path, names)
    or inside_folders.describe(path, names)
    or checkpoint_kinds.describe_folder(path, names)
    or inside_folders.describe_model_file(path, names)
    or f"It holds {', '.join(names[:8])}{', …' if len(names) > 8 else ''}."
  )


def _describe_file(path: str) -> str:
  of_checkpoint = checkpoint_kinds.describe_file(path)
  if of_checkpoint is not None:
    return of_checkpoint
  head = first_bytes.read(path)
  if head is None:
    return "It is no file that can be read."
  if saved_model_kinds.is_saved_model_file(head):
    return (
      "It is the saved_model.pb of a SavedModel, without its folder: give the "
      "folder, in which it has that name."
    )
  kind = first_bytes.kind_of(head)
  if kind is None:
    return "It is a file, not a folder."
  return kind.answer or kind.sentence()


def _describe_module(path: str) -> str:
  if completeness.missing_parts(path, hub_module=True):
    return (
      "It is a TF1 Hub module that is not whole: copy or download it again, "
      "with all of its files."
    )
  return "It is a TF1 Hub module; use hub.Module() for it."


def _lfs_pointers(path: str, names: list[str]) -> Optional[str]:
  found = completeness.lfs_pointers(path, names[:_NUM_TRIED_FOR_POINTERS])
  if not found:
    return None
  are = "is a Git LFS pointer, not the file"
  if len(found) > 1:
    are = "are Git LFS pointers, not the files"
  return (
    f"Its {inside_folders.listed(found, 'and')} {are}: run `git lfs pull` in "
    "its repository."
  )


def _saved_model(path: str, names: list[str]) -> Optional[str]:
  for name in (
    module_parts.SAVED_MODEL_FILE,
    module_parts.SAVED_MODEL_TEXT_FILE,
  ):
    if name in names:
      return saved_model_kinds.describe(path)
  return None
