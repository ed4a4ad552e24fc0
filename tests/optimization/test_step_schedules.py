"""Exponential decay, stairs and the slanted triangle, by hand."""

import gin
import numpy as np
import pytest

from hub_estimator import errors, optimization
from hub_estimator.tf_compat import tf


def _rates(schedule_fn, steps):
  """Returns the rates at some steps, from a graph as an Estimator has it."""
  with tf.Graph().as_default():
    global_step = tf.compat.v1.placeholder(tf.int64, [])
    rate = schedule_fn(global_step)
    assert rate.dtype == tf.float32
    assert rate.shape == []
    with tf.compat.v1.Session() as session:
      return [session.run(rate, {global_step: step}) for step in steps]


def test_exponential():
  schedule_fn = optimization.create_exponential_schedule_fn(
    0.8, decay_steps=4, decay_factor=0.25
  )
  # 0.25^(t / 4) is 1, 0.5 at 2, 0.25 at 4, 1/16 at 8.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 2, 4, 6, 8]), [0.8, 0.4, 0.2, 0.1, 0.05], rtol=1e-6
  )


def test_exponential_staircase_after_a_warmup():
  schedule_fn = optimization.create_exponential_schedule_fn(
    0.8, decay_steps=3, decay_factor=0.5, warmup_steps=2, staircase=True
  )
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 1, 2, 4, 5, 7, 8, 11]),
    [0.4, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.1],
    rtol=1e-6,
  )


def test_stairs_at_fractions():
  schedule_fn = optimization.create_stair_schedule_fn(0.3, train_steps=20)
  # A tenth from steps 6, 12 and 18 on.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 5, 6, 11, 12, 17, 18, 99]),
    [0.3, 0.3, 0.03, 0.03, 0.003, 0.003, 0.0003, 0.0003],
    rtol=1e-5,
  )


def test_stairs_at_steps_after_a_warmup():
  schedule_fn = optimization.create_stair_schedule_fn(
    0.4, boundaries=[4, 6], factor=0.5, warmup_steps=4
  )
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 1, 2, 3, 4, 5, 6]),
    [0.1, 0.2, 0.3, 0.4, 0.2, 0.2, 0.1],
    rtol=1e-6,
  )


def test_no_stairs():
  schedule_fn = optimization.create_stair_schedule_fn(0.4, boundaries=[])
  np.testing.assert_allclose(_rates(schedule_fn, [0, 99]), [0.4, 0.4])


def test_slanted_triangle():
  schedule_fn = optimization.create_slanted_triangular_schedule_fn(
    0.32, train_steps=20, cut_frac=0.2, ratio=32
  )
  # cut = 4, so p is 0, 1/2, 1 at 0, 2, 4 and falls over 16 steps: 1/2 at 12, 0
  # at 20. The rate is 0.01 (1 + 31 p).
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 2, 4, 12, 20, 99]),
    [0.01, 0.165, 0.32, 0.165, 0.01, 0.01],
    rtol=1e-5,
  )


def test_slanted_triangle_with_the_papers_numbers():
  schedule_fn = optimization.create_slanted_triangular_schedule_fn(
    0.01, train_steps=1000
  )
  # cut = 100: 0.01 / 32 at both ends.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 100, 1000]), [0.0003125, 0.01, 0.0003125], rtol=1e-4
  )


def test_slanted_triangle_whose_cut_is_rounded():
  # cut = floor(2.5) = 2: p falls from 2 on over 2 (1 / 0.25 - 1) = 6 steps.
  schedule_fn = optimization.create_slanted_triangular_schedule_fn(
    1.0, train_steps=10, cut_frac=0.25, ratio=2
  )
  np.testing.assert_allclose(
    _rates(schedule_fn, [2, 5, 8, 9]), [1.0, 0.75, 0.5, 0.5], rtol=1e-6
  )


def test_through_gin():
  gin.clear_config()
  gin.parse_config("create_stair_schedule_fn.learning_rate = 0.5")
  gin.parse_config("create_stair_schedule_fn.train_steps = 10")
  try:
    factory = gin.get_configurable(optimization.create_stair_schedule_fn)
    np.testing.assert_allclose(_rates(factory(), [0, 3]), [0.5, 0.05])
  finally:
    gin.clear_config()


@pytest.mark.parametrize(
  ("name", "arguments", "error", "message"),
  [
    (
      "exponential",
      dict(learning_rate=-1, decay_steps=1),
      errors.UserValueError,
      r"create_exponential_schedule_fn\.learning_rate` is at least 0; got -1",
    ),
    (
      "exponential",
      dict(learning_rate=1, decay_steps=0),
      errors.UserValueError,
      r"create_exponential_schedule_fn\.decay_steps` is a number of training "
      "steps of at least 1; got 0",
    ),
    (
      "exponential",
      dict(learning_rate=1, decay_steps=1, decay_factor=0),
      errors.UserValueError,
      r"decay_factor` is more than 0 and at most 1; got 0",
    ),
    (
      "exponential",
      dict(learning_rate=1, decay_steps=1, warmup_steps=0.5),
      errors.UserTypeError,
      r"warmup_steps` is a whole number of training steps; got 0\.5",
    ),
    (
      "stair",
      dict(learning_rate=1),
      errors.UserValueError,
      r"boundaries` = \[0\.3, 0\.6, 0\.9\] are fractions of "
      r"`create_stair_schedule_fn\.train_steps`: set it, or give whole steps",
    ),
    (
      "stair",
      dict(learning_rate=1, boundaries=0.5),
      errors.UserTypeError,
      r"boundaries` is a list of steps or fractions; got 0\.5",
    ),
    (
      "stair",
      dict(learning_rate=1, boundaries=[0.5, 3]),
      errors.UserValueError,
      r"boundaries` is more than 0 and less than 1; got 3",
    ),
    (
      "stair",
      dict(learning_rate=1, boundaries=[3, 3]),
      errors.UserValueError,
      r"boundaries` rise; got \[3, 3\]",
    ),
    (
      "stair",
      dict(learning_rate=1, boundaries=[3], factor=1.5),
      errors.UserValueError,
      r"factor` is more than 0 and at most 1; got 1\.5",
    ),
    (
      "stair",
      dict(learning_rate=1, boundaries=[3], warmup_steps=4),
      errors.UserValueError,
      r"warmup_steps` is at most the first of .*; got 4, and the first "
      "boundary is step 3",
    ),
    (
      "slanted_triangular",
      dict(learning_rate=1, train_steps=10, cut_frac=1.0),
      errors.UserValueError,
      r"cut_frac` is more than 0 and less than 1; got 1\.0",
    ),
    (
      "slanted_triangular",
      dict(learning_rate=1, train_steps=9),
      errors.UserValueError,
      r"cut_frac` of .*train_steps` is at least one step; got 0\.1 of 9",
    ),
    (
      "slanted_triangular",
      dict(learning_rate=1, train_steps=10, ratio=0.5),
      errors.UserValueError,
      r"ratio` is at least 1; got 0\.5",
    ),
  ],
)
def test_bad_arguments(name, arguments, error, message):
  with pytest.raises(error, match=message):
    getattr(optimization, f"create_{name}_schedule_fn")(**arguments)
