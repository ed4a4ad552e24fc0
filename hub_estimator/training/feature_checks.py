"""Features that a program gives, checked and made ready to be fed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hub_estimator import errors
from hub_estimator.tf_compat import tf

# Kinds of NumPy's dtypes -> those that hold all of their values, roughly: a
# float that is an int is most likely a mistake.
_TAKEN_KINDS = {"f": "biuf", "i": "biu", "u": "bu", "b": "b", "c": "biufc"}


def check_features(
  features: Any, specs: Mapping[str, tf.TensorSpec]
) -> tuple[dict[str, np.ndarray], int]:
  """Returns features as a graph takes them, and the number of examples.

  Args:
    features: name -> array-like with a row for each example; or, where there is
      a single feature, that alone. Texts are str or bytes.
    specs: name -> spec of the features, with batch dimension None.

  Raises:
    UserError: names, shapes or dtypes that differ from what is expected; the
      message says what is.
  """
  if not isinstance(features, Mapping):
    if len(specs) > 1:
      raise errors.UserTypeError(
        f"The model takes {len(specs)} features: give a dict of arrays. It "
        f"takes {_describe(specs)}; got a {type(features).__name__}."
      )
    features = {next(iter(specs)): features}
  missing = [name for name in specs if name not in features]
  unknown = [name for name in features if name not in specs]
  if missing or unknown:
    wrong = [f"{name!r} is missing" for name in missing]
    wrong += [f"there is no feature {name!r}" for name in unknown]
    raise errors.UserKeyError(
      f"{'; '.join(wrong)}. The model takes {_describe(specs)}."
    )
  arrays = {name: _as_array(features[name], specs[name]) for name in specs}
  problems = [
    problem
    for name, spec in specs.items()
    for problem in _problems(arrays[name], spec)
  ]
  sizes = {name: len(a) for name, a in arrays.items() if a.ndim}
  if not problems and len(set(sizes.values())) > 1:
    problems = [f"features have different numbers of rows, {sizes}"]
  if problems:
    raise errors.UserValueError(
      f"{'; '.join(problems)}. The model takes {_describe(specs)}."
    )
  converted = {
    name: array.astype(specs[name].dtype.as_numpy_dtype, copy=False)
    for name, array in arrays.items()
  }
  return converted, next(iter(sizes.values()))


def _as_array(value: Any, spec: tf.TensorSpec) -> np.ndarray:
  """Returns an array; of texts, one of objects that are UTF-8 bytes."""
  if spec.dtype != tf.string:
    if isinstance(value, (str, bytes)):
      raise _text_for_numbers(spec, value)
    try:
      return np.asarray(value)
    except ValueError as error:  # Rows of different lengths.
      raise errors.UserValueError(
        f"feature {spec.name!r} is no array: {error}."
      ) from error
  if isinstance(value, (str, bytes)):
    raise errors.UserTypeError(
      f"feature {spec.name!r} takes texts with a row for each example, and got "
      f"one text: give a list, [{value!r}]."
    )
  array = np.array(value, dtype=object)
  flat = array.ravel()
  encoded = np.empty(flat.shape, object)
  for number, text in enumerate(flat.tolist()):
    if isinstance(text, str):
      text = text.encode("utf-8", "surrogateescape")
    elif not isinstance(text, bytes):
      raise errors.UserTypeError(
        f"feature {spec.name!r} takes texts, str or bytes; got {text!r} at row "
        f"{number // max(1, flat.size // max(1, len(array)))}."
      )
    encoded[number] = text
  return encoded.reshape(array.shape)


def _text_for_numbers(spec, value) -> errors.UserTypeError:
  return errors.UserTypeError(
    f"feature {spec.name!r} takes an array of {spec.dtype.name}; got the text "
    f"{value!r}."
  )


def _problems(array: np.ndarray, spec: tf.TensorSpec) -> list[str]:
  problems = []
  if spec.dtype != tf.string:
    kind = np.dtype(spec.dtype.as_numpy_dtype).kind
    if array.dtype.kind not in _TAKEN_KINDS.get(kind, kind):
      problems.append(
        f"feature {spec.name!r} is of {spec.dtype.name}, and got "
        f"{'texts' if array.dtype.kind in 'SU' else array.dtype.name}"
      )
    elif kind in "iu" and array.size:
      limits = np.iinfo(spec.dtype.as_numpy_dtype)
      if array.min() < limits.min or array.max() > limits.max:
        problems.append(
          f"feature {spec.name!r} has values outside of {spec.dtype.name}"
        )
  if not array.ndim or not spec.shape.is_compatible_with(array.shape):
    problems.append(
      f"feature {spec.name!r} has the shape {_format_shape(spec.shape)}, and "
      f"got {list(array.shape)}"
    )
  return problems


def _describe(specs: Mapping[str, tf.TensorSpec]) -> str:
  return ", ".join(
    f"{name!r}: {'texts' if spec.dtype == tf.string else spec.dtype.name} "
    f"{_format_shape(spec.shape)}"
    for name, spec in specs.items()
  )


def _format_shape(shape: tf.TensorShape) -> str:
  if shape.rank is None:
    return "[num_examples, …]"
  sizes = ["any" if size is None else str(size) for size in shape.as_list()[1:]]
  return f"[{', '.join(['num_examples', *sizes])}]"
