"""AdamW and LAMB against steps worked out in NumPy."""

import re

import numpy as np
import pytest

from hub_estimator import errors, optimization
from hub_estimator.optimization import optimizers
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1

_INITIAL = np.array([[1.0, -2.0], [3.0, 0.5], [-0.25, 4.0]], np.float32)
_TARGET = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]], np.float32)
# Rows 0 and 1 have a gradient, row 0 from two examples.
_ROWS = [0, 1, 0]
_RATES = [0.1, 0.05, 0.2, 0.01]


def _trajectory(optimizer_fn, name="w", sparse=False, use_resource=True):
  """Returns w after each step on the loss Σ (w[row] - target[row])²."""
  with tf.Graph().as_default(), v1.Session() as session:
    w = v1.get_variable(name, initializer=_INITIAL, use_resource=use_resource)
    rate = v1.placeholder(tf.float32, [])
    # The gradient of a gather is sparse.
    rows = tf.gather(w, _ROWS) if sparse else tf.one_hot(_ROWS, 3) @ w
    loss = tf.reduce_sum(tf.square(rows - tf.gather(_TARGET, _ROWS)))
    (gradient,) = tf.gradients(loss, w)
    assert isinstance(gradient, tf.IndexedSlices) == sparse
    step_op = optimizer_fn(rate).minimize(loss)
    session.run(v1.global_variables_initializer())
    values = []
    for learning_rate in _RATES:
      session.run(step_op, {rate: learning_rate})
      values.append(session.run(w))
    return np.array(values)


def _gradient(w):
  return 2 * np.array([[2.0], [1.0], [0.0]]) * (w - _TARGET)


def _adamw(weight_decay, beta1=0.9, beta2=0.999, epsilon=1e-8):
  w = _INITIAL.astype(np.float64)
  m = v = np.zeros_like(w)
  values = []
  for t, rate in enumerate(_RATES, start=1):
    g = _gradient(w)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    correction = np.sqrt(1 - beta2**t) / (1 - beta1**t)
    w = (
      w
      - rate * correction * m / (np.sqrt(v) + epsilon)
      - rate * weight_decay * w
    )
    values.append(w)
  return np.array(values)


def _lamb(weight_decay, adapts=True, beta1=0.9, beta2=0.999, epsilon=1e-6):
  w = _INITIAL.astype(np.float64)
  m = v = np.zeros_like(w)
  values = []
  for t, rate in enumerate(_RATES, start=1):
    g = _gradient(w)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    u = u + weight_decay * w
    ratio = np.linalg.norm(w) / np.linalg.norm(u) if adapts else 1.0
    w = w - rate * ratio * u
    values.append(w)
  return np.array(values)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("use_resource", [False, True], ids=["ref", "resource"])
def test_adamw(use_resource, sparse):
  optimizer_fn = optimization.create_adamw_optimizer_fn(
    0.3, beta1=0.8, beta2=0.9, epsilon=1e-3
  )
  np.testing.assert_allclose(
    _trajectory(optimizer_fn, sparse=sparse, use_resource=use_resource),
    _adamw(0.3, 0.8, 0.9, 1e-3),
    rtol=1e-4,
  )


def test_adamw_without_decay_is_adam():
  np.testing.assert_allclose(
    _trajectory(optimization.create_adamw_optimizer_fn(0.0)),
    _trajectory(optimization.create_adam_optimizer_fn()),
    rtol=1e-6,
  )


def test_adamw_by_hand():
  # The row without gradient only decays: 1 - 0.1 * 0.3.
  values = _trajectory(optimization.create_adamw_optimizer_fn(0.3))
  np.testing.assert_allclose(values[0][2], _INITIAL[2] * 0.97, rtol=1e-6)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("use_resource", [False, True], ids=["ref", "resource"])
def test_lamb(use_resource, sparse):
  optimizer_fn = optimization.create_lamb_optimizer_fn(
    0.3, beta1=0.8, beta2=0.9, epsilon=1e-3
  )
  np.testing.assert_allclose(
    _trajectory(optimizer_fn, sparse=sparse, use_resource=use_resource),
    _lamb(0.3, True, 0.8, 0.9, 1e-3),
    rtol=1e-4,
  )


