"""ModuleModel: the loss, update ops, what trains, what is exported."""

import numpy as np
import pytest
import tiny_models

from hub_estimator import errors, estimator, hub, models
from hub_estimator.estimator import ModeKeys
from hub_estimator.hub.registration import registered_modules
from hub_estimator.models.model_summary import graph_summary
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def build(model, data, mode, features=None, labels=None):
  """Builds a model's graph of one mode in the default graph."""
  tf1.train.create_global_step()
  return model.create_model_fn(data)(
    features=features or {"x": tf.constant([[1.0, 1.0]])},
    labels=labels,
    mode=mode,
    config=None,
  )


def regression_loss(mode, **arguments):
  """The loss of x = [1, 1], label 3, with the head's kernel [1, 0, 0].

  x w = [5, 7, 9]; the head gets it as it is in EVAL, doubled in TRAIN, and
  predicts 5 or 10: its loss is (5 - 3)² = 4 or (10 - 3)² = 49.
  """
  data = tiny_models.create_input([0.5, 1.5])
  model = tiny_models.create_model(
    head_fn=models.create_regression_head_fn(), **arguments
  )
  with tf.Graph().as_default():
    spec = build(model, data, mode, labels=tf.constant([[3.0]]))
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      kernel = [
        v for v in tf1.global_variables() if v.name == "logits/kernel:0"
      ]
      kernel[0].load([[1.0], [0.0], [0.0]], session)
      return session.run(spec.loss)


# Σ w² / 2 = 91 / 2 = 45.5.
@pytest.mark.parametrize(
  ("mode", "scale", "expected"),
  [
    (ModeKeys.EVAL, 1.0, 4.0 + 45.5),
    (ModeKeys.EVAL, 2.0, 4.0 + 91.0),
    (ModeKeys.EVAL, 0.0, 4.0),
    (ModeKeys.TRAIN, 1.0, 49.0 + 45.5),
    (ModeKeys.TRAIN, 0.5, 49.0 + 22.75),
  ],
)
def test_the_loss_is_the_head_s_and_the_module_s(mode, scale, expected):
  optimization = tiny_models.create_optimization(regularization_scale=scale)
  loss = regression_loss(mode, optimization=optimization)
  assert loss == pytest.approx(expected)


def test_a_frozen_module_is_not_penalized():
  # TRAIN of a frozen module is the inference graph: 4, nothing added.
  loss = regression_loss(ModeKeys.TRAIN, encoder_trainable=False)
  assert loss == pytest.approx(4.0)


def train(model, data, model_dir, steps):
  config = estimator.RunConfig(model_dir=str(model_dir), tf_random_seed=1)
  trained = estimator.Estimator(model.create_model_fn(data), config=config)
  trained.train(data.input_fn(ModeKeys.TRAIN), max_steps=steps)
  return trained


def test_update_ops_run_in_training_before_the_variables_move(tmp_path):
  data = tiny_models.create_input(
    shuffle=False, batch_size=15, eval_fraction=0.25
  )
  trained = train(tiny_models.create_model(), data, tmp_path, steps=1)
  with tf.Graph().as_default(), tf1.Session() as session:
    dataset = data.input_fn(ModeKeys.TRAIN)()
    batch, _ = tf1.data.make_one_shot_iterator(dataset).get_next()
    x = session.run(batch)["x"]
  value = trained.get_variable_value
  # From 0 halfway to the mean of x w, with the w of before the step.
  expected = (x @ np.array(tiny_models.INITIAL_W)).mean(axis=0) / 2
  np.testing.assert_allclose(value("module/mean"), expected, rtol=1e-5)
  np.testing.assert_array_equal(
    value("module/w_seen"), np.float32(tiny_models.INITIAL_W)
  )
  assert np.abs(value("module/w") - tiny_models.INITIAL_W).max() > 1e-3


def test_a_frozen_module_s_variables_stay_as_they_are(tmp_path):
  path = tiny_models.export_module(tmp_path / "module")
  model = tiny_models.create_model(
    hub.load_module_spec(path), encoder_trainable=False
  )
  data = tiny_models.create_input()
  first = train(model, data, tmp_path / "run", steps=1)
  kernel = first.get_variable_value("logits/kernel")
  trained = train(model, data, tmp_path / "run", steps=4)
  value = trained.get_variable_value
  np.testing.assert_array_equal(value("module/w"), tiny_models.INITIAL_W)
  np.testing.assert_array_equal(value("module/mean"), [0.0, 0.0, 0.0])
  assert np.abs(value("logits/kernel") - kernel).max() > 1e-4
  assert not [n for n in trained.get_variable_names() if "Momentum" in n]


def test_a_trained_module_s_variables_move(tmp_path):
  path = tiny_models.export_module(tmp_path / "module")
  # No penalty, whose gradient would move w as well.
  model = tiny_models.create_model(
    hub.load_module_spec(path),
    optimization=tiny_models.create_optimization(regularization_scale=0.0),
  )
  trained = train(model, tiny_models.create_input(), tmp_path / "run", steps=3)
  moved = trained.get_variable_value("module/w") - tiny_models.INITIAL_W
  assert np.abs(moved).min() > 0


