"""check_module_spec: regularization losses, signatures, and what it takes."""

import functools

import checked_module_fns as fns
import hub_module_fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import legacy_layers as layers
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")


def test_a_good_module(tmp_path):
  assert fns.check(fns.good, fns.TAGS) == []
  path = hub_module_fns.export(
    fns.good, tmp_path / "module", tags_and_args=fns.TAGS
  )
  assert hub.check_module_spec(hub.load_module_spec(path)) == []


@pytest.mark.parametrize("spec", ["/a/path", None])
def test_it_takes_specs(spec):
  with pytest.raises(
    TypeError,
    match=r"takes a ModuleSpec: got .*hub.load_module_spec\(\)",
  ):
    hub.check_module_spec(spec)


def test_it_takes_graphs(scale_spec):
  with pytest.raises(TypeError, match="takes a tf.Graph as its graph: got 3"):
    hub.check_module_spec(scale_spec, 3)


def kernels(regularized, sizes, build=tf1.get_variable):
  """A module_fn of one matrix a size: [3, size] each."""

  def module_fn():
    x = fns.images()
    outputs = []
    for i, size in enumerate(sizes):
      w = build(
        f"w{i}", [3, size], regularizer=fns.l2 if i in regularized else None
      )
      outputs.append(tf.einsum("bhwc,cd->bhwd", x, w))
    fns.add_signature(x, tf.concat(outputs, -1))

  return module_fn


def test_no_regularization_loss():
  (warning,) = fns.check(kernels((), [5, 7]))
  assert warning.code == "no_regularization_loss"
  assert warning.tags == frozenset()
  assert warning.place == "graph {}"
  assert warning.names == ("w1", "w0")
  # 3 · 5 + 3 · 7.
  assert warning.message == (
    "No regularization loss depends on the trainable weights: 2 weights with "
    "36 parameters (w1 [3, 7], w0 [3, 5]). Whoever trains the module on little "
    "data has nothing to add to the loss. Give the layers, or get_variable(), "
    "a regularizer: what it adds to REGULARIZATION_LOSSES travels with the "
    "module."
  )
  assert warning.as_dict() == {
    "code": "no_regularization_loss",
    "tags": [],
    "names": ["w1", "w0"],
    "message": warning.message,
  }


def test_ref_variables():
  build = functools.partial(tf1.get_variable, use_resource=False)
  assert fns.check(kernels((0, 1), [5, 7], build)) == []
  (warning,) = fns.check(kernels((0,), [5, 7], build))
  assert warning.names == ("w1",)


def test_large_weights_without_a_loss():
  # 21 of 36 parameters.
  (warning,) = fns.check(kernels((0,), [5, 7]))
  assert warning.code == "weights_without_regularization_loss"
  assert warning.names == ("w1",)
  assert warning.message.startswith(
    "No regularization loss depends on 1 of 2 trainable weights, which hold "
    "58% of their parameters (w1 [3, 7]). Give the layers"
  )


@pytest.mark.parametrize(
  ("sizes", "expected"),
  [([91, 9], []), ([90, 10], ["weights_without_regularization_loss"])],
)
def test_small_weights_may_be_left_out(sizes, expected):
  assert fns.codes(fns.check(kernels((0,), sizes))) == expected


def test_a_loss_that_is_scaled_by_zero_is_none():
  def module_fn(scale):
    x = fns.images()
    w = tf1.get_variable(
      "w", [3, 5], regularizer=lambda w: scale * tf.nn.l2_loss(w)
    )
    fns.add_signature(x, tf.einsum("bhwc,cd->bhwd", x, w))

  assert fns.codes(fns.check(lambda: module_fn(0.0))) == [
    "no_regularization_loss"
  ]
  assert fns.check(lambda: module_fn(0.1)) == []


def test_a_loss_that_is_there_twice():
  module_fn = kernels((0, 1), [5, 7])

  def with_the_last_loss_again():
    module_fn()
    losses = tf1.get_collection_ref("regularization_losses")
    losses.append(losses[-1])

  assert fns.check(with_the_last_loss_again) == []


def test_only_the_graph_for_training_counts():
  def module_fn(is_training):
    kernels((0,) if is_training else (), [5])()

  assert fns.check(module_fn, fns.TAGS) == []

  def wrong_way_round(is_training):
    module_fn(not is_training)

  (warning,) = fns.check(wrong_way_round, fns.TAGS)
  assert warning.tags == {"train"}
  assert warning.place == "graph {train}"


