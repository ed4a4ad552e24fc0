"""Modules in folders: of this machine, or of a file system of TensorFlow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Optional

from hub_estimator import errors
from hub_estimator.file_formats import damage, files
from hub_estimator.handles import local_modules, settings, web_resolver
from hub_estimator.handles.cache import cluster_task
from hub_estimator.handles.contents import content_kinds
from hub_estimator.handles.resolver import Resolver

_WITHOUT_CONNECTION = ("", "file", "ram")


class PathResolver(Resolver):
  """Takes a path as it is, and the newest export of a folder of exports."""

  is_remote = False

  def is_supported(self, handle: str) -> bool:
    """Any handle: this is asked last."""
    return True

  def resolve(self, handle: str, export_name: Optional[str] = None) -> str:
    """Returns the folder of a module; see `resolution.resolve`."""
    path = files.local_path(handle)
    check_exists(path)
    return local_modules.module_folder(path, export_name)


def check_exists(path: str) -> None:
  """Raises an error that says why unless there is something at a path.

  Raises:
    OSError: there is nothing, or nobody can say; or it is elsewhere, and
      TFHUB_OFFLINE is set.
    ValueError: it is of a file system that TensorFlow does not know.
  """
  if settings.is_offline() and files.scheme(path) not in _WITHOUT_CONNECTION:
    raise web_resolver.OfflineError(
      f"{path} is not on this machine, and TFHUB_OFFLINE is set: nothing is "
      "read from elsewhere. Copy it here, and give its path or name the folder "
      "in TFHUB_MIRRORS."
    )
  if _exists(path):
    return
  task = cluster_task.current_task()
  where = (
    f" The task {task.name} of the cluster does not see it: all tasks must."
    if task
    else ""
  )
  raise errors.UserOSError(content_kinds.describe_missing(path) + where)


def _exists(path: str) -> bool:
  if files.is_local(path):
    return files.exists(path)
  with reading_elsewhere(path):
    return files.exists(path)


@contextlib.contextmanager
def reading_elsewhere(path: str) -> Iterator[None]:
  """Has what TensorFlow's file systems say said as errors of a handle.

  Raises:
    ValueError: TensorFlow knows no file system for a path.
    OSError: the file system cannot be read.
  """
  from hub_estimator.tf_compat import tf

  try:
    yield
  except tf.errors.UnimplementedError as e:
    raise errors.UserValueError(
      f"{path} is no address of a web server, and TensorFlow has no file "
      f"system for {files.scheme(path)}://. Import the library that brings it "
      "(tensorflow_io has s3 and others), or register a resolver with "
      "hub.register_resolver()."
    ) from e
  except tf.errors.OpError as e:
    raise errors.UserOSError(
      f"TensorFlow cannot read {path}: {damage.first_line(e)}. Check the "
      "handle and the connection."
    ) from e
