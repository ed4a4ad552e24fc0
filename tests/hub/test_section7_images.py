"""Section 7 of the format: the size of the images that a module takes."""

import os
import pathlib
import subprocess
import sys

import hub_module_fns
import pytest
import upstream_hub

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _info(height, width):
  return hub.ImageModuleInfo(
    default_image_size={"height": height, "width": width}
  )


def _spec(shape, info=None, input_name="images", signature=None, tags=()):
  def module_fn():
    images = hub_module_fns.placeholder(shape)
    if info is not None:
      hub.attach_image_module_info(info)
    hub.add_signature(signature, {input_name: images}, images)

  return hub.create_module_spec(module_fn, [(tags, {})])


# ImageModuleInfo


def test_the_message_is_that_of_the_format():
  info = hub.ImageModuleInfo()
  info.default_image_size.height = 3
  info.default_image_size.width = 300
  # Field 1, 5 bytes: field 1 is 3, field 2 is 300.
  assert info.SerializeToString() == b"\n\x05\x08\x03\x10\xac\x02"


def test_the_message_is_attached_under_its_key():
  spec = _spec([None, None, None, 3], _info(3, 300))
  read = spec.get_attached_message(
    "image_module_info", hub.ImageModuleInfo, required=True
  )
  assert read == _info(3, 300)


@pytest.mark.parametrize("value", ["x", None, tf1.NodeDef(name="node")])
def test_another_message_is_not_attached(value, graph):
  with pytest.raises(TypeError, match="takes a hub.ImageModuleInfo") as caught:
    hub.attach_image_module_info(value)
  assert isinstance(caught.value, errors.UserError)


# get_expected_image_size


def test_size_of_the_message_comes_before_that_of_the_shape():
  assert hub.get_expected_image_size(_spec([None, 4, 6, 3], _info(8, 9))) == [
    8,
    9,
  ]


@pytest.mark.parametrize("size", [(0, 9), (8, 0), (0, 0)])
def test_a_size_with_a_side_of_zero_does_not_count(size):
  spec = _spec([None, 4, 6, 3], _info(*size))
  assert hub.get_expected_image_size(spec) == [4, 6]


def test_size_of_the_static_shape_of_a_module(graph):
  module = hub.Module(_spec([None, 4, 6, 3]))
  assert hub.get_expected_image_size(module) == [4, 6]
  assert hub.get_num_image_channels(module) == 3


def test_a_module_has_the_message_of_its_own_graph(graph):
  module = hub.Module(
    _spec([None, 4, 6, 3], _info(8, 9), tags={"train"}), tags={"train"}
  )
  assert hub.get_expected_image_size(module) == [8, 9]


def test_signature_and_input_name():
  spec = _spec([None, 4, 6, 3], input_name="x", signature="s")
  assert hub.get_expected_image_size(spec, "s", "x") == [4, 6]
  assert hub.get_num_image_channels(spec, signature="s", input_name="x") == 3


FUNCTIONS = (hub.get_expected_image_size, hub.get_num_image_channels)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_unknown_signature_or_input(function):
  spec = _spec([None, 4, 6, 3], input_name="x")
  with pytest.raises(ValueError, match="Signature 's' is missing"):
    function(spec, "s")
  with pytest.raises(ValueError) as caught:
    function(spec)
  assert str(caught.value) == (
    "Module is missing input 'images' in signature 'default': the inputs of "
    "module_fn _spec there are: ['x']."
  )
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_graph_without_tags(function):
  with pytest.raises(KeyError, match="no graph with tags"):
    function(_spec([None, 4, 6, 3], tags={"train"}))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_neither_a_module_nor_a_spec(function):
  with pytest.raises(TypeError, match="Load a handle with") as caught:
    function("path")
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize(
  "shape", [None, [None, 4, 6], [None, None, 6, 3], [None, 4, None, 3]]
)
def test_unknown_size(shape):
  with pytest.raises(ValueError, match="no ImageModuleInfo with a size") as e:
    hub.get_expected_image_size(_spec(shape))
  assert f"is {tf.TensorShape(shape)}, expected [batch_size," in str(e.value)
  assert isinstance(e.value, errors.UserError)


# get_num_image_channels


def test_channels_of_the_shape_alone():
  spec = _spec([None, None, None, 7], _info(8, 9))
  assert hub.get_num_image_channels(spec) == 7


@pytest.mark.parametrize("shape", [None, [None, 4, 6], [None, 4, 6, None]])
def test_unknown_number_of_channels(shape):
  with pytest.raises(ValueError, match="with known num_channels") as caught:
    hub.get_num_image_channels(_spec(shape))
  assert isinstance(caught.value, errors.UserError)


# With tensorflow_hub

_PROGRAM = """
import sys
import tensorflow as tf
import tensorflow_hub
ours, theirs = sys.argv[1:]
print(tensorflow_hub.get_expected_image_size(
    tensorflow_hub.load_module_spec(ours)))
info = tensorflow_hub.ImageModuleInfo()
info.default_image_size.height, info.default_image_size.width = 5, 6

def module_fn():
  images = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
  tensorflow_hub.attach_image_module_info(info)
  tensorflow_hub.add_signature(None, {"images": images}, images)

spec = tensorflow_hub.create_module_spec(module_fn)
with tf.Graph().as_default():
  module = tensorflow_hub.Module(spec)
  with tf.compat.v1.Session() as session:
    module.export(theirs, session)
# Both implementations in one process; messages of the other are taken, too.
from hub_estimator import hub
print(hub.get_expected_image_size(hub.load_module_spec(theirs)))
with tf.Graph().as_default():
  hub.attach_image_module_info(info)
"""


def test_tensorflow_hub_and_we_read_each_others_messages(tmp_path):
  upstream_hub.require("0.15.0")
  ours = tmp_path / "ours"
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(_spec([None, None, None, 3], _info(3, 300)))
    module.export(str(ours), session)
  root = pathlib.Path(__file__).parents[2]
  result = subprocess.run(
    [sys.executable, "-c", _PROGRAM, str(ours), str(tmp_path / "theirs")],
    env={**os.environ, "PYTHONPATH": str(root)},
    capture_output=True,
    text=True,
  )
  assert result.stdout.split("\n")[-3:] == ["[3, 300]", "[5, 6]", ""], (
    result.stderr[-3000:]
  )
  assert result.returncode == 0
