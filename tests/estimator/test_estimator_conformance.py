"""What a program may rely on from `hub_estimator.estimator`.

The model is `prediction = weight * x` on x = 1, 2, 3, 4 with labels y = 2 x, so
with mean(x²) = (1 + 4 + 9 + 16) / 4 = 7.5 everything has a closed form:
  loss(weight) = (weight - 2)² * 7.5
  gradient(weight) = 2 * (weight - 2) * 7.5 = 15 * (weight - 2)
From weight = 0, steps of size 0.01 go to 0.3, 0.555, 0.77175, 0.9559875.
"""

import json
import math
import os

import numpy as np
import pytest

from hub_estimator import estimator as tfe
from hub_estimator.tf_compat import keras, tf

X = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
WEIGHTS = [0.0, 0.3, 0.555, 0.77175, 0.9559875]


def loss_at(weight):
  return (weight - 2) ** 2 * 7.5


def model_fn(features, labels, mode, params):
  weight = tf.compat.v1.get_variable(
    "weight", [], initializer=tf.compat.v1.zeros_initializer()
  )
  head = tfe.RegressionHead()

  def train_op_fn(loss):
    optimizer = tf.compat.v1.train.GradientDescentOptimizer(
      params.get("learning_rate", 0.01)
    )
    return optimizer.minimize(
      loss, global_step=tf.compat.v1.train.get_or_create_global_step()
    )

  return head.create_estimator_spec(
    features=features,
    mode=mode,
    logits=weight * features["x"],
    labels=labels,
    train_op_fn=train_op_fn,
    trainable_variables=[weight],
  )


def train_input_fn():
  return tf.data.Dataset.from_tensors(({"x": X}, 2 * X)).repeat()


def eval_input_fn():
  return tf.data.Dataset.from_tensors(({"x": X}, 2 * X))


def predict_input_fn():
  return tf.data.Dataset.from_tensors({"x": X})


def serving_input_receiver_fn():
  x = tf.compat.v1.placeholder(tf.float32, [None, 1], name="x")
  return tfe.export.ServingInputReceiver({"x": x}, {"x": x})


def create_estimator(model_dir, config=None, warm_start_from=None, **params):
  config = (config or tfe.RunConfig()).replace(
    model_dir=str(model_dir), tf_random_seed=1
  )
  return tfe.Estimator(
    model_fn, config=config, params=params, warm_start_from=warm_start_from
  )


def predict(estimator):
  return [p["predictions"][0] for p in estimator.predict(predict_input_fn)]


def test_trains_evaluates_and_predicts(tmp_path):
  estimator = create_estimator(tmp_path)
  estimator.train(train_input_fn, steps=1)
  assert estimator.get_variable_value("weight") == pytest.approx(WEIGHTS[1])
  metrics = estimator.evaluate(eval_input_fn)
  assert metrics["global_step"] == 1
  # (0.3 - 2)² * 7.5 = 21.675, and as mean loss of the one batch the same.
  assert metrics["loss"] == pytest.approx(21.675, rel=1e-5)
  assert metrics["average_loss"] == pytest.approx(21.675, rel=1e-5)
  assert metrics["label/mean"] == pytest.approx(5.0)  # mean of 2, 4, 6, 8
  assert predict(estimator) == pytest.approx([0.3, 0.6, 0.9, 1.2], rel=1e-5)


def test_resumes_from_the_newest_checkpoint(tmp_path):
  create_estimator(tmp_path).train(train_input_fn, steps=2)
  estimator = create_estimator(tmp_path)
  estimator.train(train_input_fn, max_steps=3)
  assert estimator.get_variable_value("global_step") == 3
  assert estimator.get_variable_value("weight") == pytest.approx(WEIGHTS[3])
  estimator.train(train_input_fn, max_steps=3)  # Nothing is left to do.
  assert estimator.get_variable_value("global_step") == 3


