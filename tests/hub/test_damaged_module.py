"""Bad input: graphs that do not hold together.

TensorFlow takes back the nodes of an import that it refuses. Each of these
kinds of damage gets further than that (into Python, or to an abort of the
process) unless it is found before.
"""

import fuzzing
import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.hub import graph_variant
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1


def _damaged(path, module_fn, change):
  """Returns the path of a module of whose graph something was changed."""
  path = hub_module_fns.export(module_fn, path)
  file = f"{path}/saved_model.pb"
  with open(file, "rb") as stream:
    saved_model = graph_symbols.SavedModel.FromString(stream.read())
  change(saved_model.meta_graphs[0])
  with open(file, "wb") as stream:
    stream.write(saved_model.SerializeToString())
  return path


def _node(meta_graph, name):
  return next(n for n in meta_graph.graph_def.node if n.name == name)


def _change_variable(change):
  """Returns a change of the first variable's proto, in all collections."""

  def change_meta_graph(meta_graph):
    message_type = graph_symbols.proto_type("variables")
    for name in graph_variant.VARIABLE_COLLECTIONS:
      if name in meta_graph.collection_def:
        values = meta_graph.collection_def[name].bytes_list.value
        proto = message_type.FromString(values[0])
        change(proto)
        values[0] = proto.SerializeToString()

  return change_meta_graph


def _set(field, value):
  return lambda proto: setattr(proto, field, value)


def _class_that_is_no_text(meta_graph):
  _node(meta_graph, "y").attr["_class"].list.s.append(b"\xff")


def _class_that_is_no_list(meta_graph):
  _node(meta_graph, "y").attr["_class"].i = 1


def _device(meta_graph):
  _node(meta_graph, "y").device = "/nonsense:x"


def _input_that_is_not_there(meta_graph):
  _node(meta_graph, "y").input[0] = "nowhere"


def _output_that_is_not_there(meta_graph):
  meta_graph.signature_def["default"].outputs["default"].name = "y:1"


def _output_far_behind_the_last(meta_graph):
  meta_graph.signature_def["default"].outputs["default"].name = "y:7"


def _output_without_a_type(meta_graph):
  info = meta_graph.signature_def["default"].outputs["default"]
  info.dtype = 99


def _constant_of_another_dtype(meta_graph):
  node = next(n for n in meta_graph.graph_def.node if n.op == "Const")
  node.attr["value"].tensor.dtype = tf.float64.as_datatype_enum


def _update_op_that_is_an_input(meta_graph):
  meta_graph.collection_def["update_ops"].node_list.value.append("x")


def _list_without_an_end(meta_graph):
  node = meta_graph.graph_def.node.add(name="split", op="Split")
  node.input.extend(["w", "x"])
  node.attr["num_split"].i = 2**31 - 1


def _state_that_tensorflow_refuses(meta_graph):
  _node(meta_graph, "w").attr["container"].i = 1


def _gradient_of_no_function(meta_graph):
  meta_graph.graph_def.library.gradient.add(
    function_name="f", gradient_func="g"
  )


def _table_initializer_that_is_not_there(meta_graph):
  collection = meta_graph.collection_def["table_initializer"]
  collection.node_list.value.append("nowhere")


@pytest.mark.parametrize(
  ("change", "text"),
  [
    (_class_that_is_no_text, "'utf-8' codec can't decode byte 0xff"),
    (_class_that_is_no_list, "the _class of node y is no list of texts"),
    (_device, "nonsense"),
    (_input_that_is_not_there, "refers to a node 'nowhere'"),
    (_output_that_is_not_there, "refers to y:1, and that node has 1 outputs"),
    (_output_far_behind_the_last, "refers to y:7, and that node has 1 output"),
    (_output_without_a_type, "99"),
    (_constant_of_another_dtype, "is not of its own dtype"),
    (_update_op_that_is_an_input, "update op x is an input or holds state"),
    (_list_without_an_end, "split has a list of 2147483647 inputs or outputs"),
    (_state_that_tensorflow_refuses, "type 'int' when 'string' expected"),
    (_gradient_of_no_function, "refers to a function 'f'"),
    (_table_initializer_that_is_not_there, "refers to a node 'nowhere'"),
    (_change_variable(_set("variable_name", "w")), "the op 'w' for a tensor"),
    (_change_variable(_set("variable_name", "x:0")), "Placeholder.* variable"),
    (_change_variable(_set("is_resource", False)), "w .* is no variable"),
    (
      _change_variable(_set("initializer_name", "x")),
      "initializer x of variable w is a Placeholder",
    ),
    (
      _change_variable(_set("snapshot_name", "x:0")),
      "x:0 does not read variable w",
    ),
    (_change_variable(_set("aggregation", 99)), "99"),
    (
      _change_variable(lambda p: p.save_slice_info_def.full_shape.append(2)),
      "w is no part of a variable",
    ),
  ],
)
def test_a_damaged_graph(change, text, tmp_path, graph):
  path = _damaged(tmp_path / "m", hub_module_fns.scale, change)
  unchanged = fuzzing.GraphState(graph)
  x = None
  with pytest.raises(ValueError, match=text) as caught:
    module = hub.Module(path, trainable=True)
    # What only a call reads is found by the call.
    x = hub_module_fns.placeholder()
    unchanged = fuzzing.GraphState(graph)
    module(x)
  assert isinstance(caught.value, errors.UserError)
  assert f"{path}/saved_model.pb" in str(caught.value) or "initializer x" in (
    str(caught.value)
  )
  unchanged.check_unchanged(graph)
  if x is None:
    good = hub.Module(hub.create_module_spec(hub_module_fns.scale))
    assert good.variables[0].name == "module/w:0"


