"""Gradient accumulation: the same as the large batch."""

import numpy as np
import pytest
import summary_events

from hub_estimator import errors, estimator, optimization
from hub_estimator.optimization import Optimization, VariableGroup
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1

OPTIMIZER_FNS = {
  "sgd": optimization.create_sgd_optimizer_fn(0.9),
  "adam": optimization.create_adam_optimizer_fn(),
  "adamw": optimization.create_adamw_optimizer_fn(0.1),
  "lamb": optimization.create_lamb_optimizer_fn(0.1),
}
_NUM_ROWS = 7
_RANDOM = np.random.RandomState(0)
# 24 examples: a row of the table (some twice in a batch), an x and a y.
_ROWS = _RANDOM.randint(0, _NUM_ROWS - 1, size=24)
_X = _RANDOM.normal(size=[24, 3]).astype(np.float32)
_Y = _RANDOM.normal(size=[24]).astype(np.float32)


@pytest.fixture(autouse=True)
def graph():
  with tf.Graph().as_default():
    yield


def _optimization(
  optimizer_fn, accumulate_steps=1, learning_rate=0.1, **arguments
):
  return Optimization(
    optimization.create_constant_schedule_fn(learning_rate),
    optimizer_fn,
    accumulate_steps=accumulate_steps,
    **arguments,
  )


def _train(optimizer, batch_size, use_resource, num_groups=1):
  """Trains on all 24 examples, in their order; returns values and step."""
  with tf.Graph().as_default(), v1.Session() as session:
    with v1.variable_scope("", use_resource=use_resource):
      initial = np.arange(_NUM_ROWS * 3, dtype=np.float32).reshape([-1, 3]) / 10
      table = v1.get_variable("table", initializer=initial)
      w = v1.get_variable("w", initializer=[[0.1], [0.2], [0.3]])
    rows = v1.placeholder(tf.int32, [None])
    x = v1.placeholder(tf.float32, [None, 3])
    y = v1.placeholder(tf.float32, [None])
    encoded = tf.gather(table, rows) + x
    loss = tf.reduce_mean(tf.square(tf.matmul(encoded, w)[:, 0] - y))
    groups = None
    if num_groups == 2:
      groups = [VariableGroup("t", (table,)), VariableGroup("w", (w,), 0.5)]
    step_op = optimizer.build_train_op(loss, groups)
    session.run(
      [v1.global_variables_initializer(), v1.local_variables_initializer()]
    )
    steps = []
    for i in range(0, 24, batch_size):
      batch = slice(i, i + batch_size)
      feeds = {rows: _ROWS[batch], x: _X[batch], y: _Y[batch]}
      session.run(step_op, feeds)
      steps.append(session.run(v1.train.get_global_step()))
    names = {v.op.name: v for v in v1.global_variables()}
    return session.run(names), steps


@pytest.mark.parametrize("clip_norm", [None, 0.5], ids=["free", "clipped"])
@pytest.mark.parametrize("use_resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize("kind", sorted(OPTIMIZER_FNS))
def test_same_as_the_large_batch(kind, use_resource, clip_norm):
  small = _optimization(OPTIMIZER_FNS[kind], 3, clip_norm=clip_norm)
  large = _optimization(OPTIMIZER_FNS[kind], clip_norm=clip_norm)
  values, steps = _train(small, 2, use_resource)
  expected, _ = _train(large, 6, use_resource)
  assert steps == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
  assert set(values) == set(expected)
  for name, value in values.items():
    np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)
  if kind in ("sgd", "adam"):
    # The last row is in no batch.
    np.testing.assert_array_equal(
      values["table"][-1], np.array([1.8, 1.9, 2.0], np.float32)
    )
  assert not np.allclose(values["table"][0], [0.0, 0.1, 0.2])


