"""From the bytes of an image file to the feature that a module gets."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import TYPE_CHECKING, Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

STRETCH = "stretch"
CROP = "crop"
PAD = "pad"
RESIZE_METHODS = (STRETCH, CROP, PAD)
NUM_CHANNELS = (1, 3)
_LARGEST_SIDE = 2**15


@dataclasses.dataclass(frozen=True)
class ImagePreprocessing:
  """How images are decoded and resized, and the range of their values.

  Attributes:
    image_size: (height, width) in pixels; None if it is not known yet.
    num_channels: 3 for colors, 1 for shades of grey.
    resize_method: "stretch", "crop" or "pad".
    antialias: whether pixels are averaged where an image is made smaller.
    value_range: the values of black and of white.
  """

  image_size: Optional[tuple[int, int]]
  num_channels: int
  resize_method: str
  antialias: bool
  value_range: tuple[float, float]

  def decode(self, contents: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG, PNG, BMP, or the first frame of GIF, by content.

    Transparency is dropped, 16 bits become 8, CMYK becomes RGB.

    Args:
      contents: the bytes of a file, a string scalar.

    Returns:
      uint8 [height, width, num_channels].
    """
    from hub_estimator.tf_compat import tf

    if self.num_channels == 3:
      image = tf.io.decode_image(contents, 3, expand_animations=False)
      return tf.ensure_shape(image, [None, None, 3])
    # Asked for one channel, the decoders weigh colors each in its own way, and
    # some formats are refused.
    image = tf.io.decode_image(contents, 0, expand_animations=False)
    is_grey = tf.shape(image)[-1] < 3

    def to_grey():
      return tf.image.rgb_to_grayscale(
        tf.ensure_shape(image[..., :3], [None, None, 3])
      )

    grey = tf.cond(is_grey, lambda: image[..., :1], to_grey)
    return tf.ensure_shape(grey, [None, None, 1])

  def resize(self, image: tf.Tensor, stretch: bool = False) -> tf.Tensor:
    """Resizes an image bilinearly to `image_size`.

    Args:
      image: uint8 [height, width, num_channels].
      stretch: whether to stretch it whatever `resize_method`.

    Returns:
      float32 [*image_size, num_channels], 0 to 255.
    """
    from hub_estimator.tf_compat import tf

    height, width = self.image_size
    method = STRETCH if stretch else self.resize_method
    if method == CROP:
      image = _crop_to_ratio(image, height, width)
    size = [height, width]
    if method == PAD:
      old = tf.cast(tf.shape(image)[:2], tf.float64)
      scale = tf.reduce_min(tf.constant([height, width], tf.float64) / old)
      size = tf.maximum(tf.cast(tf.round(old * scale), tf.int32), 1)
    resized = tf.image.resize(image, size, antialias=self.antialias)
    if method == PAD:
      margin = tf.constant([height, width]) - size
      before = margin // 2
      paddings = tf.stack([before, margin - before], axis=1)
      resized = tf.pad(resized, tf.concat([paddings, [[0, 0]]], axis=0))
    # `resize` gives float32 also where nothing is to be resized, but for that
    # it looks at static shapes alone.
    return tf.ensure_shape(
      tf.cast(resized, tf.float32), [height, width, self.num_channels]
    )

  def to_range(self, image: tf.Tensor) -> tf.Tensor:
    """Takes float32 values of 0 to 255 to `value_range`."""
    low, high = self.value_range
    if (low, high) != (0, 255):
      image = image * ((high - low) / 255)
    return image + low if low else image

  def preprocess(self, contents: tf.Tensor) -> tf.Tensor:
    """Returns the feature of a file's bytes, as EVAL and PREDICT see it."""
    return self.to_range(self.resize(self.decode(contents)))


def _crop_to_ratio(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
  """Returns the central part of an image that has the ratio height : width."""
  from hub_estimator.tf_compat import tf

  shape = tf.shape(image)
  old = tf.cast(shape[:2], tf.float64)
  scale = tf.reduce_min(old / tf.constant([height, width], tf.float64))
  size = tf.cast(
    tf.round(tf.constant([height, width], tf.float64) * scale), tf.int32
  )
  size = tf.clip_by_value(size, 1, shape[:2])
  start = (shape[:2] - size) // 2
  return tf.slice(image, tf.concat([start, [0]], 0), tf.concat([size, [-1]], 0))


def check_preprocessing(
  owner: str,
  image_size: Any,
  num_channels: Any,
  resize_method: Any,
  value_range: Any,
) -> None:
  """Raises unless the arguments of `ImagePreprocessing` make sense.

  Args:
    owner: the Gin configurable whose arguments they are.
    image_size: see `ImagePreprocessing`.
    num_channels: likewise.
    resize_method: likewise.
    value_range: likewise.

  Raises:
    UserValueError: one does not.
  """
  if image_size is not None:
    _check_pair(owner, "image_size", image_size, "(height, width) in pixels")
    for side in image_size:
      argument_checks.check_count(owner, "image_size", side, 1, _LARGEST_SIDE)
  argument_checks.check_choice(
    owner, "num_channels", num_channels, NUM_CHANNELS
  )
  argument_checks.check_choice(
    owner, "resize_method", resize_method, RESIZE_METHODS
  )
  rule = "(value of black, value of white), such as (0, 1)"
  _check_pair(owner, "value_range", value_range, rule)
  low, high = value_range
  if not all(map(_is_finite, value_range)) or not low < high:
    raise errors.UserValueError(
      f"`{owner}.value_range` is {rule}, the first less than the second; got "
      f"{value_range!r}."
    )


def _check_pair(owner: str, name: str, value: Any, rule: str) -> None:
  if not isinstance(value, (tuple, list)) or len(value) != 2:
    raise errors.UserValueError(f"`{owner}.{name}` is {rule}; got {value!r}.")


def _is_finite(value: Any) -> bool:
  return (
    isinstance(value, numbers.Real)
    and not isinstance(value, bool)
    and math.isfinite(value)
  )
