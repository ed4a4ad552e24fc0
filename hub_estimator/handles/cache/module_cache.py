"""The cache of modules that came from elsewhere.

A module of handle H lies in `<cache>/<sha1(H)>/`, as in tensorflow_hub, whose
caches are used as they are. It appears there by one rename, when all of it is
there: it is downloaded and unpacked in a folder beside that place. Reading it
takes no lock and writes nothing.
"""

from __future__ import annotations

import hashlib
import os
from typing import Optional

from absl import logging

from hub_estimator.file_formats import files
from hub_estimator.handles import settings
from hub_estimator.handles.cache import (
  cluster_task,
  install_lock,
  installation,
  location,
  manifest,
)
from hub_estimator.handles.cache.installation import Fetch
from hub_estimator.handles.contents import completeness


def cache_key(handle: str) -> str:
  """Returns the name of a handle's entry in a cache."""
  return hashlib.sha1(handle.encode()).hexdigest()


class ModuleCache:
  """A folder of modules, one for each handle."""

  def __init__(self, folder: Optional[str] = None):
    """Describes a cache; nothing is written.

    Args:
      folder: its folder; that of the settings if None.
    """
    self.folder = folder or location.cache_folder()
    self._is_remote = not files.is_local(self.folder)

  def module_folder(self, handle: str) -> str:
    """Returns the folder in which a handle's module lies, or would."""
    return os.path.join(self.folder, cache_key(handle))

  def find(self, handle: str) -> Optional[str]:
    """Returns the folder of a handle's module, None if it is not all there.

    Raises:
      OSError: another user could have put it there.
    """
    is_whole = self.problems(handle) == []
    return self.module_folder(handle) if is_whole else None

  def problems(self, handle: str) -> Optional[list[str]]:
    """Returns what is wrong with a handle's module, None if there is none.

    With TFHUB_CACHE_VERIFY its bytes are read.

    Raises:
      OSError: another user could have put it there.
    """
    folder = self.module_folder(handle)
    if not self._is_there(folder):
      return None
    return entry_problems(folder, settings.verifies_cache())

  def _is_there(self, folder: str) -> bool:
    if self._is_remote:
      return files.exists(folder)
    if not os.path.lexists(folder):
      return False
    location.check_owner(folder, self.folder)
    return True

  def get(self, handle: str, fetch: Fetch) -> str:
    """Returns the folder of a handle's module, which is fetched if need be.

    Of several processes and threads that ask for the same handle, one fetches
    it and the others wait.

    Args:
      handle: the module's handle.
      fetch: called with a path, where it writes an archive or makes a folder;
        returns where the module came from, for messages and the manifest.

    Raises:
      OSError: it cannot be fetched or written, what was fetched is no module,
        or another process has not finished it in time.
    """
    found = self.find(handle)
    if found:
      return found
    if settings.cache_dir() and settings.chief_downloads():
      found = cluster_task.wait_for_chief(
        lambda: self.find(handle), handle, self.folder
      )
      if found:
        return found
    return self._fetched(handle, fetch, replaces=False)

  def put(self, handle: str, fetch: Fetch) -> str:
    """Installs a handle's module, also if there is one; see `get`."""
    return self._fetched(handle, fetch, replaces=True)

  def _fetched(self, handle: str, fetch: Fetch, replaces: bool) -> str:
    folder = self.module_folder(handle)
    if self._is_remote:
      installation.install_remotely(folder, handle, fetch)
      return folder
    location.make_cache_folder(self.folder)
    self._is_there(folder)  # If so, it is nobody else's.
    with install_lock.install_lock(folder, handle):
      if not replaces:
        problems = self.problems(handle)
        if problems == []:  # Another process has been here.
          return folder
        if problems:
          logging.warning(
            "The cached module of %s is not whole (%s): it is fetched again.",
            handle,
            "; ".join(problems[:3]),
          )
      installation.install(folder, handle, fetch)
    return folder


def entry_problems(folder: str, with_checksums: bool = False) -> list[str]:
  """Returns what is wrong with a module in a cache, empty if it is whole.

  Args:
    folder: the module's folder.
    with_checksums: whether to read all bytes and compare them with the
      manifest; a module that tensorflow_hub has put there has none.
  """
  try:
    written = manifest.read(folder)
  except ValueError as error:
    return [str(error)]
  except OSError as error:
    return [f"it cannot be read: {error.strerror}"]
  if written is None:
    return completeness.missing_parts(folder, hub_module=None)
  return manifest.problems(folder, written, with_checksums)
