"""Saying what a folder is when it is not a TF1 Hub module."""

from __future__ import annotations

import os

from hub_estimator import errors
from hub_estimator.file_formats import files, saved_model_outline


def describe_missing(path: str) -> str:
  """Returns the message for a path at which there is nothing."""
  if files.exists(path + ".index"):
    return (
      f"{path} does not exist. It is the prefix of a bare checkpoint "
      f"({path}.index): weights without a graph. A TF1 Hub module is a folder "
      "with tfhub_module.pb; export one with ModuleSpec.export(path, "
      "checkpoint_path)."
    )
  parent = os.path.dirname(path.rstrip("/")) or "."
  if not files.exists(parent):
    return f"{path} does not exist. Neither does its parent folder {parent}."
  return f"{path} does not exist. A handle is the path of a module's folder."


def describe(path: str) -> str:
  """Returns what a folder without `tfhub_module.pb` is, and what to do."""
  if not files.is_folder(path):
    return "It is a file, not a folder."
  names = files.names(path)
  if "saved_model.pb" in names:
    return _describe_saved_model(os.path.join(path, "saved_model.pb"))
  if "saved_model.pbtxt" in names:
    return "It is a SavedModel in text form; use tf.saved_model.load() for it."
  exports = os.path.join(path, "export")
  if "export" in names and files.is_folder(exports):
    inside = [os.path.join(exports, name) for name in files.names(exports)]
    if inside:
      return f"It is the folder of a run: give {' or '.join(inside)}."
  if "checkpoint" in names or any(name.endswith(".index") for name in names):
    return (
      "It holds a bare checkpoint: weights without a graph. Export a module "
      "from it with ModuleSpec.export(path, checkpoint_path)."
    )
  if not names:
    return "The folder is empty."
  inside = [
    name
    for name in names
    if files.exists(os.path.join(path, name, "tfhub_module.pb"))
  ]
  if inside:
    return (
      "There is a module one level down: give "
      + " or ".join(os.path.join(path, name) for name in inside)
      + "."
    )
  shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
  return f"It holds {shown}."


def _describe_saved_model(file_path: str) -> str:
  try:
    outline = saved_model_outline.read_outline(file_path)
  except errors.UserError:
    return "Its saved_model.pb is damaged."
  if outline.is_tf2:
    return (
      "It is a TF2 SavedModel; use tf.saved_model.load() or tensorflow_hub's "
      "hub.load() for it."
    )
  return (
    "It is a TF1 SavedModel; use "
    "hub.create_module_spec_from_saved_model(path) to make a module of it."
  )
