"""image_embedding_column: one image an example."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any, Optional, Union

from hub_estimator import errors
from hub_estimator.hub.feature_columns.module_column import (
  ModuleColumn,
  as_handle,
  check_dense_feature,
)
from hub_estimator.hub.image_modules import IMAGES, get_expected_image_size
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import tf

# Of a module whose signature leaves it open: RGB.
_NUM_CHANNELS = 3


def image_embedding_column(
  key: Any,
  module_spec: Union[str, ModuleSpec],
  image_size: Optional[Sequence[int]] = None,
) -> ImageEmbeddingColumn:
  """Creates a feature column that embeds one image an example by a module.

  The module is not trained.

  Collections: instantiating a layer or model with the column adds what a new
  `hub.Module` adds that is not trainable.

  Args:
    key: the name of a feature, [batch_size, height, width, 3] float32 with
      values in [0, 1]; or a column that gives such a tensor.
    module_spec: a ModuleSpec, or a handle for `load_module_spec`. Its signature
      "default" takes one input "images", float32, and gives [batch_size, dim]
      float32.
    image_size: (height, width) in pixels; that of
      `hub.get_expected_image_size()` if None.

  Returns:
    a column of [batch_size, dim] float32, for dense columns of both
    generations.

  Raises:
    ValueError: the module does not embed images, or not of that size, or the
      size is not known.
    KeyError: the module has no graph with no tags.
    OSError, NotFoundError: there is no module at the handle.
    TypeError: `key` is neither a string nor a column.
  """
  if isinstance(image_size, Sequence):
    image_size = tuple(image_size)  # To be hashable.
  return ImageEmbeddingColumn(key, as_handle(module_spec), image_size).checked()


class ImageEmbeddingColumn(
  ModuleColumn,
  collections.namedtuple(
    "ImageEmbeddingColumn", ("key", "module_spec_path", "image_size")
  ),
):
  """What `image_embedding_column` returns."""

  function_name = "image_embedding_column"
  trainable = False

  @property
  def feature_spec(self) -> tf.io.FixedLenFeature:
    """How tf.io.parse_example is to read the feature."""
    return tf.io.FixedLenFeature(self._image_shape(), tf.float32)

  def _image_shape(self) -> list[int]:
    spec = self.module_spec
    size = self.image_size or get_expected_image_size(spec)
    shape = spec.get_input_info_dict()[IMAGES].get_shape()
    num_channels = shape[3] if shape.rank else None
    return [*size, num_channels or _NUM_CHANNELS]

  def prepare(self, feature: Any) -> tf.Tensor:
    """Returns the images."""
    images = check_dense_feature(self, feature, tf.float32)
    expected = [None, *self._image_shape()]
    if not images.shape.is_compatible_with(expected):
      raise errors.UserValueError(
        f"Feature {self.key_name!r} has shape {images.shape}: the images of "
        f"hub.image_embedding_column() must be of shape "
        f"{tf.TensorShape(expected)}."
      )
    return images

  def check_spec(self, spec: ModuleSpec) -> None:
    """Raises ValueError unless the module embeds images of the size."""
    inputs = spec.get_input_info_dict()
    problems = []
    if list(inputs) != [IMAGES]:
      problems.append(
        f"its inputs are {sorted(inputs)}, expected {IMAGES!r} alone"
      )
    elif inputs[IMAGES].is_composite or inputs[IMAGES].dtype != tf.float32:
      problems.append(
        f"input {IMAGES!r} is a {inputs[IMAGES].describe()}, expected a Tensor "
        "of float32"
      )
    else:
      problems += self._size_problems(spec, inputs[IMAGES].get_shape())
    problems += _output_problems(spec.get_output_info_dict())
    if problems:
      raise errors.UserValueError(
        f"Module is not usable as image embedding: in signature 'default' of "
        f"{spec.source} {'; '.join(problems)}."
      )

  def _size_problems(self, spec, shape: tf.TensorShape) -> list[str]:
    if shape.rank not in (4, None):
      return [
        f"input {IMAGES!r} has shape {shape}, expected [batch_size, height, "
        "width, channels]"
      ]
    if self.image_size is None:
      try:
        get_expected_image_size(spec)
      except errors.UserValueError as error:
        return [f"no size is known ({error}); give image_size=(height, width)"]
      return []
    if not _is_size(self.image_size):
      return [
        f"image_size is to be (height, width) in pixels: got "
        f"{self.image_size!r}"
      ]
    if not shape[1:3].is_compatible_with(self.image_size):
      return [
        f"images are {shape[1]} high and {shape[2]} wide, but image_size is "
        f"{self.image_size!r}"
      ]
    return []


def _is_size(value) -> bool:
  return (
    isinstance(value, tuple)
    and len(value) == 2
    and all(isinstance(side, int) and side > 0 for side in value)
  )


def _output_problems(outputs) -> list[str]:
  if "default" not in outputs:
    return [f"there is no output 'default', only {sorted(outputs)}"]
  info = outputs["default"]
  shape = info.get_shape()
  if (
    info.is_composite
    or info.dtype != tf.float32
    or shape.rank != 2
    or shape[1] is None
  ):
    return [
      f"output 'default' is a {info.describe()}, expected a Tensor of float32 "
      "with shape (None, dim), dim known"
    ]
  return []
