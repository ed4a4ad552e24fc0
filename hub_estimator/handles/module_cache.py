"""The cache of modules that came from elsewhere.

A module of handle H lies in `<cache>/<sha1(H)>/`, as in tensorflow_hub, whose
caches are used as they are. It appears there by one rename, when all of it is
there: it is downloaded and unpacked in a folder beside that place. Reading it
takes no lock and writes nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import Optional

from absl import logging

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import (
  archives,
  cache_location,
  cluster_task,
  completeness,
  content_kinds,
  install_lock,
  manifest,
  settings,
)

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)

# Writes an archive to a path that does not exist yet, or makes a folder with
# the module there; returns where it came from, for messages.
Fetch = Callable[[str], str]


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
    self.folder = folder or cache_location.cache_folder()
    self._is_remote = not files.is_local(self.folder)

  def module_folder(self, handle: str) -> str:
    """Returns the folder in which a handle's module lies, or would."""
    return os.path.join(self.folder, cache_key(handle))

  def find(self, handle: str) -> Optional[str]:
    """Returns the folder of a handle's module, None if it is not all there.

    Raises:
      OSError: another user could have put it there.
    """
    folder = self.module_folder(handle)
    if self._is_remote:
      if not files.exists(folder):
        return None
    elif not os.path.lexists(folder):
      return None
    else:
      cache_location.check_owner(folder, self.folder)
    if entry_problems(folder, with_checksums=settings.verifies_cache()):
      return None
    return folder

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
    if self._is_remote:
      return self._install_remotely(handle, fetch)
    cache_location.make_cache_folder(self.folder)
    with install_lock.install_lock(
      self.folder, cache_key(handle), handle, settings.lock_timeout_secs()
    ):
      found = self.find(handle)
      if found:
        return found
      self._say_what_is_missing(handle)
      return self._install(handle, fetch)

  def put(self, handle: str, fetch: Fetch) -> str:
    """Installs a handle's module, also if there is one; see `get`."""
    if self._is_remote:
      return self._install_remotely(handle, fetch)
    cache_location.make_cache_folder(self.folder)
    folder = self.module_folder(handle)
    if os.path.lexists(folder):
      cache_location.check_owner(folder, self.folder)
    with install_lock.install_lock(
      self.folder, cache_key(handle), handle, settings.lock_timeout_secs()
    ):
      return self._install(handle, fetch)

  def _say_what_is_missing(self, handle: str) -> None:
    folder = self.module_folder(handle)
    if os.path.lexists(folder):
      problems = entry_problems(folder, settings.verifies_cache())
      logging.warning(
        "The cached module of %s is not whole (%s): it is fetched again.",
        handle,
        "; ".join(problems[:3]),
      )

  def _install(self, handle: str, fetch: Fetch) -> str:
    key, folder = cache_key(handle), self.module_folder(handle)
    self._remove_leftovers(key)
    work = os.path.join(self.folder, f"{key}.install-{_process_mark()}")
    with _saying_where_space_ran_out(handle, self.folder):
      os.mkdir(work, 0o700)
      try:
        module = self._prepare(handle, fetch, work)
        _move_in(module, folder, os.path.join(work, "old"))
        _write_descriptor(folder, handle)
      finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder

  def _install_remotely(self, handle: str, fetch: Fetch) -> str:
    """Installs a module in a cache of another file system (`gs://…`).

    These have neither locks nor renames of folders that can be relied on: what
    makes the module whole is its manifest, which is written last.
    """
    folder = self.module_folder(handle)
    with (
      _saying_where_space_ran_out(handle, self.folder),
      tempfile.TemporaryDirectory() as work,
    ):
      module = self._prepare(handle, fetch, work)
      files.remove_if_there(f"{folder}/{manifest.FILE_NAME}")
      for name in (*completeness.contents(module), manifest.FILE_NAME):
        files.copy_in(os.path.join(module, name), f"{folder}/{name}")
    return folder

  def _prepare(self, handle: str, fetch: Fetch, work: str) -> str:
    """Fetches a module, checks it, and returns its folder, in `work`."""
    fetched, module = (os.path.join(work, n) for n in ("fetched", "module"))
    source = fetch(fetched)
    if os.path.isdir(fetched):
      os.rename(fetched, module)
      found = {
        name: (os.path.getsize(path), manifest.file_sha256(path))
        for name in completeness.contents(module)
        for path in [os.path.join(module, name)]
      }
    else:
      os.mkdir(module)
      unpacked = _unpack(fetched, module, source)
      os.remove(fetched)
      found = {n: (file.size, file.sha256) for n, file in unpacked.items()}
    _check_whole(module, source)
    now = datetime.datetime.now(datetime.timezone.utc)
    manifest.write(
      module,
      manifest.Manifest(
        handle, source, now.isoformat(timespec="seconds"), found
      ),
    )
    return module

  def _remove_leftovers(self, key: str) -> None:
    """Removes what processes that were killed have left of this module."""
    for name in os.listdir(self.folder):
      start, mark, process = name.partition(".install-")
      if start == key and mark and _is_dead(process):
        shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)


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