def test_what_needs_no_regularization():
  def module_fn():
    x = fns.images()
    frozen = tf1.get_variable("frozen", [3, 5], trainable=False)
    bias = tf1.get_variable("bias", [5])
    scale = tf1.get_variable("scale", [1, 1, 1, 5])
    channels_first = tf1.get_variable("channels_first", [5, 1, 1])
    tf1.get_variable("unused", [30, 50])
    y = tf.einsum("bhwc,cd->bhwd", x, frozen) * scale + bias
    y += tf.reshape(channels_first, [5])
    fns.add_signature(x, y)

  assert fns.check(module_fn) == []


def test_the_kernel_of_one_unit_does():
  (warning,) = fns.check(kernels((), [1]))
  assert warning.names == ("w0",)


def lookups():
  """Ways to look up rows of a table of words."""

  def ids(words):
    return tf.strings.to_hash_bucket_fast(words, 6)

  def gather(words):
    table = tf1.get_variable("table", [6, 4])
    return tf.nn.embedding_lookup(table, ids(words))

  def ref_gather(words):
    table = tf1.get_variable("table", [6, 4], use_resource=False)
    return tf.gather(table, ids(words))

  def gather_of_parts(words):
    table = tf1.get_variable(
      "table", [6, 4], partitioner=tf1.fixed_size_partitioner(2)
    )
    return tf1.nn.embedding_lookup(table, ids(words), "div")

  def gather_of_the_whole(words):
    table = tf1.get_variable(
      "table", [6, 4], partitioner=tf1.fixed_size_partitioner(2)
    )
    return tf.gather(tf.convert_to_tensor(table), ids(words))

  def sparse(words):
    table = tf1.get_variable("table", [6, 4])
    tokens = tf.strings.split(words).to_sparse()
    return tf.nn.safe_embedding_lookup_sparse(
      table,
      tf.SparseTensor(tokens.indices, ids(tokens.values), tokens.dense_shape),
      combiner="sqrtn",
    )

  def positions(words):
    table = tf1.get_variable("table", [6, 4])
    return tf.reduce_sum(table[:3], 0) + tf.zeros([tf.size(words), 1])

  def in_a_function(words):
    table = tf1.get_variable("table", [6, 4])
    return tf.cond(
      tf.size(words) > 0,
      lambda: tf.gather(table, ids(words)),
      lambda: tf.zeros([0, 4]),
    )

  return [
    gather,
    ref_gather,
    gather_of_parts,
    gather_of_the_whole,
    sparse,
    positions,
    in_a_function,
  ]


@pytest.mark.parametrize("look_up", lookups(), ids=lambda f: f.__name__)
def test_embeddings_need_no_regularization(look_up, v2_control_flow):
  def module_fn():
    words = tf1.placeholder(tf.string, [None], name="words")
    hub.add_text_embedding_signature(
      words, tf.ensure_shape(look_up(words), [None, 4])
    )

  assert fns.check(module_fn) == []


def test_a_table_of_a_function_that_multiplies_is_a_weight(v2_control_flow):
  def module_fn():
    x = fns.images()
    w = tf1.get_variable("w", [3, 5])
    y = tf.reduce_mean(x, [1, 2])
    y = tf.cond(
      tf.shape(x)[0] > 1, lambda: tf.matmul(y, w), lambda: tf.matmul(2 * y, w)
    )
    hub.add_image_feature_vector_signature(x, tf.ensure_shape(y, [None, 5]))

  assert fns.codes(fns.check(module_fn)) == ["no_regularization_loss"]


@pytest.mark.parametrize("is_regularized", [False, True])
def test_layers(is_regularized):
  def module_fn():
    x = fns.images()
    regularizer = fns.l2 if is_regularized else None
    y = layers.conv2d(x, 5, 3, kernel_regularizer=regularizer)
    y = layers.separable_conv2d(
      y,
      6,
      2,
      depthwise_regularizer=regularizer,
      pointwise_regularizer=regularizer,
    )
    y = layers.dense(y, 4, kernel_regularizer=regularizer)
    hub.add_image_feature_vector_signature(x, tf.reduce_mean(y, [1, 2]))

  found = fns.check(module_fn)
  if is_regularized:
    assert found == []
  else:
    (warning,) = found
    assert sorted(warning.names) == [
      "conv2d/kernel",
      "dense/kernel",
      "separable_conv2d/depthwise_kernel",
      "separable_conv2d/pointwise_kernel",
    ]
    assert "and 1 more" in warning.message


