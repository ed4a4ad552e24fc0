"""The train op: order, update ops, clipping, variables without gradient."""

import json
import logging
import pathlib
import subprocess
import sys

import pytest

from hub_estimator import errors
from hub_estimator.optimization import train_op
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1
_UPDATE_OPS = v1.GraphKeys.UPDATE_OPS


def _sgd(learning_rate=0.1, variables=None):
  """Plain gradient descent on all trainable variables, or on some."""
  return [
    train_op.GroupOptimizer(
      v1.train.GradientDescentOptimizer(learning_rate),
      tuple(variables or v1.trainable_variables()),
    )
  ]


def _run(step_op, fetches, num_steps=1):
  with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    for _ in range(num_steps):
      session.run(step_op)
    return session.run(fetches)


@pytest.fixture(autouse=True)
def graph():
  with tf.Graph().as_default():
    yield


def test_moves_the_variables_and_counts_the_steps():
  w = v1.get_variable("w", initializer=1.0)
  step_op = train_op.create_train_op(tf.square(w), _sgd())
  assert isinstance(step_op, tf.Operation)
  # w -= 0.1 * 2 w: 1, 0.8, 0.64.
  value, global_step = _run(step_op, [w, v1.train.get_global_step()], 2)
  assert value == pytest.approx(0.64)
  assert global_step == 2


def test_counts_in_the_given_global_step():
  w = v1.get_variable("w", initializer=1.0)
  own_step = v1.get_variable("own", initializer=5, trainable=False)
  step_op = train_op.create_train_op(w, _sgd(), global_step=own_step)
  assert _run(step_op, own_step) == 6
  assert v1.train.get_global_step() is None


def test_moves_only_the_given_variables():
  w = v1.get_variable("w", initializer=1.0)
  fixed = v1.get_variable("fixed", initializer=1.0)
  step_op = train_op.create_train_op(w * fixed, _sgd(variables=[w]))
  assert _run(step_op, [w, fixed]) == [pytest.approx(0.9), 1.0]


def test_runs_update_ops():
  w = v1.get_variable("w", initializer=1.0)
  count = v1.get_variable("count", initializer=0.0, trainable=False)
  update_op = v1.assign_add(count, 1.0)
  # Twice in the collection, as tensor and as op: it runs once a step.
  v1.add_to_collection(_UPDATE_OPS, update_op)
  v1.add_to_collection(_UPDATE_OPS, update_op.op)
  step_op = train_op.create_train_op(tf.square(w), _sgd())
  assert _run(step_op, count, num_steps=3) == 3.0


def test_given_update_ops_replace_the_collection():
  w = v1.get_variable("w", initializer=1.0)
  given = v1.get_variable("given", initializer=0.0, trainable=False)
  collected = v1.get_variable("collected", initializer=0.0, trainable=False)
  v1.add_to_collection(_UPDATE_OPS, v1.assign_add(collected, 1.0))
  step_op = train_op.create_train_op(
    w, _sgd(), update_ops=[v1.assign_add(given, 1.0)]
  )
  assert _run(step_op, [given, collected]) == [1.0, 0.0]


@pytest.mark.parametrize("use_resource", [False, True])
def test_update_ops_run_before_the_variables_move(use_resource):
  w = v1.get_variable("w", initializer=1.0, use_resource=use_resource)
  seen = v1.get_variable(
    "seen", initializer=0.0, trainable=False, use_resource=use_resource
  )
  # A chain that takes its time and cannot be folded into a constant, so that an
  # unordered step would overtake it.
  slow = tf.random.uniform([500, 500])
  for _ in range(20):
    slow = tf.matmul(slow, slow) / 500.0
  with tf.control_dependencies([slow]):
    # + 0 reads w at this moment, also where a ref would be passed on.
    copied = v1.assign(seen, w.read_value() + 0.0)
  v1.add_to_collection(_UPDATE_OPS, copied)
  step_op = train_op.create_train_op(tf.square(w), _sgd())
  # seen is w before each step: 1, 0.8; w after two steps: 0.64.
  seen_value, value = _run(step_op, [seen, w], 2)
  assert seen_value == pytest.approx(0.8)
  assert value == pytest.approx(0.64)


