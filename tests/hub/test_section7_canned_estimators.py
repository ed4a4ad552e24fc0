"""Section 7 of the format: columns in canned estimators, tuned and exported."""

import os

import embedding_module_fns as fns
import numpy as np
import pytest
from tensorflow.python.feature_column import feature_column as v1_columns

from hub_estimator import estimator, handles, hub
from hub_estimator.estimator import v1
from hub_estimator.hub import registration
from hub_estimator.tf_compat import keras, tf

tf1 = tf.compat.v1

EMBEDDINGS = np.float32(fns.EMBEDDINGS)
NUMBER = tf.feature_column.numeric_column("number")
V1_NUMBER = v1_columns._numeric_column("number")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  return fns.export(fns.embed_text, tmp_path_factory.mktemp("text") / "m")


def _columns(path):
  """In the order of their names, which is that of building."""
  return [
    hub.image_embedding_column(
      "image", hub.create_module_spec(fns.embed_image())
    ),
    hub.text_embedding_column("text", path, trainable=True),
    hub.text_embedding_column("title", path),
    hub.sparse_text_embedding_column(
      "words", path, "mean", None, trainable=True
    ),
  ]


def _input_fn():
  """Examples with the words a and b; no other word is trained."""

  def to_sparse(features, labels):
    words = tf.sparse.from_dense(features["words"])
    return {**features, "words": words}, labels

  features = {
    "image": np.ones([2, 2, 1, 3], np.float32),
    "number": [[1.0], [2.0]],
    "text": [["a"], ["b"]],
    "title": [["a"], ["b"]],
    "words": [["a", "b"], ["b", ""]],
  }
  dataset = tf.data.Dataset.from_tensors((features, [[0], [1]]))
  return dataset.map(to_sparse).repeat()


def _exporter(columns):
  receiver_fn = estimator.export.build_parsing_serving_input_receiver_fn(
    tf.feature_column.make_parse_example_spec([NUMBER, *columns])
  )
  return hub.LatestModuleExporter("tf_hub", receiver_fn)


def _train_and_export(create, columns, model_dir, evaluate=False):
  """Trains for 5 steps and exports; returns the Estimator.

  Args:
    create: (columns, config) -> Estimator.
    columns: the columns of modules.
    model_dir: its folder.
    evaluate: whether to have `train_and_evaluate` do it, as programs do.
  """
  config = estimator.RunConfig(tf_random_seed=1, model_dir=str(model_dir))
  trained = create(columns, config)
  exporter = _exporter(columns)
  if evaluate:
    estimator.train_and_evaluate(
      trained,
      estimator.TrainSpec(_input_fn, max_steps=5),
      estimator.EvalSpec(
        _input_fn, steps=1, exporters=exporter, start_delay_secs=0
      ),
    )
  else:
    trained.train(_input_fn, max_steps=5)
    exporter.export(trained, str(model_dir / "export" / "tf_hub"))
  return trained


def _exported(model_dir):
  """Returns {export name: its table} of the newest export."""
  exports = model_dir / "export" / "tf_hub"
  (time,) = os.listdir(exports)
  tables = {}
  for name in handles.module_names(str(exports / time)):
    with tf.Graph().as_default(), tf1.Session() as session:
      # As a user would: by the outputs for known words.
      module = hub.Module(str(exports / time / name))
      rows = module(["a", "b", "another"])
      session.run(tf1.global_variables_initializer())
      session.run(tf1.tables_initializer())
      tables[name] = session.run(rows)
  return tables


def _check_tuned(table, trained, variable_name):
  """The words in the data moved, no other, and all is as in the checkpoint."""
  assert (table[:2] != EMBEDDINGS[:2]).any(axis=1).all()
  np.testing.assert_array_equal(table[2], EMBEDDINGS[2])
  np.testing.assert_array_equal(
    table, trained.get_variable_value(variable_name)
  )


def _dnn(dnn_class, number=NUMBER):
  return lambda columns, config: dnn_class(
    [2], [*columns, number], config=config, activation_fn=tf.identity
  )


def _linear(linear_class, create_optimizer):
  return lambda columns, config: linear_class(
    [*columns, NUMBER], config=config, optimizer=create_optimizer()
  )


def _v1_sgd():
  return tf1.train.GradientDescentOptimizer(0.01)


def _v2_sgd():
  return keras.optimizers.legacy.SGD(0.01)


IN_INPUT_LAYER = "dnn/input_from_feature_columns/input_layer/{}/module/"
IN_LINEAR_MODEL = "linear/linear_model/{}/module/"

