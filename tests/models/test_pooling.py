"""Outputs of any shape as vectors."""

import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.models import pooling
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def pool(outputs, target_size):
  with tf.Graph().as_default(), tf1.Session() as session:
    tensors = {k: tf.constant(v) for k, v in outputs.items()}
    return session.run(pooling.pool_outputs(tensors, target_size))


def unit(vector):
  return np.asarray(vector) / np.linalg.norm(vector)


def test_images_are_averaged_over_windows():
  image = np.arange(16, dtype=np.float32).reshape([1, 4, 4, 1])
  # Means of the four 2×2 quarters.
  np.testing.assert_allclose(
    pool({"x": image}, 4), [unit([2.5, 4.5, 10.5, 12.5])], rtol=1e-6
  )
  # One window: the mean, scaled to norm 1.
  np.testing.assert_allclose(pool({"x": image}, 3), [[1.0]], rtol=1e-6)
  np.testing.assert_allclose(
    pool({"x": image}, 99), [unit(np.arange(16))], rtol=1e-6
  )


def test_channels_stay():
  image = np.ones([2, 3, 3, 5], np.float32)
  assert pool({"x": image}, 1).shape == (2, 5)


def test_sequences_are_averaged_over_windows():
  sequence = np.array([[[1.0], [3.0], [5.0], [7.0]]], np.float32)
  np.testing.assert_allclose(
    pool({"x": sequence}, 2), [unit([2.0, 6.0])], rtol=1e-6
  )


def test_outputs_are_joined_in_the_order_of_their_names():
  outputs = {
    "b": np.array([[3.0, 4.0]], np.float32),
    "a": np.array([[2.0]], np.float32),
    "number": np.array([[1]]),
    "scalar": np.float32(1.0),
  }
  np.testing.assert_allclose(pool(outputs, 8), [[1.0, 0.6, 0.8]], rtol=1e-6)


def test_one_tensor_of_two_names_counts_once():
  with tf.Graph().as_default():
    tensor = tf.ones([1, 2])
    pooled = pooling.pool_outputs({"default": tensor, "same": tensor}, 8)
  assert pooled.shape.as_list() == [1, 2]


def test_unknown_sizes_are_averaged_away():
  with tf.Graph().as_default():
    image = tf1.placeholder(tf.float32, [None, None, None, 3])
    assert pooling.pool_outputs({"x": image}, 99).shape[-1] == 3
    unknown = tf1.placeholder(tf.float32, [None, None])
    with pytest.raises(errors.UserValueError, match=r"none among \['y'\]"):
      pooling.pool_outputs({"y": unknown}, 99)
