"""Modules in archives at a path: local, or of a file system of TensorFlow."""

from __future__ import annotations

import os
import re

from hub_estimator.file_formats import files
from hub_estimator.handles import path_resolver, settings, web_resolver
from hub_estimator.handles.cache.module_cache import ModuleCache
from hub_estimator.handles.contents.module_parts import ARCHIVE_ENDS
from hub_estimator.handles.resolver import Resolver

_ARCHIVE_KEY = re.compile(r"(/.*)#\d+-\d+")


def link(path: str, target: str) -> str:
  """Has a local archive read where it is; returns its path."""
  os.symlink(path, target)
  return path


def handle_of_key(key: str) -> str:
  """Returns the handle that stands in a cache as a key.

  A local archive's has its size and time behind it.
  """
  match = _ARCHIVE_KEY.fullmatch(key)
  return match.group(1) if match else key


class ArchiveResolver(Resolver):
  """Unpacks an archive of this machine into the cache."""

  is_remote = False

  def is_supported(self, handle: str) -> bool:
    """Whether a handle is the path of a local archive."""
    return (
      files.is_local(handle)
      and handle.lower().endswith(ARCHIVE_ENDS)
      and os.path.isfile(files.local_path(handle))
    )

  def resolve(self, handle: str) -> str:
    """Returns the folder of the module in an archive."""
    path = os.path.abspath(files.local_path(handle))
    found = os.stat(path)
    # An archive that was written anew is another module.
    key = f"{path}#{found.st_size}-{found.st_mtime_ns}"

    return ModuleCache().get(key, lambda target: link(path, target))


class RemoteArchiveResolver(Resolver):
  """Copies an archive of another file system (`gs://…`) into the cache."""

  def is_supported(self, handle: str) -> bool:
    """Whether a handle is the path of an archive elsewhere."""
    return (
      not files.is_local(handle)
      and not files.is_web(handle)
      and handle.lower().endswith(ARCHIVE_ENDS)
      and settings.load_format() != "UNCOMPRESSED"
    )

  def resolve(self, handle: str) -> str:
    """Returns the folder of the module in an archive."""
    cache = ModuleCache()

    def fetch(target: str) -> str:
      web_resolver.check_online(handle, cache)
      path_resolver.check_exists(handle)
      with path_resolver.reading_elsewhere(handle):
        files.copy(handle, target)
      return handle

    return cache.get(handle, fetch)