# name -> (columns, config -> Estimator), and where modules are in checkpoints;
# None for the input layer of the second generation, which opens name scopes
# only, so that modules are numbered as they are built.
CANNED = {
  "v1_dnn": (_dnn(v1.DNNClassifier), IN_INPUT_LAYER),
  # A column of the first generation beside ours: another input layer.
  "v1_dnn_and_columns": (_dnn(v1.DNNClassifier, V1_NUMBER), IN_INPUT_LAYER),
  "v2_dnn": (_dnn(estimator.DNNClassifier), None),
  "v1_linear": (_linear(v1.LinearClassifier, _v1_sgd), IN_LINEAR_MODEL),
  "v2_linear": (
    _linear(estimator.LinearClassifier, _v2_sgd),
    IN_LINEAR_MODEL,
  ),
}


@pytest.mark.parametrize("create, scope", CANNED.values(), ids=CANNED.keys())
def test_trainable_columns_are_tuned_and_exported_and_frozen_ones_are_not(
  create, scope, path, tmp_path
):
  columns = _columns(path)
  by_evaluation = create in (CANNED["v1_dnn"][0], CANNED["v2_dnn"][0])
  trained = _train_and_export(create, columns, tmp_path, by_evaluation)
  if scope:
    scopes = [scope.format(column.name) for column in columns]
  else:
    scopes = ["module/", "module_1/", "module_2/", "module_3/"]
  image, text, title, words = scopes
  tables = _exported(tmp_path)
  assert sorted(tables) == ["text", "words"]
  _check_tuned(tables["text"], trained, f"{text}embeddings")
  _check_tuned(tables["words"], trained, f"{words}embeddings")
  np.testing.assert_array_equal(
    trained.get_variable_value(f"{title}embeddings"), EMBEDDINGS
  )
  assert trained.get_variable_value(f"{image}w") == 2.0


@pytest.mark.parametrize(
  "combined_class, create_optimizer, dnn_scope",
  [
    (v1.DNNLinearCombinedClassifier, _v1_sgd, IN_INPUT_LAYER),
    (estimator.DNNLinearCombinedClassifier, _v2_sgd, "module/"),
  ],
  ids=["v1", "v2"],
)
def test_a_column_in_both_parts_of_a_combined_model(
  combined_class, create_optimizer, dnn_scope, path, tmp_path
):
  column = hub.text_embedding_column("text", path, trainable=True)
  trained = _train_and_export(
    lambda columns, config: combined_class(
      linear_feature_columns=columns,
      dnn_feature_columns=columns,
      dnn_hidden_units=[2],
      dnn_activation_fn=tf.identity,
      linear_optimizer=create_optimizer(),
      config=config,
    ),
    [column],
    tmp_path,
  )
  tables = _exported(tmp_path)
  # Each part has a module of its own; that of the DNN is built first.
  assert sorted(tables) == ["text", "text_1"]
  for table, scope in (
    (tables["text"], dnn_scope),
    (tables["text_1"], IN_LINEAR_MODEL),
  ):
    _check_tuned(table, trained, f"{scope.format(column.name)}embeddings")


def test_an_export_is_trained_on_and_nothing_frozen_is_exported(
  path, tmp_path, log_records
):
  create, _ = CANNED["v2_dnn"]
  text = hub.text_embedding_column("text", path, trainable=True)
  _train_and_export(create, [text], tmp_path / "first")
  (tuned,) = _exported(tmp_path / "first").values()
  again = hub.text_embedding_column(
    "text", str(tmp_path / "first" / "export" / "tf_hub")
  )
  trained = create(
    [again], estimator.RunConfig(model_dir=str(tmp_path / "second"))
  )
  trained.train(_input_fn, steps=1)
  np.testing.assert_array_equal(
    trained.get_variable_value("module/embeddings"), tuned
  )
  log_records.clear()
  assert _exporter([again]).export(trained, str(tmp_path / "none")) is None
  assert not (tmp_path / "none").exists()
  messages = [record.getMessage() for record in log_records]
  assert any("registered no module in PREDICT mode" in m for m in messages)


# Names of exports


@pytest.fixture
def modules(graph):
  spec = hub.create_module_spec(fns.embed_text)
  return [hub.Module(spec) for _ in range(3)]


def test_a_programs_own_names_come_first(modules, graph):
  first, second, third = modules
  registration.register_module_of_column(first, "text")
  registration.register_module_of_column(second, "text")
  # Neither is refused: the program does not know what columns are called.
  hub.register_module_for_export(third, "text")
  assert registration.registered_modules(graph) == {
    "text": third,
    "text_1": first,
    "text_2": second,
  }


@pytest.mark.parametrize(
  "key, name",
  [
    ("a/title", "a_title"),
    ("my key", "my_key"),
    ("..", "_.."),
    ("-x", "_-x"),
    ("", "_"),
    ("é.1", "_.1"),
  ],
)
def test_a_key_is_made_the_name_of_a_folder(key, name, modules, graph):
  registration.register_module_of_column(modules[0], key)
  assert list(registration.registered_modules(graph)) == [name]
