"""Mixup of batches."""

import numpy as np
import pytest
from input_batches import expect

from hub_estimator import errors
from hub_estimator.inputs import mixup
from hub_estimator.tf_compat import tf


def run(build):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    return session.run(build())


def seed(number):
  return tf.constant([7, number], tf.int64)


def test_each_example_is_mixed_with_the_one_before():
  features = np.array([[1.0], [10.0], [100.0]], np.float32)
  pictures = np.arange(12, dtype=np.float64).reshape(3, 2, 2, 1)
  labels = np.array([[0], [1], [2]], np.int64)
  mixed = run(
    lambda: mixup.mix_batch(
      {"x": tf.constant(features), "y": tf.constant(pictures)},
      tf.constant(labels),
      1.0,
      seed(0),
    )
  )
  share = mixed["mixup_fraction"]
  assert share.shape == (3, 1)
  assert share.dtype == np.float32
  # Each has its own, and none is all or nothing.
  assert len(np.unique(share)) == 3
  assert (share > 0.001).all() and (share < 0.999).all()
  np.testing.assert_array_equal(mixed["mixup_labels"], [[2], [0], [1]])
  before = np.array([[100.0], [1.0], [10.0]])
  np.testing.assert_allclose(
    mixed["x"], share * features + (1 - share) * before, rtol=1e-6
  )
  share = share.reshape(3, 1, 1, 1)
  np.testing.assert_allclose(
    mixed["y"], share * pictures + (1 - share) * pictures[[2, 0, 1]], rtol=1e-6
  )
  assert mixed["y"].dtype == np.float64


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 8.0])
def test_fractions_are_those_of_a_beta_distribution(alpha):
  drawn = run(lambda: mixup.draw_fractions(alpha, [20000], seed(1)))
  # Of Beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
  variance = 1 / (4 * (2 * alpha + 1))
  # Six standard errors of the mean.
  assert abs(drawn.mean() - 0.5) < 6 * np.sqrt(variance / 20000)
  np.testing.assert_allclose(drawn.var(), variance, rtol=0.05)


def test_small_alphas_do_not_underflow_to_nan():
  drawn = run(lambda: mixup.draw_fractions(0.001, [20000], seed(1)))
  assert np.isfinite(drawn).all()
  # Nearly all is left as it is, or replaced.
  assert np.mean((drawn < 0.01) | (drawn > 0.99)) > 0.97


def test_fractions_follow_the_seed():
  def draw():
    return [
      mixup.draw_fractions(0.2, [4], seed(number)) for number in (0, 0, 1)
    ]

  first, again, other = run(draw)
  np.testing.assert_array_equal(first, again)
  assert not np.any(first == other)
  np.testing.assert_array_equal(first, run(draw)[0])


def test_integers_cannot_be_mixed():
  with tf.Graph().as_default():
    with expect(errors.UserValueError, "'ids' (int32)", "set mixup_alpha = 0"):
      mixup.mix_batch(
        {"ids": tf.zeros([2, 3], tf.int32), "x": tf.zeros([2, 3])},
        tf.zeros([2, 1]),
        0.1,
        seed(0),
      )


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), 1001, "0.1", True, None])
def test_alphas_out_of_range(alpha):
  with expect(errors.UserValueError, "`X.mixup_alpha`", f"got {alpha!r}"):
    mixup.check_mixup_alpha("X", alpha, 8)


def test_a_batch_of_one_has_nothing_to_mix():
  mixup.check_mixup_alpha("X", 0.0, 1)
  with expect(errors.UserValueError, "`X.batch_size = 1`", "2 or more"):
    mixup.check_mixup_alpha("X", 0.1, 1)
