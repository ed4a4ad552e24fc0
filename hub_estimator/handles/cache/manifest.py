"""The manifest of a cached module: its files with sizes and checksums.

It lies in the module's own folder, so that both appear by one rename.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, NamedTuple, Optional

from hub_estimator.file_formats import files
from hub_estimator.handles.contents.module_parts import MANIFEST_FILE

_FORMAT = 1
_PIECE_BYTES = 2**20


class Manifest(NamedTuple):
  """What was installed.

  Attributes:
    handle: the module's handle.
    source: where its bytes came from: a URL or path.
    installed: when, as ISO 8601 text in UTC.
    files: path in the module's folder -> (bytes, SHA-256 in hex).
  """

  handle: str
  source: str
  installed: str
  files: dict[str, tuple[int, str]]


def write(folder: str, manifest: Manifest) -> None:
  """Writes the manifest of the module in a folder."""
  content: dict[str, Any] = {
    "format": _FORMAT,
    "handle": manifest.handle,
    "source": manifest.source,
    "installed": manifest.installed,
    "files": {
      path: {"size": size, "sha256": sha256}
      for path, (size, sha256) in sorted(manifest.files.items())
    },
  }
  with open(os.path.join(folder, MANIFEST_FILE), "w", encoding="utf-8") as file:
    json.dump(content, file, indent=1)


def read(folder: str) -> Optional[Manifest]:
  """Returns the manifest of the module in a folder, None if it has none.

  Raises:
    ValueError: it is damaged.
  """
  try:
    path = os.path.join(folder, MANIFEST_FILE)
    if not files.exists(path):
      return None
    content = json.loads(files.read(path))
    return Manifest(
      str(content["handle"]),
      str(content["source"]),
      str(content["installed"]),
      {
        path: (int(entry["size"]), str(entry["sha256"]))
        for path, entry in content["files"].items()
      },
    )
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    raise ValueError(f"{MANIFEST_FILE} is damaged") from error


def problems(
  folder: str, manifest: Manifest, with_checksums: bool
) -> list[str]:
  """Returns what is missing or changed in a folder, empty if nothing is.

  Args:
    folder: the module's folder.
    manifest: what it should hold; other files do not count.
    with_checksums: whether to read all bytes; else sizes are compared.
  """
  found = []
  for name, (size, sha256) in manifest.files.items():
    path = os.path.join(folder, name)
    if not files.exists(path):
      found.append(f"{name} is missing")
      continue
    found_size = files.size(path)
    if found_size != size:
      found.append(f"{name} has {found_size} bytes instead of {size}")
    elif with_checksums and file_sha256(path) != sha256:
      found.append(f"{name} has changed: it has another SHA-256")
  return found


def file_sha256(path: str) -> str:
  """Returns the SHA-256 of a file, in hex."""
  digest = hashlib.sha256()
  with files.open_binary(path) as file:
    while piece := file.read(_PIECE_BYTES):
      digest.update(piece)
  return digest.hexdigest()
