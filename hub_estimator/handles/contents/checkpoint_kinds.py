"""Bare checkpoints: weights without a graph, in a folder or by their prefix."""

from __future__ import annotations

import os
import re
from typing import Optional

from hub_estimator.file_formats import files, sorted_table
from hub_estimator.handles.contents import first_bytes

STATE_FILE = "checkpoint"
_EXPORT = (
  "Export a module from it with ModuleSpec.export(path, checkpoint_path)."
)
_FILE_OF_ONE = re.compile(
  r"(?P<prefix>.+)(\.index|\.meta|\.data-\d{5}-of-\d{5})"
)
# Other programs' files that end like a table of TensorFlow.
_OTHER_TABLES = (".index", ".ldb", ".sst")
_NUM_FIRST_FORMAT_TRIED = 32


def describe_folder(path: str, names: list[str]) -> Optional[str]:
  """Returns what to say of a folder with files of a checkpoint, or None."""
  if any(name.endswith(".index") for name in names):
    return f"It holds a bare checkpoint: weights without a graph. {_EXPORT}"
  for name in names[:_NUM_FIRST_FORMAT_TRIED]:
    if is_first_format(os.path.join(path, name)):
      return (
        f"It holds {name}, a bare checkpoint of TensorFlow's first format: "
        f"weights without a graph. {_EXPORT}"
      )
  for name in names:
    if ".data-" in name and prefix_of(name):
      return (
        f"It holds {name}, data of a bare checkpoint without its index: copy "
        f"{prefix_of(name)}.index too. {_EXPORT}"
      )
  if STATE_FILE in names:
    return (
      f"It holds the file {STATE_FILE!r}, which {_named(path)}, and no bare "
      "checkpoint: copy its .index and .data files too. "
      f"{_EXPORT}"
    )
  return None


def describe_file(path: str) -> Optional[str]:
  """Returns what to say of a file of a checkpoint, None for other files."""
  prefix = prefix_of(path)
  if prefix is not None and (
    files.exists(f"{prefix}.index") or files.exists(prefix)
  ):
    return (
      f"It is a file of the bare checkpoint {prefix}: weights without a graph. "
      f"{_EXPORT}"
    )
  if is_first_format(path):
    return (
      "It is a bare checkpoint of TensorFlow's first format: weights without a "
      f"graph. {_EXPORT}"
    )
  return None


def prefix_of(path: str) -> Optional[str]:
  """Returns the prefix of a checkpoint's file, None for other names."""
  match = _FILE_OF_ONE.fullmatch(path)
  return match.group("prefix") if match else None


def is_first_format(path: str) -> bool:
  """Whether a path is a checkpoint of TensorFlow's first format.

  That is a table of keys and values as a whole, where later ones have one as
  their index.
  """
  return (
    not path.endswith(_OTHER_TABLES)
    and first_bytes.read(path) is not None
    and files.read_end(path, len(sorted_table.END)) == sorted_table.END
  )


def _named(path: str) -> str:
  text = first_bytes.read(os.path.join(path, STATE_FILE)) or b""
  named = re.search(rb'^model_checkpoint_path: "(.*)"$', text, re.MULTILINE)
  if not named:
    return "should name one"
  return f"names {named.group(1).decode('utf-8', 'replace')}"
