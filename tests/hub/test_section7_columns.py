"""Section 7 of the format: feature columns, before any graph."""

import copy
import pathlib
import pickle

import embedding_module_fns as fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import feature_column_symbols, tf

tf1 = tf.compat.v1

TEXT = ((None,), tf.string)
IMAGES = ((None, 2, 1, 3), tf.float32)
OUTPUT = ((None, 2), tf.float32)


@pytest.fixture(scope="module")
def text_spec():
  return hub.create_module_spec(fns.embed_text)


@pytest.fixture(scope="module")
def text_path(tmp_path_factory):
  return fns.export(fns.embed_text, tmp_path_factory.mktemp("text") / "m")


@pytest.fixture(scope="module")
def image_path(tmp_path_factory):
  return fns.export(fns.embed_image(), tmp_path_factory.mktemp("image") / "m")


def _columns(text, image):
  return [
    hub.text_embedding_column("k", text, trainable=True),
    hub.image_embedding_column("k", image),
    hub.sparse_text_embedding_column("k", text, "mean", "x", trainable=True),
  ]


def _refused(kind, create, *args, **kwargs):
  with pytest.raises(kind) as caught:
    create(*args, **kwargs)
  assert isinstance(caught.value, errors.UserError)
  return str(caught.value)


# Columns of both generations


def test_columns_are_of_both_generations(text_path, image_path):
  for column in _columns(text_path, image_path):
    assert isinstance(column, feature_column_symbols.DenseColumn)
    assert isinstance(column, feature_column_symbols.DenseColumnV1)
    assert column._is_v2_column
    assert column.name == column._var_scope_name == "k_hub_module_embedding"
    assert column.parents == ["k"]


def test_variable_shape_is_the_output_without_the_batch(text_path, image_path):
  shapes = [c.variable_shape for c in _columns(text_path, image_path)]
  assert shapes == [[2], [3], [2]]
  assert all(isinstance(shape, tf.TensorShape) for shape in shapes)
  assert [c._variable_shape for c in _columns(text_path, image_path)] == shapes


def test_columns_are_hashable_named_tuples(text_path, image_path):
  columns = _columns(text_path, image_path)
  assert columns == _columns(text_path, image_path)
  assert len({*columns, *_columns(text_path, image_path)}) == 3
  frozen = columns[0]._replace(trainable=False)
  assert frozen == hub.text_embedding_column("k", text_path) != columns[0]
  assert frozen.variable_shape == [2]
  assert [c._fields for c in columns] == [
    ("key", "module_spec_path", "trainable"),
    ("key", "module_spec_path", "image_size"),
    ("key", "module_spec_path", "combiner", "default_value", "trainable"),
  ]
  assert columns[0] < columns[2] or columns[2] < columns[0]  # To be sorted.


def test_the_spec_is_loaded_once_and_kept(text_spec, text_path, tmp_path):
  assert hub.text_embedding_column("k", text_spec).module_spec is text_spec
  moved = tmp_path / "moved"
  fns.export(fns.embed_text, moved)
  column = hub.text_embedding_column("k", moved)
  assert column.module_spec_path == str(moved)
  moved.rename(tmp_path / "gone")
  assert column.module_spec is column.module_spec
  assert column.module_spec.source == str(moved)


def test_copies_and_pickles(text_path):
  column = hub.text_embedding_column("k", pathlib.Path(text_path))
  copied = copy.deepcopy({"columns": [column]})["columns"][0]
  assert copied == column
  assert copied.module_spec is column.module_spec
  loaded = pickle.loads(pickle.dumps(column))
  assert loaded == column
  assert loaded.variable_shape == [2]


def test_parse_example_specs(text_path, image_path):
  text, image, sparse = _columns(text_path, image_path)
  assert text.parse_example_spec == text._parse_example_spec
  assert text.parse_example_spec == {"k": tf.io.FixedLenFeature([1], tf.string)}
  assert image.parse_example_spec == {
    "k": tf.io.FixedLenFeature([2, 1, 3], tf.float32)
  }
  assert sparse.parse_example_spec == {"k": tf.io.VarLenFeature(tf.string)}
  for make in (
    tf.feature_column.make_parse_example_spec,
    tf1.feature_column.make_parse_example_spec,
  ):
    assert make([text]) == text.parse_example_spec
    assert make([image]) == image.parse_example_spec


def test_a_key_may_be_a_column(text_path):
  key = tf.feature_column.numeric_column("words", dtype=tf.float32)
  column = hub.text_embedding_column(key, text_path)
  assert column.name == "words_hub_module_embedding"
  assert column.parents == [key]
  assert column.parse_example_spec == key.parse_example_spec
  again = type(column).from_config(column.get_config())
  assert again == column