@pytest.mark.parametrize(
  ("mode", "trainable", "tags", "trained"),
  [
    (
      ModeKeys.TRAIN,
      True,
      {"train"},
      {"module/w", "logits/kernel", "logits/bias"},
    ),
    (ModeKeys.TRAIN, False, set(), {"logits/kernel", "logits/bias"}),
    (
      ModeKeys.EVAL,
      True,
      set(),
      {"module/w", "logits/kernel", "logits/bias"},
    ),
    (
      ModeKeys.PREDICT,
      True,
      set(),
      {"module/w", "logits/kernel", "logits/bias"},
    ),
  ],
)
def test_the_graph_of_each_mode(mode, trainable, tags, trained):
  model = tiny_models.create_model(
    encoder_trainable=trainable, export_name="mine"
  )
  labels = None if mode == ModeKeys.PREDICT else tf.constant
  with tf.Graph().as_default() as graph:
    spec = build(
      model,
      tiny_models.create_input(),
      mode,
      labels=labels and labels([[1]], tf.int64),
    )
    assert (spec.train_op is not None) == (mode == ModeKeys.TRAIN)
    assert {name: m.tags for name, m in registered_modules(graph).items()} == {
      "mine": tags
    }
    summary = graph_summary(graph)
  assert (summary.signature, summary.output) == ("default", "default")
  assert {v.name for v in summary.variables if v.is_trained} == trained
  assert {v.name for v in summary.variables if v.is_in_module} == {
    "module/w",
    "module/mean",
    "module/w_seen",
  }
  # w, mean, w_seen, and the head's 3 x 3 kernel and 3 biases.
  assert summary.num_parameters == 6 + 3 + 6 + 9 + 3
  assert summary.num_trainable_parameters == (18 if trainable else 12)
  assert summary.module_trainable_parameters == (6 if trainable else 0)
  assert len(summary.regularization_losses) == (1 if trainable else 0)
  assert len(summary.update_ops) == (2 if tags else 0)


def test_a_graph_without_a_model_has_no_summary():
  assert graph_summary(tf.Graph()) is None


def test_hidden_layers():
  # [1, 1] w = [5, 7, 9]. hidden_1 sums the first two and subtracts the last
  # from the first: relu [12, -4] = [12, 0]. hidden_2 doubles: [24, 0]. The
  # logit is 24 + 1.
  data = tiny_models.create_input([0.5, 1.5])
  model = tiny_models.create_model(
    head_fn=models.create_regression_head_fn(), hidden_units=(2, 2)
  )
  values = {
    "hidden_1/kernel": [[1.0, 1.0], [1.0, 0.0], [0.0, -1.0]],
    "hidden_2/kernel": [[2.0, 0.0], [0.0, 2.0]],
    "logits/kernel": [[1.0], [1.0]],
    "logits/bias": [1.0],
  }
  with tf.Graph().as_default():
    spec = build(model, data, ModeKeys.PREDICT)
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      for variable in tf1.global_variables():
        if variable.op.name in values:
          variable.load(values.pop(variable.op.name), session)
      predictions = session.run(spec.predictions["predictions"])
  assert not values
  assert predictions.tolist() == [[25.0]]


def test_hidden_layers_start_between_glorot_s_bounds_and_at_zero():
  model = tiny_models.create_model(hidden_units=[50])
  with tf.Graph().as_default():
    build(model, tiny_models.create_input(), ModeKeys.PREDICT)
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      values = {v.op.name: session.run(v) for v in tf1.global_variables()}
  # sqrt(6 / (3 + 50)) = 0.336.
  kernel = np.abs(values["hidden_1/kernel"])
  assert 0.25 < kernel.max() <= 0.3365
  assert not values["hidden_1/bias"].any()


@pytest.mark.parametrize("hidden_units", [[0], [2.5], 3, "ab"])
def test_hidden_units_that_are_no_sizes(hidden_units):
  with pytest.raises(errors.UserValueError) as caught:
    tiny_models.create_model(hidden_units=hidden_units)
  assert str(caught.value) == (
    f"ModuleModel.hidden_units = {hidden_units!r}: it is a list of layers' "
    "sizes, whole numbers of at least 1, such as [128]; [] for none."
  )


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      {"encoder": models.ModuleEncoder},
      "ModuleModel.encoder = <class 'hub_estimator.models.module_encoder."
      "ModuleEncoder'>: write @ModuleEncoder(), with its "
      "parentheses.",
    ),
    (
      {"optimization": 3},
      "ModuleModel.optimization = 3: write "
      "@Optimization(), with its parentheses.",
    ),
    (
      {"head_fn": "multi"},
      "ModuleModel.head_fn = 'multi': write one of "
      "@create_multi_class_head_fn(), @create_binary_head_fn(), "
      "@create_multi_label_head_fn(), @create_regression_head_fn(), with its "
      "parentheses (HEAD).",
    ),
    (
      {"export_name": 3},
      "ModuleModel.export_name = 3: it is the name of a folder, in quotes.",
    ),
  ],
)
def test_arguments_of_another_kind(arguments, message):
  parts = {
    "encoder": models.ModuleEncoder(tiny_models.tiny_module()),
    "head_fn": models.create_multi_class_head_fn(),
    "optimization": tiny_models.create_optimization(),
  }
  with pytest.raises(errors.UserTypeError) as caught:
    models.ModuleModel(**{**parts, **arguments})
  assert str(caught.value) == message


def test_a_head_s_factory_in_place_of_a_head_s_function():
  model = tiny_models.create_model(head_fn=models.create_multi_class_head_fn)
  with pytest.raises(errors.UserTypeError) as caught:
    model.check(tiny_models.create_input())
  assert str(caught.value).startswith(
    "ModuleModel.head_fn returns a function, which is no head: write one of "
    "@create_multi_class_head_fn(), "
  )
