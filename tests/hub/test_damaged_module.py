"""Bad input: graphs that do not hold together, and calls that fail.

TensorFlow takes back the nodes of an import that it refuses. Each of these
kinds of damage gets further than that (into Python, or to an abort of the
process) unless it is found before.
"""

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.hub import graph_variant
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1


class _Unchanged:
  """Checks that a graph is left as it was when this was made."""

  def __init__(self, graph):
    self._graph = graph
    self._before = self._state()

  def _state(self):
    graph = self._graph
    return graph.as_graph_def(), {
      key: list(graph.get_collection_ref(key))
      for key in graph.get_all_collection_keys()
    }

  def check(self):
    assert self._state() == self._before


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


def _output_without_a_type(meta_graph):
  info = meta_graph.signature_def["default"].outputs["default"]
  info.dtype = 99


def _constant_of_another_dtype(meta_graph):
  node = next(n for n in meta_graph.graph_def.node if n.op == "Const")
  node.attr["value"].tensor.dtype = tf.float64.as_datatype_enum


def _update_op_that_is_an_input(meta_graph):
  meta_graph.collection_def["update_ops"].node_list.value.append("x")


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
    (_output_without_a_type, "99"),
    (_constant_of_another_dtype, "is not of its own dtype"),
    (_update_op_that_is_an_input, "update op x is an input or holds state"),
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
  unchanged = _Unchanged(graph)
  x = None
  with pytest.raises(ValueError, match=text) as caught:
    module = hub.Module(path, trainable=True)
    # What only a call reads is found by the call.
    x = hub_module_fns.placeholder()
    unchanged = _Unchanged(graph)
    module(x)
  assert isinstance(caught.value, errors.UserError)
  assert f"{path}/saved_model.pb" in str(caught.value) or "initializer x" in (
    str(caught.value)
  )
  unchanged.check()
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
    (_function_twice, "two functions of one name"),
  ],
)
def test_damaged_functions(change, text, tmp_path, graph, v2_control_flow):
  # TensorFlow looks into functions when a session runs, and may crash then.
  path = _damaged(tmp_path / "m", hub_module_fns.while_gradient, change)
  unchanged = _Unchanged(graph)
  with pytest.raises(OSError, match=text) as caught:
    hub.Module(path)
  assert isinstance(caught.value, errors.UserError)
  unchanged.check()


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
  unchanged = _Unchanged(graph)
  with pytest.raises(OSError, match="context 'while.*' is not complete"):
    hub.Module(path)
  unchanged.check()


def test_a_state_that_tensorflow_refuses(tmp_path, graph):
  def change(meta_graph):
    # Found by TensorFlow, when the variable itself has been imported.
    _node(meta_graph, "w/Read/ReadVariableOp").attr["dtype"].type = 3

  path = _damaged(tmp_path / "m", hub_module_fns.scale, change)
  unchanged = _Unchanged(graph)
  with pytest.raises(
    ValueError, match=f"cannot import the graph of {path}/saved_model.pb"
  ) as caught:
    hub.Module(path)
  assert isinstance(caught.value, errors.UserError)
  unchanged.check()
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


# Calls that fail


def _product_with_three_rows():
  """Takes [batch, any] and multiplies by a matrix of three rows."""
  x = hub_module_fns.placeholder([None, None])
  w = tf1.get_variable("w", [3, 1], initializer=tf1.ones_initializer())
  factor = tf.cond(
    tf.reduce_sum(x) > 0, lambda: tf.constant(2.0), lambda: tf.constant(1.0)
  )
  hub.add_signature(inputs=x, outputs=tf.matmul(x, w) * factor)


def _with_values():
  return np.ones([2, 4], np.float32)


def _with_a_list_of_tensors():
  return [tf1.placeholder(tf.float32, [4]), [1.0, 2.0, 3.0, 4.0]]


def _with_a_tensor():
  return tf1.placeholder(tf.float32, [2, 4])


def _with_a_variable():
  return tf1.get_variable("other", [2, 4])


@pytest.mark.parametrize(
  "build",
  [_with_values, _with_a_list_of_tensors, _with_a_tensor, _with_a_variable],
)
@pytest.mark.parametrize("flow", ["v1", "v2"])
def test_a_call_with_a_shape_that_does_not_fit(build, flow, graph, request):
  request.getfixturevalue(f"{flow}_control_flow")
  module = hub.Module(hub.create_module_spec(_product_with_three_rows))
  inputs = build()
  unchanged = _Unchanged(graph)
  for _ in range(2):
    with pytest.raises(ValueError, match="must be equal, but are 4") as caught:
      module(inputs)
    assert isinstance(caught.value, errors.UserError)
    unchanged.check()
  good = module(np.ones([2, 3], np.float32))
  assert good.name == "module_apply_default/mul:0"
  assert hub_module_fns.run(good).tolist() == [[6.0], [6.0]]


