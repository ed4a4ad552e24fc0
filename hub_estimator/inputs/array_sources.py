"""Where the arrays of a `NumpyInput` come from."""

from __future__ import annotations

import dataclasses
import importlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs.example_source import WHOLE
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT

SKLEARN_PREFIX = "sklearn:"
# The sets that scikit-learn ships with itself and that have one target.
SKLEARN_NAMES = ("breast_cancer", "diabetes", "digits", "iris", "wine")

FEATURES_KEY = "features"
_LABELS_KEY = "labels"
_WEIGHTS_KEY = "weights"
# Part of a source -> what its keys start with.
_KEY_PREFIXES = {
  WHOLE: "",
  TRAIN_SPLIT: f"{TRAIN_SPLIT}_",
  EVAL_SPLIT: f"{EVAL_SPLIT}_",
  TEST_SPLIT: f"{TEST_SPLIT}_",
}


@dataclasses.dataclass(frozen=True)
class ArrayPart:
  """Examples that belong together.

  Attributes:
    place: where they are from, for messages.
    features: key -> [num_examples, ...] array.
    feature_places: key -> where these features are from, for messages.
    labels: [num_examples, ...] array.
    weights: [num_examples] array; None if there are none.
  """

  place: str
  features: dict[str, np.ndarray]
  feature_places: dict[str, str]
  labels: np.ndarray
  weights: Optional[np.ndarray]


@dataclasses.dataclass(frozen=True)
class ArraySource:
  """The arrays of a data set.

  Attributes:
    place: where it is from, for messages.
    parts: either one part, `WHOLE`, or "train" and "eval"; with either, "test"
      may be there too.
    class_names: the name of class i at i; None if there are none.
  """

  place: str
  parts: dict[str, ArrayPart]
  class_names: Optional[list[str]]


def load_array_source(
  source: Any,
  feature_keys: Sequence[str] = (FEATURES_KEY,),
  binding: str = "NumpyInput.source",
) -> ArraySource:
  """Loads arrays.

  Args:
    source: a mapping of arrays with the keys `features` and `labels`, or
      `train_features`, `train_labels`, `eval_features` and `eval_labels`; and
      optionally `test_features` and `test_labels`, `weights` with the same
      prefixes, and `class_names`; the path of an .npz file with those keys; or
      "sklearn:" and the name of a set that scikit-learn ships with.
    feature_keys: the keys of features that stand in place of "features".
    binding: the Gin binding that names the source, for messages.

  Raises:
    UserTypeError: something else was given.
    UserOSError: there is no such file.
    UserKeyError: a key is missing, or there is no such bundled set.
    UserValueError: the file is not an .npz file or holds Python objects, or
      features and labels differ in length.
    UserRuntimeError: scikit-learn is needed and not installed.
  """
  if isinstance(source, Mapping):
    return _from_mapping("the given mapping of arrays", source, feature_keys)
  if isinstance(source, str) and source.startswith(SKLEARN_PREFIX):
    return _from_mapping(repr(source), _load_sklearn(source), feature_keys)
  if isinstance(source, (str, os.PathLike)):
    path = os.fspath(source)
    return _from_mapping(repr(path), _load_npz(path, binding), feature_keys)
  raise errors.UserTypeError(
    f"`{binding}` is the path of an .npz file, the name of a bundled "
    f"set such as 'sklearn:digits', or a mapping of arrays; got {source!r} "
    f"({type(source).__name__})."
  )


def load_whole_part(
  source: Any, feature_keys: Sequence[str], binding: str
) -> ArrayPart:
  """Loads a source that is not cut into splits; see `load_array_source`.

  Raises:
    UserValueError: it is.
  """
  parts = load_array_source(source, feature_keys, binding).parts
  if set(parts) != {WHOLE}:
    raise errors.UserValueError(
      f"`{binding}` is one set of examples, with the keys "
      f"{', '.join(f'`{key}`' for key in (*feature_keys, _LABELS_KEY))}; its "
      f"source is cut into splits: {', '.join(map(repr, parts))}."
    )
  return parts[WHOLE]