def test_what_is_excluded_does_not_decay():
  np.testing.assert_allclose(
    _trajectory(optimization.create_adamw_optimizer_fn(0.3), "layer/bias"),
    _adamw(0.0),
    rtol=1e-4,
  )
  np.testing.assert_allclose(
    _trajectory(
      optimization.create_adamw_optimizer_fn(0.3, exclude=["^encoder/"]),
      "encoder/w",
    ),
    _adamw(0.0),
    rtol=1e-4,
  )
  np.testing.assert_allclose(
    _trajectory(
      optimization.create_adamw_optimizer_fn(0.3, exclude=[]), "layer/bias"
    ),
    _adamw(0.3),
    rtol=1e-4,
  )
  np.testing.assert_allclose(
    _trajectory(optimization.create_lamb_optimizer_fn(0.3), "layer/bias"),
    _lamb(0.0, adapts=False),
    rtol=1e-4,
  )


def test_lamb_of_a_variable_of_zeros():
  with tf.Graph().as_default(), v1.Session() as session:
    w = v1.get_variable("w", initializer=[0.0, 0.0])
    unused = v1.get_variable("unused", initializer=[3.0, 4.0])
    optimizer = optimization.create_lamb_optimizer_fn(0.0)(0.1)
    step_op = optimizer.minimize(3.0 * w[0] + 0.0 * unused[0])
    session.run(v1.global_variables_initializer())
    session.run(step_op)
    # Adam's step 1, and |w| is 0; no step, and |u| is 0.
    np.testing.assert_allclose(session.run(w), [-0.1, 0.0], rtol=1e-5)
    np.testing.assert_array_equal(session.run(unused), [3.0, 4.0])


@pytest.mark.parametrize(
  ("name", "is_excluded"),
  [
    ("logits/bias", True),
    ("bias", True),
    ("dense/biases", True),
    ("linear/b", True),
    ("attention/output_bias", True),
    ("bert/encoder/LayerNorm/kernel", True),
    ("block_1/batch_normalization_3/gamma", True),
    ("block/bn1/w", True),
    ("ln_f/g", True),
    ("linear/w", False),
    ("logits/kernel", False),
    ("embedding/bias_table", False),
    ("block/conv1/weights", False),
    ("bnbert/kernel", False),
    ("lnkd/kernel", False),
  ],
)
def test_names_that_are_excluded(name, is_excluded):
  found = any(re.search(p, name) for p in optimizers.NOT_DECAYED)
  assert found == is_excluded


@pytest.mark.parametrize(
  "factory",
  [
    optimization.create_adamw_optimizer_fn,
    optimization.create_lamb_optimizer_fn,
  ],
  ids=["adamw", "lamb"],
)
@pytest.mark.parametrize(
  ("arguments", "error", "message"),
  [
    (
      dict(weight_decay=-0.1),
      errors.UserValueError,
      r"optimizer_fn\.weight_decay` is at least 0; got -0\.1",
    ),
    (
      dict(beta1=1.0),
      errors.UserValueError,
      r"optimizer_fn\.beta1` is at least 0 and less than 1",
    ),
    (
      dict(epsilon=0),
      errors.UserValueError,
      r"optimizer_fn\.epsilon` is more than 0",
    ),
    (
      dict(exclude="bias"),
      errors.UserTypeError,
      r"optimizer_fn\.exclude` is a list of regular expressions, \[\] for none;"
      r" got 'bias'",
    ),
    (
      dict(exclude=["a", "(b", "*"]),
      errors.UserValueError,
      r"optimizer_fn\.exclude` is a list of regular expressions, but '\(b': "
      r".*; '\*': ",
    ),
  ],
)
def test_bad_arguments(factory, arguments, error, message):
  with pytest.raises(error, match=message):
    factory(**arguments)
