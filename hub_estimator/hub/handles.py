"""Handles: the strings that name modules."""

from __future__ import annotations

import os
from typing import Optional

from hub_estimator import errors
from hub_estimator.hub import folder_formats, module_folder
from hub_estimator.tf_compat import tf


def resolve(handle: str, export_name: Optional[str] = None) -> str:
  """Returns the folder of the module that a handle names.

  Args:
    handle: a module's folder, or a folder in which a `LatestModuleExporter`
      writes (`<model_dir>/export/tf_hub`), of which the newest export is
      meant.
    export_name: which module of such an export; needed only if there are
      several.

  Returns:
    the module's folder; `handle` itself if it is no export folder. That it
    holds a module is not checked.

  Raises:
    OSError: there is nothing at the path.
    ValueError: an export of several modules and no `export_name`, or one that
      it does not have; a URL that TensorFlow cannot read; or a handle that is
      not a string.
  """
  if not isinstance(handle, (str, os.PathLike)):
    raise errors.UserValueError(
      f"A module's handle is a string: got {handle!r} of "
      f"{type(handle).__name__}."
    )
  handle = os.path.expanduser(os.fspath(handle))
  try:
    if not tf.io.gfile.exists(handle):
      raise errors.UserOSError(folder_formats.describe_missing(handle))
  except tf.errors.UnimplementedError as error:
    raise errors.UserValueError(
      f"{handle} is a URL that TensorFlow cannot read: a handle is the path of "
      "a module's folder. Download the module, unpack it, and give its folder."
    ) from error
  if tf.io.gfile.exists(os.path.join(handle, module_folder.MODULE_DEF_FILE)):
    return handle
  for export in reversed(exports(handle)):
    folder = os.path.join(handle, export)
    names = module_names(folder)
    if not names:
      continue
    if export_name is None and len(names) > 1:
      raise errors.UserValueError(
        f"{handle} holds {len(names)} modules and none is named: give one of "
        f"{', '.join(os.path.join(folder, name) for name in names)}."
      )
    if export_name is not None and export_name not in names:
      raise errors.UserValueError(
        f"The newest export in {handle} has no module {export_name!r}: it has "
        f"{', '.join(names)}."
      )
    return os.path.join(folder, export_name or names[0])
  return handle


def exports(folder: str) -> list[str]:
  """Returns the names of a folder's exports (unix seconds), oldest first."""
  if not tf.io.gfile.isdir(folder):
    return []
  names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
  return sorted(
    name
    for name in names
    if len(name) == 10
    and name.isdigit()
    and tf.io.gfile.isdir(os.path.join(folder, name))
  )


def module_names(export_folder: str) -> list[str]:
  """Returns the names of the modules in one export, sorted."""
  return sorted(
    name.rstrip("/")
    for name in tf.io.gfile.listdir(export_folder)
    if tf.io.gfile.exists(
      os.path.join(
        export_folder, name.rstrip("/"), module_folder.MODULE_DEF_FILE
      )
    )
  )
