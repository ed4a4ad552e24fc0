"""Section 4 of the format: calling a Module."""

import os
import sys

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.hub import tensor_info
from hub_estimator.tf_compat import keras_choice, tf

tf1 = tf.compat.v1
run = hub_module_fns.run


@pytest.fixture
def module(graph):
  return hub.Module(hub.create_module_spec(hub_module_fns.multiple_signatures))


# Inputs


@pytest.mark.parametrize(
  "inputs",
  [
    [2.0],
    {"default": [2]},
    np.array([2], np.int64),
    np.array([2.0], np.float64),
  ],
)
def test_values_convert_to_the_declared_dtype(module, inputs):
  assert run(module(inputs)).tolist() == [6.0]


def test_a_variable_may_be_an_input(module):
  v = tf1.get_variable("v", initializer=[2.0])
  assert run(module(v)).tolist() == [6.0]


def test_values_convert_in_the_current_name_scope(module, graph):
  with tf.name_scope("outer"):
    module([2.0])
  assert graph.get_operation_by_name("outer/Const").type == "Const"


def test_several_inputs(module):
  outputs = module({"x": [1.0], "y": [2.0]}, signature="sum", as_dict=True)
  assert run(outputs)["default"].tolist() == [3.0]


def test_no_inputs(module):
  assert run([module(signature="w"), module({}, signature="w")]) == [3.0, 3.0]


def _sparse(shape=(2, 3), dtype=np.float32):
  return tf.sparse.from_dense(np.ones(shape, dtype))


@pytest.mark.parametrize(
  ("signature", "build_inputs", "error", "text"),
  [
    ("w", lambda: [1.0], TypeError, "Signature expects no inputs."),
    (
      "sum",
      lambda: [1.0],
      TypeError,
      r"Signature expects multiple inputs. Use a dict. .*\['x', 'y'\]",
    ),
    (
      "sum",
      lambda: None,
      TypeError,
      "Signature expects multiple inputs. Use a dict.",
    ),
    (
      "sum",
      lambda: {"x": [1.0], "z": [1.0], "a": [1.0]},
      TypeError,
      r"Cannot convert dict_inputs: missing \['y'\], extra given \['a', 'z'\]",
    ),
    (
      "default",
      lambda: None,
      TypeError,
      r"missing \['default'\], extra given \[\]",
    ),
    (
      "default",
      lambda: [[1.0]],
      TypeError,
      r"Can't convert 'default': Got Tensor of float32 with shape \(1, 1\). "
      r"Expected Tensor of float32 with shape \(None,\)",
    ),
    (
      "default",
      _sparse,
      TypeError,
      "Can't convert 'default': Got SparseTensor. Expected Tensor.",
    ),
    (
      "default",
      lambda: tf.ragged.constant([[1.0], []]),
      TypeError,
      "Can't convert 'default': Got RaggedTensor. Expected Tensor.",
    ),
    (
      "sparse",
      lambda: tf.ones([2, 3]),
      TypeError,
      "Can't convert 'default': Got Tensor. Expected SparseTensor.",
    ),
    (
      "sparse",
      lambda: _sparse([2, 4]),
      TypeError,
      r"Got SparseTensor of float32 with shape \(2, 4\). Expected SparseTensor "
      r"of float32 with shape \(None, 3\)",
    ),
    (
      "sparse",
      lambda: _sparse(dtype=np.float64),
      TypeError,
      "Got SparseTensor of float64",
    ),
    (
      "ragged",
      lambda: tf.ones([2, 3]),
      TypeError,
      "Can't convert 'default': Got Tensor. Expected RaggedTensor.",
    ),
    (
      "ragged",
      lambda: tf.ragged.constant([[[1.0]], []]),
      TypeError,
      r"Got RaggedTensor of float32 with shape \(2, None, None\)",
    ),
    (
      "ragged",
      lambda: tf.ragged.constant([[1.0]], row_splits_dtype=tf.int32),
      TypeError,
      "Got RaggedTensor",
    ),
    (
      "default",
      lambda: tf.constant([1]),
      ValueError,
      "Can't convert 'default': Got a Tensor of int32. Expected Tensor of "
      r"float32 with shape \(None,\). Cast it",
    ),
    ("integers", lambda: [1.5], (TypeError, ValueError), "Can't convert"),
    ("default", lambda: ["a"], TypeError, "Can't convert 'default': Expected"),
    ("default", lambda: [[1.0], [1.0, 2.0]], ValueError, "Can't convert"),
    (
      "default",
      lambda: tf.IndexedSlices(tf.ones([1]), tf.constant([0])),
      ValueError,
      "Passed argument of type IndexedSlices, which is not supported",
    ),
    (
      "x",
      lambda: [1.0],
      ValueError,
      r"Signature 'x' is missing from meta graph. .*'difference'",
    ),
  ],
)
def test_inputs_that_do_not_fit(module, signature, build_inputs, error, text):
  inputs = build_inputs()
  with pytest.raises(error, match=text) as caught:
    module(inputs, signature=signature)
  assert isinstance(caught.value, errors.UserError)


