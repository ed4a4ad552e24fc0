"""The folders of exports: their names, their metadata, which are whose."""

from __future__ import annotations

import json
import math
import os
import re
import uuid
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator import errors, handles
from hub_estimator.hub import folders
from hub_estimator.tf_compat import tf

METADATA_FILE = "export.json"
_TEMPORARY = re.compile(r"temp-[0-9a-f]{12}\Z")


def read_metadata(folder: str) -> Optional[dict[str, Any]]:
  """Returns what is in the `export.json` of an export; None without one."""
  path = os.path.join(folder, METADATA_FILE)
  if not tf.io.gfile.exists(path):
    return None
  try:
    with tf.io.gfile.GFile(path, "rb") as file:
      content = json.loads(file.read())
  except (UnicodeDecodeError, ValueError):
    return None
  return content if isinstance(content, dict) else None


def write_metadata(folder: str, metadata: Mapping[str, Any]) -> None:
  """Writes the `export.json` of an export.

  Raises:
    UserTypeError: it holds something that JSON cannot.
  """
  try:
    text = json.dumps(metadata, indent=2, allow_nan=False)
  except (TypeError, ValueError) as error:
    raise errors.UserTypeError(
      f"What `metadata_fn` returns is written to {METADATA_FILE} as JSON: a "
      f"dict of strings, finite numbers, booleans, None, lists and dicts; "
      f"{error}."
    ) from error
  folders.write_file(os.path.join(folder, METADATA_FILE), f"{text}\n".encode())


def scalar_metrics(eval_result: Optional[Mapping[str, Any]]) -> dict[str, Any]:
  """Returns the numbers among metrics: None for what is not finite."""
  found = {}
  for name, value in (eval_result or {}).items():
    number = as_number(value)
    if name != "global_step" and number is not None:
      found[name] = number if math.isfinite(number) else None
  return found


def as_number(value: Any) -> Optional[float]:
  """Returns a metric as a float; None if it is no single number."""
  array = np.asarray(value)
  # A dtype of TensorFlow's own, such as bfloat16, has kind "V".
  is_number = array.shape == () and array.dtype.kind in "biufV"
  return float(array) if is_number else None


def own_exports(export_path: str, exporter_name: str) -> list[str]:
  """Returns the names of an exporter's exports in a folder, oldest first.

  Its own are those that hold modules, and whose `export.json` has its name; of
  those without one, which were written before there was such a file, those that
  hold modules and nothing else.
  """
  own = []
  for name in handles.exports(export_path):
    folder = os.path.join(export_path, name)
    entries = {entry.rstrip("/") for entry in tf.io.gfile.listdir(folder)}
    modules = set(handles.module_names(folder))
    if not modules or entries - {METADATA_FILE} != modules:
      continue
    if METADATA_FILE in entries:
      metadata = read_metadata(folder) or {}
      if metadata.get("exporter") != exporter_name:
        continue
    own.append(name)
  return own


def temporary_path(export_path: str) -> str:
  """Returns a new path in a folder of exports that looks like no export."""
  return os.path.join(export_path, f"temp-{uuid.uuid4().hex[:12]}")


def delete(export_path: str, name: str) -> None:
  """Deletes an export; half of one is never to be seen."""
  temporary = temporary_path(export_path)
  tf.io.gfile.rename(os.path.join(export_path, name), temporary)
  tf.io.gfile.rmtree(temporary)


def delete_leftovers(export_path: str) -> None:
  """Deletes what a process left in a folder that was killed while exporting."""
  if not tf.io.gfile.isdir(export_path):
    return
  for entry in tf.io.gfile.listdir(export_path):
    if _TEMPORARY.match(entry.rstrip("/")):
      tf.io.gfile.rmtree(os.path.join(export_path, entry.rstrip("/")))
