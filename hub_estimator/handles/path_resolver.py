"""Modules in folders: of this machine, or of a file system of TensorFlow."""

from __future__ import annotations

from typing import Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import local_modules
from hub_estimator.handles.cache import cluster_task
from hub_estimator.handles.contents import content_kinds
from hub_estimator.handles.resolver import Resolver


class PathResolver(Resolver):
  """Takes a path as it is, and the newest export of a folder of exports."""

  is_remote = False

  def is_supported(self, handle: str) -> bool:
    """Any handle: this is asked last."""
    return True

  def resolve(self, handle: str, export_name: Optional[str] = None) -> str:
    """Returns the folder of a module; see `resolution.resolve`."""
    path = files.local_path(handle)
    if not files.exists(path):
      task = cluster_task.current_task()
      where = (
        f" The task {task.name} of the cluster does not see it: all tasks must."
        if task
        else ""
      )
      raise errors.UserOSError(content_kinds.describe_missing(path) + where)
    return local_modules.module_folder(path, export_name)
