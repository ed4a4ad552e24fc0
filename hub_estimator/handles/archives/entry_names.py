"""Names of an archive's entries: which are refused, and which are the same."""

from __future__ import annotations

import re
from typing import NoReturn, Union

from hub_estimator.handles.archives.limits import BadArchiveError

# Of the file systems that modules are kept in.
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 1024
_DRIVE = re.compile(r"[A-Za-z]:")


def relative_path(name: str, source: str) -> str:
  """Returns where an entry belongs: its name without "." parts and slashes.

  Args:
    name: an entry's name.
    source: what its archive is called.

  Returns:
    a path with single slashes; "" for the archive's root.

  Raises:
    BadArchiveError: it would lie outside of the archive's root on one of the
      usual systems, or no file can have that name.
  """
  if not name:
    refuse(source, name, "has an empty name")
  if "\0" in name:
    refuse(source, name, "has a NUL character in its name")
  if name.startswith(("/", "\\")):
    refuse(source, name, "has an absolute name")
  if ".." in name.replace("\\", "/").split("/"):
    refuse(source, name, "has a '..' part in its name")
  parts = [part for part in name.split("/") if part not in ("", ".")]
  path = "/".join(parts)
  # "./C:/x" and ".//\x" are as bad as what they normalise to.
  if path.startswith("\\") or _DRIVE.match(path):
    refuse(source, name, "has an absolute name")
  if len(path.encode()) > _MAX_PATH_BYTES:
    refuse(source, name, f"has a name of more than {_MAX_PATH_BYTES} bytes")
  if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
    refuse(
      source,
      name,
      f"has a part of more than {_MAX_NAME_BYTES} bytes in its name",
    )
  return path


def shown(name: Union[str, bytes]) -> str:
  """Returns an entry's name for a message: escaped, and not too long."""
  text = repr(name)
  return text if len(text) <= 200 else f"{text[:120]}…{text[-40:]}"


def refuse(source: str, name: Union[str, bytes], why: str) -> NoReturn:
  """Raises the error for an entry that is not unpacked.

  Args:
    source: what the archive is called.
    name: the entry's name.
    why: what is wrong with it, as "is a fifo".
  """
  raise BadArchiveError(
    f"{source} holds the entry {shown(name)}, which {why}. Only regular files "
    "and folders with names inside of the archive are unpacked: repack it, if "
    "you trust it."
  )
