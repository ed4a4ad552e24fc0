"""Section 7 of the format: feature columns in graphs of both generations."""

import embedding_module_fns as fns
import hub_module_fns
import numpy as np
import pytest
from tensorflow.python.feature_column import feature_column as v1_columns

from hub_estimator import errors, hub
from hub_estimator.hub.registration import registered_modules
from hub_estimator.tf_compat import keras, keras_choice, tf

tf1 = tf.compat.v1
input_layer = tf1.feature_column.input_layer
run = hub_module_fns.run
V1_DENSE_FEATURES = keras_choice.load_keras2().v1.layers.DenseFeatures

A, B, OTHER = fns.EMBEDDINGS
NAME = "k_hub_module_embedding"


@pytest.fixture(scope="module")
def spec():
  return hub.create_module_spec(fns.embed_text)


@pytest.fixture(scope="module")
def column(spec):
  return hub.text_embedding_column("k", spec, trainable=True)


def _features():
  return {"k": tf.constant([["a"], ["b"], ["z"]])}


def _sparse(*rows):
  width = max(map(len, rows))
  return tf.sparse.from_dense(
    [[*row, *[""] * (width - len(row))] for row in rows]
  )


def _names(variables):
  return [variable.op.name for variable in variables]


def _trainable():
  return _names(tf1.trainable_variables())


# input_layer


def test_input_layer(column, graph):
  columns_to_variables, columns_to_outputs = {}, {}
  output = input_layer(
    _features(),
    [column],
    weight_collections=["my_weights"],
    cols_to_vars=columns_to_variables,
    cols_to_output_tensors=columns_to_outputs,
  )
  variables = tf1.global_variables()
  assert _names(variables) == [f"input_layer/{NAME}/module/embeddings"]
  assert tf1.trainable_variables() == variables
  assert graph.get_collection("my_weights") == variables
  assert graph.get_collection("model_variables") == variables
  assert columns_to_variables == {column: variables}
  assert columns_to_outputs[column].shape.as_list() == [None, 2]
  assert run(output).tolist() == [A, B, OTHER]


@pytest.mark.parametrize(
  "is_trainable, layer_is_trainable", [(True, False), (False, True)]
)
def test_trainable_if_both_column_and_layer_are(
  is_trainable, layer_is_trainable, spec, graph
):
  column = hub.text_embedding_column("k", spec, trainable=is_trainable)
  input_layer(_features(), [column], trainable=layer_is_trainable)
  assert len(tf1.global_variables()) == 1
  assert not tf1.trainable_variables()
  assert not registered_modules(graph)


def test_two_layers_have_a_module_each(column, graph):
  for _ in range(2):
    input_layer(_features(), [column])
  assert _trainable() == [
    f"input_layer/{NAME}/module/embeddings",
    f"input_layer_1/{NAME}/module/embeddings",
  ]
  assert list(registered_modules(graph)) == ["k", "k_1"]


@pytest.mark.parametrize("reuse", [True, tf1.AUTO_REUSE])
def test_a_scope_that_is_reused_has_one_module(reuse, column, graph):
  with tf1.variable_scope("tower"):
    first = input_layer(_features(), [column])
  with tf1.variable_scope("tower", reuse=reuse):
    second = input_layer({"k": tf.constant(["b"])}, [column])
  assert _trainable() == [f"tower/input_layer/{NAME}/module/embeddings"]
  first_values, second_values = run([first, second])
  assert first_values.tolist() == [A, B, OTHER]
  assert second_values.tolist() == [B]


def test_reuse_of_what_is_not_there(column, graph):
  with tf1.variable_scope("tower", reuse=True):
    with pytest.raises(ValueError, match="has no module there yet") as caught:
      input_layer(_features(), [column])
  assert f"Variable scope 'tower/input_layer/{NAME}'" in str(caught.value)
  assert isinstance(caught.value, errors.UserError)
  with tf1.variable_scope("tower", reuse=tf1.AUTO_REUSE):
    input_layer(_features(), [column])
  assert len(tf1.global_variables()) == 1


def test_a_reused_scope_of_another_graph(column):
  for _ in range(2):
    with tf.Graph().as_default():
      with tf1.variable_scope("tower", reuse=tf1.AUTO_REUSE):
        output = input_layer(_features(), [column])
      assert run(output).tolist() == [A, B, OTHER]


def test_the_layer_object_shares_its_module_across_calls(column, graph):
  layer = v1_columns.InputLayer([column])
  outputs = [layer(_features()), layer({"k": tf.constant(["b"])})]
  assert _names(layer.variables) == _trainable()
  assert len(tf1.global_variables()) == 1
  assert [values.tolist() for values in run(outputs)] == [[A, B, OTHER], [B]]