def test_warm_starts_from_another_run(tmp_path):
  create_estimator(tmp_path / "first").train(train_input_fn, steps=2)
  estimator = create_estimator(
    tmp_path / "second",
    warm_start_from=tfe.WarmStartSettings(
      str(tmp_path / "first"), vars_to_warm_start="weight"
    ),
    learning_rate=0.0,
  )
  estimator.train(train_input_fn, steps=1)
  assert estimator.get_variable_value("weight") == pytest.approx(WEIGHTS[2])
  assert estimator.get_variable_value("global_step") == 1


def test_exports_a_saved_model(tmp_path):
  estimator = create_estimator(tmp_path / "run")
  estimator.train(train_input_fn, steps=2)
  path = estimator.export_saved_model(
    str(tmp_path / "export"), serving_input_receiver_fn
  ).decode()
  expected = [0.555 * x for x in (1, 2, 3, 4)]
  assert predict(estimator) == pytest.approx(expected, rel=1e-5)

  signature = tf.saved_model.load(path).signatures["predict"]
  outputs = signature(x=tf.constant(X))["predictions"].numpy()
  assert outputs[:, 0] == pytest.approx(expected, rel=1e-5)

  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], path)
    signature = meta_graph.signature_def["predict"]
    outputs = session.run(
      signature.outputs["predictions"].name,
      {signature.inputs["x"].name: X},
    )
  assert outputs[:, 0] == pytest.approx(expected, rel=1e-5)


def test_exports_behind_a_parsing_receiver(tmp_path):
  estimator = create_estimator(tmp_path / "run")
  estimator.train(train_input_fn, steps=1)
  receiver_fn = tfe.export.build_parsing_serving_input_receiver_fn(
    {"x": tf.io.FixedLenFeature([1], tf.float32)}
  )
  path = estimator.export_saved_model(str(tmp_path / "export"), receiver_fn)
  example = tf.train.Example()
  example.features.feature["x"].float_list.value.append(4.0)
  signature = tf.saved_model.load(path.decode()).signatures["predict"]
  outputs = signature(examples=tf.constant([example.SerializeToString()]))
  assert outputs["predictions"].numpy() == pytest.approx(1.2)  # 0.3 * 4


def test_train_and_evaluate_runs_all_exporters(tmp_path):
  estimator = create_estimator(
    tmp_path, tfe.RunConfig(save_checkpoints_steps=2)
  )
  exporters = [
    tfe.LatestExporter("latest", serving_input_receiver_fn, exports_to_keep=1),
    tfe.BestExporter(
      "best", serving_input_receiver_fn=serving_input_receiver_fn
    ),
    tfe.FinalExporter("final", serving_input_receiver_fn),
  ]
  metrics, exports = tfe.train_and_evaluate(
    estimator,
    tfe.TrainSpec(train_input_fn, max_steps=4),
    tfe.EvalSpec(
      eval_input_fn,
      steps=1,
      exporters=exporters,
      start_delay_secs=0,
      throttle_secs=0,
    ),
  )
  assert metrics["global_step"] == 4
  assert metrics["loss"] == pytest.approx(loss_at(WEIGHTS[4]), rel=1e-5)
  for name in ("latest", "best", "final"):
    folders = sorted(os.listdir(tmp_path / "export" / name))
    # LatestExporter keeps one; the others wrote once a checkpoint, or once.
    saved = [folder for folder in folders if folder.isdigit()]
    assert len(saved) == {"latest": 1, "best": 2, "final": 1}[name]
    path = str(tmp_path / "export" / name / saved[-1])
    signature = tf.saved_model.load(path).signatures["predict"]
    outputs = signature(x=tf.constant(X))["predictions"].numpy()
    assert outputs[:, 0] == pytest.approx(WEIGHTS[4] * X[:, 0], rel=1e-5)
  assert len(exports) == 3


