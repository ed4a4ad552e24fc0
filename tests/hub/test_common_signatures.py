"""Common signatures: declared in one call, and checked."""

import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
placeholder = hub_module_fns.placeholder

IMAGES = (None, 4, 6, 3)


def _text_module(text_shape=(None,), dtype=tf.string, out_shape=(None, 2)):
  def module_fn():
    hub.add_text_embedding_signature(
      placeholder(text_shape, dtype), placeholder(out_shape, name="y")
    )

  return hub.create_module_spec(module_fn)


def _image_module(
  add=hub.add_image_feature_vector_signature,
  shape=IMAGES,
  dtype=tf.float32,
  out_shape=(None, 5),
  endpoints=None,
  **arguments,
):
  def module_fn():
    add(
      placeholder(shape, dtype),
      placeholder(out_shape, name="y"),
      {name: placeholder(s) for name, s in (endpoints or {}).items()},
      **arguments,
    )

  return hub.create_module_spec(module_fn)


def _plain(inputs, outputs, name=None):
  """A module with placeholders of given (shape, dtype) by name."""

  def module_fn():
    hub.add_signature(
      name,
      {k: placeholder(s, d) for k, (s, d) in inputs.items()},
      {k: placeholder(s, d) for k, (s, d) in outputs.items()},
    )

  return hub.create_module_spec(module_fn)


def _problems_of(callable_, *args, **kwargs):
  with pytest.raises(ValueError) as caught:
    callable_(*args, **kwargs)
  assert isinstance(caught.value, errors.UserError)
  return str(caught.value)


# Declaring


def test_text_embedding():
  spec = _text_module()
  assert spec.get_signature_names() == ["default"]
  assert list(spec.get_input_info_dict()) == ["default"]
  hub.check_common_signature(spec, "text_embedding")
  with tf.Graph().as_default():
    assert hub.Module(spec)(["a", "b"]).shape.as_list() == [None, 2]


def test_text_embedding_under_another_name():
  def module_fn():
    for name in (None, "second"):
      hub.add_text_embedding_signature(
        placeholder(dtype=tf.string), placeholder((None, 2)), name=name
      )

  spec = hub.create_module_spec(module_fn)
  assert sorted(spec.get_signature_names()) == ["default", "second"]
  hub.check_common_signature(spec, "text_embedding", signature="second")


def test_all_problems_of_a_text_embedding_are_in_one_error():
  assert _problems_of(_text_module, (), tf.int64, (None, None)) == (
    "hub.add_text_embedding_signature(): input 'default' is a Tensor of int64 "
    "with shape (), expected a Tensor of string with shape (None,); output "
    "'default' is a Tensor of float32 with shape (None, None), expected a "
    "Tensor of float32 with shape (None, known)."
  )


def test_what_is_no_tensor(graph):
  assert _problems_of(hub.add_text_embedding_signature, ["a"], 3) == (
    "hub.add_text_embedding_signature(): input 'default' is ['a'] of list, "
    "expected a Tensor; output 'default' is 3 of int, expected a Tensor."
  )


@pytest.mark.parametrize(
  "add, name",
  [
    (hub.add_image_feature_vector_signature, "image_feature_vector"),
    (hub.add_image_classification_signature, "image_classification"),
  ],
)
def test_image_signatures(add, name):
  spec = _image_module(add, endpoints={"block_1/output": (None, 2, 3, 8)})
  assert sorted(spec.get_signature_names()) == ["default", name]
  assert list(spec.get_input_info_dict(name)) == ["images"]
  assert sorted(spec.get_output_info_dict(name)) == [
    "block_1/output",
    "default",
  ]
  assert list(spec.get_output_info_dict()) == ["default"]
  hub.check_common_signature(spec, name)
  assert hub.get_expected_image_size(spec) == [4, 6]
  # The shape says it: no message is needed.
  assert spec.get_attached_message("image_module_info", tf1.NodeDef) is None


@pytest.mark.parametrize(
  "how",
  [
    {"expected_image_size": (8, 9)},
    {
      "image_module_info": hub.ImageModuleInfo(
        default_image_size={"height": 8, "width": 9}
      )
    },
  ],
)
def test_the_expected_image_size_is_attached(how):
  spec = _image_module(shape=(None, None, None, 3), **how)
  assert hub.get_expected_image_size(spec) == [8, 9]


