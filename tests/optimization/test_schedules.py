"""Learning rate schedules against values worked out by hand."""

import pathlib
import subprocess
import sys

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


def test_constant():
  schedule_fn = optimization.create_constant_schedule_fn(0.3)
  np.testing.assert_allclose(_rates(schedule_fn, [0, 1, 1000]), [0.3] * 3)


def test_constant_with_warmup():
  schedule_fn = optimization.create_constant_schedule_fn(0.4, warmup_steps=4)
  # 0.4 (t + 1) / 4 while t < 4.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 1, 2, 3, 4, 99]),
    [0.1, 0.2, 0.3, 0.4, 0.4, 0.4],
    rtol=1e-6,
  )


def test_cosine():
  schedule_fn = optimization.create_cosine_schedule_fn(0.8, train_steps=12)
  # (1 + cos(pi p)) / 2 at p = 0, 1/3, 1/2, 2/3, 1 is 1, 3/4, 1/2, 1/4, 0.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 4, 6, 8, 12, 500]),
    [0.8, 0.6, 0.4, 0.2, 0.0, 0.0],
    rtol=1e-6,
    atol=1e-7,
  )


def test_cosine_with_warmup_and_final_fraction():
  schedule_fn = optimization.create_cosine_schedule_fn(
    0.8, train_steps=14, warmup_steps=2, final_fraction=0.5
  )
  # Warm-up: 0.8 / 2, 0.8. Then 0.8 (0.5 + 0.5 wave) with p = (t - 2) / 12:
  # waves 1, 3/4, 1/2, 0 give 0.8, 0.7, 0.6, 0.4.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 1, 2, 6, 8, 14, 99]),
    [0.4, 0.8, 0.8, 0.7, 0.6, 0.4, 0.4],
    rtol=1e-6,
  )


def test_linear_with_warmup_and_final_fraction():
  schedule_fn = optimization.create_linear_schedule_fn(
    1.0, train_steps=10, warmup_steps=2, final_fraction=0.2
  )
  # Warm-up: 1/2, 1. Then 1 - 0.8 p with p = (t - 2) / 8: at t = 4 p = 1/4.
  np.testing.assert_allclose(
    _rates(schedule_fn, [0, 1, 2, 4, 6, 10, 11]),
    [0.5, 1.0, 1.0, 0.8, 0.6, 0.2, 0.2],
    rtol=1e-6,
  )


@pytest.mark.parametrize("use_resource", [False, True])
def test_takes_the_global_step_variable(use_resource):
  with tf.Graph().as_default():
    with tf.compat.v1.variable_scope("", use_resource=use_resource):
      global_step = tf.compat.v1.train.create_global_step()
    rate = optimization.create_linear_schedule_fn(1.0, 4)(global_step)
    with tf.compat.v1.Session() as session:
      session.run(tf.compat.v1.global_variables_initializer())
      session.run(tf.compat.v1.assign_add(global_step, 1))
      # 1 - 1/4.
      assert session.run(rate) == pytest.approx(0.75)


def test_gin_makes_a_schedule():
  with gin.unlock_config():
    gin.clear_config()
    gin.parse_config("create_cosine_schedule_fn.learning_rate = 0.5")
    gin.parse_config("create_cosine_schedule_fn.train_steps = 4")
    create_fn = gin.get_configurable("hub_estimator.create_cosine_schedule_fn")
    schedule_fn = create_fn()
    gin.clear_config()
  np.testing.assert_allclose(_rates(schedule_fn, [0, 2]), [0.5, 0.25])


@pytest.mark.parametrize(
  "name", ["create_cosine_schedule_fn", "create_linear_schedule_fn"]
)
@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      dict(learning_rate=-0.1, train_steps=5),
      r"`{}\.learning_rate` is at least 0; got -0\.1",
    ),
    (
      dict(learning_rate=float("nan"), train_steps=5),
      r"`{}\.learning_rate` is at least 0; got nan",
    ),
    (
      dict(learning_rate="0.1", train_steps=5),
      r"`{}\.learning_rate` is a number; got '0\.1' \(str\)",
    ),
    (
      dict(learning_rate=True, train_steps=5),
      r"`{}\.learning_rate` is a number; got True \(bool\)",
    ),
    (
      dict(learning_rate=0.1, train_steps=0),
      r"`{}\.train_steps` is a number of training steps of at least 1; got 0",
    ),
    (
      dict(learning_rate=0.1, train_steps=5.5),
      r"`{}\.train_steps` is a whole number of training steps; got 5\.5",
    ),
    (
      dict(learning_rate=0.1, train_steps=5, warmup_steps=-1),
      r"`{}\.warmup_steps` is a number of training steps of at least 0",
    ),
    (
      dict(learning_rate=0.1, train_steps=5, warmup_steps=5),
      r"`{0}\.warmup_steps` is less than `{0}\.train_steps`.*got 5 and 5",
    ),
    (
      dict(learning_rate=0.1, train_steps=5, final_fraction=1.5),
      r"`{}\.final_fraction` is at least 0 and at most 1; got 1\.5",
    ),
  ],
)
def test_bad_arguments(name, arguments, message):
  with pytest.raises(errors.UserError, match=message.format(name)):
    getattr(optimization, name)(**arguments)


def test_bad_arguments_of_constant():
  with pytest.raises(errors.UserValueError, match="learning_rate` is at least"):
    optimization.create_constant_schedule_fn(-1)
  with pytest.raises(errors.UserTypeError, match="warmup_steps` is a whole"):
    optimization.create_constant_schedule_fn(1.0, warmup_steps=True)


def test_importing_what_configs_name_does_not_import_tensorflow():
  program = (
    "import sys, hub_estimator.optimization\n"
    "sys.exit('tensorflow' in sys.modules)"
  )
  root = pathlib.Path(__file__).parents[2]
  subprocess.run([sys.executable, "-c", program], check=True, cwd=root)