def test_parts_of_a_variable_are_missing(tmp_path, graph):
  def drop_a_part(meta_graph):
    for name in graph_variant.VARIABLE_COLLECTIONS:
      if name in meta_graph.collection_def:
        del meta_graph.collection_def[name].bytes_list.value[0]

  path = _damaged(tmp_path / "m", hub_module_fns.partitioned(0), drop_a_part)
  with pytest.raises(OSError, match="parts of variable w are missing"):
    hub.Module(path)


def test_a_part_of_another_shape_than_its_place(tmp_path, graph):
  def change(meta_graph):
    for node in meta_graph.graph_def.node:
      if node.op == "VarHandleOp" and node.name.endswith("part_1"):
        node.attr["shape"].shape.dim[0].size = 7

  path = _damaged(tmp_path / "m", hub_module_fns.partitioned(0), change)
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises(ValueError) as caught:
    hub.Module(path)
  assert isinstance(caught.value, errors.UserError)
  unchanged.check_unchanged(graph)


def test_a_loop_with_two_beginnings(tmp_path, graph, v1_control_flow):
  def change(meta_graph):
    node = next(n for n in meta_graph.graph_def.node if n.op == "Merge")
    node.input.append(node.input[0])

  path = _damaged(tmp_path / "m", hub_module_fns.while_gradient, change)
  with pytest.raises(OSError, match="while/Merge does not begin once"):
    hub.Module(path)


def _function_that_is_not_there(meta_graph):
  node = next(n for n in meta_graph.graph_def.node if "While" in n.op)
  node.attr["body"].func.name = "nothing"


def _function_of_other_types(meta_graph):
  node = next(n for n in meta_graph.graph_def.node if "While" in n.op)
  node.attr["body"].func.name = node.attr["cond"].func.name


def _function_without_an_output(meta_graph):
  del meta_graph.graph_def.library.function[0].signature.output_arg[0]


def _function_with_an_unknown_input(meta_graph):
  function = meta_graph.graph_def.library.function[0]
  next(n for n in function.node_def if n.input).input[0] = "nowhere:x:0"


def _node_of_a_function_twice(meta_graph):
  function = meta_graph.graph_def.library.function[0]
  function.node_def.add().CopyFrom(function.node_def[0])


def _function_twice(meta_graph):
  library = meta_graph.graph_def.library
  library.function.add().CopyFrom(library.function[0])


@pytest.mark.parametrize(
  ("change", "text"),
  [
    (_function_that_is_not_there, "function 'nothing', which is not in it"),
    (_function_of_other_types, "calls a function of other types than its own"),
    (_function_without_an_output, "returns .* and should return"),
    (_function_with_an_unknown_input, "'nowhere:x:0', which it has not"),
    (_node_of_a_function_twice, "has two nodes of one name"),
    (_function_twice, "two functions of one name"),
  ],
)
def test_damaged_functions(change, text, tmp_path, graph, v2_control_flow):
  # TensorFlow looks into functions when a session runs, and may crash then.
  path = _damaged(tmp_path / "m", hub_module_fns.while_gradient, change)
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises(OSError, match=text) as caught:
    hub.Module(path)
  assert isinstance(caught.value, errors.UserError)
  unchanged.check_unchanged(graph)