def test_one_of_two_image_signatures_is_the_default():
  def module_fn(as_default):
    images, features = placeholder(IMAGES), placeholder((None, 7))
    hub.add_image_classification_signature(images, placeholder((None, 2)))
    hub.add_image_feature_vector_signature(
      images, features, as_default=as_default
    )

  spec = hub.create_module_spec(module_fn, [((), {"as_default": False})])
  assert len(spec.get_signature_names()) == 3
  shape = spec.get_output_info_dict()["default"].get_shape()
  assert shape.as_list() == [None, 2]
  assert "pass as_default=False" in _problems_of(
    hub.create_module_spec, module_fn, [((), {"as_default": True})]
  )


def test_all_problems_of_an_image_signature_are_in_one_error():
  message = _problems_of(
    _image_module,
    hub.add_image_classification_signature,
    shape=(1, None, 6, 1),
    dtype=tf.uint8,
    out_shape=(None,),
    endpoints={"default": (None,), "": (None,), "fixed": (1, 2), "none": ()},
  )
  assert message == (
    "hub.add_image_classification_signature(): "
    "input 'images' is a Tensor of uint8 with shape (1, None, 6, 1), expected "
    "a Tensor of float32 with shape (None, any, any, 3); "
    "output 'default' is a Tensor of float32 with shape (None,), expected a "
    "Tensor of float32 with shape (None, known); "
    "endpoint 'default' is to be named by where it comes from, such as "
    "'block_1/output'; "
    "endpoint '' is to be named by where it comes from, such as "
    "'block_1/output'; "
    "endpoint 'fixed' is a Tensor of float32 with shape (1, 2), expected a "
    "batch, its first size unknown; "
    "endpoint 'none' is a Tensor of float32 with shape (), expected a batch, "
    "its first size unknown; "
    "images of (None, 6) do not say which size the module expects: give "
    "expected_image_size=(height, width)."
  )


def test_an_endpoint_that_is_no_tensor(graph):
  assert "endpoint 'a' is 3 of int, expected a Tensor" in _problems_of(
    hub.add_image_feature_vector_signature,
    placeholder(IMAGES),
    placeholder((None, 2)),
    {"a": 3},
  )


@pytest.mark.parametrize(
  "size", [(0, 4), (4,), 4, (4.5, 4), ("a", "b"), (-1, 4), (None, 4)]
)
def test_an_expected_size_that_is_none(size):
  assert "not (height, width) in pixels" in _problems_of(
    _image_module, expected_image_size=size
  )


def test_an_expected_size_that_contradicts_the_shape():
  assert (
    "the expected image size is (6, 4), but images are of (4, 6)"
  ) in _problems_of(_image_module, expected_image_size=(6, 4))


def test_a_message_without_a_size():
  assert "the expected image size is (0, 0)" in _problems_of(
    _image_module, image_module_info=hub.ImageModuleInfo()
  )


def test_both_ways_to_give_the_size():
  assert "not both" in _problems_of(
    _image_module,
    expected_image_size=(4, 6),
    image_module_info=hub.ImageModuleInfo(),
  )


def test_nothing_is_declared_where_there_are_problems():
  def module_fn():
    with pytest.raises(ValueError, match="output 'default' is a Tensor"):
      hub.add_image_feature_vector_signature(
        placeholder(IMAGES), placeholder((None,)), expected_image_size=(4, 6)
      )
    if is_valid:
      hub.add_signature(outputs=placeholder(()))

  is_valid = False
  with pytest.raises(ValueError, match="No signatures present"):
    hub.create_module_spec(module_fn)
  is_valid = True
  spec = hub.create_module_spec(module_fn)
  message = spec.get_attached_message("image_module_info", tf1.NodeDef)
  assert message is None


# Checking


def test_a_module_is_checked_in_its_own_graph(graph):
  def module_fn(add):
    add()

  def text():
    hub.add_text_embedding_signature(
      placeholder(dtype=tf.string), placeholder((None, 2))
    )

  spec = hub.create_module_spec(
    module_fn, [((), {"add": hub_module_fns.scale}), ({"t"}, {"add": text})]
  )
  hub.check_common_signature(hub.Module(spec, tags={"t"}), "text_embedding")
  hub.check_common_signature(spec, "text_embedding", tags={"t"})
  with pytest.raises(ValueError, match="no common signature"):
    hub.check_common_signature(spec, "text_embedding")
  with pytest.raises(ValueError, match="no common signature"):
    hub.check_common_signature(hub.Module(spec), "text_embedding")
  with pytest.raises(TypeError, match="is of one graph variant"):
    hub.check_common_signature(hub.Module(spec), "text_embedding", tags={"t"})
  with pytest.raises(KeyError, match="no graph with tags"):
    hub.check_common_signature(spec, "text_embedding", tags={"u"})


