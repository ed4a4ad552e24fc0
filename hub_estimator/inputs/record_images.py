"""Encoded images in records: checked, and decoded a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from hub_estimator.inputs.image_preprocessing import (
  STRETCH,
  ImagePreprocessing,
)

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


def create_preprocessing(shape: tuple[int, ...]) -> ImagePreprocessing:
  """Returns what makes a feature of a shape of an image: stretched, 0 to 1.

  Args:
    shape: (height, width, number of channels).
  """
  return ImagePreprocessing(
    image_size=tuple(shape[:2]),
    num_channels=shape[2],
    resize_method=STRETCH,
    antialias=False,
    value_range=(0, 1),
  )


def decode_batch(contents: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
  """Decodes images of any size.

  Args:
    contents: the bytes of JPEG, PNG, BMP or GIF files, strings [batch_size].
    shape: (height, width, number of channels).

  Returns:
    float32 [batch_size, *shape], 0 to 1.
  """
  from hub_estimator.tf_compat import tf

  return tf.map_fn(
    create_preprocessing(shape).preprocess,
    contents,
    fn_output_signature=tf.TensorSpec(shape, tf.float32),
  )


class ImageChecker:
  """Finds images that cannot be decoded, in a session of its own."""

  def __init__(self, shape: tuple[int, ...]):
    """Builds the graph.

    Args:
      shape: (height, width, number of channels).
    """
    from hub_estimator.tf_compat import tf

    self._errors = tf.errors
    with tf.Graph().as_default(), tf.device("/cpu:0"):
      self._contents = tf.compat.v1.placeholder(tf.string, [])
      image = create_preprocessing(shape).decode(self._contents)
      self._size = tf.size(image)
      # A session that could see GPUs would take their memory.
      self._session = tf.compat.v1.Session(
        config=tf.compat.v1.ConfigProto(device_count={"GPU": 0})
      )

  def problem_of(self, contents: bytes) -> Optional[str]:
    """Returns what is wrong with the bytes of an image, or None."""
    try:
      self._session.run(self._size, {self._contents: contents})
    except self._errors.OpError as error:
      lines = [line for line in error.message.splitlines() if line.strip()]
      found = [line for line in lines if not line.startswith("Graph execution")]
      return (found or ["no image"])[0].partition("{{node")[0].strip(" \t.[")
    return None