@pytest.mark.parametrize("key", [3, None, b"k"])
def test_a_key_that_is_neither_a_name_nor_a_column(key, text_spec):
  message = _refused(TypeError, hub.text_embedding_column, key, text_spec)
  assert message == (
    "key of hub.text_embedding_column() must be the name of a feature or a "
    f"feature column: got {key!r} of {type(key).__name__}."
  )


def test_a_name_is_made_a_scope_where_tensorflow_does_not(text_spec):
  column = hub.text_embedding_column("my key", text_spec)
  assert column.name == "my key_hub_module_embedding"
  assert column._var_scope_name == "my_key_hub_module_embedding"


# Configurations


def test_get_config_and_from_config(text_path, image_path):
  text, image, sparse = _columns(text_path, image_path)
  assert text.get_config() == {
    "key": "k",
    "module_spec_path": text_path,
    "trainable": True,
  }
  assert image.get_config() == {
    "key": "k",
    "module_spec_path": image_path,
    "image_size": None,
  }
  assert sparse.get_config() == {
    "key": "k",
    "module_spec_path": text_path,
    "combiner": "mean",
    "default_value": "x",
    "trainable": True,
  }
  for column in (text, image, sparse):
    again = type(column).from_config(column.get_config())
    assert again == column
    assert type(again) is type(column)
    serialized = feature_column_symbols.serialize_feature_column(column)
    custom_objects = {type(column).__name__: type(column)}
    assert column == feature_column_symbols.deserialize_feature_column(
      serialized, custom_objects
    )


def test_from_config_checks(image_path):
  config = hub.image_embedding_column("k", image_path).get_config()
  column_class = type(hub.image_embedding_column("k", image_path))
  message = _refused(
    ValueError, column_class.from_config, {**config, "image_size": (1, 1)}
  )
  assert "images are 2 high and 1 wide" in message


def test_get_config_needs_a_handle(text_spec):
  for column in (
    hub.text_embedding_column("k", text_spec),
    hub.image_embedding_column("k", hub.create_module_spec(fns.embed_image())),
    hub.sparse_text_embedding_column("k", text_spec, "sum", None),
  ):
    message = _refused(NotImplementedError, column.get_config)
    assert message.startswith(
      f"Can only generate a valid config for `hub.{column.function_name}` that "
      "uses a string `module_spec`: column 'k_hub_module_embedding' has "
    )


# Modules that do not fit

CREATE_TEXT = [
  hub.text_embedding_column,
  lambda key, spec: hub.sparse_text_embedding_column(key, spec, "sum", ""),
]


@pytest.mark.parametrize("create", CREATE_TEXT)
@pytest.mark.parametrize(
  "inputs, outputs, problem",
  [
    ({"x": TEXT, "y": TEXT}, {"default": OUTPUT}, "it has 2 inputs"),
    ({}, {"default": OUTPUT}, "it has 0 inputs"),
    (
      {"x": ((None,), tf.int64)},
      {"default": OUTPUT},
      "input 'x' is a Tensor of int64 with shape (None,), expected a Tensor of "
      "string with shape (None,)",
    ),
    ({"x": ((2,), tf.string)}, {"default": OUTPUT}, "string with shape (2,)"),
    ({"x": ((None, 1), tf.string)}, {"default": OUTPUT}, "shape (None, 1)"),
    ({"x": (None, tf.string)}, {"default": OUTPUT}, "shape <unknown>"),
    ({"x": ((None,), "sparse")}, {"default": OUTPUT}, "is a SparseTensor"),
    ({"x": TEXT}, {"z": OUTPUT}, "no output 'default', and those it has are"),
    ({"x": TEXT}, {"default": ((None, None), tf.float32)}, "(None, None)"),
    ({"x": TEXT}, {"default": ((None, 2), tf.float64)}, "of float64"),
    ({"x": TEXT}, {"default": ((5, 2), tf.float32)}, "with shape (5, 2)"),
    ({"x": TEXT}, {"default": ((None, 2, 2), tf.float32)}, "(None, 2, 2)"),
    ({"x": TEXT}, {"default": (None, tf.float32)}, "shape <unknown>"),
  ],
)
def test_modules_that_do_not_embed_texts(create, inputs, outputs, problem):
  message = _refused(ValueError, create, "k", fns.signature(inputs, outputs))
  assert message.startswith("Module is not a text-embedding: in signature ")
  assert problem in message


def test_both_problems_of_a_module_are_named():
  spec = fns.signature({}, {"z": OUTPUT})
  message = _refused(ValueError, hub.text_embedding_column, "k", spec)
  assert "it has 0 inputs [], expected one; it has no output" in message