def _load_npz(path: str, binding: str) -> dict[str, np.ndarray]:
  """Loads all arrays of an .npz file."""
  if not os.path.isfile(path):
    what = "is a folder" if os.path.isdir(path) else "does not exist"
    raise errors.UserOSError(
      f"`{binding}` is the path of an .npz file, but {path!r} {what}. "
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
  return arrays


def _load_sklearn(source: str) -> dict[str, np.ndarray]:
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
      "installed: run `pip install scikit-learn`."
    ) from error
  bunch = getattr(datasets, f"load_{name}")()
  arrays = {"features": bunch.data, "labels": bunch.target}
  if "target_names" in bunch:
    arrays["class_names"] = bunch.target_names
  return arrays


def _bundled_names() -> str:
  return ", ".join(repr(SKLEARN_PREFIX + name) for name in SKLEARN_NAMES)


def _rule(feature_keys: Sequence[str]) -> str:
  """Returns what a source has to hold."""

  def keys(*splits):
    names = [
      f"`{split}_{key}`" if split else f"`{key}`"
      for split in splits
      for key in (*feature_keys, _LABELS_KEY)
    ]
    return f"{', '.join(names[:-1])} and {names[-1]}"

  return (
    f"it needs {keys('')}, or, cut into splits already, "
    f"{keys(TRAIN_SPLIT, EVAL_SPLIT)}; a test split, `weights` with the same "
    "prefixes and `class_names` are optional"
  )


def _from_mapping(
  place: str, arrays: Mapping[str, Any], feature_keys: Sequence[str]
) -> ArraySource:
  """Picks the parts out of named arrays."""
  keys = (*feature_keys, _LABELS_KEY)

  def has(part):
    return any(_KEY_PREFIXES[part] + key in arrays for key in keys)

  is_cut = has(TRAIN_SPLIT) or has(EVAL_SPLIT)
  names = [TRAIN_SPLIT, EVAL_SPLIT] if is_cut else [WHOLE]
  names += [TEST_SPLIT] if has(TEST_SPLIT) else []
  missing = [
    _KEY_PREFIXES[name] + key
    for name in names
    for key in keys
    if _KEY_PREFIXES[name] + key not in arrays
  ]
  if missing:
    raise errors.UserKeyError(
      f"{place} lacks {', '.join(f'`{key}`' for key in missing)}: "
      f"{_rule(feature_keys)}. "
      f"Keys there are: {', '.join(sorted(arrays)) or 'none'}."
    )
  class_names = arrays.get("class_names")
  return ArraySource(
    place=place,
    parts={
      name: _create_part(place, arrays, _KEY_PREFIXES[name], feature_keys)
      for name in names
    },
    class_names=None if class_names is None else [str(n) for n in class_names],
  )


def _create_part(
  place: str,
  arrays: Mapping[str, Any],
  prefix: str,
  feature_keys: Sequence[str],
) -> ArrayPart:
  """Puts the arrays together whose keys have a prefix."""
  there = {
    key: np.asarray(arrays[prefix + key])
    for key in (*feature_keys, _LABELS_KEY, _WEIGHTS_KEY)
    if prefix + key in arrays
  }
  for key, array in there.items():
    if array.ndim == 0:
      raise errors.UserValueError(
        f"`{prefix}{key}` of {place} is an array with one row for each "
        f"example; got a single value of {array.dtype}."
      )
  labels = there.pop(_LABELS_KEY)
  weights = there.pop(_WEIGHTS_KEY, None)
  for key, features in there.items():
    if len(features) != len(labels):
      raise errors.UserValueError(
        "There is one label for each example, but in "
        f"{place} `{prefix}{key}` has {len(features)} rows and "
        f"`{prefix}{_LABELS_KEY}` has {len(labels)}."
      )
  keys = [f"`{prefix}{key}`" for key in (*there, _LABELS_KEY)]
  return ArrayPart(
    place=f"{', '.join(keys[:-1])} and {keys[-1]} of {place}",
    features=there,
    feature_places={key: f"`{prefix}{key}` of {place}" for key in there},
    labels=labels,
    weights=weights,
  )
