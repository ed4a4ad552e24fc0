"""Mirrors: where to find modules whose sites are gone.

A mirror says that handles which begin in some way are found elsewhere: at the
address, or in the folder, that takes the place of that beginning.
"""

from __future__ import annotations

import json
import os
import re
from typing import Optional

import gin

from hub_estimator import errors
from hub_estimator.file_formats import files

_VARIABLE = "TFHUB_MIRRORS"
_ARCHIVE_ENDS = ("", ".tar.gz", ".tgz", ".tar")


@gin.register(module="hub_estimator")
def handle_mirrors(
  mirrors: Optional[dict[str, str]] = None,
) -> dict[str, str]:
  """Returns the mirrors that are bound in Gin.

  Bind `handle_mirrors.mirrors = {"https://tfhub.dev/": "/data/modules/"}`; the
  environment variable TFHUB_MIRRORS comes first.

  Args:
    mirrors: the beginning of handles -> the address or folder that takes its
      place; none if None.

  Raises:
    ValueError: it is no such dict.
  """
  mirrors = mirrors or {}
  if not isinstance(mirrors, dict) or not all(
    isinstance(text, str) and text for pair in mirrors.items() for text in pair
  ):
    raise errors.UserValueError(
      f"handle_mirrors.mirrors is {mirrors!r}: it must be a dict from the "
      "beginning of handles to an address or folder."
    )
  return mirrors


def mirrored(handle: str) -> Optional[str]:
  """Returns the address or path that stands in for a handle, None if none.

  The longest beginning that fits counts. A path is that of what exists: a
  folder of the rest's name, or an archive (`.tar.gz`, `.tgz`, `.tar`).

  Raises:
    ValueError: TFHUB_MIRRORS or the Gin binding cannot be read.
    OSError: the handle's mirror is a folder that has not got the module.
  """
  mirrors = {**gin.get_configurable(handle_mirrors)(), **_of_environment()}
  fitting = [start for start in mirrors if handle.startswith(start)]
  if not fitting:
    return None
  start = max(fitting, key=len)
  target, rest = mirrors[start], handle[len(start) :]
  if files.is_web(target):
    return _joined(target, rest)
  path = _joined(files.local_path(target), rest.partition("?")[0])
  for end in _ARCHIVE_ENDS:
    found = path.rstrip("/") + end
    if files.exists(found):
      return found
  raise errors.UserOSError(
    f"{handle} is mirrored to {path}, where there is nothing: neither a folder "
    f"nor an archive ({', '.join(_ARCHIVE_ENDS[1:])}). The mirror of {start} "
    f"is {target} (TFHUB_MIRRORS or handle_mirrors.mirrors)."
  )


def _joined(target: str, rest: str) -> str:
  if target.endswith("/"):
    return target + rest.removeprefix("/")
  if not rest or rest[0] in "/?":
    return target + rest
  return f"{target}/{rest}"


def _of_environment() -> dict[str, str]:
  text = os.environ.get(_VARIABLE, "").strip()
  if text.startswith("{"):
    return _of_json(text)
  found = {}
  for item in re.split(r"[\s,;]+", text):
    start, equals, target = item.partition("=")
    if item and not (start and equals and target):
      raise _not_a_map(item)
    if item:
      found[start] = target
  return found


def _of_json(text: str) -> dict[str, str]:
  try:
    found = json.loads(text)
    if not all(
      isinstance(k, str) and k and isinstance(v, str) and v
      for k, v in found.items()
    ):
      raise ValueError(text)
  except ValueError as error:
    raise _not_a_map(text) from error
  return found


def _not_a_map(text: str) -> errors.UserValueError:
  return errors.UserValueError(
    f"{_VARIABLE} holds {text!r}: write BEGINNING=ADDRESS_OR_FOLDER, several "
    f"with commas between them, as in {_VARIABLE}=https://tfhub.dev/="
    "/data/modules/, or a JSON object of them."
  )