# Each head with logits, labels, the loss and its gradient with respect to a
# bias that is added to the first column of the logits, all worked out by hand;
# sigmoid(ln 3) = 3/4.
LN2, LN3 = math.log(2), math.log(3)
HEADS = {
  # -ln(1/2) and -ln(1/4); gradient: mean of 1/2 - 1 and 3/4 - 0.
  "binary": (
    lambda: tfe.BinaryClassHead(),
    [[0.0], [LN3]],
    [[1], [0]],
    (LN2 + 2 * LN2) / 2,
    (-1 / 2 + 3 / 4) / 2,
  ),
  # -ln(1/3) and -ln(2/4); gradient: mean of 1/3 - 0 and 2/4 - 1.
  "multi_class": (
    lambda: tfe.MultiClassHead(n_classes=3),
    [[0.0, 0.0, 0.0], [LN2, 0.0, 0.0]],
    [[1], [0]],
    (LN3 + LN2) / 2,
    (1 / 3 - 1 / 2) / 2,
  ),
  # One example of two classes: -ln(1/2) and -ln(1/4), averaged; the first
  # column has one half of 1/2 - 1.
  "multi_label": (
    lambda: tfe.MultiLabelHead(n_classes=2),
    [[0.0, LN3]],
    [[1, 0]],
    (LN2 + 2 * LN2) / 2,
    (1 / 2 - 1) / 2,
  ),
  # (1 - 0)² and (3 - 1)²; gradient: mean of 2 * 1 and 2 * 2.
  "regression": (
    lambda: tfe.RegressionHead(),
    [[1.0], [3.0]],
    [[0.0], [1.0]],
    (1 + 4) / 2,
    (2 + 4) / 2,
  ),
  # Cross entropy with soft labels: ln 2 whatever the label, and
  # -(ln(3/4) + ln(1/4)) / 2 = (4 ln 2 - ln 3) / 2; gradient: mean of
  # 1/2 - 1/4 and 3/4 - 1/2.
  "logistic_regression": (
    lambda: tfe.LogisticRegressionHead(),
    [[0.0], [LN3]],
    [[0.25], [0.5]],
    (LN2 + (4 * LN2 - LN3) / 2) / 2,
    (1 / 4 + 1 / 4) / 2,
  ),
  # exp(z) - z * y: 1 - 0 and 2 - 0; gradient: mean of 1 - 1 and 2 - 0.
  "poisson_regression": (
    lambda: tfe.PoissonRegressionHead(),
    [[0.0], [LN2]],
    [[1.0], [0.0]],
    (1 + 2) / 2,
    (0 + 2) / 2,
  ),
}


@pytest.mark.parametrize("name", sorted(HEADS))
def test_head_gives_loss_and_train_op(name):
  create_head, logits, labels, expected_loss, expected_gradient = HEADS[name]
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    global_step = tf.compat.v1.train.get_or_create_global_step()
    bias = tf.compat.v1.get_variable(
      "bias", [], initializer=tf.compat.v1.zeros_initializer()
    )
    first_column = np.eye(1, len(logits[0]), dtype=np.float32)
    update = tf.compat.v1.get_variable("update", initializer=0.0)
    spec = create_head().create_estimator_spec(
      features={},
      mode=tfe.ModeKeys.TRAIN,
      logits=tf.constant(logits, tf.float32) + bias * first_column,
      labels=tf.constant(labels),
      train_op_fn=tf.compat.v1.train.GradientDescentOptimizer(1.0).minimize,
      regularization_losses=[tf.constant(0.25), tf.constant(0.5)],
      update_ops=[tf.compat.v1.assign(update, 3.0).op],
      trainable_variables=[bias],
    )
    session.run(tf.compat.v1.global_variables_initializer())
    loss, _ = session.run([spec.loss, spec.train_op])
    assert loss == pytest.approx(expected_loss + 0.75, rel=1e-5)
    assert session.run(bias) == pytest.approx(-expected_gradient, rel=1e-5)
    assert session.run(update) == 3.0
    assert session.run(global_step) == 0  # `minimize` was not given it.


