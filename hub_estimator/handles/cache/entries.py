"""What a cache holds, and putting it in order."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import archive_resolver, resolution
from hub_estimator.handles.cache import (
  install_lock,
  installation,
  location,
  manifest,
  module_cache,
)
from hub_estimator.handles.contents import (
  completeness,
  content_kinds,
  module_parts,
)

_KEY = re.compile(r"[0-9a-f]{40}")
_HANDLE_LINE = "Module: "


class Entry(NamedTuple):
  """A module in a cache.

  Attributes:
    handle: its handle; "" if nothing says which.
    folder: its folder.
    num_files: how many files it has.
    num_bytes: the bytes of these.
    installed: when it was installed, ISO 8601 in UTC; "" if nothing says.
    has_manifest: whether its bytes can be compared with what was installed.
    is_hub_module: whether it is a TF1 Hub module, and no other SavedModel.
    problems: what is missing, by sizes; empty if nothing is.
  """

  handle: str
  folder: str
  num_files: int
  num_bytes: int
  installed: str
  has_manifest: bool
  is_hub_module: bool
  problems: list[str]


def entries(cache: module_cache.ModuleCache) -> list[Entry]:
  """Returns the modules of a cache, sorted by handle.

  Raises:
    OSError: the cache's folder cannot be read.
  """
  if not files.is_local(cache.folder):
    raise errors.UserValueError(
      f"The cache {cache.folder} is not on this machine: its modules are used, "
      "and cannot be listed, verified or removed here."
    )
  if not os.path.isdir(cache.folder):
    return []
  try:
    names = os.listdir(cache.folder)
  except OSError as error:
    raise errors.UserOSError(
      f"The cache {cache.folder} cannot be read: {error.strerror}."
    ) from error
  found = [
    _entry(os.path.join(cache.folder, name), cache.folder)
    for name in names
    if _KEY.fullmatch(name) and os.path.isdir(os.path.join(cache.folder, name))
  ]
  return sorted(found, key=lambda entry: (entry.handle, entry.folder))


def entry(cache: module_cache.ModuleCache, handle: str) -> Entry:
  """Returns the entry of a handle.

  Raises:
    ValueError: the cache has none.
  """
  folder = cache.module_folder(handle)
  if not os.path.isdir(folder):
    known = [e.handle for e in entries(cache) if e.handle]
    raise errors.UserValueError(
      f"{handle} is not in the cache {cache.folder}. It holds: "
      f"{', '.join(known) or 'nothing'}."
    )
  return _entry(folder, cache.folder)


def check_whole(folder: str) -> None:
  """Raises OSError unless a folder holds all of a module or SavedModel."""
  problems = module_cache.entry_problems(folder)
  if problems:
    raise errors.UserOSError(
      f"{folder} holds no whole module: {'; '.join(problems[:3])}. "
      f"{content_kinds.describe(folder)}"
    )


def changed_files(found: Entry) -> list[str]:
  """Returns what is wrong with a module, all of its bytes being read.

  A module without a manifest has nothing to compare whole files with; what is
  checked then is that no file is missing or cut off.
  """
  problems = module_cache.entry_problems(found.folder, with_checksums=True)
  return problems or found.problems


def remove(cache: module_cache.ModuleCache, removed: Entry) -> None:
  """Removes a module from a cache.

  Raises:
    OSError: it cannot be removed.
  """
  folder = removed.folder
  with install_lock.install_lock(folder, removed.handle or folder):
    try:
      # Gone at once for others, however long its files take.
      shutil.rmtree(_moved_aside(folder))
      with contextlib.suppress(FileNotFoundError):
        os.remove(f"{folder}.descriptor.txt")
    except OSError as error:
      raise errors.UserOSError(
        f"{removed.handle or folder} cannot be removed from {cache.folder}: "
        f"{error.strerror}."
      ) from error


def repair(broken: Entry) -> None:
  """Fetches a module again; if that fails, what was there stays.

  Raises:
    OSError: it cannot be fetched, or nothing says what its handle is.
  """
  if not broken.handle:
    raise errors.UserOSError(
      f"nothing says which handle {broken.folder} belongs to. Remove it."
    )
  aside = _moved_aside(broken.folder)
  try:
    resolution.resolve(archive_resolver.handle_of_key(broken.handle))
  except BaseException:
    if not os.path.lexists(broken.folder):
      os.rename(aside, broken.folder)
    raise
  shutil.rmtree(aside, ignore_errors=True)


def _moved_aside(folder: str) -> str:
  aside = installation.work_path(folder)
  os.rename(folder, aside)
  return aside


def import_module(
  cache: module_cache.ModuleCache, handle: str, source: str
) -> str:
  """Puts a copy of a module into a cache, in place of a download.

  Args:
    cache: the cache.
    handle: the handle that will mean it.
    source: a module's folder, or an archive of one.

  Returns:
    the module's folder in the cache.

  Raises:
    OSError: there is no module at `source`, or it cannot be written.
  """
  path = os.path.abspath(files.local_path(source))
  if not os.path.exists(path):
    raise errors.UserOSError(f"{source} does not exist: nothing to import.")

  def fetch(target: str) -> str:
    if os.path.isdir(path):
      check_whole(path)
      for name in completeness.contents(path):
        copied = os.path.join(target, name)
        os.makedirs(os.path.dirname(copied), exist_ok=True)
        shutil.copyfile(os.path.join(path, name), copied)
    else:
      archive_resolver.link(path, target)
    return path

  return cache.put(handle, fetch)


def _entry(folder: str, cache_folder: str) -> Entry:
  names = completeness.contents(folder)
  try:
    written = manifest.read(folder)
  except ValueError:
    written = None
  try:
    location.check_owner(folder, cache_folder)
    problems = module_cache.entry_problems(folder)
  except errors.UserOSError as error:
    problems = [str(error)]
  return Entry(
    written.handle if written else _described_handle(folder) or "",
    folder,
    len(names),
    sum(os.path.getsize(os.path.join(folder, name)) for name in names),
    written.installed if written else "",
    written is not None,
    module_parts.MODULE_DEF_FILE in names,
    problems,
  )


def _described_handle(folder: str) -> Optional[str]:
  """Returns the handle that tensorflow_hub's descriptor of a module names."""
  try:
    with open(f"{folder}.descriptor.txt", encoding="utf-8") as file:
      line = file.readline().rstrip("\n")
  except (OSError, UnicodeDecodeError):
    return None
  if not line.startswith(_HANDLE_LINE):
    return None
  return line[len(_HANDLE_LINE) :]
