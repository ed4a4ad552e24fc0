"""Telling SavedModels apart: TF2's, TF1's, and what is left of a module."""

from __future__ import annotations

import os

from hub_estimator import errors
from hub_estimator.file_formats import files, saved_model_outline
from hub_estimator.handles.contents import first_bytes, module_parts

_KERAS_FILE = "keras_metadata.pb"
# Field 1, the schema's version, is 1; field 2 is the first graph.
_BEGINNING = b"\x08\x01\x12"


def describe(folder: str, subject: str = "It") -> str:
  """Returns what the SavedModel in a folder is, and what to do with it.

  Args:
    folder: a folder with `saved_model.pb` or `saved_model.pbtxt`.
    subject: what the sentence is about.
  """
  file_path = os.path.join(folder, module_parts.SAVED_MODEL_FILE)
  if not files.exists(file_path):
    return (
      f"{subject} is a SavedModel in text form; use tf.saved_model.load() for "
      "it."
    )
  if not files.is_file(file_path):
    return f"Its {module_parts.SAVED_MODEL_FILE} is not a file."
  try:
    outline = saved_model_outline.read_outline(file_path)
  except errors.UserError:
    return _describe_damage(file_path)
  except OSError as error:
    return (
      f"Its {module_parts.SAVED_MODEL_FILE} cannot be read: {error.strerror}."
    )
  if outline.is_tf2:
    by_keras = files.exists(os.path.join(folder, _KERAS_FILE))
    return (
      f"{subject} is a TF2 SavedModel"
      f"{f' that Keras wrote ({_KERAS_FILE})' if by_keras else ''}; use "
      "tf.saved_model.load() or tensorflow_hub's hub.load() for it."
    )
  if module_parts.is_half_module(outline):
    return (
      f"{subject} holds the graph of a TF1 Hub module, and its "
      f"{module_parts.MODULE_DEF_FILE} may have been deleted or not been "
      "copied: copy the module again, or use "
      "hub.create_module_spec_from_saved_model(path) to make a module of it."
    )
  return (
    f"{subject} is a TF1 SavedModel; use "
    "hub.create_module_spec_from_saved_model(path) to make a module of it."
  )


def is_told(folder: str) -> bool:
  """Whether a folder holds a SavedModel that is whole and no half module."""
  file_path = os.path.join(folder, module_parts.SAVED_MODEL_FILE)
  try:
    if not files.is_file(file_path):
      return False
    outline = saved_model_outline.read_outline(file_path)
  except (errors.UserError, OSError):
    return False
  return not module_parts.is_half_module(outline)


def is_saved_model_file(head: bytes) -> bool:
  """Whether these are the first bytes of a `saved_model.pb`."""
  return head.startswith(_BEGINNING)


def _describe_damage(file_path: str) -> str:
  subject = f"Its {module_parts.SAVED_MODEL_FILE}"
  head = files.read(file_path, first_bytes.NUM_BYTES)
  if is_saved_model_file(head):
    return (
      f"{subject} is cut off after {files.size(file_path):,} bytes: copy or "
      "download it again."
    )
  kind = first_bytes.kind_of(head)
  return kind.sentence(subject) if kind else f"{subject} is damaged."
