"""What a cut-out graph says of its nodes."""

from hub_estimator.hub.graph_index import GraphIndex
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _subgraph(build):
  with tf.Graph().as_default() as graph:
    build()
  index = GraphIndex(graph.as_graph_def())
  subgraph = index.subgraph(set(range(len(index.nodes))))
  return subgraph, [node.name for node in subgraph.graph_def.node]


def test_random_nodes_without_a_seed_are_named_by_their_places():
  def build():
    shape = tf.constant([2], name="shape")
    for i in range(3):
      tf.raw_ops.RandomUniform(shape=shape, dtype=tf.float32, name=f"free{i}")
      tf.raw_ops.RandomUniform(
        shape=shape, dtype=tf.float32, seed=1, seed2=2, name=f"seeded{i}"
      )

  subgraph, names = _subgraph(build)
  assert [names[i] for i in subgraph.unseeded] == ["free0", "free1", "free2"]


def test_nodes_that_name_something_of_the_process():
  def build():
    tf1.get_variable("a", initializer=1.0, use_resource=True)
    tf.constant(1.0, name="b")
    tf.raw_ops.VarHandleOp(
      dtype=tf.float32, shape=[], shared_name="shared", name="c"
    )

  subgraph, names = _subgraph(build)
  assert [(names[i], attr) for i, attr in subgraph.named_attrs] == [
    ("a", "shared_name"),
    ("c", "shared_name"),
  ]


def test_control_inputs_from_outside_are_left_out_if_asked_for():
  with tf.Graph().as_default() as graph:
    inside, outside = tf.no_op(name="inside"), tf.no_op(name="outside")
    with tf.control_dependencies([inside, outside]):
      tf.constant(1.0, name="x")
  index = GraphIndex(graph.as_graph_def())
  keep = {index.position("inside"), index.position("x")}
  subgraph = index.subgraph(keep, with_control_inputs=False)
  inputs = {node.name: list(node.input) for node in subgraph.graph_def.node}
  assert inputs == {"inside": [], "x": ["^inside"]}
  assert subgraph.external_controls == frozenset()
  subgraph = index.subgraph(keep)
  assert subgraph.external_controls == {index.position("outside")}