@pytest.mark.parametrize("part", ["pivot_name", "pivot_for_pred_name"])
def test_an_incomplete_control_flow_context(
  part, tmp_path, graph, v1_control_flow
):
  def change(meta_graph):
    values = meta_graph.collection_def["while_context"].bytes_list.value
    proto = graph_symbols.proto_type("while_context").FromString(values[0])
    proto.ClearField(part)
    values[0] = proto.SerializeToString()

  path = _damaged(tmp_path / "m", hub_module_fns.while_gradient, change)
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises(OSError, match="context 'while.*' is not complete"):
    hub.Module(path)
  unchanged.check_unchanged(graph)


def test_a_loop_that_counts_a_variable_among_its_own(
  tmp_path, graph, v1_control_flow
):
  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.get_variable("w", initializer=2.0)
    _, y = tf.while_loop(
      lambda i, y: i < 2, lambda i, y: (i + 1, y * w), [0, x]
    )
    hub.add_signature(inputs=x, outputs=y * w)

  def change(meta_graph):
    values = meta_graph.collection_def["while_context"].bytes_list.value
    proto = graph_symbols.proto_type("while_context").FromString(values[0])
    proto.values_def.values.append("w")
    values[0] = proto.SerializeToString()

  module = hub.Module(_damaged(tmp_path / "m", module_fn, change))
  # The variable is outside of every loop, whatever the module says.
  y = [module(tf.constant(x)) for x in (1.0, 3.0)]
  assert hub_module_fns.run(y) == [8.0, 24.0]


def test_a_state_that_tensorflow_refuses(tmp_path, graph):
  def change(meta_graph):
    # Found by TensorFlow, when the variable itself has been imported.
    _node(meta_graph, "w/Read/ReadVariableOp").attr["dtype"].type = 3

  path = _damaged(tmp_path / "m", hub_module_fns.scale, change)
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises(
    ValueError, match=f"cannot import the graph of {path}/saved_model.pb"
  ) as caught:
    hub.Module(path)
  assert isinstance(caught.value, errors.UserError)
  unchanged.check_unchanged(graph)
  assert not graph.get_operations()


def test_an_asset_that_is_missing(tmp_path, graph):
  words = tmp_path / "words.txt"
  words.write_text("a\n")
  hub_module_fns.export(hub_module_fns.table(words), tmp_path / "m")
  (tmp_path / "m" / "assets" / "words.txt").unlink()
  with pytest.raises(
    tf.errors.NotFoundError,
    match=f"{tmp_path}/m/assets/words.txt is missing: .*saved_model.pb needs",
  ) as caught:
    hub.Module(str(tmp_path / "m"))
  assert isinstance(caught.value, errors.UserError)
  assert not graph.get_operations()


def test_an_attachment_of_another_type(tmp_path):
  def module_fn():
    hub_module_fns.double()
    hub.attach_message("a", tf1.NodeDef(name="\N{SNOWMAN}"))

  spec = hub.create_module_spec(module_fn)
  with pytest.raises(
    ValueError, match="'a' of module_fn .* is no tensorflow.AttrValue"
  ) as caught:
    spec.get_attached_message("a", tf1.AttrValue)
  assert isinstance(caught.value, errors.UserError)


# What is tried before it is imported


def test_a_loss_of_the_read_that_is_a_variables_value(tmp_path, graph):
  # The read is plain, the loss is not.
  def module_fn():
    w = tf1.get_variable("w", initializer=3.0)
    tf1.add_to_collection("regularization_losses", tf.square(w.value()))
    read = tf1.get_default_graph().get_tensor_by_name("w/Read/ReadVariableOp:0")
    tf1.add_to_collection("regularization_losses", read * 2.0)
    hub.add_signature(outputs=w + 1.0)

  path = hub_module_fns.export(module_fn, tmp_path / "m", {"w": 5.0})
  hub.Module(path, trainable=True)
  losses = tf1.get_collection("regularization_losses")
  assert hub_module_fns.run(losses) == [25.0, 10.0]


@pytest.mark.parametrize(
  "change",
  [
    lambda node: node.input.append("w"),
    lambda node: node.input.pop(),
    lambda node: setattr(node.attr["dtype"], "type", 3),
    lambda node: node.attr.pop("dtype"),
    lambda node: setattr(node.attr["validate_shape"], "i", 3),
    lambda node: setattr(node, "op", "AssignVariableXOp"),
  ],
)
def test_an_assignment_that_is_not_plain(change, tmp_path, graph):
  path = _damaged(
    tmp_path / "m",
    hub_module_fns.scale,
    lambda meta_graph: change(_node(meta_graph, "w/Assign")),
  )
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises((ValueError, tf.errors.NotFoundError)) as caught:
    hub.Module(path)
  assert isinstance(caught.value, errors.UserError)
  fuzzing.check_message(caught.value)
  unchanged.check_unchanged(graph)