def test_a_signature_of_another_composite_type_is_refused(scale_spec, graph):
  meta_graph = tf1.MetaGraphDef()
  meta_graph.CopyFrom(scale_spec.variant().meta_graph)
  info = meta_graph.signature_def["default"].inputs["default"]
  with tf.Graph().as_default():
    ragged = tf1.ragged.placeholder(tf.float32, 1, [])
    composite = tf1.saved_model.build_tensor_info(ragged)
  spec_proto = composite.composite_tensor.type_spec
  spec_proto.type_spec_class = spec_proto.INDEXED_SLICES_SPEC
  spec_proto.type_spec_class_name = "IndexedSlicesSpec"
  spec_proto.type_state.CopyFrom(_indexed_slices_state())
  for component in composite.composite_tensor.components:
    component.name = "x:0"
  info.CopyFrom(composite)
  spec = hub.ModuleSpec([meta_graph], source="a test")
  module = hub.Module(spec)
  with pytest.raises(
    ValueError,
    match=r"Signature 'default' expects a IndexedSlices for input 'default', "
    "which is not supported by this version of hub_estimator",
  ) as caught:
    module([1.0])
  assert isinstance(caught.value, errors.UserError)
  info = spec.get_input_info_dict()["default"]
  assert not info.is_supported_type
  assert info.get_shape().rank is None
  assert "dtype=variant" in repr(info)


def _indexed_slices_state():
  from tensorflow.python.saved_model import nested_structure_coder

  return nested_structure_coder.encode_structure(
    tf.IndexedSlicesSpec([None, 2], tf.float32)
  ).type_spec_value.type_state


@pytest.mark.parametrize("second", ["sum", True, {"as_dict": True}])
def test_a_second_positional_argument_is_refused(module, second):
  with pytest.raises(TypeError, match="one positional argument") as caught:
    module([1.0], second)
  assert isinstance(caught.value, errors.UserError)


# Outputs


def test_the_default_output_or_all_of_them(module):
  inputs = {"x": [3.0], "y": [1.0]}
  assert run(module(inputs, signature="sum")).tolist() == [4.0]
  assert set(module(inputs, signature="sum", as_dict=True)) == {"default", "x"}
  with pytest.raises(TypeError) as caught:
    module(inputs, signature="difference")
  assert str(caught.value) == (
    "There is no output named 'default'. Use as_dict=True. The outputs of "
    "signature 'difference' are: ['z']."
  )
  assert isinstance(caught.value, errors.UserError)
  z = module(inputs, signature="difference", as_dict=True)["z"]
  assert run(z).tolist() == [2.0]


def test_an_output_that_is_an_input_is_the_tensor_that_was_passed(module):
  x = tf.constant([1.0])
  outputs = module({"x": x, "y": x}, signature="sum", as_dict=True)
  assert outputs["x"] is x


def test_sparse_inputs_and_outputs(module):
  dense = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]], np.float32)
  x = tf.sparse.from_dense(dense)
  outputs = module(x, signature="sparse", as_dict=True)
  assert isinstance(outputs["default"], tf.SparseTensor)
  assert outputs["default"].values is x.values
  assert run(outputs["dense"]).tolist() == (3.0 * dense).tolist()
  value = tf1.SparseTensorValue([[0, 1]], np.float32([2.0]), [1, 3])
  y = module(value, signature="sparse", as_dict=True)["dense"]
  assert run(y).tolist() == [[0.0, 6.0, 0.0]]


