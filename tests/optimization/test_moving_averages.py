"""Moving averages of weights: values, evaluation, export."""

import os

import numpy as np
import pytest

from hub_estimator import errors, estimator, hub, optimization
from hub_estimator.optimization import (
  Optimization,
  VariableGroup,
  slot_variables,
)
from hub_estimator.optimization.growing_saver import GrowingSaver
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1


def _optimization(decay=0.5, learning_rate=0.1, **arguments):
  return Optimization(
    optimization.create_constant_schedule_fn(learning_rate),
    optimization.create_sgd_optimizer_fn(0.0),
    moving_average_decay=decay,
    **arguments,
  )


def _averages(weights, decay):
  """Returns the average after each of some steps; weights has the first."""
  average = weights[0]
  averages = []
  for t, weight in enumerate(weights[1:], start=1):
    d = min(decay, (1 + t) / (10 + t))
    average = d * average + (1 - d) * weight
    averages.append(average)
  return averages


@pytest.fixture(autouse=True)
def graph():
  with tf.Graph().as_default():
    yield


def _variable(kind):
  partitioner = v1.fixed_size_partitioner(2) if kind == "parts" else None
  return v1.get_variable(
    "w",
    # A new draw in each run of an op that depends on it.
    initializer=tf.random.uniform([3], seed=1),
    use_resource=kind == "resource",
    partitioner=partitioner,
  )


@pytest.mark.parametrize("kind", ["ref", "resource", "parts"])
def test_averages_follow_the_weights(kind):
  w = _variable(kind)
  fixed = v1.get_variable("fixed", initializer=1.0, trainable=False)
  step_op = _optimization(0.25).build_train_op(
    tf.reduce_sum(tf.square(w)) * fixed
  )
  parts = list(w) if kind == "parts" else [w]
  shadows = [
    v
    for v in slot_variables.slot_variables()
    if v.op.name.endswith("/ExponentialMovingAverage")
  ]
  assert len(shadows) == len(parts)
  weights, averages = [], []
  with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    weights.append(np.concatenate(session.run(parts)))
    np.testing.assert_array_equal(
      np.concatenate(session.run(shadows)), weights[0]
    )
    for _ in range(4):
      session.run(step_op)
      weights.append(np.concatenate(session.run(parts)))
      averages.append(np.concatenate(session.run(shadows)))
  # Decays 2/11, 3/12, 1/4, 1/4.
  np.testing.assert_allclose(averages, _averages(weights, 0.25), rtol=1e-5)
  assert not np.allclose(averages[-1], weights[-1], rtol=1e-2)


def test_decays():
  """By hand: w 1, 0.8; decay 2/11: 2/11 + 9/11 * 0.8."""
  w = v1.get_variable("w", initializer=1.0)
  step_op = _optimization(0.999).build_train_op(tf.square(w))
  (shadow,) = slot_variables.slot_variables()
  with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    session.run(step_op)
    assert session.run(shadow) == pytest.approx((2 + 9 * 0.8) / 11)


def test_of_given_variables_only():
  a = v1.get_variable("a", initializer=1.0)
  b = v1.get_variable("b", initializer=1.0)
  _optimization().build_train_op(
    a + b, [VariableGroup("x", (a, b))], averaged_variables=[b]
  )
  names = [v.op.name for v in slot_variables.slot_variables()]
  assert names == ["b/ExponentialMovingAverage"]


def test_none_without_a_decay():
  w = v1.get_variable("w", initializer=1.0)
  off = _optimization(None)
  off.build_train_op(tf.square(w))
  assert slot_variables.slot_variables() == []
  assert off.create_averaged_saver() is None


