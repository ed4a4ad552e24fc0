"""Section 4 of the format: colocation of a Module's ops."""

import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
run = hub_module_fns.run


def _colocated_fn(build_input, use):
  def module_fn():
    x = build_input()
    with tf1.colocate_with(x):
      y = tf.identity(use(x), name="y")
    hub.add_signature(inputs={"x": x}, outputs=y)

  return module_fn


def test_ops_colocated_with_an_input_are_with_what_is_passed(graph):
  spec = hub.create_module_spec(
    _colocated_fn(hub_module_fns.placeholder, lambda x: x + 1.0)
  )
  with tf1.device("/device:CPU:0"):
    x = tf.constant([1.0], name="passed")
  y = hub.Module(spec)({"x": x})
  assert y.op.colocation_groups() == [b"loc:@passed"]
  assert y.device == "/device:CPU:0"
  assert run(y).tolist() == [2.0]


def test_ops_colocated_with_state_are_with_the_instances_state(graph):
  def module_fn():
    w = tf1.Variable(3.0, use_resource=False, name="w")
    with tf1.colocate_with(w):
      y = tf.identity(w + 1.0, name="y")
    hub.add_signature(outputs=y)

  module = hub.Module(hub.create_module_spec(module_fn))
  y = module()
  assert y.op.colocation_groups() == [b"loc:@module/w"]
  assert run(y) == 4.0


def test_colocation_among_the_ops_of_an_application_stays(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    a = tf.add(x, 1.0, name="a")
    with tf1.colocate_with(a):
      b = tf.add(x, 2.0, name="b")
    hub.add_signature(inputs=x, outputs=a + b)

  hub.Module(hub.create_module_spec(module_fn))([1.0])
  op = graph.get_operation_by_name("module_apply_default/b")
  assert op.colocation_groups() == [b"loc:@module_apply_default/a"]


def test_ops_stay_colocated_if_the_op_they_are_with_is_left_out(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    left_out = tf.add(x, 1.0, name="left_out")
    with tf1.colocate_with(left_out):
      a = tf.negative(x, name="a")
      b = tf.square(x, name="b")
    hub.add_signature(inputs=x, outputs=a + b)

  y = hub.Module(hub.create_module_spec(module_fn))([3.0])
  op = graph.get_operation_by_name("module_apply_default/b")
  assert op.colocation_groups() == [b"loc:@module_apply_default/a"]
  assert "module_apply_default/left_out" not in hub_module_fns.op_types(graph)
  assert run(y).tolist() == [6.0]


def test_other_values_of_the_class_attribute_stay(graph):
  meta_graph = tf1.MetaGraphDef()
  spec = hub.create_module_spec(
    _colocated_fn(hub_module_fns.placeholder, lambda x: x + 1.0)
  )
  meta_graph.CopyFrom(spec.variant().meta_graph)
  for node in meta_graph.graph_def.node:
    if node.name == "y":
      node.attr["_class"].list.s.append(b"other")
  x = tf.constant([1.0], name="passed")
  y = hub.Module(hub.ModuleSpec([meta_graph]))({"x": x})
  assert y.op.get_attr("_class") == [b"loc:@passed", b"other"]


def _two_outputs_fn(declare_both, colocate):
  def module_fn():
    a, b = tf.split(tf.constant([1.0, 2.0]), 2, name="split")
    y = a + b
    if colocate:
      with tf1.colocate_with(a):
        y = tf.identity(y, name="y")
    inputs = {"a": a, "b": b} if declare_both else {"a": a}
    hub.add_signature(inputs=inputs, outputs=y)

  return module_fn


def test_outputs_of_one_op_fed_by_one_op(graph):
  spec = hub.create_module_spec(_two_outputs_fn(True, True))
  a, b = tf.split(tf.constant([5.0, 6.0]), 2, name="outer")
  y = hub.Module(spec)({"a": a, "b": b})
  assert y.op.colocation_groups() == [b"loc:@outer"]
  assert run(y).tolist() == [11.0]


@pytest.mark.parametrize(
  ("declare_both", "inputs", "text"),
  [
    (True, {"a": [5.0], "b": [6.0]}, "2 of whose 2 outputs.* 2 colocation"),
    (False, {"a": [5.0]}, "1 of whose 2 outputs"),
  ],
)
def test_colocation_that_cannot_be_rewritten(declare_both, inputs, text, graph):
  module = hub.Module(
    hub.create_module_spec(_two_outputs_fn(declare_both, True))
  )
  tensors = {key: tf.constant(value) for key, value in inputs.items()}
  before = graph.as_graph_def()
  with pytest.raises(
    ValueError,
    match="Failed to rewrite colocation constraints while applying "
    f"hub.Module: y is colocated with split, {text}",
  ) as caught:
    module(tensors)
  assert isinstance(caught.value, errors.UserError)
  assert graph.as_graph_def() == before


@pytest.mark.parametrize(
  ("declare_both", "inputs", "expected"),
  [(True, {"a": [5.0], "b": [6.0]}, [11.0]), (False, {"a": [5.0]}, [7.0])],
)
def test_it_need_not_be_rewritten_where_nothing_is_colocated(
  declare_both, inputs, expected, graph
):
  module = hub.Module(
    hub.create_module_spec(_two_outputs_fn(declare_both, False))
  )
  assert run(module(inputs)).tolist() == expected
