"""Going on from checkpoints that lack slots."""

import pathlib

import numpy as np
import pytest

from hub_estimator import errors, estimator, optimization
from hub_estimator.optimization import Optimization, VariableGroup
from hub_estimator.optimization.growing_saver import GrowingSaver
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1


def _optimization(optimizer_fn):
  return Optimization(
    optimization.create_constant_schedule_fn(0.1), optimizer_fn
  )


def _build(group_names, kind="resource", optimizer_fn=None):
  """Builds a graph of two variables that trains those of some groups."""
  with v1.variable_scope(
    "",
    use_resource=kind == "resource",
    partitioner=v1.fixed_size_partitioner(2) if kind == "parts" else None,
  ):
    variables = {
      "module": v1.get_variable(
        "module/w", initializer=tf.constant([1.0, 2.0, 3.0])
      ),
      "head": v1.get_variable(
        "head/w", initializer=tf.constant([4.0, 5.0, 6.0])
      ),
    }
  loss = tf.add_n([tf.reduce_sum(tf.square(w)) for w in variables.values()])
  groups = [VariableGroup(n, [variables[n]]) for n in group_names]
  optimizer_fn = optimizer_fn or optimization.create_adam_optimizer_fn()
  return _optimization(optimizer_fn).build_train_op(loss, groups)


def _values():
  return v1.get_default_session().run(
    {v.op.name: v for v in v1.global_variables()}
  )


def _save(path, group_names, kind):
  """Trains 3 steps, saves, and returns the values."""
  with tf.Graph().as_default(), v1.Session() as session:
    step_op = _build(group_names, kind)
    session.run(v1.global_variables_initializer())
    for _ in range(3):
      session.run(step_op)
    GrowingSaver(defer_build=False).save(session, str(path), global_step=3)
    return _values()


def _is_of_group(name, group):
  return f"{group}/" in name


@pytest.mark.parametrize("kind", ["ref", "resource", "parts"])
def test_restores_what_there_is_and_starts_the_rest(tmp_path, kind):
  saved = _save(tmp_path / "model", ["head"], kind)
  with tf.Graph().as_default() as graph, v1.Session() as session:
    step_op = _build(["module", "head"], kind)
    saver = GrowingSaver()
    v1.train.Scaffold(saver=saver).finalize()
    graph.finalize()
    saver.restore(session, f"{tmp_path}/model-3")
    values = _values()
    new = set(values) - set(saved)
    # Two slots (of two parts each) and two powers.
    assert len(new) == {"ref": 4, "resource": 4, "parts": 6}[kind]
    for name, value in values.items():
      if name in new:
        assert _is_of_group(name, "module")
        power = {"beta1_power": 0.9, "beta2_power": 0.999}
        np.testing.assert_allclose(
          value, power.get(name.rpartition("/")[2], np.zeros_like(value))
        )
      else:
        np.testing.assert_array_equal(value, saved[name])
    assert any(np.any(v) for n, v in values.items() if n.endswith("Adam_1"))
    session.run(step_op)
    assert session.run(v1.train.get_global_step()) == 4


def test_a_checkpoint_with_everything_is_restored_at_once(tmp_path):
  saved = _save(tmp_path / "model", ["module", "head"], "resource")
  with tf.Graph().as_default(), v1.Session() as session:
    _build(["module", "head"])
    saver = GrowingSaver(defer_build=False)
    runs = []

    class Watched:
      graph = session.graph

      def run(self, fetches, feed_dict=None):
        runs.append(fetches)
        return session.run(fetches, feed_dict)

    saver.restore(Watched(), f"{tmp_path}/model-3")
    assert runs == [saver.saver_def.restore_op_name]
    values = _values()
    assert set(values) == set(saved)
    for name, value in values.items():
      np.testing.assert_array_equal(value, saved[name])


def test_slots_of_groups_that_stopped_are_left_out(tmp_path):
  _save(tmp_path / "model", ["module", "head"], "resource")
  with tf.Graph().as_default(), v1.Session() as session:
    _build(["head"])
    saver = GrowingSaver(defer_build=False)
    saver.restore(session, f"{tmp_path}/model-3")
    assert session.run(v1.train.get_global_step()) == 3


