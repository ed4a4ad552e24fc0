"""FeatureCache: entries on disk, each whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Optional

from hub_estimator import errors
from hub_estimator.models.feature_cache import cache_folder
from hub_estimator.models.feature_cache.entry import (
  FORMAT,
  DamagedEntryError,
  EntryWriter,
  FeatureEntry,
)
from hub_estimator.models.feature_cache.extraction import AppendFn
from hub_estimator.models.feature_cache.sharded_array import MAX_SHARD_BYTES
from hub_estimator.tf_compat import tf

_MIB = 1 << 20
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


class FeatureCache:
  """Features on disk, found by what they depend on.

  An entry is `<folder>/<key>/`, with arrays as .npy files of at most 256 MiB
  each and `entry.json`, which says what it is of. It is written beside its
  place and moved there in whole. Nothing is ever removed but what is damaged or
  was left by a process that was killed; the folder may be deleted at any time.
  """

  def __init__(
    self,
    cache_dir: Optional[str] = None,
    max_file_bytes: int = MAX_SHARD_BYTES,
  ):
    """Chooses the folder; it is made when something is written.

    Args:
      cache_dir: the folder; None for the one that the environment variable
        HUB_ESTIMATOR_FEATURE_CACHE names, or `hub_estimator/features` in
        `$XDG_CACHE_HOME` or `~/.cache`.
      max_file_bytes: the most that the rows of one file have.

    Raises:
      UserError: no path, or one of another machine.
    """
    self.folder = cache_folder.local_folder(cache_dir)
    self._max_file_bytes = max_file_bytes
    self._reported: set[str] = set()

  def find(self, key: str) -> Optional[FeatureEntry]:
    """Returns an entry, None if there is none or it is damaged.

    A warning tells of one that is damaged; `get` makes it anew.

    Args:
      key: of `entry_key`.
    """
    path = os.path.join(self.folder, key)
    if not os.path.isdir(path):
      return None
    try:
      return FeatureEntry(path)
    except DamagedEntryError as error:
      if key not in self._reported:
        tf.get_logger().warning(
          "The cached features in %s are damaged (%s) and are made anew.",
          path,
          error,
        )
      self._reported.add(key)
      return None

  def get(
    self,
    key: str,
    what: Mapping[str, Any],
    split: str,
    num_examples: int,
    write: Callable[[AppendFn], None],
  ) -> FeatureEntry:
    """Returns an entry, which is made if there is none.

    Args:
      key: of `entry_key`.
      what: what it is of, for `entry.json`.
      split: the name of the split.
      num_examples: how many examples it has.
      write: gives all batches to the function that it is called with.

    Raises:
      UserOSError: the folder cannot be written in, or the disk is full.
    """
    with contextlib.ExitStack() as stack:
      with self._writing(split):
        os.makedirs(self.folder, exist_ok=True)
        cache_folder.remove_stale_folders(self.folder)
        stack.enter_context(
          cache_folder.entry_lock(
            self.folder, key, f"the features of split {split!r}"
          )
        )
      found = self.find(key)
      if found is not None:
        return found
      with self._writing(split):
        folder = stack.enter_context(
          cache_folder.temporary_folder(self.folder, key)
        )
      writer = stack.enter_context(
        contextlib.closing(
          EntryWriter(folder, split, num_examples, self._max_file_bytes)
        )
      )

      def append(features, labels, weights):
        with self._writing(split):
          writer.append(features, labels, weights)

      write(append)
      with self._writing(split):
        writer.finish(what)
        return self._move_to_place(folder, key)

  def _move_to_place(self, folder: str, key: str) -> FeatureEntry:
    """Makes a folder the entry, unless another process was faster."""
    path = os.path.join(self.folder, key)
    try:
      os.rename(folder, path)
    except OSError as error:
      if error.errno not in _TAKEN:
        raise
      found = self.find(key)
      if found is not None:
        return found
      shutil.rmtree(path, ignore_errors=True)
      os.rename(folder, path)
    return FeatureEntry(path)

  @contextlib.contextmanager
  def _writing(self, split: str) -> Iterator[None]:
    """Says what to do about an OSError of the body."""
    try:
      yield
    except OSError as error:
      raise self._describe(error, split) from error

  def _describe(self, error: OSError, split: str) -> errors.UserOSError:
    room = ""
    with contextlib.suppress(OSError):
      free = shutil.disk_usage(self.folder).free // _MIB
      room = f" {free:,} MiB are free there."
    return errors.UserOSError(
      f"The features of split {split!r} cannot be written to the cache "
      f"{self.folder}: {error.strerror or error}.{room} Choose another folder "
      f"with cache_dir or the environment variable {cache_folder.VARIABLE}, or "
      "set cache_features = False."
    )


def entry_key(what: Mapping[str, Any]) -> str:
  """Returns the key of an entry, a SHA-256 in hex.

  Args:
    what: all that its content depends on, as JSON has it.

  Raises:
    TypeError: something that JSON has not, whose text might change from run to
      run.
  """
  text = json.dumps({"format": FORMAT, **what}, sort_keys=True, default=_plain)
  return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
  """Returns a NumPy number or array, or a set of texts, as JSON has it."""
  if isinstance(value, (set, frozenset)):
    return sorted(value)
  if hasattr(value, "tolist"):
    return value.tolist()
  raise TypeError(f"{value!r} has no place in the key of cached features")
