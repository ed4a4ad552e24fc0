"""Sections 7 and 9 of the format: sparse text embedding columns."""

import math

import embedding_module_fns as fns
import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.hub.registration import registered_modules
from hub_estimator.tf_compat import keras, keras_choice, tf

tf1 = tf.compat.v1
run = hub_module_fns.run
V1_DENSE_FEATURES = keras_choice.load_keras2().v1.layers.DenseFeatures

NAME = "k_hub_module_embedding"


@pytest.fixture(scope="module")
def spec():
  return hub.create_module_spec(fns.embed_text)


def _sparse():
  """Rows: a b; none; b b a; none."""
  return tf.sparse.from_dense(
    [["a", "b", ""], ["", "", ""], ["b", "b", "a"], ["", "", ""]]
  )


BUILDERS = {
  "input_layer": lambda features, column: tf1.feature_column.input_layer(
    features, [column]
  ),
  "v1_dense_features": lambda features, column: V1_DENSE_FEATURES([column])(
    features
  ),
  "dense_features": lambda features, column: keras.layers.DenseFeatures(
    [column]
  )(features),
}
builders = pytest.mark.parametrize(
  "build", BUILDERS.values(), ids=BUILDERS.keys()
)

# a is [1, 2] and b is [3, 4].
COMBINED = {
  "sum": ([4.0, 6.0], [7.0, 10.0]),
  "mean": ([2.0, 3.0], [7.0 / 3, 10.0 / 3]),
  "sqrtn": (
    [4.0 / math.sqrt(2), 6.0 / math.sqrt(2)],
    [7.0 / math.sqrt(3), 10.0 / math.sqrt(3)],
  ),
}


@builders
@pytest.mark.parametrize("combiner", COMBINED)
@pytest.mark.parametrize(
  "default_value, empty", [(None, [0.0, 0.0]), ("a", [1.0, 2.0])]
)
def test_combiners_and_empty_rows(
  build, combiner, default_value, empty, spec, graph
):
  column = hub.sparse_text_embedding_column("k", spec, combiner, default_value)
  output = build({"k": _sparse()}, column)
  assert output.shape[1:] == [2]
  first, third = COMBINED[combiner]
  for row, expected in zip(run(output), [first, empty, third, empty]):
    assert row.tolist() == pytest.approx(expected)


def test_each_distinct_text_is_embedded_once(graph):
  """A module that counts the texts it is called with."""

  def module_fn():
    text = tf1.placeholder(tf.string, [None])
    count = tf.cast(tf.shape(text)[0], tf.float32)
    hub.add_text_embedding_signature(
      text, tf.fill([tf.shape(text)[0], 1], count)
    )

  column = hub.sparse_text_embedding_column(
    "k", hub.create_module_spec(module_fn), "mean", None
  )
  output = tf1.feature_column.input_layer({"k": _sparse()}, [column])
  assert run(output).tolist() == [[2.0], [0.0], [2.0], [0.0]]


@builders
@pytest.mark.parametrize(
  "make_feature",
  [
    lambda: tf.constant([["a", "b"], ["", ""]]),
    lambda: tf.sparse.from_dense([["a", "b"], ["", ""]]),
  ],
)
def test_kinds_of_features(build, make_feature, spec, graph):
  column = hub.sparse_text_embedding_column("k", spec, "sum", None)
  output = build({"k": make_feature()}, column)
  assert run(output).tolist() == [[4.0, 6.0], [0.0, 0.0]]


def test_a_feature_of_another_dtype(spec, graph):
  column = hub.sparse_text_embedding_column("k", spec, "sum", None)
  for feature in (tf.constant([[1, 2]]), tf.sparse.from_dense([[1, 2]])):
    with pytest.raises(ValueError) as caught:
      tf1.feature_column.input_layer({"k": feature}, [column])
    assert (
      "Feature 'k' of hub.sparse_text_embedding_column() must be a "
      "SparseTensor of string: got "
    ) in str(caught.value)
    assert "of int32" in str(caught.value)
    assert isinstance(caught.value, errors.UserError)


def test_examples_are_parsed(spec, graph):
  column = hub.sparse_text_embedding_column("k", spec, "sum", None)
  examples = []
  for words in ([b"a", b"b"], []):
    example = tf.train.Example()
    example.features.feature["k"].bytes_list.value.extend(words)
    examples.append(example.SerializeToString())
  features = tf.io.parse_example(
    examples, tf.feature_column.make_parse_example_spec([column])
  )
  output = tf1.feature_column.input_layer(features, [column])
  assert run(output).tolist() == [[4.0, 6.0], [0.0, 0.0]]


# Section 9: one module for each state, and the layer's trainable flag


@pytest.mark.parametrize(
  "layer_class, prefix",
  [
    (V1_DENSE_FEATURES, f"features/{NAME}/"),
    (keras.layers.DenseFeatures, ""),
  ],
)
def test_one_module_for_all_calls_of_a_layer(layer_class, prefix, spec, graph):
  column = hub.sparse_text_embedding_column(
    "k", spec, "sum", None, trainable=True
  )
  layer = layer_class([column], name="features")
  outputs = [layer({"k": _sparse()}), layer({"k": tf.constant([["b"]])})]
  (variable,) = tf1.global_variables()
  assert variable.op.name == f"{prefix}module/embeddings"
  assert layer.trainable_weights == tf1.trainable_variables() == [variable]
  assert list(registered_modules(graph)) == ["k"]
  assert run(outputs)[1].tolist() == [[3.0, 4.0]]


@builders
def test_gradients_reach_the_module(build, spec, graph):
  column = hub.sparse_text_embedding_column(
    "k", spec, "mean", None, trainable=True
  )
  output = build({"k": _sparse()}, column)
  (gradient,) = tf1.gradients(output, tf1.trainable_variables())
  # A half of "a b" and a third of "b b a" are a; a half and two thirds are b.
  a, b = 1 / 2 + 1 / 3, 1 / 2 + 2 / 3
  dense = run(tf.convert_to_tensor(gradient))
  assert dense.ravel().tolist() == pytest.approx([a, a, b, b, 0.0, 0.0])
