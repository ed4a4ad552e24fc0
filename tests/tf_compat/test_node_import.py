"""Nodes that we import are as tf.import_graph_def makes them."""

import pytest

from hub_estimator.tf_compat import node_import, tf

tf1 = tf.compat.v1


def _graph_def(device="", colocated=False):
  with tf.Graph().as_default() as graph:
    x = tf1.placeholder(tf.float32, [2], name="x")
    with tf.device(device), tf.control_dependencies([tf.no_op(name="gate")]):
      y = tf.multiply(x, 2.0, name="y")
    if colocated:
      with tf1.colocate_with(y):
        tf.add(x, y, name="z")
  graph_def = graph.as_graph_def()
  kept = [node for node in graph_def.node if node.name not in ("x", "gate")]
  del graph_def.node[:]
  graph_def.node.extend(kept)
  return graph_def


def _theirs(graph_def, input_map):
  tf.import_graph_def(graph_def, input_map, name="scope/")


def _ours(graph_def, input_map):
  node_import.import_nodes(graph_def, input_map, "scope/")


def _imported(import_fn, graph_def, device=None):
  """Returns the description of each node, in a device scope of the caller."""
  with tf.Graph().as_default() as graph:
    fed = tf1.placeholder(tf.float32, [2], name="fed")
    with graph.device(device):
      import_fn(graph_def, {"x:0": fed, "^gate": fed})
    ops = [op for op in graph.get_operations() if op.name != "fed"]
    return [(op.node_def, op.device, op.outputs[0].shape) for op in ops]


@pytest.mark.parametrize(
  "graph_def, device",
  [
    (_graph_def(), None),
    (_graph_def(), ""),
    (_graph_def(), "/cpu:0"),
    (_graph_def(), lambda op: "/cpu:1" if op.type == "Mul" else ""),
    (_graph_def(device="/cpu:0"), None),
    (_graph_def(colocated=True), None),
    (_graph_def(device="/cpu:0", colocated=True), "/cpu:1"),
  ],
)
def test_nodes_devices_and_colocations_are_tensorflows(graph_def, device):
  ours = _imported(_ours, graph_def, device)
  assert ours == _imported(_theirs, graph_def, device)
  (constant, _, _), (node, op_device, shape) = ours[:2]
  assert list(constant.input) == ["^fed"]
  assert node.name == "scope/y"
  assert list(node.input) == ["fed:0", "scope/y/y"]
  assert shape == [2]
  if device == "/cpu:0":
    assert op_device == "/device:CPU:0"


def test_results_can_be_computed_and_differentiated():
  with tf.Graph().as_default() as graph:
    fed = tf.constant([1.0, 3.0])
    _ours(_graph_def(), {"x:0": fed, "^gate": fed})
    y = graph.get_tensor_by_name("scope/y:0")
    (gradient,) = tf.gradients(y, fed)
    with tf1.Session() as session:
      assert session.run([y, gradient])[0].tolist() == [2.0, 6.0]
      assert session.run(gradient).tolist() == [2.0, 2.0]


def test_a_tensor_of_another_graph_is_refused():
  with tf.Graph().as_default():
    foreign = tf1.placeholder(tf.float32, [2])
  with tf.Graph().as_default() as graph:
    with pytest.raises(ValueError, match="graph"):
      _ours(_graph_def(), {"x:0": foreign, "^gate": foreign})
    assert not graph.get_operations()


def test_nodes_that_do_not_fit_leave_nothing():
  with tf.Graph().as_default() as graph:
    fed = tf.constant(1)
    with pytest.raises((ValueError, tf.errors.OpError)):
      _ours(_graph_def(), {"x:0": fed, "^gate": fed})
    assert graph.get_operations() == [fed.op]


def test_control_flow_contexts_of_the_caller_hold():
  with tf.Graph().as_default():

    def looped(i, x):
      node_import.import_nodes(
        _graph_def(), {"x:0": x, "^gate": x}, "while/scope/"
      )
      graph = tf1.get_default_graph()
      return i + 1, graph.get_tensor_by_name("while/scope/y:0")

    behavior = tf1.control_flow_v2_enabled()
    tf1.disable_control_flow_v2()
    try:
      _, result = tf1.while_loop(
        lambda i, _: i < 3, looped, (0, tf.constant([1.0, 2.0])), name="while"
      )
    finally:
      if behavior:
        tf1.enable_control_flow_v2()
    with tf1.Session() as session:
      assert session.run(result).tolist() == [8.0, 16.0]
