"""Files by path: of this machine, or of a file system that TensorFlow knows.

Local paths are the operating system's and need no TensorFlow, whose import
takes seconds; `gs://`, `ram://` and the like are `tf.io.gfile`'s.
"""

from __future__ import annotations

import os
import re
import shutil
import urllib.parse
from typing import BinaryIO

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_WEB_SCHEMES = ("http", "https")


def scheme(path: str) -> str:
  """Returns the scheme of a path, "gs" of "gs://…"; "" for a local path."""
  match = _SCHEME.match(path)
  return match.group(1).lower() if match else ""


def is_web(path: str) -> bool:
  """Whether a path is the address of a web server."""
  return scheme(path) in _WEB_SCHEMES


def local_path(path: str) -> str:
  """Returns the path of this machine: `~` expanded, "file://…" without it.

  The path of another file system stays as it is.
  """
  if scheme(path) == "file":
    return urllib.parse.unquote(urllib.parse.urlsplit(path).path)
  return path if scheme(path) else os.path.expanduser(path)


def is_local(path: str) -> bool:
  """Whether a path is one of this machine's."""
  return scheme(path) in ("", "file")


def _gfile():
  from hub_estimator.tf_compat import tf

  return tf.io.gfile


def exists(path: str) -> bool:
  """Whether there is something at a path."""
  if is_local(path):
    return os.path.exists(local_path(path))
  return _gfile().exists(path)


def is_folder(path: str) -> bool:
  """Whether there is a folder at a path."""
  if is_local(path):
    return os.path.isdir(local_path(path))
  return _gfile().isdir(path)


def is_file(path: str) -> bool:
  """Whether there is a file at a path, and no folder, pipe or device."""
  if is_local(path):
    return os.path.isfile(local_path(path))
  return exists(path) and not is_folder(path)


def names(path: str) -> list[str]:
  """Returns the names in a folder, sorted; folders without a final "/"."""
  if is_local(path):
    return sorted(os.listdir(local_path(path)))
  return sorted(name.rstrip("/") for name in _gfile().listdir(path))


def size(path: str) -> int:
  """Returns the bytes of a file."""
  if is_local(path):
    return os.stat(local_path(path)).st_size
  return _gfile().stat(path).length


def open_binary(path: str) -> BinaryIO:
  """Opens a file for reading bytes."""
  if is_local(path):
    return open(local_path(path), "rb")
  return _gfile().GFile(path, "rb")


def create_binary(path: str) -> BinaryIO:
  """Opens a new or emptied file for writing bytes."""
  if is_local(path):
    return open(local_path(path), "wb")
  return _gfile().GFile(path, "wb")


def read(path: str, num_bytes: int = -1) -> bytes:
  """Returns the content of a file, or its first bytes."""
  with open_binary(path) as file:
    return file.read(num_bytes)


def read_end(path: str, num_bytes: int) -> bytes:
  """Returns the last bytes of a file."""
  start = max(0, size(path) - num_bytes)
  with open_binary(path) as file:
    file.seek(start)
    return file.read()


def copy(source: str, target: str) -> None:
  """Copies a file from anywhere to a new path of this machine."""
  with open_binary(source) as reader, open(target, "xb") as writer:
    shutil.copyfileobj(reader, writer, 2**20)


def copy_in(source: str, target: str) -> None:
  """Copies a file of this machine to a path of TensorFlow's file systems."""
  gfile = _gfile()
  gfile.makedirs(target.rpartition("/")[0])
  gfile.copy(source, target, overwrite=True)


def remove_if_there(path: str) -> None:
  """Removes a file of TensorFlow's file systems, if it exists."""
  if exists(path):
    _gfile().remove(path)
