"""Feature arrays: checked, in the shape and type that a model takes."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Optional

import numpy as np

from hub_estimator import errors

# Rows are checked for NaN in pieces, so that the mask of a large array does not
# take another quarter of its memory.
_CHECKED_AT_ONCE = 1 << 22

DTYPES = (
  "float16",
  "float32",
  "float64",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
)


@dataclasses.dataclass(frozen=True)
class FeatureArrays:
  """One feature of all examples of a source.

  Attributes:
    arrays: part of the source -> [num_examples, *shape] array of numbers, in
      the type they came in, or of UTF-8 bytes.
    shape: the shape of one example.
    dtype: name of the type that a model gets: "string", or that of numbers.
    scale: factor on the features, applied in that type.
    not_finite: part of the source -> sorted array of the rows that have NaN or
      infinite values.
  """

  arrays: dict[str, np.ndarray]
  shape: tuple[int, ...]
  dtype: str
  scale: float
  not_finite: dict[str, np.ndarray]


def prepare_features(
  place: str,
  arrays: dict[str, np.ndarray],
  places: dict[str, str],
  feature_shape: Optional[Sequence[int]] = None,
  feature_dtype: str = "float32",
  scale: float = 1.0,
  allow_not_finite: bool = False,
) -> FeatureArrays:
  """Checks features and gives them their shape.

  Args:
    place: where the source is from, for messages.
    arrays: part of the source -> [num_examples, ...] array.
    places: part of the source -> where its array is from, for messages.
    feature_shape: the shape of one example; that of the arrays if None.
    feature_dtype: the type of features that are numbers.
    scale: factor on features that are numbers.
    allow_not_finite: whether NaN and infinite values may be there; the caller
      then leaves the rows of `FeatureArrays.not_finite` out.

  Raises:
    UserValueError: the shape does not fit, the type is neither a number nor a
      string, there are NaN or infinite values, the splits do not go together,
      or an argument is out of range.
  """
  prepared = {
    name: _prepare_array(array, places[name], feature_shape)
    for name, array in arrays.items()
  }
  not_finite = {
    name: _find_not_finite(array, places[name], allow_not_finite)
    for name, array in prepared.items()
  }
  shapes = {name: array.shape[1:] for name, array in prepared.items()}
  if len(set(shapes.values())) > 1:
    raise errors.UserValueError(
      f"Examples of all splits have one shape; those of {place} have {shapes}."
    )
  are_strings = {array.dtype.kind == "O" for array in prepared.values()}
  if len(are_strings) > 1:
    raise errors.UserValueError(
      f"The features of {place} are strings in one split and numbers in the "
      "other."
    )
  if feature_dtype not in DTYPES:
    raise errors.UserValueError(
      f"There is no `NumpyInput.feature_dtype = {feature_dtype!r}`. There are "
      f"{', '.join(map(repr, DTYPES))}."
    )
  dtype = "string" if are_strings.pop() else feature_dtype
  if isinstance(scale, bool) or not isinstance(scale, numbers.Real):
    raise errors.UserTypeError(
      f"`NumpyInput.scale` is a number; got {scale!r}."
    )
  if scale != 1 and not dtype.startswith("float"):
    raise errors.UserValueError(
      f"`NumpyInput.scale = {scale!r}` makes floats, but the features are of "
      f"type {dtype}: leave it out, or set a float type for numbers, such as "
      "NumpyInput.feature_dtype = 'float32'."
    )
  return FeatureArrays(prepared, shapes.popitem()[1], dtype, scale, not_finite)


def _prepare_array(
  features: np.ndarray, place: str, feature_shape: Optional[Sequence[int]]
) -> np.ndarray:
  """Returns features as [num_examples, *feature_shape] numbers or bytes."""
  if features.dtype.kind == "b":
    features = features.astype(np.uint8)
  if features.dtype.kind in "SUO":
    features = _encode_strings(features, place)
  elif features.dtype.kind not in "iuf":
    raise errors.UserValueError(
      f"Features are numbers or strings; those of {place} are {features.dtype}."
    )
  if feature_shape is not None:
    features = _reshape(features, tuple(feature_shape), place)
  return features


def _encode_strings(features: np.ndarray, place: str) -> np.ndarray:
  """Returns strings as an object array of UTF-8 bytes."""
  if features.dtype.kind == "U":
    features = np.char.encode(features, "utf-8")
  encoded = np.array(
    [v.encode("utf-8") if isinstance(v, str) else v for v in features.flat],
    dtype=object,
  )
  wrong = [v for v in encoded if not isinstance(v, bytes)]
  if wrong:
    raise errors.UserValueError(
      f"Features are numbers or strings; those of {place} are Python objects, "
      f"such as {wrong[0]!r} ({type(wrong[0]).__name__})."
    )
  return encoded.reshape(features.shape)


def _reshape(
  features: np.ndarray, feature_shape: tuple[int, ...], place: str
) -> np.ndarray:
  """Returns features as [num_examples, *feature_shape]."""
  size = int(np.prod(features.shape[1:]))
  if size != int(np.prod(feature_shape)) or any(n < 1 for n in feature_shape):
    raise errors.UserValueError(
      f"`NumpyInput.feature_shape` is {list(feature_shape)}, "
      f"{int(np.prod(feature_shape))} values, but an example of {place} has "
      f"{size}: its shape is {list(features.shape[1:])}."
    )
  return features.reshape((len(features), *feature_shape))


def _find_not_finite(
  features: np.ndarray, place: str, is_allowed: bool
) -> np.ndarray:
  """Returns the rows with NaN or infinite values; raises if not allowed."""
  if features.dtype.kind != "f":
    return np.zeros([0], np.int64)
  row_size = max(1, int(np.prod(features.shape[1:])))
  num_rows = max(1, _CHECKED_AT_ONCE // row_size)
  count, first, rows = 0, None, [np.zeros([0], np.int64)]
  for start in range(0, len(features), num_rows):
    wrong = ~np.isfinite(features[start : start + num_rows])
    if not wrong.any():
      continue
    count += int(wrong.sum())
    of_rows = wrong.reshape(len(wrong), -1).any(axis=1)
    rows.append(start + np.flatnonzero(of_rows))
    if first is None:
      index = np.argwhere(wrong)[0].tolist()
      first = [start + index[0], *index[1:]]
  if count and not is_allowed:
    raise errors.UserValueError(
      f"Features are finite numbers; {count} of {features.size} values of "
      f"{place} are NaN or infinite, the first is at index {first}: drop or "
      "replace them before, or set NumpyInput.on_bad_example = 'skip'."
    )
  return np.concatenate(rows)