@pytest.mark.parametrize("name", sorted(HEADS))
def test_head_gives_eval_metrics_and_predictions(name):
  create_head, logits, labels, expected_loss, _ = HEADS[name]
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    spec = create_head().create_estimator_spec(
      features={},
      mode=tfe.ModeKeys.EVAL,
      logits=tf.constant(logits, tf.float32),
      labels=tf.constant(labels),
    )
    session.run(
      [
        tf.compat.v1.global_variables_initializer(),
        tf.compat.v1.local_variables_initializer(),
      ]
    )
    metric = spec.eval_metric_ops["average_loss"]
    assert session.run(spec.loss) == pytest.approx(expected_loss, rel=1e-5)
    session.run(metric[1])
    assert session.run(metric[0]) == pytest.approx(expected_loss, rel=1e-5)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    spec = create_head().create_estimator_spec(
      features={},
      mode=tfe.ModeKeys.PREDICT,
      logits=tf.constant(logits, tf.float32),
    )
    predictions = session.run(spec.predictions)
    assert "predict" in spec.export_outputs
  expected = {
    "binary": ("probabilities", [[0.5, 0.5], [0.25, 0.75]]),
    "multi_class": ("probabilities", [[1 / 3] * 3, [0.5, 0.25, 0.25]]),
    "multi_label": ("probabilities", [[0.5, 0.75]]),
    "regression": ("predictions", [[1.0], [3.0]]),
    "logistic_regression": ("predictions", [[0.5], [0.75]]),
    "poisson_regression": ("predictions", [[1.0], [2.0]]),
  }
  key, values = expected[name]
  assert predictions[key] == pytest.approx(np.array(values), rel=1e-5)


def test_multi_head_weighs_its_heads():
  head = tfe.MultiHead(
    [tfe.RegressionHead(name="price"), tfe.BinaryClassHead(name="sold")],
    head_weights=[1.0, 2.0],
  )
  _, price_logits, price_labels, price_loss, _ = HEADS["regression"]
  _, sold_logits, sold_labels, sold_loss, _ = HEADS["binary"]
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    scale = tf.compat.v1.get_variable("scale", initializer=1.0)
    spec = head.create_estimator_spec(
      features={},
      mode=tfe.ModeKeys.TRAIN,
      logits={
        "price": scale * tf.constant(price_logits),
        "sold": tf.constant(sold_logits),
      },
      labels={
        "price": tf.constant(price_labels),
        "sold": tf.constant(sold_labels),
      },
      train_op_fn=tf.compat.v1.train.GradientDescentOptimizer(0.1).minimize,
    )
    session.run(tf.compat.v1.global_variables_initializer())
    loss, _ = session.run([spec.loss, spec.train_op])
    assert loss == pytest.approx(price_loss + 2 * sold_loss, rel=1e-5)
    # Price loss ((s - 0)² + (3 s - 1)²) / 2 has the slope (2 + 12) / 2 at 1.
    assert session.run(scale) == pytest.approx(1 - 0.1 * 7, rel=1e-5)


def test_head_takes_a_keras_legacy_optimizer(tmp_path):
  def keras_model_fn(features, labels, mode):
    weight = tf.Variable(0.0, name="weight")
    optimizer = keras.optimizers.legacy.SGD(0.01)
    optimizer.iterations = tf.compat.v1.train.get_or_create_global_step()
    return tfe.RegressionHead().create_estimator_spec(
      features=features,
      mode=mode,
      logits=weight * features["x"],
      labels=labels,
      optimizer=optimizer,
      trainable_variables=[weight],
    )

  estimator = tfe.Estimator(keras_model_fn, model_dir=str(tmp_path))
  estimator.train(train_input_fn, steps=2)
  assert estimator.get_variable_value("weight") == pytest.approx(WEIGHTS[2])


def train_and_evaluate_with_hook(estimator, hook, max_steps=20):
  return tfe.train_and_evaluate(
    estimator,
    tfe.TrainSpec(train_input_fn, max_steps=max_steps, hooks=[hook]),
    tfe.EvalSpec(eval_input_fn, steps=1, start_delay_secs=0, throttle_secs=0),
  )