@pytest.mark.parametrize(
  "inputs, outputs, problem",
  [
    ({"x": IMAGES}, {"default": OUTPUT}, "its inputs are ['x'], expected"),
    ({"images": IMAGES, "y": TEXT}, {"default": OUTPUT}, "'images' alone"),
    (
      {"images": ((None, 2, 1, 3), tf.uint8)},
      {"default": OUTPUT},
      "is a Tensor of uint8 with shape (None, 2, 1, 3), expected a Tensor of "
      "float32",
    ),
    ({"images": ((None, 6), tf.float32)}, {"default": OUTPUT}, "(None, 6)"),
    (
      {"images": ((None, None, None, 3), tf.float32)},
      {"default": OUTPUT},
      "give image_size=(height, width)",
    ),
    ({"images": IMAGES}, {"z": OUTPUT}, "no output 'default', only ['z']"),
    ({"images": IMAGES}, {"default": ((None, None), tf.float32)}, "(None, dim"),
    ({"images": IMAGES}, {"default": ((None, 2), tf.int32)}, "of int32"),
    ({"images": IMAGES}, {"default": ((None, 1, 2), tf.float32)}, "(None, 1,"),
    ({"images": IMAGES}, {"default": ((None, 2), "sparse")}, "SparseTensor"),
  ],
)
def test_modules_that_do_not_embed_images(inputs, outputs, problem):
  message = _refused(
    ValueError,
    hub.image_embedding_column,
    "k",
    fns.signature(inputs, outputs),
  )
  assert message.startswith("Module is not usable as image embedding: in sig")
  assert problem in message


@pytest.mark.parametrize("create", [*CREATE_TEXT, hub.image_embedding_column])
def test_what_is_no_module(create, tmp_path):
  message = _refused(ValueError, create, "k", 3)
  assert "Unknown module spec type: <class 'int'>. Give hub." in message
  with pytest.raises(OSError, match="does not exist"):
    create("k", str(tmp_path / "nothing"))
  no_default = fns.signature({"x": TEXT}, {"default": OUTPUT}, name="s")
  with pytest.raises(ValueError, match="Signature 'default' is missing"):
    create("k", no_default)
  no_empty_tags = fns.signature({"x": TEXT}, {"default": OUTPUT}, tags={"t"})
  with pytest.raises(KeyError, match="no graph with tags"):
    create("k", no_empty_tags)


# Sizes of images


@pytest.mark.parametrize(
  "shape, expected, image_size, feature_shape",
  [
    ((None, 2, 1, 3), None, None, [2, 1, 3]),
    ((None, 2, 1, 3), None, [2, 1], [2, 1, 3]),
    ((None, None, None, 3), (1, 2), None, [1, 2, 3]),
    ((None, None, None, 3), (1, 2), (2, 1), [2, 1, 3]),
    ((None, None, None, None), None, (2, 1), [2, 1, 3]),
    ((None, 2, 1, 1), None, None, [2, 1, 1]),
  ],
)
def test_sizes_of_images(shape, expected, image_size, feature_shape):
  spec = hub.create_module_spec(fns.embed_image(shape, expected))
  column = hub.image_embedding_column("k", spec, image_size)
  assert column.parse_example_spec["k"].shape == feature_shape
  assert column.image_size == (image_size and tuple(image_size))
  assert isinstance(hash(column), int)


@pytest.mark.parametrize("size", [(2,), 2, "ab", (0, 1), (2, -1), (2.0, 1.0)])
def test_an_image_size_that_is_none(size, image_path):
  message = _refused(
    ValueError, hub.image_embedding_column, "k", image_path, size
  )
  assert "image_size is to be (height, width) in pixels: got" in message


def test_an_image_size_that_the_module_does_not_take(image_path):
  message = _refused(
    ValueError, hub.image_embedding_column, "k", image_path, (1, 2)
  )
  assert "images are 2 high and 1 wide, but image_size is (1, 2)" in message


# Arguments of sparse columns


@pytest.mark.parametrize("combiner", ["max", None, "", "MEAN"])
def test_an_unknown_combiner(combiner, text_spec):
  message = _refused(
    ValueError,
    hub.sparse_text_embedding_column,
    "k",
    text_spec,
    combiner,
    None,
  )
  assert message == (
    "combiner of hub.sparse_text_embedding_column() must be 'mean', 'sqrtn' or "
    f"'sum': {combiner!r}."
  )


@pytest.mark.parametrize("default_value", [3, ["x"], True])
def test_a_default_value_that_is_no_text(default_value, text_spec):
  message = _refused(
    TypeError,
    hub.sparse_text_embedding_column,
    "k",
    text_spec,
    "sum",
    default_value,
  )
  assert f"a string, or None for zeros: got {default_value!r}." in message