def _unpack(archive: str, folder: str, source: str):
  try:
    return archives.unpack(archive, folder, source, _archive_limits())
  except archives.BadArchiveError as error:
    rule = f"{source} does not appear to be a valid module"
    if rule in str(error):
      raise
    raise archives.BadArchiveError(f"{rule}: {error}") from error


def _archive_limits() -> archives.ArchiveLimits:
  default = archives.ArchiveLimits()
  limit = settings.archive_limit
  return archives.ArchiveLimits(
    limit("TFHUB_MAX_ENTRIES", default.max_entries),
    limit("TFHUB_MAX_UNPACKED_BYTES", default.max_bytes),
    limit("TFHUB_MAX_COMPRESSION_RATIO", default.max_ratio),
  )


def _check_whole(module: str, source: str) -> None:
  """Raises OSError unless a folder holds a module or SavedModel."""
  is_module = os.path.exists(os.path.join(module, "tfhub_module.pb"))
  problems = completeness.missing_parts(module, hub_module=is_module)
  if problems:
    what = content_kinds.describe(module).replace(module, source)
    raise errors.UserOSError(
      f"{source} does not appear to be a valid module: "
      f"{'; '.join(problems[:3])}. {what}"
    )


def _move_in(module: str, folder: str, old: str) -> None:
  """Moves a module to its place; what was there goes to `old`."""
  try:
    os.rename(module, folder)
  except OSError as error:
    if error.errno not in _IN_THE_WAY:
      raise
    os.rename(folder, old)
    os.rename(module, folder)


def _write_descriptor(folder: str, handle: str) -> None:
  """Writes what tensorflow_hub writes beside a module, for people."""
  path = f"{folder}.descriptor.txt"
  temporary = f"{path}.{uuid.uuid4().hex[:8]}"
  with open(temporary, "w", encoding="utf-8") as file:
    file.write(
      f"Module: {handle}\nDownload Time: {datetime.datetime.now()}\n"
      f"Downloader Hostname: {socket.gethostname()} (PID:{os.getpid()})"
    )
  os.replace(temporary, path)


def _process_mark() -> str:
  host = socket.gethostname().replace("/", "_")
  return f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _is_dead(mark: str) -> bool:
  """Whether the process of a `_process_mark` is known to have ended."""
  host, pid, _ = mark.rsplit("-", 2) if mark.count("-") >= 2 else ("", "", "")
  if host != socket.gethostname().replace("/", "_") or not pid.isdigit():
    return False
  try:
    os.kill(int(pid), 0)
  except ProcessLookupError:
    return True
  except OSError:
    return False
  return False


@contextlib.contextmanager
def _saying_where_space_ran_out(handle: str, folder: str) -> Iterator[None]:
  try:
    yield
  except errors.UserError:
    raise
  except OSError as error:
    if error.errno in _NO_SPACE:
      raise errors.UserOSError(
        f"There is no space for {handle} in the cache {folder} "
        f"({error.strerror}). Make room there (python -m hub_estimator.cache "
        "list shows what it holds), or set TFHUB_CACHE_DIR to a folder on "
        "another disk."
      ) from error
    raise errors.UserOSError(
      f"{handle} cannot be written to the cache {folder}: {error}."
    ) from error
