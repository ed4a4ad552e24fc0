"""Random changes of training images."""

from __future__ import annotations

import dataclasses
import numbers
from typing import TYPE_CHECKING, Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

# The ratios width : height of random crops of Szegedy et al., 2015.
_ASPECT_RATIOS = (3 / 4, 4 / 3)
_CROP, _FLIP, _SHIFT, _BRIGHTNESS, _CONTRAST = range(1, 6)
_LARGEST_PAD = 1024


@dataclasses.dataclass(frozen=True)
class ImageAugmentation:
  """What is drawn anew for each example and epoch; all off by default.

  Attributes:
    flip_horizontally: whether half of the images are mirrored.
    crop_fraction: random crops whose share of the image's area is drawn from
      [crop_fraction, 1] and whose aspect ratio from [3/4, 4/3], resized to the
      image's size. Szegedy et al., 2015, "Going Deeper with Convolutions",
      https://arxiv.org/abs/1409.4842, take 0.08. None for none.
    pad_and_crop: black pixels to add on each side of the resized image, of
      which a window of its size is cut, for moving it a little. He et al.,
      2016, https://arxiv.org/abs/1512.03385, take 4 for images of 32 pixels.
    brightness_delta: a number from [-brightness_delta, brightness_delta] is
      added to all values, in parts of the way from black to white.
    contrast_delta: differences from the mean of each channel are multiplied by
      a factor from [1 - contrast_delta, 1 + contrast_delta].
  """

  flip_horizontally: bool = False
  crop_fraction: Optional[float] = None
  pad_and_crop: int = 0
  brightness_delta: float = 0.0
  contrast_delta: float = 0.0

  def bindings(self, owner: str) -> tuple[str, ...]:
    """Returns the arguments that are in force, as Gin bindings."""
    return tuple(
      f"{owner}.{name} = {value!r}"
      for name, value in dataclasses.asdict(self).items()
      if value
    )

  def check(self, owner: str) -> None:
    """Raises UserValueError if an attribute is out of range.

    Args:
      owner: the Gin configurable whose arguments the attributes are.
    """
    argument_checks.check_choice(
      owner, "flip_horizontally", self.flip_horizontally, (False, True)
    )
    if self.crop_fraction is not None and not (
      _is_number(self.crop_fraction) and 0 < self.crop_fraction <= 1
    ):
      raise errors.UserValueError(
        f"`{owner}.crop_fraction` is the least share of an image's area that a "
        "random crop has, more than 0 and at most 1, or None for no crops; got "
        f"{self.crop_fraction!r}."
      )
    argument_checks.check_count(
      owner, "pad_and_crop", self.pad_and_crop, 0, _LARGEST_PAD
    )
    for name in ("brightness_delta", "contrast_delta"):
      argument_checks.check_fraction(owner, name, getattr(self, name))

  def crop(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Cuts a random part out of an image.

    Args:
      image: [height, width, num_channels].
      seed: int64 [2].

    Returns:
      [new height, new width, num_channels].
    """
    from hub_estimator.tf_compat import tf

    start, size, _ = tf.image.stateless_sample_distorted_bounding_box(
      tf.shape(image),
      # No objects have to be inside of the crop: any part will do.
      tf.zeros([1, 0, 4]),
      _salted(seed, _CROP),
      min_object_covered=0.0,
      aspect_ratio_range=_ASPECT_RATIOS,
      area_range=(self.crop_fraction, 1.0),
      use_image_if_no_bounding_boxes=True,
    )
    cropped = tf.slice(image, start, size)
    return tf.ensure_shape(cropped, [None, None, image.shape[-1]])

  def vary(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Changes a resized image at random, but for `crop`.

    Args:
      image: float32 [height, width, num_channels], 0 to 255.
      seed: int64 [2].

    Returns:
      float32 [height, width, num_channels], 0 to 255.
    """
    from hub_estimator.tf_compat import tf

    shape = image.shape
    if self.flip_horizontally:
      image = tf.image.stateless_random_flip_left_right(
        image, _salted(seed, _FLIP)
      )
    if self.pad_and_crop:
      margin = self.pad_and_crop
      image = tf.pad(image, [[margin, margin], [margin, margin], [0, 0]])
      start = tf.random.stateless_uniform(
        [2], _salted(seed, _SHIFT), 0, 2 * margin + 1, tf.int32
      )
      image = tf.slice(image, tf.concat([start, [0]], 0), shape)
    if self.brightness_delta:
      image += 255 * tf.random.stateless_uniform(
        [],
        _salted(seed, _BRIGHTNESS),
        -self.brightness_delta,
        self.brightness_delta,
      )
    if self.contrast_delta:
      factor = tf.random.stateless_uniform(
        [],
        _salted(seed, _CONTRAST),
        1 - self.contrast_delta,
        1 + self.contrast_delta,
      )
      image = tf.image.adjust_contrast(image, factor)
    if self.brightness_delta or self.contrast_delta:
      image = tf.clip_by_value(image, 0.0, 255.0)
    return tf.ensure_shape(image, shape)


def example_seed(seed: int, epoch: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
  """Returns the seed of an example in an epoch, int64 [2].

  Args:
    seed: from 0 to 2**32 - 1.
    epoch: int64 scalar, below 2**31.
    row: int64 scalar, below 2**32.
  """
  from hub_estimator.tf_compat import tf

  return tf.stack([tf.constant(seed, tf.int64), epoch * 2**32 + row])


def _salted(seed: tf.Tensor, salt: int) -> tf.Tensor:
  """Returns a seed of its own for each kind of change."""
  from hub_estimator.tf_compat import tf

  return seed + tf.constant([salt << 32, 0], tf.int64)


def _is_number(value: Any) -> bool:
  return isinstance(value, numbers.Real) and not isinstance(value, bool)
