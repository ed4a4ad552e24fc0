"""Hyperparameters of a module that its consumers can set call by call."""

from __future__ import annotations

import numbers

from hub_estimator import errors
from hub_estimator.tf_compat import tf


def hyperparameter_input(
  name: str, default: float, dtype: tf.DType = tf.float32
) -> tf.Tensor:
  """Creates a scalar input with a default, for a critical hyperparameter.

  To be called from a module_fn. What a publisher fixes in the graph (dropout
  rate, momentum of batch norm) somebody who fine-tunes on less data cannot
  change. As an input it can be set, and who does not care leaves it out:

      def module_fn(is_training):
        images = tf.compat.v1.placeholder(tf.float32, [None, 224, 224, 3])
        rate = hub.hyperparameter_input("dropout_rate", 0.4)
        momentum = hub.hyperparameter_input("batch_norm_momentum", 0.99)
        features = network(images, momentum, is_training)
        if is_training:  # Evaluation has the same inputs and ignores the rate.
          features = tf.nn.dropout(features, rate=rate)
        hub.add_signature("default", {"images": images}, features)
        hub.add_signature(
          "tunable",
          {
            "images": images,
            "dropout_rate": rate,
            "batch_norm_momentum": momentum,
          },
          features,
        )

      module(images)                                      # 0.4 and 0.99
      module({"images": images}, signature="tunable")     # 0.4 and 0.99
      module({"images": images, "dropout_rate": 0.1}, signature="tunable")

  `hub.Module` lets a call leave such inputs out; tensorflow_hub 0.15 demands
  every input of a signature. The first signature is for its users, and for all
  who expect a common signature: it does not declare the hyperparameters, so
  that their defaults apply. Declare both in every graph variant, also where a
  hyperparameter is not used, so that variants can be swapped by their tags.

  Args:
    name: the name of the op; what the signature calls the input is said there.
    default: the value where a call gives none.
    dtype: its dtype; a float.

  Returns:
    a scalar PlaceholderWithDefault of `dtype`.

  Raises:
    TypeError: a default that is no number, or a dtype that is not a float's.
  """
  dtype = tf.dtypes.as_dtype(dtype)
  if not dtype.is_floating:
    raise errors.UserTypeError(
      f"hub.hyperparameter_input({name!r}): dtype is {dtype.name}, and a "
      "hyperparameter is of a float type, such as tf.float32."
    )
  if isinstance(default, bool) or not isinstance(default, numbers.Real):
    raise errors.UserTypeError(
      f"hub.hyperparameter_input({name!r}): default is {default!r} of "
      f"{type(default).__name__}, and it has to be a number."
    )
  return tf.compat.v1.placeholder_with_default(
    dtype.as_numpy_dtype(default), [], name=name
  )