def test_a_call_in_a_loop_with_a_shape_that_does_not_fit(
  graph, v1_control_flow
):
  module = hub.Module(hub.create_module_spec(_product_with_three_rows))
  x = tf1.placeholder(tf.float32, [2, 4])
  operations = []

  def body(i):
    before = len(graph.get_operations())
    with pytest.raises(ValueError, match="must be equal, but are 4"):
      module(x)
    operations.append(len(graph.get_operations()) - before)
    return i + 1

  tf1.while_loop(lambda i: i < 2, body, [0])
  assert operations == [0]


def test_the_second_of_two_values_that_does_not_convert(graph):
  module = hub.Module(
    hub.create_module_spec(hub_module_fns.multiple_signatures)
  )
  unchanged = _Unchanged(graph)
  with pytest.raises(TypeError, match="Can't convert 'y'"):
    module({"x": [1.0], "y": [[2.0]]}, signature="sum")
  unchanged.check()


def test_a_call_that_asks_for_no_output(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature(inputs=x, outputs={"a": x + 1.0})

  module = hub.Module(hub.create_module_spec(module_fn))
  unchanged = _Unchanged(graph)
  with pytest.raises(TypeError, match="no output named 'default'"):
    module([1.0])
  unchanged.check()


def test_the_name_of_a_signature_that_no_scope_can_have(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature("größe (in m)", inputs=x, outputs=x + 1.0)

  module = hub.Module(hub.create_module_spec(module_fn))
  y = module([1.0], signature="größe (in m)")
  assert y.name.startswith("module_apply_gr__e__in_m_/")


def test_a_name_scope_that_is_taken_leaves_the_variable_scope_free(graph):
  spec = hub.create_module_spec(hub_module_fns.scale)
  with tf.name_scope("module"):
    tf.constant(1.0)
  for _ in range(2):
    # Not "module_1" the second time.
    with pytest.raises(RuntimeError, match="variable_scope module was unused"):
      hub.Module(spec)


def test_a_graph_that_is_finalized(graph):
  spec = hub.create_module_spec(hub_module_fns.scale)
  module = hub.Module(spec)
  x = hub_module_fns.placeholder()
  graph.finalize()
  unchanged = _Unchanged(graph)
  for step, what in (
    (lambda: hub.Module(spec), "instantiated"),
    (lambda: module(x), "applied"),
  ):
    with pytest.raises(
      RuntimeError, match=f"finalized.*a module cannot be {what} in it"
    ) as caught:
      step()
    assert isinstance(caught.value, errors.UserError)
    unchanged.check()


def test_names_are_not_given_twice_after_an_error_of_the_callers(graph):
  # It comes when the module's ops are in the graph already.
  def raise_an_error(op):
    raise ZeroDivisionError(op.name)

  spec = hub.create_module_spec(hub_module_fns.scale)
  with pytest.raises(ZeroDivisionError), tf1.device(raise_an_error):
    hub.Module(spec)
  module = hub.Module(spec)
  assert module.variables[0].name == "module_1/w:0"
  x = tf.constant([2.0])
  with pytest.raises(ZeroDivisionError), tf1.device(raise_an_error):
    module(x)
  y = module(x)
  assert y.name == "module_1_apply_default_1/y:0"
  with tf1.Session() as session:
    session.run(module.variables[0].initializer)
    assert session.run(y).tolist() == [6.0]


# Bytes that have changed within the values


@pytest.fixture
def changed(tmp_path):
  """A module of one changed byte in its data file."""
  hub_module_fns.export(hub_module_fns.scale, tmp_path / "m", {"w": 5.0})
  file = tmp_path / "m" / "variables" / "variables.data-00000-of-00001"
  content = bytearray(file.read_bytes())
  content[2] ^= 1
  file.write_bytes(bytes(content))
  return tmp_path / "m"


def test_a_changed_value_is_found_when_it_is_restored(changed, graph):
  hub.Module(str(changed))
  with tf1.Session() as session:
    with pytest.raises(tf.errors.DataLossError, match="hecksum does not match"):
      hub_module_fns.initialize(session)


def test_a_changed_value_is_found_by_verification(changed, graph):
  with pytest.raises(
    OSError,
    match=rf"{changed}/variables/variables.data-00000-of-00001 \(tensor w\) is "
    "damaged: .*hecksum does not match",
  ) as caught:
    hub.verify_module(str(changed))
  assert isinstance(caught.value, errors.UserError)
  assert not graph.get_operations()


@pytest.mark.parametrize(
  "module_fn", [hub_module_fns.regularized, hub_module_fns.double]
)
def test_verification_of_a_module_that_is_whole(module_fn, tmp_path, graph):
  hub.verify_module(hub_module_fns.export(module_fn, tmp_path / "m"))
  assert not graph.get_operations()


def test_verification_finds_what_instantiation_finds(tmp_path):
  hub_module_fns.export(hub_module_fns.scale, tmp_path / "m")
  (tmp_path / "m" / "variables" / "variables.data-00000-of-00001").unlink()
  with pytest.raises(OSError, match="There is no file .*data-00000"):
    hub.verify_module(str(tmp_path / "m"))
  with pytest.raises(OSError, match="nowhere does not exist"):
    hub.verify_module(str(tmp_path / "nowhere"))