def test_ref_variable_in_a_v1_while_loop_advances():
  program = pathlib.Path(__file__).with_name("ref_variable_loop.py")
  process = subprocess.run(
    [sys.executable, "-c", program.read_text()],
    check=True,
    stdout=subprocess.PIPE,
    text=True,
    timeout=120,
    cwd=program.parents[2],
  )
  results = json.loads(process.stdout.splitlines()[-1])
  # Why it matters: no step and no error, only the update op ran.
  assert results["naive"] == [0, 2.0, 1.0]
  # d(w + w^2 + w^3)/dw at 2 is 1 + 4 + 12 = 17; 2 - 0.01 * 17 = 1.83.
  assert results["ours"] == pytest.approx([1, 1.83, 1.0])
  assert results["ours_in_a_block"] == pytest.approx([1, 1.83, 1.0])
  assert results["ours_accumulated"] == pytest.approx([1, 1.83, 3.0])


def test_clips_by_global_norm():
  a = v1.get_variable("a", initializer=0.0)
  b = v1.get_variable("b", initializer=[0.0, 0.0])
  # Gradients 3 and (0, 4): norm 5, scaled to 2.5 they are 1.5 and (0, 2).
  loss = 3.0 * a + 4.0 * b[1]
  step_op = train_op.create_train_op(loss, _sgd(1.0), clip_norm=2.5)
  value_a, value_b = _run(step_op, [a, b])
  assert value_a == pytest.approx(-1.5)
  assert value_b.tolist() == pytest.approx([0.0, -2.0])


def test_small_gradients_are_not_clipped():
  a = v1.get_variable("a", initializer=0.0)
  step_op = train_op.create_train_op(3.0 * a, _sgd(1.0), clip_norm=4.0)
  assert _run(step_op, a) == pytest.approx(-3.0)


def test_clips_sparse_gradients():
  table = v1.get_variable("table", initializer=[[0.0], [0.0], [0.0]])
  # Gradients 3 and 4 in rows 0 and 2: norm 5, scaled to 1: 0.6 and 0.8.
  rows = tf.gather(table, [0, 2])
  loss = tf.reduce_sum(rows * [[3.0], [4.0]])
  step_op = train_op.create_train_op(loss, _sgd(1.0), clip_norm=1.0)
  assert _run(step_op, table).ravel().tolist() == pytest.approx(
    [-0.6, 0.0, -0.8]
  )


def test_clip_norm_is_above_zero():
  w = v1.get_variable("w", initializer=1.0)
  with pytest.raises(
    errors.UserValueError,
    match=r"`Optimization\.clip_norm` is more than 0; got 0",
  ):
    train_op.create_train_op(w, _sgd(), clip_norm=0)


def test_no_trainable_variables():
  with pytest.raises(
    errors.UserValueError,
    match="nothing to train: the graph has no trainable var.*TRAINABLE = True",
  ):
    train_op.create_train_op(tf.constant(1.0), _sgd())


def test_no_variable_has_a_gradient():
  for i in range(12):
    v1.get_variable(f"w{i:02}", initializer=1.0)
  with pytest.raises(
    errors.UserValueError,
    match=r"depends on none.*: w00:0, .*, w09:0 and 2 more\. Compute it from",
  ):
    train_op.create_train_op(tf.constant(1.0), _sgd())


def test_a_variable_without_gradient_is_named(caplog):
  w = v1.get_variable("w", initializer=1.0)
  unused = v1.get_variable("unused", initializer=1.0)
  logger = tf.get_logger()
  logger.addHandler(caplog.handler)
  try:
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
      step_op = train_op.create_train_op(tf.square(w), _sgd())
  finally:
    logger.removeHandler(caplog.handler)
  assert "1 of 2 variables to train get no gradient" in caplog.text
  assert "unused:0" in caplog.text
  assert _run(step_op, [w, unused]) == [pytest.approx(0.8), 1.0]
