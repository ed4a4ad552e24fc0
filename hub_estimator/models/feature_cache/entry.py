"""An entry of the cache: the features of one split, in a folder."""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.models.feature_cache.sharded_array import (
  MAX_SHARD_BYTES,
  ArrayFiles,
  ArrayWriter,
  ShardedArray,
)

FORMAT = 1
METADATA_FILE = "entry.json"

LABELS = "labels"
WEIGHTS = "weights"
_FEATURE = "feature/"

# NumPy has no such type; float32 has all its values.
_BFLOAT16 = "bfloat16"


class DamagedEntryError(Exception):
  """Files of an entry are missing, or are not what was written."""


class FeatureEntry:
  """The features, labels and weights of a split's examples, in order.

  Attributes:
    folder: where it is.
    metadata: what `entry.json` says.
    num_examples: the number of examples.
  """

  def __init__(self, folder: str):
    """Maps the files of an entry.

    Raises:
      DamagedEntryError: a file is missing, or of another size than was written.
    """
    self.folder = folder
    try:
      with open(os.path.join(folder, METADATA_FILE)) as file:
        self.metadata: dict[str, Any] = json.load(file)
      self.num_examples = int(self.metadata["num_examples"])
      arrays = {
        name: ArrayFiles.from_json(value)
        for name, value in self.metadata["arrays"].items()
      }
      for files in arrays.values():
        for name, size in files.files:
          found = os.path.getsize(os.path.join(folder, name))
          if found != size:
            raise DamagedEntryError(
              f"{name} has {found} bytes, and {size} were written"
            )
      self._arrays = {
        name: ShardedArray(folder, files) for name, files in arrays.items()
      }
      self._tf_types = dict(self.metadata["types"])
      for name, array in self._arrays.items():
        if len(array) != self.num_examples or name not in self._tf_types:
          raise DamagedEntryError(f"{name} has {len(array)} rows")
      if LABELS not in self._arrays or not self.feature_names:
        raise DamagedEntryError("arrays are missing")
    except OSError as error:
      raise DamagedEntryError(
        f"{os.path.basename(error.filename or folder)}: "
        f"{error.strerror or error}"
      ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
      raise DamagedEntryError(
        f"{METADATA_FILE} or an array: {error}"
      ) from error

  @property
  def feature_names(self) -> list[str]:
    """The names of the features."""
    return [
      name[len(_FEATURE) :]
      for name in self._arrays
      if name.startswith(_FEATURE)
    ]

  @property
  def has_weights(self) -> bool:
    """Whether examples have weights."""
    return WEIGHTS in self._arrays

  @property
  def num_bytes(self) -> int:
    """The bytes of all arrays."""
    return int(self.metadata["bytes"])

  def feature(self, name: str) -> ShardedArray:
    """Returns a feature."""
    return self._arrays[_FEATURE + name]

  def feature_type(self, name: str) -> str:
    """Returns the name of a feature's TensorFlow type.

    The type that it is stored in may be a wider one.
    """
    return self._tf_types[_FEATURE + name]

  @property
  def labels(self) -> ShardedArray:
    """The labels."""
    return self._arrays[LABELS]

  @property
  def weights(self) -> ShardedArray:
    """The examples' weights, if there are any."""
    return self._arrays[WEIGHTS]


class EntryWriter:
  """Writes an entry, a batch at a time."""

  def __init__(
    self,
    folder: str,
    split: str,
    num_examples: int,
    max_file_bytes: int = MAX_SHARD_BYTES,
  ):
    """Writes nothing yet.

    Args:
      folder: where the files go.
      split: the split's name, for the names of files.
      num_examples: how many examples there will be.
      max_file_bytes: the most that the rows of one file have.
    """
    self._folder = folder
    self._split = split
    self._num_examples = num_examples
    self._max_file_bytes = max_file_bytes
    self._writers: dict[str, ArrayWriter] = {}
    self._types: dict[str, str] = {}

  def append(
    self,
    features: Mapping[str, np.ndarray],
    labels: np.ndarray,
    weights: Optional[np.ndarray],
  ) -> None:
    """Writes a batch.

    Raises:
      UserValueError: something that is no number.
      OSError: the disk is full, for one.
    """
    arrays = {_FEATURE + name: value for name, value in features.items()}
    arrays[LABELS] = labels
    if weights is not None:
      arrays[WEIGHTS] = weights
    for name, array in arrays.items():
      is_number = array.dtype.kind in "biuf" or array.dtype.name == _BFLOAT16
      if not is_number:
        raise errors.UserValueError(
          f"The {name.replace(_FEATURE, 'feature ')} of split {self._split!r} "
          f"cannot be cached: it is {array.dtype.name}, and only numbers can. "
          "Choose another output of the module, or set cache_features = False."
        )
      if name not in self._writers:
        self._writers[name] = ArrayWriter(
          self._folder,
          self._file_prefix(name),
          self._num_examples,
          self._max_file_bytes,
        )
        self._types[name] = array.dtype.name
      if array.dtype.name == _BFLOAT16:
        array = array.astype(np.float32)
      self._writers[name].append(array)

  def finish(self, what: Mapping[str, Any]) -> None:
    """Writes the metadata, last of all.

    Args:
      what: what the entry is of, for `entry.json`.
    """
    arrays = {name: w.finish() for name, w in self._writers.items()}
    metadata = {
      "format": FORMAT,
      **what,
      "split": self._split,
      "num_examples": self._num_examples,
      "created": datetime.datetime.now(datetime.timezone.utc).isoformat(
        timespec="seconds"
      ),
      "bytes": sum(files.num_bytes for files in arrays.values()),
      "types": self._types,
      "arrays": {name: files.to_json() for name, files in arrays.items()},
    }
    with open(os.path.join(self._folder, METADATA_FILE), "w") as file:
      json.dump(metadata, file, indent=2)
      file.write("\n")
      file.flush()
      os.fsync(file.fileno())

  def close(self) -> None:
    """Closes files that are open."""
    for writer in self._writers.values():
      writer.close()

  def _file_prefix(self, name: str) -> str:
    """Returns what the names of an array's files begin with."""
    if not name.startswith(_FEATURE):
      return f"{self._split}-{name}"
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", name[len(_FEATURE) :])
    if plain != name[len(_FEATURE) :] or plain in (LABELS, WEIGHTS):
      # Another name may look the same then.
      plain = f"{plain}.{len(self._writers)}"
    return f"{self._split}-{plain}"
