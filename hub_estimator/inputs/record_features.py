"""The features of a tf.Example, as a pipeline declares them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import feature_arrays

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

STRING = "string"
# The bytes of a JPEG, PNG, BMP or GIF file, which become float32 from 0 to 1.
IMAGE = "image"
_TYPES = (STRING, IMAGE, *feature_arrays.DTYPES)
_VALUES_OF_KIND = {
  "bytes_list": "strings",
  "float_list": "floats",
  "int64_list": "integers",
  None: "nothing",
}


@dataclasses.dataclass(frozen=True)
class RecordFeature:
  """A feature of fixed shape.

  Attributes:
    key: its name in the records.
    dtype: "string", "image", or the type of numbers that a model gets.
    shape: the shape of one example.
  """

  key: str
  dtype: str
  shape: tuple[int, ...]

  @property
  def kind(self) -> str:
    """The list of a tf.Feature that it is in."""
    if self.dtype in (STRING, IMAGE):
      return "bytes_list"
    return "float_list" if self.dtype.startswith("float") else "int64_list"

  @property
  def model_dtype(self) -> str:
    """The type that a model gets."""
    return "float32" if self.dtype == IMAGE else self.dtype

  @property
  def size(self) -> int:
    """How many values there are in a record."""
    return 1 if self.dtype == IMAGE else int(np.prod(self.shape))

  def problem_of(self, example: Any) -> Optional[tuple[str, str]]:
    """Returns (reason, problem) of a tf.Example that lacks it, or None."""
    if self.key not in example.features.feature:
      there = ", ".join(map(repr, sorted(example.features.feature))) or "none"
      return (
        "missing feature",
        f"expected the feature {self.key!r}, found {there}",
      )
    feature = example.features.feature[self.key]
    kind = feature.WhichOneof("kind")
    values = values_of(feature)
    if kind != self.kind or len(values) != self.size:
      return (
        "feature of another type or size",
        f"expected {self.size} {_VALUES_OF_KIND[self.kind]} in {self.key!r}, "
        f"found {len(values)} {_VALUES_OF_KIND[kind]}",
      )
    if self.kind == "bytes_list":
      return None
    if self.kind == "float_list":
      with np.errstate(over="ignore"):
        good = np.isfinite(np.array(values, self.dtype)).all()
      if not good:
        return (
          "NaN or infinite feature",
          f"expected finite numbers of type {self.dtype} in {self.key!r}",
        )
    elif values:
      limits = np.iinfo(self.dtype)
      if min(values) < limits.min or max(values) > limits.max:
        return (
          "feature out of range",
          f"expected numbers of type {self.dtype} in {self.key!r}, found "
          f"{min(values)} to {max(values)}",
        )
    return None

  def parsing_spec(self) -> tf.io.FixedLenFeature:
    """Returns what `tf.io.parse_example` takes."""
    from hub_estimator.tf_compat import tf

    dtype = {
      "bytes_list": tf.string,
      "float_list": tf.float32,
      "int64_list": tf.int64,
    }[self.kind]
    return tf.io.FixedLenFeature(
      () if self.dtype == IMAGE else self.shape, dtype
    )


def values_of(feature: Any) -> Any:
  """Returns the values of a tf.Feature of any kind; [] if there are none."""
  kind = feature.WhichOneof("kind")
  return getattr(feature, kind).value if kind else []


def declare_features(owner: str, features: Any) -> dict[str, RecordFeature]:
  """Returns feature name -> what it is, of the argument `features`.

  Args:
    owner: the Gin configurable that has the argument, for messages.
    features: name -> (type, shape), or (type, shape, key in the records) if
      that has another name.

  Raises:
    UserTypeError: something else was given.
    UserValueError: no such type, or a shape that is none.
  """
  if not isinstance(features, Mapping) or not features:
    raise errors.UserTypeError(
      f"`{owner}.features` is a dict from the name of a feature to its type "
      "and shape, such as {'text': ('string', ())} or {'x': ('float32', (8, 8, "
      f"1), 'key in the records')}}; got {features!r}."
    )
  declared = {}
  for name, value in features.items():
    binding = f"{owner}.features[{name!r}]"
    if not isinstance(value, (tuple, list)) or len(value) not in (2, 3):
      raise errors.UserTypeError(
        f"`{binding}` is (type, shape), such as ('float32', (8, 8, 1)), with a "
        f"third part if the key in the records is another; got {value!r}."
      )
    dtype, shape, key = (*value, name) if len(value) == 2 else value
    if dtype not in _TYPES:
      raise errors.UserValueError(
        f"`{binding}` has the type {dtype!r}: there are "
        f"{', '.join(map(repr, _TYPES))}."
      )
    if not isinstance(shape, (tuple, list)) or not all(
      isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape
    ):
      raise errors.UserValueError(
        f"`{binding}` has the shape {shape!r}: it is a list of whole numbers "
        "from 1, () for a single value."
      )
    if dtype == IMAGE and (len(shape) != 3 or shape[2] not in (1, 3)):
      raise errors.UserValueError(
        f"`{binding}` has the shape {shape!r}: that of an image is (height, "
        "width, 3), or (height, width, 1) for shades of grey."
      )
    declared[name] = RecordFeature(str(key), dtype, tuple(shape))
  return declared
