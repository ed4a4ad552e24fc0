"""What a module is, by its content."""

from __future__ import annotations

import hashlib
import os

from hub_estimator import errors, hub
from hub_estimator.handles.contents.module_parts import (
  ASSETS_FOLDER,
  SAVED_MODEL_FILE,
  VARIABLES_FOLDER,
)
from hub_estimator.inputs import fingerprints
from hub_estimator.tf_compat import tf

_CHUNK_BYTES = 1 << 22

# What a file is known by -> SHA-256: a module's files are read once in a
# process.
_known: dict[tuple, str] = {}


def module_fingerprint(spec: hub.ModuleSpec) -> str:
  """Returns the SHA-256, in hex, of a module's graphs, variables and assets.

  Args:
    spec: a module with a folder.

  Raises:
    UserValueError: the module is made by a function.
    UserOSError: a file cannot be read.
  """
  if spec.checkpoint_prefix is None:
    raise errors.UserValueError(
      f"Features of {spec.source} cannot be cached: it is made by a function, "
      "and its weights are drawn anew in each run. Export the module first and "
      "give its path as handle, or set cache_features = False."
    )
  folder = os.path.dirname(os.path.dirname(spec.checkpoint_prefix))
  digest = hashlib.sha256()
  try:
    for path in _files(folder):
      fingerprints.add_settings(
        digest,
        {
          "name": os.path.relpath(path, folder),
          "content": _file_fingerprint(path),
        },
      )
  except tf.errors.OpError as error:
    raise errors.UserOSError(
      f"The module {folder} cannot be read: {error.message}."
    ) from error
  return digest.hexdigest()


def _files(folder: str) -> list[str]:
  """Returns the paths of the files that what a module computes depends on."""
  paths = [os.path.join(folder, SAVED_MODEL_FILE)]
  for part in (VARIABLES_FOLDER, ASSETS_FOLDER):
    for inner, _, names in tf.io.gfile.walk(os.path.join(folder, part)):
      paths += [os.path.join(inner, name) for name in names]
  return sorted(paths)


def _file_fingerprint(path: str) -> str:
  key = _identity(path)
  if key not in _known:
    digest = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
      while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    _known[key] = digest.hexdigest()
  return _known[key]


def _identity(path: str) -> tuple:
  """Returns what changes when a file does: its size and the time, for one."""
  try:
    found = os.stat(path)
    # TensorFlow tells the time to the second, in which a module may be exported
    # twice.
    return path, found.st_size, found.st_mtime_ns, found.st_ino
  except OSError:  # Not of this machine.
    remote = tf.io.gfile.stat(path)
    return path, remote.length, remote.mtime_nsec