def test_other_variables_must_be_there(tmp_path):
  _save(tmp_path / "model", ["head"], "resource")
  with tf.Graph().as_default(), v1.Session() as session:
    _build(["module", "head"])
    v1.get_variable("other/w", initializer=1.0)
    v1.get_variable("other/b", initializer=1.0)
    saver = GrowingSaver(defer_build=False)
    with pytest.raises(
      errors.UserValueError,
      match=r"model-3 lacks 2 of the graph's variables: other/b, other/w\. "
      "Only variables of the optimizer may be missing",
    ):
      saver.restore(session, f"{tmp_path}/model-3")


@pytest.mark.parametrize(
  "may_be_missing",
  [["other/w"], lambda name: name.startswith("other/")],
  ids=["names", "predicate"],
)
def test_what_may_be_missing_can_be_given(tmp_path, may_be_missing):
  saved = _save(tmp_path / "model", ["head"], "resource")
  with tf.Graph().as_default(), v1.Session() as session:
    _build(["head"])
    v1.get_variable("other/w", initializer=7.0)
    saver = GrowingSaver(may_be_missing, defer_build=False)
    saver.restore(session, f"{tmp_path}/model-3")
    values = _values()
    assert values.pop("other/w") == 7.0
    for name, value in values.items():
      np.testing.assert_array_equal(value, saved[name])


def test_variables_that_share_an_initial_value(tmp_path):
  """Those that are there are fed through their initializers, one by one."""

  def build():
    initial = tf.constant([1.0, 1.0])
    return [
      v1.Variable(initial, name=name, use_resource=True) for name in "abc"
    ]

  with tf.Graph().as_default(), v1.Session() as session:
    a, b, _ = build()
    session.run(v1.global_variables_initializer())
    session.run([a.assign([2.0, 3.0]).op, b.assign([4.0, 5.0]).op])
    v1.train.Saver([a, b]).save(session, f"{tmp_path}/model")
  with tf.Graph().as_default(), v1.Session() as session:
    variables = build()
    GrowingSaver("abc", defer_build=False).restore(session, f"{tmp_path}/model")
    values = session.run(variables)
  assert [v.tolist() for v in values] == [[2.0, 3.0], [4.0, 5.0], [1.0, 1.0]]


def test_no_such_checkpoint(tmp_path):
  with tf.Graph().as_default(), v1.Session() as session:
    _build(["head"])
    with pytest.raises(ValueError, match="not a valid checkpoint"):
      GrowingSaver(defer_build=False).restore(session, f"{tmp_path}/model")


def _model_fn(features, labels, mode, params, config):
  """y = module x + head, both in training from stage 2 on; loss y²."""
  module = v1.get_variable("module/w", initializer=2.0)
  head = v1.get_variable("head/w", initializer=1.0)
  groups = [VariableGroup("head", (head,))]
  if params["stage"] == 2:
    groups.insert(0, VariableGroup("module", (module,), 0.5))
  optimizer = _optimization(optimization.create_sgd_optimizer_fn(0.5))
  logits = module * features["x"] + head
  spec = estimator.RegressionHead().create_estimator_spec(
    features=features,
    mode=mode,
    logits=logits,
    labels=labels,
    train_op_fn=lambda loss: optimizer.build_train_op(loss, groups),
  )
  return spec._replace(
    scaffold=v1.train.Scaffold(
      saver=GrowingSaver(max_to_keep=config.keep_checkpoint_max)
    )
  )


def _input_fn():
  return tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[0.0]])).repeat()


def _train(model_dir, stage, max_steps):
  trained = estimator.Estimator(
    _model_fn,
    config=estimator.RunConfig(
      model_dir=str(model_dir), save_checkpoints_steps=1, keep_checkpoint_max=2
    ),
    params={"stage": stage},
  )
  trained.train(_input_fn, max_steps=max_steps)
  return {
    name: trained.get_variable_value(name)
    for name in trained.get_variable_names()
  }