@pytest.mark.parametrize("use_resource", [False, True], ids=["ref", "resource"])
def test_an_average_that_begins_later_starts_at_the_weight(
  tmp_path, use_resource
):
  def build(group_names):
    variables = {
      name: v1.get_variable(name, initializer=2.0, use_resource=use_resource)
      for name in ("head", "module")
    }
    loss = tf.add_n([tf.square(v) for v in variables.values()])
    _optimization().build_train_op(
      loss, [VariableGroup(name, (variables[name],)) for name in group_names]
    )
    return variables["module"], GrowingSaver(defer_build=False)

  with tf.Graph().as_default(), v1.Session() as session:
    module, saver = build(["head"])
    session.run(v1.global_variables_initializer())
    session.run(module.assign(7.0).op)
    saver.save(session, f"{tmp_path}/model")
  with tf.Graph().as_default() as graph, v1.Session() as session:
    _, saver = build(["head", "module"])
    graph.finalize()
    saver.restore(session, f"{tmp_path}/model")
    values = session.run(
      {v.op.name: v for v in slot_variables.slot_variables()}
    )
  assert values == {
    "head/ExponentialMovingAverage": 2.0,
    "module/ExponentialMovingAverage": 7.0,
  }


def _module_fn():
  """y = x w + bias; a moving statistic that is not trained."""
  x = v1.placeholder(tf.float32, [None, 1])
  w = v1.get_variable("w", initializer=[[2.0]])
  statistic = v1.get_variable("statistic", initializer=0.0, trainable=False)
  v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, statistic.assign_add(1.0).op)
  hub.add_signature("default", {"x": x}, {"default": tf.matmul(x, w)})


def _model_fn(features, labels, mode, params):
  """The module, and a factor that starts at 1; loss y²."""
  training = mode == estimator.ModeKeys.TRAIN
  module = hub.Module(params["spec"], trainable=training)
  hub.register_module_for_export(module, "module")
  scale = v1.get_variable("scale", initializer=1.0)
  optimizer = params["optimization"]
  spec = estimator.RegressionHead().create_estimator_spec(
    features=features,
    mode=mode,
    logits=module({"x": features["x"]}) * scale,
    labels=labels,
    train_op_fn=optimizer.build_train_op,
  )
  if training:
    return spec
  return spec._replace(
    scaffold=v1.train.Scaffold(saver=optimizer.create_averaged_saver())
  )


def _input_fn():
  return tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[0.0]])).repeat()


def _receiver_fn():
  x = v1.placeholder(tf.float32, [None, 1])
  return estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def _exported_module(path):
  """Makes a module whose values come from its checkpoint."""
  with tf.Graph().as_default(), v1.Session() as session:
    module = hub.Module(hub.create_module_spec(_module_fn))
    session.run(v1.global_variables_initializer())
    module.export(str(path), session)
  return hub.load_module_spec(str(path))


def test_evaluation_prediction_and_export_use_the_averages(tmp_path):
  trained = estimator.Estimator(
    _model_fn,
    config=estimator.RunConfig(model_dir=str(tmp_path / "run")),
    params={
      "spec": _exported_module(tmp_path / "module"),
      "optimization": _optimization(0.5, 0.05),
    },
  )
  trained.train(_input_fn, steps=2)
  # loss (w s)²: dw = 2 w s², ds = 2 w² s.
  w, s = [2.0], [1.0]
  for _ in range(2):
    dw, ds = 2 * w[-1] * s[-1] ** 2, 2 * w[-1] ** 2 * s[-1]
    w.append(w[-1] - 0.05 * dw)
    s.append(s[-1] - 0.05 * ds)
  average_w, average_s = _averages(w, 0.5)[-1], _averages(s, 0.5)[-1]
  value = trained.get_variable_value
  assert value("module/w") == pytest.approx(w[-1])
  assert value("module/w/ExponentialMovingAverage") == pytest.approx(average_w)
  assert value("scale/ExponentialMovingAverage") == pytest.approx(average_s)
  assert abs(average_w - w[-1]) > 0.01
  metrics = trained.evaluate(_input_fn, steps=1)
  assert metrics["loss"] == pytest.approx((average_w * average_s) ** 2)
  assert metrics["global_step"] == 2
  predictions = next(trained.predict(_input_fn))["predictions"]
  assert predictions == pytest.approx([average_w * average_s])

  # Compared with the model, which has the averages too.
  exporter = hub.LatestModuleExporter(
    "hub", _receiver_fn, verification_batch_fn=lambda: {"x": [[1.0]]}
  )
  path = exporter.export(trained, str(tmp_path / "export"))
  with tf.Graph().as_default(), v1.Session() as session:
    module = hub.Module(os.path.join(path, "module"))
    session.run(v1.global_variables_initializer())
    values = session.run(module.variable_map)
  assert values["w"] == pytest.approx(average_w)
  # Statistics are not averaged: their own value.
  assert values["statistic"] == 2.0

  saved_model = trained.export_saved_model(
    str(tmp_path / "saved_model"), _receiver_fn
  )
  reader = tf.train.load_checkpoint(
    os.path.join(saved_model.decode(), "variables", "variables")
  )
  assert reader.get_tensor("module/w") == pytest.approx(average_w)


