"""`Optimization` through Gin, a head and an Estimator."""

import gin
import pytest
import summary_events

from hub_estimator import errors, estimator
from hub_estimator.optimization import Optimization, VariableGroup
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1

_CONFIG = """
Optimization.schedule_fn = @create_linear_schedule_fn()
Optimization.optimizer_fn = @create_sgd_optimizer_fn()
Optimization.clip_norm = 4.0
Optimization.regularization_scale = 0.5
create_linear_schedule_fn.learning_rate = 0.2
create_linear_schedule_fn.train_steps = 2
create_sgd_optimizer_fn.momentum = 0.0
"""


@pytest.fixture(autouse=True)
def empty_config():
  gin.clear_config()
  yield
  gin.clear_config()


def _from_gin(config):
  gin.parse_config(config)
  return gin.get_configurable(Optimization)()


def _model_fn(features, labels, mode, params):
  """y = w x, with 0.5 w^2 as regularization loss, from w = 2."""
  w = v1.get_variable("w", initializer=[[2.0]])
  v1.add_to_collection(
    v1.GraphKeys.REGULARIZATION_LOSSES, 0.5 * tf.reduce_sum(tf.square(w))
  )
  optimizer = params["optimization"]
  return estimator.RegressionHead().create_estimator_spec(
    features=features,
    mode=mode,
    logits=tf.matmul(features["x"], w),
    labels=labels,
    train_op_fn=optimizer.build_train_op,
    regularization_losses=optimizer.create_regularization_losses(),
  )


def _input_fn():
  # With x = 1 and label 0 the head's loss is w^2.
  return tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[0.0]])).repeat()


def test_through_a_head_and_an_estimator(tmp_path):
  run_config = estimator.RunConfig(
    model_dir=str(tmp_path), save_summary_steps=1, tf_random_seed=1
  )
  run = estimator.Estimator(
    _model_fn,
    config=run_config,
    params={"optimization": _from_gin(_CONFIG)},
  )
  run.train(_input_fn, steps=2)
  # Loss w^2 + 0.5 * 0.5 w^2 = 1.25 w^2, gradient 2.5 w.
  # Step 0: gradient 5, clipped to 4, rate 0.2: w = 2 - 0.8 = 1.2.
  # Step 1: gradient 3, rate 0.2 (1 - 1/2) = 0.1: w = 1.2 - 0.3 = 0.9.
  assert run.get_variable_value("w") == pytest.approx(0.9)
  assert run.get_variable_value("global_step") == 2
  metrics = run.evaluate(_input_fn, steps=1)
  # 0.25 * 0.81 and 0.81 + 0.2025.
  assert metrics["regularization_loss"] == pytest.approx(0.2025)
  assert metrics["loss"] == pytest.approx(1.0125)
  tags = summary_events.scalars(tmp_path)
  assert tags["learning_rate"] == [
    (1, pytest.approx(0.2)),
    (2, pytest.approx(0.1)),
  ]
  assert "loss" in tags
  assert "regularization_loss" in tags
  assert "penalty/regularization_losses" in tags


def test_moves_only_the_given_group_and_runs_only_the_given_update_ops():
  optimizer = _from_gin(_CONFIG)
  with tf.Graph().as_default():
    w = v1.get_variable("w", initializer=1.0)
    fixed = v1.get_variable("fixed", initializer=1.0)
    count = v1.get_variable("count", initializer=0.0, trainable=False)
    step_op = optimizer.build_train_op(
      w * fixed,
      groups=[VariableGroup("w", (w,))],
      update_ops=[v1.assign_add(count, 1.0)],
    )
    with v1.Session() as session:
      session.run(v1.global_variables_initializer())
      session.run(step_op)
      # 1 - 0.2 * 1.
      assert session.run([w, fixed, count]) == [pytest.approx(0.8), 1.0, 1.0]


def test_a_factory_without_brackets():
  config = _CONFIG.replace(
    "@create_linear_schedule_fn()", "@create_linear_schedule_fn"
  )
  with pytest.raises(
    errors.UserTypeError,
    match=r"`Optimization\.schedule_fn` is what `create_linear_schedule_fn` "
    r"returns.*write `@create_linear_schedule_fn\(\)`, with brackets",
  ):
    _from_gin(config)


def test_not_a_function():
  config = _CONFIG.replace("@create_sgd_optimizer_fn()", "'sgd'")
  with pytest.raises(
    errors.UserTypeError,
    match=r"`Optimization\.optimizer_fn` is a function; got 'sgd' \(str\)\. .*"
    r"@create_adam_optimizer_fn\(\)",
  ):
    _from_gin(config)


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    ("clip_norm = 4.0", "clip_norm = 0", r"clip_norm` is more than 0; got 0"),
    (
      "regularization_scale = 0.5",
      "regularization_scale = -0.5",
      r"regularization_scale` is at least 0; got -0\.5",
    ),
    (
      "clip_norm = 4.0",
      "accumulate_steps = 0",
      r"accumulate_steps` is a number of batches of at least 1; got 0",
    ),
    (
      "clip_norm = 4.0",
      "moving_average_decay = 1.0",
      r"moving_average_decay` is more than 0 and less than 1; got 1\.0",
    ),
  ],
)
def test_bad_numbers(old, new, message):
  with pytest.raises(errors.UserValueError, match=message):
    _from_gin(_CONFIG.replace(old, new))
