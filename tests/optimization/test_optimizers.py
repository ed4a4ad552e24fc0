"""Optimizers against steps worked out by hand."""

import numpy as np
import pytest

from hub_estimator import errors, optimization
from hub_estimator.tf_compat import tf


def _trajectory(optimizer_fn, num_steps=2):
  """Returns w after each step on the loss 3 w, from w = 1, at rate 0.1."""
  with tf.Graph().as_default():
    w = tf.compat.v1.get_variable("w", initializer=1.0)
    # A tensor, as a schedule gives it.
    train_op = optimizer_fn(tf.constant(0.1)).minimize(3.0 * w)
    with tf.compat.v1.Session() as session:
      session.run(tf.compat.v1.global_variables_initializer())
      values = []
      for _ in range(num_steps):
        session.run(train_op)
        values.append(session.run(w))
      return values


def test_sgd_with_momentum():
  # v: 3, then 0.9 * 3 + 3 = 5.7; w: 1 - 0.3 = 0.7, then 0.7 - 0.57 = 0.13.
  np.testing.assert_allclose(
    _trajectory(optimization.create_sgd_optimizer_fn()), [0.7, 0.13], rtol=1e-5
  )


def test_sgd_with_nesterov_momentum():
  # w -= 0.1 (g + 0.5 v). v: 3, 4.5; w: 1 - 0.45 = 0.55, 0.55 - 0.525 = 0.025.
  optimizer_fn = optimization.create_sgd_optimizer_fn(0.5, nesterov=True)
  np.testing.assert_allclose(
    _trajectory(optimizer_fn), [0.55, 0.025], rtol=1e-5
  )


def test_sgd_without_momentum_has_no_slots():
  optimizer_fn = optimization.create_sgd_optimizer_fn(momentum=0)
  np.testing.assert_allclose(_trajectory(optimizer_fn), [0.7, 0.4], rtol=1e-5)
  assert optimizer_fn(0.1).get_slot_names() == []
  assert isinstance(
    optimizer_fn(0.1), tf.compat.v1.train.GradientDescentOptimizer
  )


def test_adam():
  # With a constant gradient the corrected moments are g and g^2: each step is
  # rate * 3 / (3 + epsilon').
  np.testing.assert_allclose(
    _trajectory(optimization.create_adam_optimizer_fn()), [0.9, 0.8], rtol=1e-5
  )


def test_adam_passes_its_arguments():
  # m = 0.5 * 3 = 1.5 and v = 0.25 * 9 = 2.25; step 0.1 sqrt(0.25) / 0.5 * 1.5 /
  # (1.5 + 1.5) = 0.1 * 1 * 0.5 = 0.05.
  optimizer_fn = optimization.create_adam_optimizer_fn(
    beta1=0.5, beta2=0.75, epsilon=1.5
  )
  np.testing.assert_allclose(_trajectory(optimizer_fn, 1), [0.95], rtol=1e-5)


def test_adagrad():
  # a: 7 + 9 = 16, then 25; steps 0.1 * 3 / 4 = 0.075 and 0.1 * 3 / 5 = 0.06.
  optimizer_fn = optimization.create_adagrad_optimizer_fn(7.0)
  np.testing.assert_allclose(
    _trajectory(optimizer_fn), [0.925, 0.865], rtol=1e-5
  )


@pytest.mark.parametrize(
  ("name", "arguments", "message"),
  [
    (
      "create_sgd_optimizer_fn",
      dict(momentum=1.0),
      r"create_sgd_optimizer_fn\.momentum` is at least 0 and less than 1; got",
    ),
    (
      "create_sgd_optimizer_fn",
      dict(momentum=0, nesterov=True),
      r"nesterov = True` looks ahead.*momentum` is 0: set a momentum",
    ),
    (
      "create_adam_optimizer_fn",
      dict(beta1=-0.1),
      r"create_adam_optimizer_fn\.beta1` is at least 0 and less than 1",
    ),
    (
      "create_adam_optimizer_fn",
      dict(beta2=1),
      r"create_adam_optimizer_fn\.beta2` is at least 0 and less than 1",
    ),
    (
      "create_adam_optimizer_fn",
      dict(epsilon=0.0),
      r"create_adam_optimizer_fn\.epsilon` is more than 0; got 0\.0",
    ),
    (
      "create_adagrad_optimizer_fn",
      dict(initial_accumulator_value=0.0),
      r"initial_accumulator_value` is more than 0; got 0\.0",
    ),
  ],
)
def test_bad_arguments(name, arguments, message):
  with pytest.raises(errors.UserValueError, match=message):
    getattr(optimization, name)(**arguments)