def test_an_export_of_averages_needs_no_session(tmp_path, monkeypatch):
  trained = estimator.Estimator(
    _model_fn,
    config=estimator.RunConfig(model_dir=str(tmp_path / "run")),
    params={
      "spec": _exported_module(tmp_path / "module"),
      "optimization": _optimization(0.5, 0.05),
    },
  )
  trained.train(_input_fn, steps=2)
  exporter = hub.LatestModuleExporter("hub", _receiver_fn)
  monkeypatch.setattr(v1, "Session", None)
  path = exporter.export(trained, str(tmp_path / "export"))
  monkeypatch.undo()
  prefix = os.path.join(path, "module", "variables", "variables")
  assert tf.train.load_variable(prefix, "w") == trained.get_variable_value(
    "module/w/ExponentialMovingAverage"
  )


def _save(path, decay):
  with tf.Graph().as_default(), v1.Session() as session:
    a = v1.get_variable("a", initializer=1.0)
    b = v1.get_variable("b", initializer=[1.0, 1.0])
    step_op = _optimization(decay).build_train_op(a * tf.reduce_sum(b))
    session.run(v1.global_variables_initializer())
    session.run(step_op)
    GrowingSaver(defer_build=False).save(session, path)


@pytest.mark.parametrize("kind", ["ref", "resource", "parts"])
def test_saver_of_some_variables(tmp_path, kind):
  _save(f"{tmp_path}/model", 0.5)
  a = v1.get_variable("a", initializer=0.0)
  b = v1.get_variable(
    "b",
    initializer=tf.constant([0.0, 0.0]),
    use_resource=kind == "resource",
    partitioner=v1.fixed_size_partitioner(2) if kind == "parts" else None,
  )
  saver = _optimization().create_averaged_saver(
    list(b) if kind == "parts" else [b]
  )
  names = saver.names_in_checkpoint(f"{tmp_path}/model")
  parts = ["b/part_0", "b/part_1"] if kind == "parts" else ["b"]
  assert names == {
    "a": "a",
    **dict.fromkeys(parts, "b/ExponentialMovingAverage"),
  }
  with v1.Session() as session:
    saver.restore(session, f"{tmp_path}/model")
    # a: 1 - 0.1 * 2; b: 1 - 0.1, averaged: 2/11 + 9/11 * 0.9.
    assert session.run(a) == pytest.approx(0.8)
    assert session.run(tf.convert_to_tensor(b)) == pytest.approx(
      [(2 + 9 * 0.9) / 11] * 2
    )


def test_a_checkpoint_without_averages(tmp_path):
  _save(f"{tmp_path}/model", None)
  v1.get_variable("a", initializer=1.0)
  saver = _optimization().create_averaged_saver()
  with v1.Session() as session:
    with pytest.raises(
      errors.UserValueError,
      match=r"model has no moving averages of weights: .*"
      r"`Optimization\.moving_average_decay = None`\. Set it so",
    ):
      saver.restore(session, f"{tmp_path}/model")
    with pytest.raises(ValueError, match="not a valid checkpoint"):
      saver.restore(session, f"{tmp_path}/other")


def test_under_a_distribution_strategy():
  with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
    w = v1.get_variable("w", initializer=1.0)
    with pytest.raises(
      errors.UserValueError,
      match=r"`Optimization\.moving_average_decay` = 0\.5 does not go together "
      "with OneDeviceStrategy",
    ):
      _optimization().build_train_op(tf.square(w))
