"""SHA-256 of arrays, files and settings."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

_CHUNK_BYTES = 1 << 20


def add_settings(digest: Any, settings: dict[str, Any]) -> None:
  """Adds named settings to a hashlib digest, in the order of their names."""
  text = json.dumps(settings, sort_keys=True, default=repr)
  _add_bytes(digest, text.encode())


def add_array(digest: Any, name: str, array: np.ndarray) -> None:
  """Adds an array to a hashlib digest: its name, shape, type and content.

  Args:
    digest: what to add to.
    name: what the array is.
    array: numbers, or objects that are all bytes.
  """
  is_bytes = array.dtype.kind == "O"
  dtype = "bytes" if is_bytes else array.dtype.newbyteorder("<").str
  add_settings(digest, {"name": name, "shape": array.shape, "dtype": dtype})
  if is_bytes:
    values = array.ravel().tolist()
    # With the lengths, ["ab", "c"] and ["a", "bc"] differ.
    lengths = np.fromiter(map(len, values), "<i8", len(values))
    digest.update(lengths.tobytes())
    digest.update(b"".join(values))
  else:
    digest.update(np.ascontiguousarray(array, dtype).tobytes())


def add_file(digest: Any, path: str) -> None:
  """Adds the content of a file to a hashlib digest."""
  of_file = hashlib.sha256()
  with open(path, "rb") as file:
    while chunk := file.read(_CHUNK_BYTES):
      of_file.update(chunk)
  _add_bytes(digest, of_file.digest())


def _add_bytes(digest: Any, content: bytes) -> None:
  digest.update(len(content).to_bytes(8, "little"))
  digest.update(content)
