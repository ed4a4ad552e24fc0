"""Where the arrays of a `NumpyInput` come from."""

from __future__ import annotations

import dataclasses
import importlib
import os
import zipfile
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TRAIN_SPLIT

# The name of a part that is not yet cut into splits.
WHOLE = "whole"

SKLEARN_PREFIX = "sklearn:"
# The sets that scikit-learn ships with itself and that have one target.
SKLEARN_NAMES = ("breast_cancer", "diabetes", "digits", "iris", "wine")

# Part of a source -> what its keys start with.
_KEY_PREFIXES = {
  WHOLE: "",
  TRAIN_SPLIT: f"{TRAIN_SPLIT}_",
  EVAL_SPLIT: f"{EVAL_SPLIT}_",
}
_RULE = (
  "it needs `features` and `labels`, or, cut into splits already, "
  "`train_features`, `train_labels`, `eval_features` and `eval_labels`; "
  "`class_names` is optional"
)


@dataclasses.dataclass(frozen=True)
class ArrayPart:
  """Examples that belong together.

  Attributes:
    place: where they are from, for messages.
    features: [num_examples, ...] array.
    labels: [num_examples, ...] array.
  """

  place: str
  features: np.ndarray
  labels: np.ndarray


@dataclasses.dataclass(frozen=True)
class ArraySource:
  """The arrays of a data set.

  Attributes:
    place: where it is from, for messages.
    parts: either one part, `WHOLE`, or one for each split.
    class_names: the name of class i at i; None if there are none.
  """

  place: str
  parts: dict[str, ArrayPart]
  class_names: Optional[list[str]]


def load_array_source(source: Any) -> ArraySource:
  """Loads arrays.

  Args:
    source: a mapping of arrays with the keys `features` and `labels`, or
      `train_features`, `train_labels`, `eval_features` and `eval_labels`, and
      optionally `class_names`; the path of an .npz file with those keys; or
      "sklearn:" and the name of a set that scikit-learn ships with.

  Raises:
    UserTypeError: something else was given.
    UserOSError: there is no such file.
    UserKeyError: a key is missing, or there is no such bundled set.
    UserValueError: the file is not an .npz file or holds Python objects, or
      features and labels differ in length.
    UserRuntimeError: scikit-learn is needed and not installed.
  """
  if isinstance(source, Mapping):
    return _from_mapping("the given mapping of arrays", source)
  if isinstance(source, str) and source.startswith(SKLEARN_PREFIX):
    return _from_sklearn(source)
  if isinstance(source, (str, os.PathLike)):
    return _from_npz(os.fspath(source))
  raise errors.UserTypeError(
    "`NumpyInput.source` is the path of an .npz file, the name of a bundled "
    f"set such as 'sklearn:digits', or a mapping of arrays; got {source!r} "
    f"({type(source).__name__})."
  )


def _from_npz(path: str) -> ArraySource:
  """Loads all arrays of an .npz file."""
  if not os.path.isfile(path):
    what = "is a folder" if os.path.isdir(path) else "does not exist"
    raise errors.UserOSError(
      f"`NumpyInput.source` is the path of an .npz file, but {path!r} {what}. "
      f"Data sets bundled with scikit-learn are named {_bundled_names()}."
    )
  if not zipfile.is_zipfile(path):
    raise errors.UserValueError(
      f"{path!r} is not an .npz file. Write one with numpy.savez(path, "
      "features=..., labels=...)."
    )
  with np.load(path, allow_pickle=False) as archive:
    arrays = {}
    for key in archive.files:
      try:
        arrays[key] = archive[key]
      except ValueError as error:
        raise errors.UserValueError(
          f"The array {key!r} of {path!r} cannot be read: {error} Store "
          "numbers or fixed-length strings: array.astype(str)."
        ) from error
  return _from_mapping(repr(path), arrays)


def _from_sklearn(source: str) -> ArraySource:
  """Loads a data set that scikit-learn ships with itself."""
  name = source[len(SKLEARN_PREFIX) :]
  if name not in SKLEARN_NAMES:
    raise errors.UserKeyError(
      f"There is no bundled data set {source!r}. There are {_bundled_names()}."
    )
  try:
    datasets = importlib.import_module("sklearn.datasets")
  except ImportError as error:
    raise errors.UserRuntimeError(
      f"The data set {source!r} comes with scikit-learn, which is not "
      "installed: run `pip install 'hub_estimator[sklearn]'`."
    ) from error
  bunch = getattr(datasets, f"load_{name}")()
  arrays = {"features": bunch.data, "labels": bunch.target}
  if "target_names" in bunch:
    arrays["class_names"] = bunch.target_names
  return _from_mapping(repr(source), arrays)


def _bundled_names() -> str:
  return ", ".join(repr(SKLEARN_PREFIX + name) for name in SKLEARN_NAMES)


def _from_mapping(place: str, arrays: Mapping[str, Any]) -> ArraySource:
  """Picks the parts out of named arrays."""
  is_cut = any(
    key.startswith((_KEY_PREFIXES[TRAIN_SPLIT], _KEY_PREFIXES[EVAL_SPLIT]))
    for key in arrays
  )
  names = (TRAIN_SPLIT, EVAL_SPLIT) if is_cut else (WHOLE,)
  missing = [
    _KEY_PREFIXES[name] + kind
    for name in names
    for kind in ("features", "labels")
    if _KEY_PREFIXES[name] + kind not in arrays
  ]
  if missing:
    raise errors.UserKeyError(
      f"{place} lacks {', '.join(f'`{key}`' for key in missing)}: {_RULE}. "
      f"Keys there are: {', '.join(sorted(arrays)) or 'none'}."
    )
  class_names = arrays.get("class_names")
  return ArraySource(
    place=place,
    parts={
      name: _create_part(place, arrays, _KEY_PREFIXES[name]) for name in names
    },
    class_names=None if class_names is None else [str(n) for n in class_names],
  )


def _create_part(
  place: str, arrays: Mapping[str, Any], prefix: str
) -> ArrayPart:
  """Pairs the features and labels whose keys have a prefix."""
  features = np.asarray(arrays[f"{prefix}features"])
  labels = np.asarray(arrays[f"{prefix}labels"])
  for key, array in (
    (f"{prefix}features", features),
    (f"{prefix}labels", labels),
  ):
    if array.ndim == 0:
      raise errors.UserValueError(
        f"`{key}` of {place} is an array with one row for each example; got a "
        f"single value of {array.dtype}."
      )
  if len(features) != len(labels):
    raise errors.UserValueError(
      "There is one label for each example, but in "
      f"{place} `{prefix}features` has {len(features)} rows and "
      f"`{prefix}labels` has {len(labels)}."
    )
  where = f"`{prefix}features` and `{prefix}labels` of {place}"
  return ArrayPart(where, features, labels)