@pytest.mark.parametrize(
  "build_hook",
  [
    # The loss stays 30: it does not fall for 4 steps after the first one.
    lambda e: tfe.experimental.stop_if_no_decrease_hook(
      e, "loss", 4, run_every_secs=None, run_every_steps=1
    ),
    lambda e: tfe.experimental.stop_if_no_increase_hook(
      e, "loss", 4, run_every_secs=None, run_every_steps=1
    ),
    lambda e: tfe.experimental.stop_if_higher_hook(
      e, "loss", 29.0, run_every_secs=None, run_every_steps=1
    ),
    lambda e: tfe.experimental.stop_if_lower_hook(
      e, "loss", 31.0, run_every_secs=None, run_every_steps=1
    ),
  ],
  ids=["no_decrease", "no_increase", "higher", "lower"],
)
def test_early_stopping_ends_the_run(tmp_path, build_hook):
  estimator = create_estimator(
    tmp_path, tfe.RunConfig(save_checkpoints_steps=2), learning_rate=0.0
  )
  # The hook looks for evaluations from the start.
  os.makedirs(estimator.eval_dir())
  metrics, _ = train_and_evaluate_with_hook(estimator, build_hook(estimator))
  assert metrics["loss"] == pytest.approx(30.0)  # (0 - 2)² * 7.5
  assert metrics["global_step"] < 12


def test_early_stopping_lets_a_good_run_finish(tmp_path):
  estimator = create_estimator(
    tmp_path, tfe.RunConfig(save_checkpoints_steps=2)
  )
  os.makedirs(estimator.eval_dir())
  hook = tfe.experimental.stop_if_no_decrease_hook(
    estimator, "loss", 4, run_every_secs=None, run_every_steps=1
  )
  metrics, _ = train_and_evaluate_with_hook(estimator, hook, max_steps=8)
  assert metrics["global_step"] == 8


def test_early_stopping_on_a_function(tmp_path):
  estimator = create_estimator(tmp_path)
  calls = []
  hook = tfe.experimental.make_early_stopping_hook(
    estimator,
    should_stop_fn=lambda: calls.append(1) or len(calls) == 3,
    run_every_secs=None,
    run_every_steps=1,
  )
  estimator.train(train_input_fn, hooks=[hook], max_steps=20)
  assert len(calls) == 3
  assert estimator.get_variable_value("global_step") < 20


def test_in_memory_evaluator_hook(tmp_path):
  estimator = create_estimator(tmp_path)
  hook = tfe.experimental.InMemoryEvaluatorHook(
    estimator, eval_input_fn, steps=1, every_n_iter=2
  )
  estimator.train(train_input_fn, hooks=[hook], steps=4)
  assert os.listdir(estimator.eval_dir())


def test_add_metrics(tmp_path):
  def worst(features, labels, predictions):
    metric = keras.metrics.Mean(name="worst")
    errors = tf.abs(labels - predictions["predictions"])
    metric.update_state(tf.reduce_max(errors))
    return {"worst": metric}

  estimator = tfe.add_metrics(create_estimator(tmp_path), worst)
  estimator.train(train_input_fn, steps=1)
  # The largest error is at x = 4: 8 - 0.3 * 4.
  assert estimator.evaluate(eval_input_fn)["worst"] == pytest.approx(6.8)


def test_nan_loss_ends_the_run(tmp_path):
  estimator = create_estimator(tmp_path, learning_rate=float("nan"))
  with pytest.raises(tfe.NanLossDuringTrainingError):
    estimator.train(train_input_fn, steps=3)


def test_hooks_and_saving_listeners_are_called(tmp_path):
  seen = []

  class Listener(tfe.CheckpointSaverListener):
    def after_save(self, session, global_step_value):
      seen.append(int(global_step_value))

  class Loss(tfe.SessionRunHook):
    def before_run(self, run_context):
      return tfe.SessionRunArgs(
        run_context.session.graph.get_tensor_by_name(
          "weight/Read/ReadVariableOp:0"
        )
      )

  estimator = create_estimator(
    tmp_path, tfe.RunConfig(save_checkpoints_steps=2)
  )
  estimator.train(
    train_input_fn,
    hooks=[Loss(), tfe.StopAtStepHook(last_step=3)],
    saving_listeners=[Listener()],
  )
  # The first save comes before any step, the last at the end.
  assert seen == [0, 2, 3]


