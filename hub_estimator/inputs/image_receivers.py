"""Serving receivers that take image files as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from hub_estimator.inputs.image_preprocessing import ImagePreprocessing

if TYPE_CHECKING:
  from hub_estimator import estimator

IMAGE_BYTES = "image_bytes"


def create_encoded_receiver_fn(
  preprocessing: ImagePreprocessing, feature_name: str
) -> Callable[[], estimator.export.ServingInputReceiver]:
  """Returns a receiver function that takes the bytes of image files.

  Args:
    preprocessing: from these bytes to a feature; its size is known.
    feature_name: the key of the features.

  Returns:
    A function without arguments that returns, in the default graph, a
    `ServingInputReceiver` which receives the bytes of image files under
    `IMAGE_BYTES`, string [batch_size], and whose features are those of EVAL.
  """

  def receiver_fn() -> estimator.export.ServingInputReceiver:
    from hub_estimator import estimator
    from hub_estimator.tf_compat import tf

    contents = tf.compat.v1.placeholder(tf.string, [None], name=IMAGE_BYTES)
    images = tf.map_fn(
      preprocessing.preprocess, contents, fn_output_signature=tf.float32
    )
    images = tf.ensure_shape(
      images, [None, *preprocessing.image_size, preprocessing.num_channels]
    )
    return estimator.export.ServingInputReceiver(
      {feature_name: images}, {IMAGE_BYTES: contents}
    )

  return receiver_fn