def test_ragged_inputs_and_outputs(module):
  outputs = module(
    tf.ragged.constant([[1.0], [2.0, 3.0]]), signature="ragged", as_dict=True
  )
  assert isinstance(outputs["default"], tf.RaggedTensor)
  values = run(outputs)
  assert values["default"].to_list() == [[3.0], [6.0, 9.0]]
  assert values["dense"].tolist() == [[1.0, 0.0], [2.0, 3.0]]
  value = tf1.ragged.constant_value([[], [2.0]], dtype=np.float32)
  y = module(value, signature="ragged")
  assert run(y).to_list() == [[], [6.0]]


# Names


def test_the_scope_of_an_application(scale_spec, graph):
  with tf1.variable_scope("vs"):
    module = hub.Module(scale_spec, name="m")
  assert module([1.0]).op.name == "m_apply_default/y"
  assert module([1.0]).op.name == "m_apply_default_1/y"
  with tf.name_scope("scope"):
    assert module([1.0]).op.name == "scope/m_apply_default/y"


def test_a_colon_in_a_signatures_name(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature("a:b", inputs=x, outputs=tf.add(x, 1.0, name="y"))

  module = hub.Module(hub.create_module_spec(module_fn))
  assert module([1.0], signature="a:b").op.name == "module_apply_a_b/y"


# Where it may be applied


@pytest.mark.parametrize("build", ["graph", "function", "map"])
def test_another_graph_is_refused(scale_spec, graph, build):
  module = hub.Module(scale_spec)
  with pytest.raises(
    RuntimeError,
    match="Module must be applied in the graph it was instantiated for.",
  ) as caught:
    if build == "graph":
      with tf.Graph().as_default():
        module([1.0])
    elif build == "function":
      tf.function(lambda: module([1.0])).get_concrete_function()
    else:
      dataset = tf.data.Dataset.from_tensors([1.0])
      dataset.map(module)
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("control_flow", ["cond", "while_loop"])
def test_v2_control_flow_is_another_graph(
  scale_spec, graph, control_flow, v2_control_flow
):
  module = hub.Module(scale_spec)
  x = tf.constant([1.0])
  with pytest.raises(RuntimeError, match="Module must be applied in the graph"):
    if control_flow == "cond":
      tf1.cond(x[0] > 0, lambda: module(x), lambda: x)
    else:
      tf1.while_loop(lambda x: x[0] < 9, module, [x])


def test_building_and_applying_inside_wrap_function(scale_module, log_records):
  with tf.init_scope():
    if not tf.executing_eagerly():
      pytest.skip("Eager execution has been disabled in this process.")
  results = {}

  def program(x):
    module = hub.Module(scale_module)
    results["init"] = tf1.global_variables_initializer()
    return module(x)

  wrapped = tf1.wrap_function(program, [tf.TensorSpec([None], tf.float32)])
  warnings = [
    r.getMessage()
    for r in log_records
    if r.levelname == "WARNING" and "TF1 Hub format" in r.getMessage()
  ]
  assert len(warnings) == 1
  assert warnings[0].startswith(
    "Using TF1 Hub format while building a function: wrapped_function. This "
    "can lead to errors if the function is not pruned"
  )
  initialize = wrapped.prune([], results["init"])
  apply = wrapped.prune(wrapped.inputs[0], wrapped.outputs[0])
  initialize()
  assert apply(tf.constant([1.0, 2.0])).numpy().tolist() == [5.0, 10.0]


# What is in the graph of an application


def test_an_input_may_replace_a_state_tensor(graph):
  def module_fn():
    w = tf1.get_variable("w", initializer=3.0)
    replaced = tf1.get_variable("replaced", initializer=4.0)
    y = tf.raw_ops.ReadVariableOp(resource=replaced.handle, dtype=tf.float32)
    hub.add_signature(inputs={"v": replaced.handle}, outputs=w * y)

  module = hub.Module(hub.create_module_spec(module_fn))
  v = tf1.get_variable("v", initializer=5.0)
  assert run(module({"v": v.handle})) == 15.0


def test_control_dependencies_inside_a_module_stay(tmp_path, graph):
  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.get_variable("w", initializer=2.0)
    with tf.control_dependencies([x, w.assign_add(1.0)]):
      y = w.read_value() * 1.0
    hub.add_signature(inputs=x, outputs=y)

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  y = hub.Module(path)(tf.constant(0.0))
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    assert [session.run(y), session.run(y)] == [3.0, 4.0]


def test_custom_gradients(graph):
  @tf.custom_gradient
  def identity(x):
    return tf.identity(x), lambda gradient: gradient * 100.0

  def module_fn():
    x = hub_module_fns.placeholder([])
    hub.add_signature(inputs=x, outputs=identity(x))

  x = tf.constant(2.0)
  y = hub.Module(hub.create_module_spec(module_fn))(x)
  assert run(tf1.gradients(y, x)) == [100.0]


def test_copies_of_state_are_never_stateful(tmp_path, graph):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  module = hub.Module(hub.create_module_spec(hub_module_fns.table(vocabulary)))
  before = set(graph.get_operations())
  ids = module(["b", "c"])
  added = {op.type for op in set(graph.get_operations()) - before}
  assert added == {"Const", "LookupTableFindV2"}
  assert run(ids).tolist() == [1, -1]


def test_random_ops_differ_per_call(graph):
  def module_fn():
    hub.add_signature(outputs=tf.random.uniform([8]))

  module = hub.Module(hub.create_module_spec(module_fn))
  first, second = run([module(), module()])
  assert first.tolist() != second.tolist()


def test_random_ops_follow_the_seed_of_the_graph():
  def module_fn():
    hub.add_signature(outputs=tf.random.uniform([8]))

  spec = hub.create_module_spec(module_fn)

  def draw(seed):
    with tf.Graph().as_default():
      tf1.set_random_seed(seed)
      module = hub.Module(spec)
      return [values.tolist() for values in run([module(), module()])]

  assert draw(1) == draw(1)
  assert draw(1) != draw(2)
  first, second = draw(1)
  assert first != second


def test_update_ops_of_each_call_of_a_trainable_module(graph):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )
  frozen = hub.Module(spec, tags={"train"})
  frozen([1.0])
  assert graph.get_collection("update_ops") == []
  module = hub.Module(spec, tags={"train"}, trainable=True)
  module([1.0])
  module([3.0])
  updates = graph.get_collection("update_ops")
  assert len(updates) == 2
  mean = module.variable_map["moving_mean"]
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(updates[0])  # Halfway from 0 to 1,
    assert session.run(mean) == 0.5
    session.run(updates[1])  # and from there halfway to 3.
    assert session.run(mean) == 1.75


