"""From a handle, the string that names a module, to the module's folder."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import local_modules, mirrors, resolver
from hub_estimator.handles.archive_resolver import (
  ArchiveResolver,
  RemoteArchiveResolver,
)
from hub_estimator.handles.cache import location
from hub_estimator.handles.path_resolver import PathResolver
from hub_estimator.handles.web_resolver import WebResolver

_CACHED = re.compile(r"/[0-9a-f]{40}(/|$)")
_WEB, _PATH = WebResolver(), PathResolver()
_BUILT_IN = (_WEB, RemoteArchiveResolver(), ArchiveResolver())


class Resolution(NamedTuple):
  """Where a handle's module is.

  Attributes:
    path: the module's folder.
    is_downloaded: whether it came from elsewhere, and not from a path of this
      machine.
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
  handle = os.fspath(handle)
  if not handle:
    raise errors.UserValueError("A module's handle is empty.")
  mirror = mirrors.mirrored(handle)
  if mirror is not None:
    if files.is_web(mirror):
      return Resolution(_WEB.resolve(handle, mirror), True)
    handle = mirror
  for candidate in (*resolver.registered_resolvers(), *_BUILT_IN):
    if candidate.is_supported(handle):
      return Resolution(candidate.resolve(handle), candidate.is_remote)
  path = _PATH.resolve(handle, export_name)
  return Resolution(path, not files.is_local(path) or _is_in_cache(path))


def resolve(handle: str, export_name: Optional[str] = None) -> str:
  """Returns the folder of the module that a handle names.

  A handle is one of:

   -  a module's folder, or a folder in which a `LatestModuleExporter` writes
      (`<model_dir>/export/tf_hub`), of which the newest export is meant; also
      of `file://` and of the file systems that TensorFlow knows (`gs://`);
   -  an archive of a module's folder: `.tar`, `.tar.gz`, `.tgz`;
   -  an address, `https://…`, whose archive is downloaded;
   -  what a registered `Resolver` supports.

  Archives are unpacked into the cache, and found there from then on.

  Args:
    handle: the handle.
    export_name: which module of an export; needed only if there are several.

  Returns:
    the module's folder; that of a path as it is, without checking that it holds
    a module.

  Raises:
    OSError: there is nothing at the path; a download that fails; an archive
      that is damaged or holds no module; a cache that cannot be used.
    ValueError: an export of several modules and no `export_name`, or one that
      it does not have; a setting that cannot be read; or a handle that is not
      a string.
  """
  return find(handle, export_name).path


def pinned(handle: str, export_name: Optional[str] = None) -> str:
  """Returns a handle that goes on meaning the same module.

  Args:
    handle: a handle.
    export_name: as for `resolve`.

  Returns:
    for a local folder of exports the newest of them, as an absolute path; any
    other handle as it is.

  Raises:
    ValueError: as `resolve`, for such a folder.
  """
  path = files.local_path(handle)
  if files.scheme(path) or not os.path.isdir(path):
    return handle
  module = local_modules.module_folder(path, export_name)
  return handle if module == path else os.path.abspath(module)


def _is_in_cache(path: str) -> bool:
  """Whether a local path is one that `resolve` has returned for a download."""
  path = os.path.abspath(path)
  if not _CACHED.search(path):  # Where the cache is need not be found out.
    return False
  return path.startswith(os.path.join(location.cache_folder(), ""))
