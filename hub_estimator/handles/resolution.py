"""From a handle, the string that names a module, to the module's folder."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import content_kinds, local_modules


class Resolution(NamedTuple):
  """Where a handle's module is.

  Attributes:
    path: the module's folder.
    is_downloaded: whether it came from a server, and not from a path.
  """

  path: str
  is_downloaded: bool


def find(handle: str, export_name: Optional[str] = None) -> Resolution:
  """Returns where a handle's module is; see `resolve`."""
  if not isinstance(handle, (str, os.PathLike)):
    raise errors.UserValueError(
      f"A module's handle is a string: got {handle!r} of "
      f"{type(handle).__name__}."
    )
  path = files.local_path(os.fspath(handle))
  if not files.exists(path):
    raise errors.UserOSError(content_kinds.describe_missing(path))
  return Resolution(local_modules.module_folder(path, export_name), False)


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
  return find(handle, export_name).path
