"""Putting a module into a cache: whole, or not at all."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import archives, settings
from hub_estimator.handles.cache import manifest
from hub_estimator.handles.contents import completeness, content_kinds
from hub_estimator.handles.contents.module_parts import (
  MANIFEST_FILE,
  MODULE_DEF_FILE,
)

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
_MARK = ".install-"

# Writes an archive to a path that does not exist yet, or makes a folder with
# the module there; returns where it came from, for messages.
Fetch = Callable[[str], str]


def install(folder: str, handle: str, fetch: Fetch) -> None:
  """Fetches a module and puts it in its place by one rename.

  Args:
    folder: its folder in the cache, whatever is there.
    handle: its handle.
    fetch: fetches it.

  Raises:
    OSError: it cannot be fetched or written, or is no module; what was at
      `folder` is there still.
  """
  _remove_leftovers(folder)
  work = work_path(folder)
  with _saying_where_space_ran_out(folder, handle):
    os.mkdir(work, 0o700)
    try:
      module = _prepare(handle, fetch, work)
      _move_in(module, folder, os.path.join(work, "old"))
      _write_descriptor(folder, handle)
    finally:
      shutil.rmtree(work, ignore_errors=True)


def work_path(folder: str) -> str:
  """Returns a new path beside a module's folder, for this process.

  What lies there is removed by the next installation if the process is dead.
  """
  return f"{folder}{_MARK}{_process_mark()}"


def install_remotely(folder: str, handle: str, fetch: Fetch) -> None:
  """Installs a module in a cache of another file system (`gs://…`).

  These have neither locks nor renames of folders that can be relied on: what
  makes the module whole is its manifest, which is written last.
  """
  with (
    _saying_where_space_ran_out(folder, handle),
    tempfile.TemporaryDirectory() as work,
  ):
    module = _prepare(handle, fetch, work)
    files.remove_if_there(f"{folder}/{MANIFEST_FILE}")
    for name in (*completeness.contents(module), MANIFEST_FILE):
      files.copy_in(os.path.join(module, name), f"{folder}/{name}")


def _prepare(handle: str, fetch: Fetch, work: str) -> str:
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
    manifest.Manifest(handle, source, now.isoformat(timespec="seconds"), found),
  )
  return module


def _unpack(archive: str, folder: str, source: str):
  default, limit = archives.ArchiveLimits(), settings.archive_limit
  limits = archives.ArchiveLimits(
    limit("TFHUB_MAX_ENTRIES", default.max_entries),
    limit("TFHUB_MAX_UNPACKED_BYTES", default.max_bytes),
    limit("TFHUB_MAX_COMPRESSION_RATIO", default.max_ratio),
  )
  try:
    return archives.unpack(archive, folder, source, limits)
  except archives.BadArchiveError as error:
    rule = f"{source} does not appear to be a valid module"
    if rule in str(error):
      raise
    raise archives.BadArchiveError(f"{rule}: {error}") from error


def _check_whole(module: str, source: str) -> None:
  """Raises OSError unless a folder holds a module or SavedModel."""
  is_module = os.path.exists(os.path.join(module, MODULE_DEF_FILE))
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


def _remove_leftovers(folder: str) -> None:
  """Removes what processes that were killed have left of this module."""
  cache, key = os.path.split(folder)
  for name in os.listdir(cache):
    start, mark, process = name.partition(_MARK)
    if start == key and mark and _is_dead(process):
      shutil.rmtree(os.path.join(cache, name), ignore_errors=True)


def _host() -> str:
  return socket.gethostname().replace("/", "_")


def _process_mark() -> str:
  return f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _is_dead(mark: str) -> bool:
  """Whether the process of a `_process_mark` is known to have ended."""
  host, pid, _ = mark.rsplit("-", 2) if mark.count("-") >= 2 else ("", "", "")
  if host != _host() or not pid.isdigit():
    return False
  try:
    os.kill(int(pid), 0)
  except ProcessLookupError:
    return True
  except OSError:
    return False
  return False


@contextlib.contextmanager
def _saying_where_space_ran_out(folder: str, handle: str) -> Iterator[None]:
  cache = os.path.dirname(folder)
  try:
    yield
  except errors.UserError:
    raise
  except OSError as error:
    if error.errno in _NO_SPACE:
      raise errors.UserOSError(
        f"There is no space for {handle} in the cache {cache} "
        f"({error.strerror}). Make room there (python -m hub_estimator.cache "
        "list shows what it holds), or set TFHUB_CACHE_DIR to a folder on "
        "another disk."
      ) from error
    raise errors.UserOSError(
      f"{handle} cannot be written to the cache {cache}: {error}."
    ) from error