def test_a_name_with_characters_that_no_scope_has(spec, graph):
  column = hub.text_embedding_column("my key", spec, trainable=True)
  input_layer({"my key": tf.constant(["a"])}, [column])
  assert _trainable() == [
    "input_layer/my_key_hub_module_embedding/module/embeddings"
  ]
  assert list(registered_modules(graph)) == ["my_key"]


def test_columns_beside_others_in_the_order_of_their_names(column, graph):
  number = tf.feature_column.numeric_column("a_number")
  old_number = v1_columns._numeric_column("z_number")
  features = {
    **_features(),
    "a_number": [[5.0], [6.0], [7.0]],
    "z_number": [[8.0], [9.0], [10.0]],
  }
  output = input_layer(features, [old_number, column, number])
  assert run(output).tolist() == [
    [5.0, *A, 8.0],
    [6.0, *B, 9.0],
    [7.0, *OTHER, 10.0],
  ]


# linear_model


def test_linear_model(column, graph):
  columns_to_variables = {}
  output = tf1.feature_column.linear_model(
    _features(), [column], units=2, cols_to_vars=columns_to_variables
  )
  weights = f"linear_model/{NAME}/weights"
  module = f"linear_model/{NAME}/module/embeddings"
  assert _names(columns_to_variables[column]) == [weights, module]
  assert {weights, module} < set(_trainable())
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    columns_to_variables[column][0].load(np.eye(2), session)
    assert session.run(output).tolist() == [A, B, OTHER]


# DenseFeatures


@pytest.mark.parametrize(
  "layer_class, prefix",
  [
    (V1_DENSE_FEATURES, f"dense_features/{NAME}/"),
    # The layer of the second generation opens name scopes only, which modules'
    # variables ignore.
    (keras.layers.DenseFeatures, ""),
  ],
)
def test_dense_features(layer_class, prefix, column, graph):
  layer = layer_class([column], name="dense_features")
  outputs = [layer(_features()), layer({"k": tf.constant(["b"])})]
  assert _trainable() == [f"{prefix}module/embeddings"]
  assert layer.trainable_weights == tf1.global_variables()
  assert layer.non_trainable_weights == []
  assert list(registered_modules(graph)) == ["k"]
  assert [values.tolist() for values in run(outputs)] == [[A, B, OTHER], [B]]


@pytest.mark.parametrize(
  "layer_class", [V1_DENSE_FEATURES, keras.layers.DenseFeatures]
)
@pytest.mark.parametrize("make", ["text", "sparse"])
@pytest.mark.parametrize(
  "is_trainable, layer_is_trainable", [(True, False), (False, True)]
)
def test_a_frozen_column_or_layer(
  layer_class, make, is_trainable, layer_is_trainable, spec, graph
):
  if make == "text":
    column = hub.text_embedding_column("k", spec, is_trainable)
  else:
    column = hub.sparse_text_embedding_column(
      "k", spec, "sum", "", is_trainable
    )
  layer = layer_class([column], trainable=layer_is_trainable)
  layer({"k": _sparse(["a"]) if make == "sparse" else tf.constant(["a"])})
  assert not tf1.trainable_variables()
  # Not even non-trainable ones: v2 linear models would train them.
  assert layer.weights == []
  assert len(tf1.global_variables()) == 1
  assert not registered_modules(graph)


def test_a_layer_has_the_updates_of_its_module(graph):
  def module_fn():
    text = tf1.placeholder(tf.string, [None])
    count = tf1.get_variable("count", initializer=0.0, trainable=False)
    length = tf.cast(tf.strings.length(text), tf.float32)
    tf1.add_to_collection("update_ops", count.assign_add(tf.reduce_sum(length)))
    hub.add_text_embedding_signature(text, tf.stack([length, length], 1))

  column = hub.text_embedding_column(
    "k", hub.create_module_spec(module_fn), trainable=True
  )
  layer = keras.layers.DenseFeatures([column])
  layer({"k": tf.constant(["abc", "d"])})
  assert layer.weights == []
  (count,) = tf1.global_variables()
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(layer.updates)
    assert session.run(count) == 4.0