def test_same_as_the_large_batch_with_groups_and_averages():
  arguments = {"clip_norm": 0.5, "moving_average_decay": 0.5}
  small = _optimization(OPTIMIZER_FNS["adam"], 4, **arguments)
  large = _optimization(OPTIMIZER_FNS["adam"], **arguments)
  values, steps = _train(small, 2, False, num_groups=2)
  expected, _ = _train(large, 8, False, num_groups=2)
  assert steps[-1] == 3
  assert set(values) == set(expected)
  assert "w/ExponentialMovingAverage" in values
  for name, value in values.items():
    np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_update_ops_run_with_every_batch_before_the_step():
  w = v1.get_variable("w", initializer=1.0, use_resource=False)
  seen = v1.get_variable(
    "seen", initializer=0.0, trainable=False, use_resource=False
  )
  with tf.control_dependencies([tf.random.uniform([])]):
    v1.add_to_collection(
      v1.GraphKeys.UPDATE_OPS, v1.assign_add(seen, w.read_value() + 0.0)
    )
  optimizer = _optimization(optimization.create_sgd_optimizer_fn(0.0), 2)
  step_op = optimizer.build_train_op(tf.square(w))
  with v1.Session() as session:
    session.run(
      [v1.global_variables_initializer(), v1.local_variables_initializer()]
    )
    trace = []
    for _ in range(4):
      session.run(step_op)
      trace.append(session.run([w, seen]))
  # w: 1 for two batches, 0.8 for two, then 0.64.
  np.testing.assert_allclose(
    trace, [[1.0, 1.0], [0.8, 2.0], [0.8, 2.8], [0.64, 3.6]], rtol=1e-6
  )


def test_what_depends_on_the_train_op_runs_with_every_batch():
  w = v1.get_variable("w", initializer=1.0)
  optimizer = _optimization(optimization.create_sgd_optimizer_fn(0.0), 2)
  step_op = optimizer.build_train_op(tf.square(w))
  with tf.control_dependencies([step_op]):
    after = w.read_value()
  with v1.Session() as session:
    session.run(
      [v1.global_variables_initializer(), v1.local_variables_initializer()]
    )
    values = [session.run(after) for _ in range(3)]
  assert values == [1.0, pytest.approx(0.8), pytest.approx(0.8)]


def _model_fn(features, labels, mode, params):
  w = v1.get_variable("w", initializer=[[2.0]])
  return estimator.RegressionHead().create_estimator_spec(
    features=features,
    mode=mode,
    logits=tf.matmul(features["x"], w),
    labels=labels,
    train_op_fn=params["optimization"].build_train_op,
  )


def _input_fn():
  # Losses w² and 9 w², in turn: the gradient of their mean is 10 w.
  x = tf.constant([[[1.0]], [[3.0]]])
  dataset = tf.data.Dataset.from_tensor_slices(({"x": x}, tf.zeros([2, 1, 1])))
  return dataset.repeat()


class _Steps(estimator.SessionRunHook):
  """Notes the global step after each run."""

  def __init__(self):
    self.steps = []

  def after_run(self, run_context, run_values):
    self.steps.append(int(run_context.session.run(v1.train.get_global_step())))


def test_through_an_estimator(tmp_path):
  optimizer = _optimization(
    optimization.create_sgd_optimizer_fn(0.0), 2, learning_rate=0.01
  )
  trained = estimator.Estimator(
    _model_fn,
    config=estimator.RunConfig(
      model_dir=str(tmp_path), save_summary_steps=1, save_checkpoints_steps=2
    ),
    params={"optimization": optimizer},
  )
  hook = _Steps()
  trained.train(_input_fn, max_steps=3, hooks=[hook])
  assert hook.steps == [0, 1, 1, 2, 2, 3]
  # Each step does w -= 0.01 * 10 w: 2 * 0.9^3.
  assert trained.get_variable_value("w") == pytest.approx(1.458)
  assert sorted(p.name for p in tmp_path.glob("*.index")) == [
    "model.ckpt-0.index",
    "model.ckpt-2.index",
    "model.ckpt-3.index",
  ]
  assert "gradient_sum" not in " ".join(trained.get_variable_names())
  tags = summary_events.scalars(tmp_path)
  steps = sorted({step for step, _ in tags["learning_rate"]})
  assert set(steps) <= {0, 1, 2, 3} and steps[-1] == 3
  # Goes on, for so many steps.
  hook = _Steps()
  trained.train(_input_fn, steps=1, hooks=[hook])
  assert hook.steps == [3, 4]
  assert trained.get_variable_value("w") == pytest.approx(1.3122)


def test_under_a_distribution_strategy():
  optimizer = _optimization(optimization.create_sgd_optimizer_fn(0.0), 2)
  with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
    w = v1.get_variable("w", initializer=1.0)
    with pytest.raises(
      errors.UserValueError,
      match=r"`Optimization\.accumulate_steps` = 2 does not go together with "
      "OneDeviceStrategy",
    ):
      optimizer.build_train_op(tf.square(w))
