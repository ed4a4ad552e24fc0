"""Unpacking the archive of a module that comes from elsewhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from hub_estimator import errors
from hub_estimator.handles.archives import entry_names, tar_entries
from hub_estimator.handles.archives.limits import (
  ArchiveLimits,
  BadArchiveError,
  over_limit,
)
from hub_estimator.handles.archives.stream import ArchiveStream
from hub_estimator.handles.contents import module_parts

__all__ = ["ArchiveLimits", "BadArchiveError", "UnpackedFile", "unpack"]

_DEFAULT_LIMITS = ArchiveLimits()
_MODULE_FILES = (module_parts.MODULE_DEF_FILE, module_parts.SAVED_MODEL_FILE)
# What is known of a path: that it is a folder of which the archive has an entry
# or only something inside, or that it is a file.
_FOLDER, _PARENT, _FILE = "folder", "parent", "file"


class UnpackedFile(NamedTuple):
  """A file that was unpacked.

  Attributes:
    size: in bytes.
    sha256: of its content, as 64 hexadecimal digits.
  """

  size: int
  sha256: str


def unpack(
  archive_path: str,
  folder: str,
  source: str,
  limits: ArchiveLimits = _DEFAULT_LIMITS,
) -> dict[str, UnpackedFile]:
  """Unpacks a tar archive (plain, gzip, bzip2 or xz) into a folder.

  Nothing is written outside of the folder, and nothing of what the archive says
  is kept but names and contents: files get the mode 0644 and folders 0755, less
  the umask. If the archive has a module's folder in place of its content, that
  content is what lies in `folder` afterwards.

  Args:
    archive_path: a local file.
    folder: an empty folder. If this raises it may hold leftovers, which the
      caller removes.
    source: what messages call the archive: its URL or path.
    limits: what it may at most unpack to.

  Returns:
    the files by their paths in the folder, with "/" between the parts.

  Raises:
    BadArchiveError (an OSError and a ValueError): it is not a tar archive; it
      is damaged or truncated; it has an entry that is not a regular file or
      folder, or would lie outside of the folder, or is there twice; or it goes
      over a limit.
    OSError: it cannot be read, or the folder is not empty or cannot be written.
  """
  if os.listdir(folder):
    raise errors.UserOSError(
      f"{source} cannot be unpacked into {folder}, which is not empty. Give "
      "another folder, or remove what it holds."
    )
  unpacked = {}
  with open(archive_path, "rb", buffering=0) as file:
    stream = ArchiveStream(file, source, limits)
    tree = _Tree(folder, source, limits.max_entries)
    for entry in tar_entries.entries(stream):
      path = entry_names.relative_path(entry.name, source)
      if entry.is_folder:
        tree.add_folder(path, entry.name)
        continue
      tree.add_file(path, entry.name)
      what = f"the entry {entry_names.shown(entry.name)}"
      unpacked[path] = _write(
        os.path.join(folder, path), stream.content(entry.size, what)
      )
  return _without_top_folder(folder, unpacked)


class _Tree:
  """The files and folders there are; refuses what there cannot be as well."""

  def __init__(self, folder: str, source: str, max_entries: int):
    self._folder = folder
    self._source = source
    self._max_entries = max_entries
    self._kinds = {"": _PARENT}

  def add_folder(self, path: str, name: str) -> None:
    """Makes the folder of an entry, and those above it."""
    kind = self._kinds.get(path)
    if kind == _FILE:
      self._refuse(name, "is a folder where a file is")
    if kind == _FOLDER:
      self._refuse(name, "is there twice")
    self._make_folders(path, name)
    self._kinds[path] = _FOLDER

  def add_file(self, path: str, name: str) -> None:
    """Makes the folders above an entry's file, which has to be new."""
    kind = self._kinds.get(path)
    if kind == _FILE:
      self._refuse(name, "is there twice")
    if kind is not None:
      self._refuse(name, "is a file where a folder is")
    self._make_folders(os.path.dirname(path), name)
    self._note(path, _FILE)

  def _make_folders(self, path: str, name: str) -> None:
    if self._kinds.get(path) in (_FOLDER, _PARENT):
      return
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
      parent = "/".join(parts[:end])
      kind = self._kinds.get(parent)
      if kind == _FILE:
        self._refuse(
          name,
          f"needs a folder where the file {entry_names.shown(parent)} is",
        )
      if kind is None:
        self._note(parent, _PARENT)
        os.mkdir(os.path.join(self._folder, parent), 0o755)

  def _note(self, path: str, kind: str) -> None:
    # The root, which is no entry, is one of them.
    if len(self._kinds) > self._max_entries:
      raise over_limit(
        self._source,
        f"has more than the allowed {self._max_entries} files and folders: "
        f"{len(self._kinds)} so far",
        "TFHUB_MAX_ENTRIES",
      )
    self._kinds[path] = kind

  def _refuse(self, name: str, why: str) -> NoReturn:
    entry_names.refuse(self._source, name, why)


def _write(path: str, content: Iterator[memoryview]) -> UnpackedFile:
  sha256 = hashlib.sha256()
  size = 0
  # "x" has O_EXCL, with which the last part of a path is never a link.
  with open(path, "xb", buffering=0, opener=_open_readable) as file:
    for piece in content:
      sha256.update(piece)
      size += len(piece)
      while piece:
        piece = piece[file.write(piece) :]
  return UnpackedFile(size, sha256.hexdigest())


def _open_readable(path: str, flags: int) -> int:
  return os.open(path, flags, 0o644)


def _without_top_folder(
  folder: str, unpacked: dict[str, UnpackedFile]
) -> dict[str, UnpackedFile]:
  """Moves the content of a single top folder one level up, if it is a module.

  People pack the folder itself as often as what is in it.
  """
  names = os.listdir(folder)
  if len(names) != 1 or not any(
    f"{names[0]}/{file}" in unpacked for file in _MODULE_FILES
  ):
    return unpacked
  (top,) = names
  inside = os.listdir(os.path.join(folder, top))
  # The module may have something of the top folder's own name.
  aside = "unpacked"
  while aside in inside:
    aside += "_"
  os.rename(os.path.join(folder, top), os.path.join(folder, aside))
  for name in inside:
    os.rename(os.path.join(folder, aside, name), os.path.join(folder, name))
  os.rmdir(os.path.join(folder, aside))
  return {path[len(top) + 1 :]: file for path, file in unpacked.items()}
