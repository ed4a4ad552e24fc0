"""Where the cache is, and whom it belongs to.

A module is a program: one that another user of the machine could have put into
the cache is not used.
"""

from __future__ import annotations

import os
import stat
import tempfile

from absl import logging

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import settings

_FOLDER_NAME = "tfhub_modules"
_ROOT_UID = 0


def cache_folder() -> str:
  """Returns the folder of the cache, which need not exist.

  The one that TFHUB_CACHE_DIR or `--tfhub_cache_dir` names; else
  `tfhub_modules` in the folder for temporary files, as in tensorflow_hub. If
  that belongs to another user, or others may write in it, it is
  `tfhub_modules` in the user's own cache folder (`$XDG_CACHE_HOME`,
  `~/.cache`) instead.
  """
  chosen = settings.cache_dir()
  if chosen:
    path = files.local_path(chosen)
    return path if files.scheme(path) else os.path.abspath(path)
  shared = os.path.join(tempfile.gettempdir(), _FOLDER_NAME)
  if not os.path.lexists(shared) or _is_private(shared):
    return shared
  own = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
  own = os.path.join(own, _FOLDER_NAME)
  logging.log_first_n(
    logging.WARNING,
    "%s belongs to another user, or others may write in it: modules are cached "
    "in %s. TFHUB_CACHE_DIR chooses a folder.",
    1,
    shared,
    own,
  )
  return own


def make_cache_folder(path: str) -> None:
  """Makes the folder of the cache if it is missing, for its user alone.

  Raises:
    OSError: it cannot be made.
  """
  # A folder that the user named is made as other folders are: it may be meant
  # for a group.
  mode = 0o777 if settings.cache_dir() else 0o700
  try:
    os.makedirs(path, mode=mode, exist_ok=True)
  except OSError as error:
    raise errors.UserOSError(
      f"The cache folder {path} cannot be made: {error.strerror}. Set "
      "TFHUB_CACHE_DIR to a folder that you can write in."
    ) from error


def check_owner(path: str, cache: str) -> None:
  """Raises OSError if another user could have put a folder into the cache.

  Trusted are what belongs to this user or to root, to the owner of a cache that
  the user named, and all of such a cache if not everybody may write in it.

  Args:
    path: a folder in the cache.
    cache: the cache's folder.
  """
  found, holder = os.lstat(path), os.stat(cache)
  trusted = {os.geteuid(), _ROOT_UID}
  if settings.cache_dir():
    trusted.add(holder.st_uid)
    if not holder.st_mode & stat.S_IWOTH:
      trusted.add(found.st_uid)
  if stat.S_ISLNK(found.st_mode):
    problem = "is a link"
  elif found.st_uid not in trusted:
    problem = f"belongs to user {found.st_uid}"
  elif found.st_mode & stat.S_IWOTH:
    problem = "can be written by everybody"
  else:
    return
  raise errors.UserOSError(
    f"{path} {problem}: somebody else could have put the module there, so it "
    "is not used. Remove it, or set TFHUB_CACHE_DIR to a folder that only you "
    "and those you trust can write in."
  )


def _is_private(path: str) -> bool:
  """Whether a folder is the user's, and nobody else may write in it."""
  found = os.lstat(path)
  return (
    stat.S_ISDIR(found.st_mode)
    and found.st_uid == os.geteuid()
    and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
  )