def test_assets_of_an_application(tmp_path, graph):
  asset = tmp_path / "asset.txt"
  asset.write_text("content")

  def module_fn():
    path = tf.constant(str(asset))
    tf1.add_to_collection("asset_filepaths", path)
    hub.add_signature(outputs=tf.io.read_file(path))
    x = hub_module_fns.placeholder()
    hub.add_signature("other", inputs=x, outputs=x + 1.0)

  module = hub.Module(hub.create_module_spec(module_fn))
  assert len(graph.get_collection("asset_filepaths")) == 1
  module([1.0], signature="other")
  assert len(graph.get_collection("asset_filepaths")) == 1
  content = module()
  assert len(graph.get_collection("asset_filepaths")) == 2
  assert run(content) == b"content"


def test_autograph_does_not_rewrite_it_in_a_keras_layer(
  scale_spec, graph, monkeypatch
):
  # On TensorFlow 2.15, one call took 11 s when it did.
  callers = []

  def convert_inputs(*arguments):
    callers.append(sys._getframe(1).f_code.co_filename)
    return original(*arguments)

  original = tensor_info.convert_inputs
  monkeypatch.setattr(tensor_info, "convert_inputs", convert_inputs)

  class Layer(keras_choice.load_keras2().v1.layers.Layer):
    def call(self, inputs):
      module = hub.Module(scale_spec)
      return module(inputs)

  y = Layer()(tf.constant([2.0]))
  assert hub_module_fns.run(y).tolist() == [6.0]
  assert [os.path.basename(path) for path in callers] == ["module.py"]
