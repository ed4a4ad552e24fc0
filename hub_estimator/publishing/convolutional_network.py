"""A small convolutional image module, to train from scratch and publish."""

from __future__ import annotations

from collections.abc import Sequence

import gin

from hub_estimator import hub
from hub_estimator.tf_compat import legacy_layers as layers
from hub_estimator.tf_compat import tf

IMAGE_FEATURE_VECTOR = "image_feature_vector"
TUNABLE = "tunable"
TRAIN_TAGS = frozenset({"train"})


@gin.register(module="hub_estimator")
def convolutional_network(
  image_size: Sequence[int] = (8, 8),
  num_channels: int = 1,
  num_filters: Sequence[int] = (32, 64),
  kernel_size: int = 3,
  dropout_rate: float = 0.5,
  batch_norm_momentum: float = 0.9,
  l2_scale: float = 1e-3,
) -> hub.ModuleSpec:
  """Creates a ModuleSpec of a small convolutional network.

  Blocks of convolution, batch norm, ReLU and 2×2 max pooling, then dropout on
  the last block's features, flattened. There is no dense layer on purpose: what
  the last layers of a classifier keep is particular to its classes.

  Signatures "image_feature_vector" and "default": input "images", float32
  [batch_size, height, width, num_channels] with values in 0..1; output
  "default", float32 [batch_size, h · w · filters of the last block].
  "image_feature_vector" also gives "block_1", "block_2", …, float32
  [batch_size, h, w, filters].

  Signature "tunable": the outputs of "image_feature_vector", and besides the
  images two scalar float32 inputs, "dropout_rate" and "batch_norm_momentum",
  with which whoever fine-tunes the module can replace those given here. A call
  by `hub.Module` may leave them out; tensorflow_hub 0.15 demands all inputs of
  a signature, and has the other two. Inference has the same inputs and ignores
  both.

  Tags: the empty set for inference; {"train"} with batch statistics, UPDATE_OPS
  for the moving averages, and dropout. The kernels are in REGULARIZATION_LOSSES
  in both.

  Args:
    image_size: height and width.
    num_channels: channels of an image.
    num_filters: filters of each block.
    kernel_size: side of the convolutions' kernels.
    dropout_rate: fraction of features dropped in training, where a call gives
      no other.
    batch_norm_momentum: momentum of the moving averages, where a call gives no
      other. The usual 0.99 needs hundreds of steps to forget the initial
      values; 0.9 suits short runs.
    l2_scale: each kernel w adds l2_scale · Σ w² / 2 to the regularization
      losses.
  """

  def module_fn(is_training: bool):
    images = tf.compat.v1.placeholder(
      tf.float32, [None, *image_size, num_channels], name="images"
    )
    rate = hub.hyperparameter_input("dropout_rate", dropout_rate)
    momentum = hub.hyperparameter_input(
      "batch_norm_momentum", batch_norm_momentum
    )
    outputs = {}
    features = images
    for number, filters in enumerate(num_filters, start=1):
      with tf.compat.v1.variable_scope(f"block_{number}"):
        features = layers.conv2d(
          features,
          filters,
          kernel_size,
          padding="same",
          use_bias=False,
          # Keras's own would draw its seed now, and no run could be repeated;
          # this one takes that of the graph that the module is trained in.
          kernel_initializer=tf.compat.v1.glorot_uniform_initializer(),
          kernel_regularizer=_l2_regularizer(l2_scale),
          name="conv",
        )
        features = layers.batch_normalization(
          features,
          momentum=momentum,
          training=is_training,
          name="batch_norm",
        )
        features = tf.nn.relu(features)
        features = layers.max_pooling2d(features, 2, 2, padding="same")
      outputs[f"block_{number}"] = features
    features = tf.reshape(features, [-1, features.shape[1:].num_elements()])
    outputs["default"] = layers.dropout(features, rate, training=is_training)
    hub.add_signature(IMAGE_FEATURE_VECTOR, {"images": images}, outputs)
    hub.add_signature(None, {"images": images}, outputs["default"])
    hub.add_signature(
      TUNABLE,
      {
        "images": images,
        "dropout_rate": rate,
        "batch_norm_momentum": momentum,
      },
      outputs,
    )

  return hub.create_module_spec(
    module_fn,
    tags_and_args=[
      (set(), {"is_training": False}),
      (TRAIN_TAGS, {"is_training": True}),
    ],
    # Of no use to a module: tf_keras notes the moving averages there, too.
    drop_collections=["local_variables"],
  )


def _l2_regularizer(scale: float):
  def regularizer(weights: tf.Tensor) -> tf.Tensor:
    return scale * tf.nn.l2_loss(weights)

  return regularizer