@pytest.mark.parametrize("strategy_name", ["mirrored", "one_device"])
def test_trains_and_evaluates_with_a_strategy(tmp_path, strategy_name):
  strategy = {
    "mirrored": lambda: tf.distribute.MirroredStrategy(["/cpu:0"]),
    "one_device": lambda: tf.distribute.OneDeviceStrategy("/cpu:0"),
  }[strategy_name]()
  config = tfe.RunConfig(train_distribute=strategy, eval_distribute=strategy)
  assert config.num_worker_replicas == 1
  assert config.is_chief
  estimator = create_estimator(tmp_path, config)
  metrics, _ = tfe.train_and_evaluate(
    estimator,
    tfe.TrainSpec(train_input_fn, max_steps=2),
    tfe.EvalSpec(eval_input_fn, steps=1, start_delay_secs=0, throttle_secs=0),
  )
  assert estimator.get_variable_value("weight") == pytest.approx(WEIGHTS[2])
  assert metrics["loss"] == pytest.approx(loss_at(WEIGHTS[2]), rel=1e-5)


def test_numpy_input_fn(tmp_path):
  estimator = create_estimator(tmp_path)
  estimator.train(
    tfe.inputs.numpy_input_fn(
      {"x": X}, 2 * X, batch_size=4, num_epochs=2, shuffle=False
    )
  )
  assert estimator.get_variable_value("global_step") == 2  # One an epoch.
  assert estimator.get_variable_value("weight") == pytest.approx(WEIGHTS[2])


def test_run_config_reads_the_cluster_from_tf_config(monkeypatch):
  monkeypatch.setenv(
    "TF_CONFIG",
    json.dumps(
      {
        "cluster": {
          "chief": ["host0:2222"],
          "worker": ["host1:2222", "host2:2222"],
          "ps": ["host3:2222"],
        },
        "task": {"type": "worker", "index": 1},
      }
    ),
  )
  config = tfe.RunConfig()
  assert config.task_type == "worker"
  assert not config.is_chief
  assert config.num_worker_replicas == 3  # The chief counts.
  assert config.num_ps_replicas == 1
  assert config.global_id_in_cluster == 2  # chief 0, workers 1 and 2


# The two features of the examples tell the classes apart.
CLASS_X = np.array([[0, 1], [0, 2], [1, 0], [2, 0]], np.float32)
CLASS_Y = np.array([[0], [0], [1], [1]], np.int64)


def class_input_fn():
  data = tf.data.Dataset.from_tensors(({"x": CLASS_X}, CLASS_Y))
  return data.repeat(30)


def columns():
  return [tf.feature_column.numeric_column("x", shape=[2])]


CLASSIFIERS = {
  "dnn_keras_optimizer": lambda folder: tfe.DNNClassifier(
    [8],
    columns(),
    model_dir=folder,
    optimizer=keras.optimizers.legacy.Adam(0.1),
    config=tfe.RunConfig(tf_random_seed=1),
  ),
  "linear": lambda folder: tfe.LinearClassifier(
    columns(), model_dir=folder, optimizer="Ftrl"
  ),
  "dnn_linear_combined": lambda folder: tfe.DNNLinearCombinedClassifier(
    folder,
    linear_feature_columns=columns(),
    linear_optimizer=keras.optimizers.legacy.SGD(0.5),
    dnn_feature_columns=columns(),
    dnn_hidden_units=[4],
    dnn_optimizer="Adam",
  ),
  "v1_dnn": lambda folder: tfe.v1.DNNClassifier(
    [8],
    columns(),
    model_dir=folder,
    optimizer=tf.compat.v1.train.AdamOptimizer(0.1),
    config=tfe.RunConfig(tf_random_seed=1),
  ),
  "v1_linear": lambda folder: tfe.v1.LinearClassifier(
    columns(), model_dir=folder
  ),
}


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_canned_classifier(tmp_path, name):
  estimator = CLASSIFIERS[name](str(tmp_path))
  estimator.train(class_input_fn)
  metrics = estimator.evaluate(class_input_fn, steps=1)
  assert metrics["accuracy"] == 1.0
  predictions = list(
    estimator.predict(
      lambda: tf.data.Dataset.from_tensors({"x": CLASS_X}),
      predict_keys=["class_ids"],
    )
  )
  assert [p["class_ids"][0] for p in predictions] == [0, 0, 1, 1]


