"""Where a module is going to be: whether it may, and room to prepare it.

TensorFlow is not imported here, so that a command can refuse a place at once.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from hub_estimator import errors


def check_export_path(path: str) -> None:
  """Raises UserOSError if there is something at a path already.

  An empty folder may be there. Paths that are not local (`gs://…`) are not
  looked at.
  """
  if not path:
    raise errors.UserOSError(
      "The path to export to is empty: give that of a folder to be made."
    )
  if "://" in path or not os.path.lexists(path):
    return
  if os.path.isdir(path):
    names = sorted(os.listdir(path))
    if not names:
      return
    what = f"holds {', '.join(names[:3])}{', …' if len(names) > 3 else ''}"
  else:
    what = "is a file"
  raise errors.UserOSError(
    f"{path} already exists and {what}: nothing is written over it. Give "
    "another path, or remove it first."
  )


@contextlib.contextmanager
def work_folder(export_path: str) -> Iterator[str]:
  """Gives a temporary folder, on the disk of the export if that is local.

  It stands beside the export, or, as long as the export's parents do not exist,
  in the nearest folder above it that does.

  Raises:
    UserOSError: an OSError of the body, or the folder cannot be made.
  """
  parent = None
  if "://" not in export_path:
    parent = os.path.dirname(os.path.abspath(export_path))
    while not os.path.isdir(parent):
      if os.path.exists(parent):
        raise errors.UserOSError(
          f"{export_path} cannot be made: {parent} is a file."
        )
      parent = os.path.dirname(parent)
  name = os.path.basename(export_path.rstrip("/"))
  try:
    with tempfile.TemporaryDirectory(
      prefix=f"{name}.temp-", dir=parent
    ) as folder:
      yield folder
  except OSError as error:
    if isinstance(error, errors.UserError):
      raise
    place = parent or tempfile.gettempdir()
    raise errors.UserOSError(
      f"Cannot write in {place}, where {export_path} is prepared: {error}."
    ) from error