# Signatures.


def signatures(**declared):
  """A module_fn: name=(inputs, outputs), of {name: (shape, dtype)}."""

  def module_fn():
    for name, (inputs, outputs) in declared.items():
      hub.add_signature(
        name,
        {k: tf1.placeholder(*reversed(v)) for k, v in inputs.items()},
        {k: tf1.placeholder(*reversed(v)) for k, v in outputs.items()},
      )

  return module_fn


TEXT = {"text": ([None], tf.string)}
PICTURES = {"images": ([None, 4, 4, 3], tf.float32)}
GRAY = {"images": ([None, 4, 4, 1], tf.float32)}
VECTOR = {"default": ([None, 5], tf.float32)}
NUMBERS = {"x": ([None, 2], tf.float32)}


@pytest.mark.parametrize(
  "declared",
  [
    {"default": (TEXT, VECTOR)},
    {"default": (PICTURES, VECTOR)},
    {
      "default": (PICTURES, VECTOR),
      "image_feature_vector": (PICTURES, {**VECTOR, "block": ([], tf.int32)}),
      "image_classification": (PICTURES, VECTOR),
    },
    # The module's own affair.
    {"mine": (NUMBERS, VECTOR)},
  ],
)
def test_common_signatures(declared):
  assert fns.check(signatures(**declared)) == []


def test_a_signature_that_is_nearly_common():
  (warning,) = fns.check(
    signatures(
      default=(GRAY, VECTOR),
      image_feature_vector=(GRAY, VECTOR),
      image_classification=(PICTURES, VECTOR),
    )
  )
  assert warning.code == "uncommon_signature"
  assert warning.names == ("default", "image_feature_vector")
  assert warning.message == (
    "Signatures 'default' and 'image_feature_vector' differ from the common "
    "signature 'image_feature_vector', which is the nearest: input 'images' is "
    "a Tensor of float32 with shape (None, 4, 4, 1), expected a Tensor of "
    "float32 with shape (None, any, any, 3). Programs that swap modules by "
    "their handle cannot take this one. Declare it with "
    "hub.add_image_feature_vector_signature()."
  )


@pytest.mark.parametrize(
  ("name", "inputs", "outputs", "message"),
  [
    (
      "default",
      {"text": ([None, 2], tf.string)},
      VECTOR,
      "the common signature 'text_embedding', which is the nearest: input "
      "'text' is a Tensor of string with shape (None, 2)",
    ),
    (
      "default",
      TEXT,
      {"embedding": ([None, 5], tf.float32)},
      "'text_embedding', which is the nearest: it has no output 'default'",
    ),
    (
      "default",
      {"pictures": ([None, 4, 4, 3], tf.float32)},
      VECTOR,
      "'image_feature_vector', which is the nearest: it has the inputs "
      "['pictures'], which callers of a common signature do not give; it has "
      "no input 'images'",
    ),
    (
      "image_classification",
      PICTURES,
      {"default": ([None], tf.float32)},
      "the common signature 'image_classification', which is the nearest: "
      "output 'default' is a Tensor of float32 with shape (None,)",
    ),
    (
      "image_feature_vector",
      NUMBERS,
      VECTOR,
      "'image_feature_vector', which is the nearest: it has the inputs ['x']",
    ),
    (
      "default",
      NUMBERS,
      VECTOR,
      "Signature 'default' is none of the common signatures (text_embedding, "
      "image_feature_vector, image_classification): it takes neither text "
      "nor images (x: Tensor of float32 with shape (None, 2)). ",
    ),
    ("default", {}, VECTOR, "it takes neither text nor images (nothing). "),
  ],
)
def test_other_signatures(name, inputs, outputs, message):
  (warning,) = fns.check(signatures(**{name: (inputs, outputs)}))
  assert warning.code == "uncommon_signature"
  assert warning.names == (name,)
  assert message in warning.message


def test_what_graphs_share_is_said_once():
  def module_fn(is_training):
    del is_training
    signatures(default=(NUMBERS, VECTOR))()

  (warning,) = fns.check(module_fn, fns.TAGS)
  assert warning.tags == frozenset()
