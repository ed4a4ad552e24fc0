"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Sequence

from hub_estimator.hub import file_errors
from hub_estimator.tf_compat import tf


@contextlib.contextmanager
def new_folder(path: str, entries: Sequence[str]) -> Iterator[str]:
  """Gives a folder to write in, and moves it to its place when all went well.

  Args:
    path: the folder's final place. It may exist if it has none of `entries`.
    entries: the names that will be written, the one that makes the folder
      valid last: that is the order in which they are moved into a folder that
      exists and holds other things.

  Yields:
    the path of a new folder beside `path`. If the body raises, it is removed
    and `path` is as it was.

  Raises:
    AlreadyExistsError: `path` is a file, or holds one of `entries`.
  """
  path = path.rstrip("/") or path
  _check_free(path, entries)
  parent = os.path.dirname(path)
  if parent:
    tf.io.gfile.makedirs(parent)
  temporary = f"{path}.temp-{uuid.uuid4().hex[:12]}"
  tf.io.gfile.makedirs(temporary)
  try:
    yield temporary
    _check_free(path, entries)
    if not tf.io.gfile.exists(path):
      tf.io.gfile.rename(temporary, path)
    else:
      for name in entries:
        if tf.io.gfile.exists(os.path.join(temporary, name)):
          tf.io.gfile.rename(
            os.path.join(temporary, name), os.path.join(path, name)
          )
      tf.io.gfile.rmtree(temporary)
  except BaseException:
    with contextlib.suppress(tf.errors.OpError):
      tf.io.gfile.rmtree(temporary)
    raise


def _check_free(path: str, entries: Sequence[str]) -> None:
  if not tf.io.gfile.exists(path):
    return
  if tf.io.gfile.isdir(path):
    names = {name.rstrip("/") for name in tf.io.gfile.listdir(path)}
    found = sorted(names & set(entries))
    if not found:
      return
    what = f"holds {', '.join(found)}"
  else:
    what = "is a file"
  raise file_errors.FolderExistsError(
    f"{path} already exists and {what}: nothing is written over it. Give "
    "another path, or remove it first.",
  )


def write_file(path: str, content: bytes) -> None:
  """Writes a file beside its place and renames it."""
  temporary = f"{path}.temp-{uuid.uuid4().hex[:12]}"
  with tf.io.gfile.GFile(temporary, "wb") as file:
    file.write(content)
  tf.io.gfile.rename(temporary, path, overwrite=True)
