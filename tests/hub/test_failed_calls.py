"""Bad input: calls and instances that fail leave the graph as it was."""

import fuzzing
import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


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
  unchanged = fuzzing.GraphState(graph)
  for _ in range(2):
    with pytest.raises(ValueError, match="must be equal, but are 4") as caught:
      module(inputs)
    assert isinstance(caught.value, errors.UserError)
    unchanged.check_unchanged(graph)
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
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises(TypeError, match="Can't convert 'y'"):
    module({"x": [1.0], "y": [[2.0]]}, signature="sum")
  unchanged.check_unchanged(graph)


def test_a_call_that_asks_for_no_output(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature(inputs=x, outputs={"a": x + 1.0})

  module = hub.Module(hub.create_module_spec(module_fn))
  unchanged = fuzzing.GraphState(graph)
  with pytest.raises(TypeError, match="no output named 'default'"):
    module([1.0])
  unchanged.check_unchanged(graph)


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
  unchanged = fuzzing.GraphState(graph)
  for step, what in (
    (lambda: hub.Module(spec), "instantiated"),
    (lambda: module(x), "applied"),
  ):
    with pytest.raises(
      RuntimeError, match=f"finalized.*a module cannot be {what} in it"
    ) as caught:
      step()
    assert isinstance(caught.value, errors.UserError)
    unchanged.check_unchanged(graph)


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