def test_all_differences_are_in_one_error():
  spec = _plain(
    {"images": ((None, 4, 6), tf.float32), "rate": ((), tf.float32)},
    {"logits": ((None, 3), tf.float32)},
    name="image_classification",
  )
  assert _problems_of(
    hub.check_common_signature, spec, "image_classification"
  ) == (
    "Signature 'image_classification' of module_fn _plain is no common "
    "signature 'image_classification': it has the inputs ['rate'], which "
    "callers of a common signature do not give; input 'images' is a Tensor of "
    "float32 with shape (None, 4, 6), expected a Tensor of float32 with shape "
    "(None, any, any, 3); it has no output 'default', and those it has are: "
    "['logits']."
  )


def test_a_signature_that_is_missing():
  assert _problems_of(
    hub.check_common_signature, _text_module(), "image_feature_vector"
  ) == (
    "Signature 'image_feature_vector' of module_fn _text_module is no common "
    "signature 'image_feature_vector': there is no such signature, and those "
    "there are: ['default']."
  )


def test_an_unknown_kind():
  assert _problems_of(hub.check_common_signature, _text_module(), "text") == (
    "There is no common signature 'text'. There are: text_embedding, "
    "image_feature_vector, image_classification."
  )
  with pytest.raises(ValueError, match="There is no common signature"):
    hub.common_signature_problems({}, {}, "text")


def test_neither_a_module_nor_a_spec():
  with pytest.raises(TypeError, match="Load a handle with"):
    hub.check_common_signature("path", "text_embedding")


def _infos(spec):
  return spec.get_input_info_dict(), spec.get_output_info_dict()


_TEXT = ((None,), tf.string)
_VECTOR = ((None, 2), tf.float32)
_IMAGE_KINDS = ["image_feature_vector", "image_classification"]


@pytest.mark.parametrize(
  "inputs, outputs, kinds",
  [
    ({"x": _TEXT}, {"default": _VECTOR}, ["text_embedding"]),
    ({"x": _TEXT}, {"default": _VECTOR, "more": _TEXT}, ["text_embedding"]),
    ({"x": _TEXT, "y": _TEXT}, {"default": _VECTOR}, []),
    ({}, {"default": _VECTOR}, []),
    ({"x": ((2,), tf.string)}, {"default": _VECTOR}, []),
    ({"x": ((None, 1), tf.string)}, {"default": _VECTOR}, []),
    ({"x": (None, tf.string)}, {"default": _VECTOR}, []),
    ({"x": _TEXT}, {"default": ((None, 2), tf.float64)}, []),
    ({"x": _TEXT}, {"default": ((3, 2), tf.float32)}, []),
    ({"x": _TEXT}, {"default": (None, tf.float32)}, []),
    ({"images": (IMAGES, tf.float32)}, {"default": _VECTOR}, _IMAGE_KINDS),
    (
      {"images": ((None, None, None, 3), tf.float32)},
      {"default": _VECTOR},
      _IMAGE_KINDS,
    ),
    ({"x": (IMAGES, tf.float32)}, {"default": _VECTOR}, []),
    ({"images": ((None, 4, 6, None), tf.float32)}, {"default": _VECTOR}, []),
  ],
)
def test_matching_common_signatures(inputs, outputs, kinds):
  infos = _infos(_plain(inputs, outputs))
  assert hub.matching_common_signatures(*infos) == kinds
  for kind in ("text_embedding", *_IMAGE_KINDS):
    assert bool(hub.common_signature_problems(*infos, kind)) == (
      kind not in kinds
    )


def test_a_sparse_input_does_not_match():
  def module_fn():
    x = tf1.sparse_placeholder(tf.string, [None])
    hub.add_signature(None, x, placeholder((None, 2)))

  inputs, outputs = _infos(hub.create_module_spec(module_fn))
  assert hub.common_signature_problems(inputs, outputs, "text_embedding") == [
    "input 'default' is a SparseTensor of string with shape (None,), expected "
    "a Tensor of string with shape (None,)"
  ]