def test_two_stages_in_one_model_dir(tmp_path):
  values = _train(tmp_path, stage=1, max_steps=2)
  # Gradient 2 (module + head). head: 1 - 0.1 * 6 = 0.4, velocity 6; gradient
  # 4.8, velocity 0.5 * 6 + 4.8 = 7.8: 0.4 - 0.78 = -0.38.
  assert values == {
    "global_step": 2,
    "head/w": pytest.approx(-0.38),
    "head/w/Momentum": pytest.approx(7.8),
    "module/w": 2.0,
  }
  values = _train(tmp_path, stage=2, max_steps=3)
  # Gradient 3.24. head's velocity 3.9 + 3.24 = 7.14: -0.38 - 0.714 = -1.094;
  # module's starts at 0: 2 - 0.05 * 3.24.
  assert values == {
    "global_step": 3,
    "head/w": pytest.approx(-1.094),
    "head/w/Momentum": pytest.approx(7.14),
    "module/w": pytest.approx(1.838),
    "module/w/Momentum": pytest.approx(3.24),
  }
  # Once more in the second stage: a plain restore.
  values = _train(tmp_path, stage=2, max_steps=4)
  # Gradient 1.488.
  assert values["module/w/Momentum"] == pytest.approx(3.108)
  kept = sorted(
    p.name for p in pathlib.Path(tmp_path).glob("model.ckpt-*.index")
  )
  assert kept == ["model.ckpt-3.index", "model.ckpt-4.index"]
  assert (
    'model_checkpoint_path: "model.ckpt-4"'
    in (tmp_path / "checkpoint").read_text()
  )


def _train_everything(model_dir, accumulate_steps):
  """Two stages with groups, averages, clipping and AdamW."""
  optimizer = Optimization(
    optimization.create_constant_schedule_fn(0.1),
    optimization.create_adamw_optimizer_fn(0.1),
    clip_norm=2.0,
    accumulate_steps=accumulate_steps,
    moving_average_decay=0.5,
  )

  def model_fn(features, labels, mode, params, config):
    module = v1.get_variable("module/w", initializer=2.0, use_resource=False)
    head = v1.get_variable("head/w", initializer=1.0)
    groups = [VariableGroup("head", (head,))]
    if params["stage"] == 2:
      groups.append(VariableGroup("module", (module,), 0.5))
    spec = estimator.RegressionHead().create_estimator_spec(
      features=features,
      mode=mode,
      logits=module * features["x"] + head,
      labels=labels,
      train_op_fn=lambda loss: optimizer.build_train_op(loss, groups),
    )
    saver = optimizer.create_averaged_saver()
    if mode == estimator.ModeKeys.TRAIN:
      saver = GrowingSaver(max_to_keep=config.keep_checkpoint_max)
    return spec._replace(scaffold=v1.train.Scaffold(saver=saver))

  for stage, max_steps in ((1, 2), (2, 4)):
    trained = estimator.Estimator(
      model_fn,
      config=estimator.RunConfig(model_dir=str(model_dir)),
      params={"stage": stage},
    )
    trained.train(_input_fn, max_steps=max_steps)
    metrics = trained.evaluate(_input_fn, steps=1)
  values = {
    name: trained.get_variable_value(name)
    for name in trained.get_variable_names()
  }
  assert metrics["loss"] == pytest.approx(
    (
      values["module/w/ExponentialMovingAverage"]
      + values["head/w/ExponentialMovingAverage"]
    )
    ** 2
  )
  return values


def test_two_stages_with_accumulation_and_averages(tmp_path):
  values = _train_everything(tmp_path / "small", 2)
  expected = _train_everything(tmp_path / "large", 1)
  assert set(values) == set(expected)
  assert values["global_step"] == 4
  assert values["module/w"] < 2.0
  # 4 and 2 steps, and the power before the first one.
  assert values["optimizer/head/beta1_power"] == pytest.approx(0.9**5)
  assert values["optimizer/module/beta1_power"] == pytest.approx(0.9**3)
  for name, value in values.items():
    np.testing.assert_allclose(value, expected[name], rtol=1e-5, err_msg=name)