def test_canned_dnn_takes_an_optimizer_by_name(tmp_path):
  estimator = tfe.DNNClassifier(
    [8],
    columns(),
    model_dir=str(tmp_path),
    optimizer="SGD",
    batch_norm=True,
    config=tfe.RunConfig(tf_random_seed=1),
  )
  estimator.train(class_input_fn, steps=1)
  before = estimator.evaluate(class_input_fn, steps=1)["loss"]
  estimator.train(class_input_fn, steps=20)
  assert estimator.evaluate(class_input_fn, steps=1)["loss"] < before


def test_baseline_regressor_learns_the_mean(tmp_path):
  estimator = tfe.BaselineRegressor(
    model_dir=str(tmp_path), optimizer=keras.optimizers.legacy.SGD(0.5)
  )
  # The gradient of mean((b - y)²) is 2 (b - mean(y)), so a step of 0.5 lands
  # on the mean of 2, 4, 6, 8.
  estimator.train(train_input_fn, steps=1)
  metrics = estimator.evaluate(eval_input_fn)
  assert metrics["prediction/mean"] == pytest.approx(5.0)


def test_canned_regressors_train(tmp_path):
  column = [tf.feature_column.numeric_column("x")]
  dnn = tfe.DNNRegressor(
    [4],
    column,
    model_dir=str(tmp_path / "dnn"),
    optimizer=keras.optimizers.legacy.SGD(0.0),
  )
  dnn.train(train_input_fn, steps=1)
  assert len(predict(dnn)) == 4
  linear = tfe.LinearRegressor(
    column,
    model_dir=str(tmp_path / "linear"),
    optimizer=keras.optimizers.legacy.SGD(0.01),
  )
  # Weight and bias start at 0: the weight takes the step of our own model,
  # the bias 0.01 * 2 * mean(y) = 0.1.
  linear.train(train_input_fn, steps=1)
  assert predict(linear) == pytest.approx([0.4, 0.7, 1.0, 1.3], rel=1e-5)


def test_rnn_classifier_trains(tmp_path):
  column = tf.feature_column.sequence_numeric_column("x")
  estimator = tfe.experimental.RNNClassifier(
    [column], units=[2], cell_type="simple_rnn", model_dir=str(tmp_path)
  )

  def input_fn():
    sequences = tf.sparse.from_dense(CLASS_X)
    return tf.data.Dataset.from_tensors(({"x": sequences}, CLASS_Y)).repeat(2)

  estimator.train(input_fn)
  assert estimator.get_variable_value("global_step") == 2


def test_k_means_finds_two_centers(tmp_path):
  estimator = tfe.v1.experimental.KMeans(
    num_clusters=2, model_dir=str(tmp_path), use_mini_batch=False, seed=1
  )
  points = np.array([[0, 0], [0, 2], [10, 0], [10, 2]], np.float32)
  estimator.train(
    lambda: tf.data.Dataset.from_tensors({"x": points}).repeat(), steps=5
  )
  centers = np.array(sorted(estimator.cluster_centers().tolist()))
  assert centers == pytest.approx(np.array([[0, 1], [10, 1]]), abs=1e-5)


def test_parse_example_specs():
  spec = tfe.classifier_parse_example_spec(columns(), label_key="label")
  assert spec == {
    "x": tf.io.FixedLenFeature((2,), tf.float32),
    "label": tf.io.FixedLenFeature((1,), tf.int64),
  }
  spec = tfe.regressor_parse_example_spec(columns(), label_key="label")
  assert spec["label"] == tf.io.FixedLenFeature((1,), tf.float32)
