"""Feature columns as ours and tensorflow_hub show them, for a comparison.

As a program: prints what `describe` finds of both, as JSON.
"""

import json
import tempfile

import embedding_module_fns as fns

from hub_estimator import estimator
from hub_estimator.tf_compat import keras, keras_choice, tf

tf1 = tf.compat.v1

TEXT = ((None,), tf.string)
IMAGES = ((None, 2, 1, 3), tf.float32)
OUTPUT = ((None, 2), tf.float32)

# Modules that text columns and image columns are tried with.
TEXT_MODULES = [
  ({"x": TEXT}, {"default": OUTPUT}),
  ({"x": TEXT}, {"default": OUTPUT, "more": TEXT}),
  ({"x": TEXT, "y": TEXT}, {"default": OUTPUT}),
  ({"x": ((None,), tf.int64)}, {"default": OUTPUT}),
  ({"x": ((2,), tf.string)}, {"default": OUTPUT}),
  ({"x": ((None, 1), tf.string)}, {"default": OUTPUT}),
  ({"x": (None, tf.string)}, {"default": OUTPUT}),
  ({"x": TEXT}, {"z": OUTPUT}),
  ({"x": TEXT}, {"default": ((None, None), tf.float32)}),
  ({"x": TEXT}, {"default": ((None, 2), tf.float64)}),
  ({"x": TEXT}, {"default": ((5, 2), tf.float32)}),
  ({"x": TEXT}, {"default": (None, tf.float32)}),
]
IMAGE_MODULES = [
  ({"images": IMAGES}, {"default": OUTPUT}, None),
  ({"images": IMAGES}, {"default": OUTPUT}, [2, 1]),
  ({"images": ((None, None, None, 3), tf.float32)}, {"default": OUTPUT}, None),
  (
    {"images": ((None, None, None, 3), tf.float32)},
    {"default": OUTPUT},
    (7, 8),
  ),
  ({"x": IMAGES}, {"default": OUTPUT}, None),
  ({"images": IMAGES, "y": IMAGES}, {"default": OUTPUT}, None),
  ({"images": ((None, 2, 1, 3), tf.uint8)}, {"default": OUTPUT}, None),
  ({"images": IMAGES}, {"default": ((None, 1, 2), tf.float32)}, None),
  ({"images": IMAGES}, {"default": ((3, 2), tf.float32)}, None),
  ({"images": IMAGES}, {"z": OUTPUT}, None),
]


def describe(hub):
  """Returns what one implementation shows, as plain values."""
  fns.hub = hub
  folder = tempfile.mkdtemp()
  text = _export(hub, _embed_text(hub), f"{folder}/text")
  image = _export(hub, fns.embed_image(), f"{folder}/image")
  text_column = hub.text_embedding_column("k", text, trainable=True)
  image_column = hub.image_embedding_column("k", image, image_size=[2, 1])
  sparse_column = hub.sparse_text_embedding_column("k", text, "mean", "a")
  key = tf.feature_column.numeric_column("number")
  return {
    "columns": [
      _describe_column(column, folder)
      for column in (text_column, image_column, sparse_column)
    ],
    "configs": [
      _plain(column.get_config(), folder)
      for column in (text_column, image_column)
    ],
    "without a handle": [
      _error(
        hub.text_embedding_column("k", hub.load_module_spec(text)).get_config
      )
    ],
    "key column": hub.text_embedding_column(key, text).name,
    "text modules": [
      _error(hub.text_embedding_column, "k", fns.signature(inputs, outputs))
      for inputs, outputs in TEXT_MODULES
    ],
    "image modules": [
      _error(
        hub.image_embedding_column, "k", fns.signature(inputs, outputs), size
      )
      for inputs, outputs, size in IMAGE_MODULES
    ],
    "arguments": [
      _error(hub.sparse_text_embedding_column, "k", text, "max", ""),
      _error(hub.text_embedding_column, "k", 3),
      _error(hub.text_embedding_column, "k", f"{folder}/none"),
    ],
    "layers": [
      _describe_layer(build, column, make_feature)
      for build in BUILDERS
      for column, make_feature in (
        (text_column, lambda: tf.constant([["a"], ["b"], ["z"]])),
        (
          image_column,
          lambda: tf.constant([[[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]]),
        ),
      )
    ],
    "sparse values": _describe_layer(
      BUILDERS[0],
      sparse_column,
      lambda: tf.sparse.from_dense([["a", "b"], ["", ""], ["b", ""]]),
    ),
    "checkpoints": [
      _checkpoint_names(create, text_column)
      for create in (estimator.v1.DNNClassifier, estimator.DNNClassifier)
    ],
  }


def _embed_text(hub):
  """`embed_text` by what both implementations have."""

  def module_fn():
    text = tf1.placeholder(tf.string, [None])
    table = tf1.get_variable("embeddings", initializer=fns.EMBEDDINGS)
    ids = tf.minimum(
      tf.cast(
        tf.strings.unicode_decode(text, "UTF-8").to_tensor()[:, 0], "int32"
      )
      - ord("a"),
      2,
    )
    hub.add_signature(None, text, tf.gather(table, ids))

  return module_fn


BUILDERS = [
  lambda features, column: tf1.feature_column.input_layer(features, [column]),
  lambda features, column: keras_choice.load_keras2().v1.layers.DenseFeatures(
    [column], name="dense_features"
  )(features),
  lambda features, column: keras.layers.DenseFeatures([column])(features),
]


def _export(hub, module_fn, path):
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(hub.create_module_spec(module_fn))
    session.run(tf1.global_variables_initializer())
    module.export(path, session)
  return path


def _describe_column(column, folder):
  return [
    column.name,
    column.parents,
    column.key,
    column.variable_shape.as_list(),
    str(column.parse_example_spec),
    str(column._parse_example_spec),
    column._is_v2_column,
    column._var_scope_name,
  ]


def _plain(config, folder):
  return {
    key: value.replace(folder, "") if isinstance(value, str) else value
    for key, value in config.items()
  }


def _error(function, *args):
  """Returns the documented type of an error, or "none"."""
  try:
    function(*args)
  except (ValueError, KeyError, OSError, NotImplementedError) as error:
    for kind in (ValueError, KeyError, OSError, NotImplementedError):
      if isinstance(error, kind):
        return kind.__name__
  return "none"


def _describe_layer(build, column, make_feature):
  with tf.Graph().as_default(), tf1.Session() as session:
    output = build({"k": make_feature()}, column)
    session.run(tf1.global_variables_initializer())
    return [
      session.run(output).tolist(),
      output.shape[1:].as_list(),
      [variable.name for variable in tf1.global_variables()],
      [variable.name for variable in tf1.trainable_variables()],
    ]


def _checkpoint_names(create, column):
  def input_fn():
    features = {"k": [["a"], ["b"]]}
    return tf.data.Dataset.from_tensors((features, [[0], [1]])).repeat()

  with tempfile.TemporaryDirectory() as model_dir:
    trained = create([2], [column], model_dir=model_dir)
    trained.train(input_fn, steps=1)
    return [n for n in trained.get_variable_names() if "Adagrad" not in n]


def main():
  import tensorflow_hub

  from hub_estimator import hub

  print(
    "FOUND"
    + json.dumps({"ours": describe(hub), "theirs": describe(tensorflow_hub)})
  )


if __name__ == "__main__":
  main()