def test_a_partitioned_module(graph):
  def module_fn():
    text = tf1.placeholder(tf.string, [None])
    table = tf1.get_variable(
      "table",
      [4, 2],
      initializer=tf1.ones_initializer(),
      partitioner=tf1.fixed_size_partitioner(2),
    )
    lengths = tf.strings.length(text)
    rows = tf1.nn.embedding_lookup(table, lengths, "div")
    hub.add_text_embedding_signature(text, rows)

  column = hub.text_embedding_column(
    "k", hub.create_module_spec(module_fn), trainable=True
  )
  layer = V1_DENSE_FEATURES([column], name="input")
  output = layer({"k": tf.constant(["", "abc"])})
  assert _names(layer.trainable_weights) == [
    f"input/{NAME}/module/table/part_0",
    f"input/{NAME}/module/table/part_1",
  ]
  assert run(output).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_eager_execution(column):
  with pytest.raises(RuntimeError, match="cannot be instantiated in eager"):
    keras.layers.DenseFeatures([column])(_features())


# Features


@pytest.mark.parametrize(
  "texts", [["a", "b"], [["a"], ["b"]], np.array(["a", "b"])]
)
def test_texts_are_flattened(texts, column, graph):
  assert run(input_layer({"k": texts}, [column])).tolist() == [A, B]


def test_examples_are_parsed(column, graph):
  spec = tf.feature_column.make_parse_example_spec([column])
  example = tf.train.Example()
  example.features.feature["k"].bytes_list.value.append(b"b")
  features = tf.io.parse_example([example.SerializeToString()], spec)
  assert run(input_layer(features, [column])).tolist() == [B]


def test_a_key_that_is_a_column(spec, graph):
  words = v1_columns._numeric_column("words", dtype=tf.int32)
  column = hub.text_embedding_column(_Spelled(words), spec)
  features = {"words": tf.constant([[0], [1]])}
  output = keras.layers.DenseFeatures([column])(features)
  assert run(output).tolist() == [A, B]


class _Spelled(tf.__internal__.feature_column.FeatureColumn):
  """A column of strings that is made of a column of numbers."""

  def __init__(self, numbers):
    self.numbers = numbers

  name = "spelled"
  _is_v2_column = True
  parse_example_spec = {}
  parents = ["words"]

  def transform_feature(self, transformation_cache, state_manager):
    numbers = transformation_cache.get("words", state_manager)
    return tf.gather(["a", "b"], numbers)

  def get_config(self):
    return {}

  @classmethod
  def from_config(cls, config, custom_objects=None, columns_by_name=None):
    return cls(None)


@pytest.mark.parametrize(
  "make_feature, problem",
  [
    (
      lambda: tf.constant([["a", "b"]]),
      "Feature 'k' has shape (1, 2): hub.text_embedding_column() takes one "
      "text an example. Use hub.sparse_text_embedding_column() for several.",
    ),
    (
      lambda: tf.constant([1, 2]),
      "Feature 'k' of hub.text_embedding_column() must be a Tensor of string: "
      "got a Tensor of int32.",
    ),
    (
      lambda: _sparse(["a"]),
      "Feature 'k' of hub.text_embedding_column() must be a Tensor of string: "
      "got a SparseTensor of string.",
    ),
  ],
)
def test_features_that_are_no_texts(make_feature, problem, column, graph):
  for build in (
    lambda features: input_layer(features, [column]),
    keras.layers.DenseFeatures([column]),
  ):
    with pytest.raises(ValueError) as caught:
      build({"k": make_feature()})
    assert problem in str(caught.value)
    assert isinstance(caught.value, errors.UserError)


# Images


@pytest.mark.parametrize(
  "build",
  [
    lambda features, column: input_layer(features, [column]),
    lambda features, column: V1_DENSE_FEATURES([column])(features),
    lambda features, column: keras.layers.DenseFeatures([column])(features),
  ],
)
def test_images_are_embedded_and_never_trained(build, graph):
  column = hub.image_embedding_column(
    "k", hub.create_module_spec(fns.embed_image())
  )
  # w = 2 times the sum of an image's two pixels.
  images = [[[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]]
  output = build({"k": tf.constant(images)}, column)
  assert run(output).tolist() == [[10.0, 14.0, 18.0]]
  assert len(tf1.global_variables()) == 1
  assert not tf1.trainable_variables()
  assert not registered_modules(graph)


def test_features_that_are_no_such_images(graph):
  column = hub.image_embedding_column(
    "k", hub.create_module_spec(fns.embed_image())
  )
  with pytest.raises(ValueError) as caught:
    input_layer({"k": tf.zeros([1, 1, 2, 3])}, [column])
  assert str(caught.value) == (
    "Feature 'k' has shape (1, 1, 2, 3): the images of "
    "hub.image_embedding_column() must be of shape (None, 2, 1, 3)."
  )
  with pytest.raises(ValueError, match="must be a Tensor of float32: got a T"):
    input_layer({"k": tf.zeros([1, 2, 1, 3], tf.uint8)}, [column])
