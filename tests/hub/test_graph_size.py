"""The graph of a module holds what is needed, and nothing else.

The expected operations are counted by hand.
"""

import collections

import hub_module_fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _dense_layers():
  """y = relu(x w + b) twice, w regularized, and another signature."""
  x = hub_module_fns.placeholder([None, 2])
  y = x
  for i in range(2):
    with tf1.variable_scope(f"layer{i}"):
      w = tf1.get_variable(
        "w",
        [2, 2],
        initializer=tf1.constant_initializer(1.0),
        regularizer=tf.reduce_sum,
      )
      b = tf1.get_variable("b", [2], initializer=tf1.constant_initializer(0.0))
      y = tf.nn.relu(tf.matmul(y, w) + b)
  hub.add_signature(inputs=x, outputs=y)
  z = x
  for _ in range(50):
    z = z + 1.0
  hub.add_signature("long", inputs=x, outputs=z)


@pytest.fixture
def spec():
  return hub.create_module_spec(_dense_layers)


@pytest.fixture
def path(tmp_path):
  return hub_module_fns.export(_dense_layers, tmp_path / "module")


def _types(graph, prefix="module"):
  return collections.Counter(hub_module_fns.op_types(graph, prefix).values())


# Four variables: a handle, an assignment and the read that stands for the
# value, each.
_STATE = {"VarHandleOp": 4, "AssignVariableOp": 4, "ReadVariableOp": 4}


def test_state_of_a_defined_module(spec, graph):
  hub.Module(spec)
  # With an initial value: one constant for each variable.
  assert _types(graph) == {**_STATE, "Const": 4}


def test_state_of_a_loaded_module(path, graph):
  hub.Module(path)
  # One RestoreV2 with three constants: path, names, slices.
  assert _types(graph) == {**_STATE, "RestoreV2": 1, "Const": 3}


def test_state_of_a_trainable_module(path, graph):
  hub.Module(path, trainable=True)
  # The loss of each of two layers: a read, a sum and the axes to sum over.
  assert _types(graph) == {
    **_STATE,
    "ReadVariableOp": 6,
    "RestoreV2": 1,
    "Const": 5,
    "Sum": 2,
  }


# Two reads, a product, a sum and a relu for each of the two layers.
_APPLICATION = {"ReadVariableOp": 4, "MatMul": 2, "AddV2": 2, "Relu": 2}


@pytest.mark.parametrize("num_calls", [1, 5])
def test_each_call_adds_what_its_outputs_need(path, graph, num_calls):
  x = tf.ones([1, 2])
  module = hub.Module(path, trainable=True)
  before = len(graph.get_operations())
  for _ in range(num_calls):
    module(x)
  assert _types(graph, "module_apply") == {
    key: num_calls * count for key, count in _APPLICATION.items()
  }
  assert len(graph.get_operations()) - before == 10 * num_calls


def test_another_signature_adds_only_its_own(path, graph):
  module = hub.Module(path)
  x = tf.ones([1, 2])
  module(x, signature="long")
  assert _types(graph, "module_apply") == {"AddV2": 50, "Const": 50}


def test_update_ops_are_part_of_a_trainable_call(graph):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )
  x = tf.ones([2])
  hub.Module(spec, tags={"train"}, name="frozen")(x)
  hub.Module(spec, tags={"train"}, name="trained", trainable=True)(x)
  # (x - mean(x)) + beta: two means, for the output and the update share one.
  output = {"Mean": 1, "Const": 1, "Sub": 1, "ReadVariableOp": 1, "AddV2": 1}
  assert _types(graph, "frozen_apply") == output
  # moving_mean -= (moving_mean - mean) / 2.
  assert _types(graph, "trained_apply") == {
    "Mean": 1,
    "Const": 2,
    "Sub": 2,
    "Mul": 1,
    "ReadVariableOp": 2,
    "AddV2": 1,
    "AssignSubVariableOp": 1,
  }


def test_state_that_nothing_needs_is_left_out(graph):
  def module_fn():
    hub_module_fns.double()
    tf1.FIFOQueue(1, tf.float32)

  hub.Module(hub.create_module_spec(module_fn))
  assert graph.get_operations() == []


def test_one_restore_operation_for_each_device(tmp_path, graph):
  def module_fn():
    total = 0.0
    for i in range(6):
      with tf1.device(f"/device:CPU:{i % 2}"):
        total += tf1.get_variable(f"w{i}", initializer=float(i))
    hub.add_signature(outputs=total)

  # Two devices are not at hand here, so the values come from a checkpoint.
  with tf.Graph().as_default(), tf1.Session() as session:
    for i in range(6):
      tf1.get_variable(f"w{i}", initializer=float(i))
    session.run(tf1.global_variables_initializer())
    checkpoint = tf1.train.Saver().save(session, str(tmp_path / "model"))
  path = str(tmp_path / "module")
  hub.create_module_spec(module_fn).export(path, checkpoint_path=checkpoint)
  hub.Module(path)
  restores = [op for op in graph.get_operations() if op.type == "RestoreV2"]
  assert [len(op.outputs) for op in restores] == [3, 3]


def test_functions_of_other_signatures_are_left_out(graph, v2_control_flow):
  def module_fn():
    hub_module_fns.while_gradient()
    x = hub_module_fns.placeholder([], name="other")
    y = tf1.cond(x > 0, lambda: x + 1.0, lambda: x - 1.0)
    hub.add_signature("cond", inputs=x, outputs=y)

  module = hub.Module(hub.create_module_spec(module_fn))
  module(tf.constant(1.0), signature="cond")
  names = [f.signature.name for f in graph.as_graph_def().library.function]
  assert sorted(name[: name.index("_", 5)] for name in names) == [
    "cond_false",
    "cond_true",
  ]


def test_a_cond_keeps_what_is_needed_of_it(graph, v1_control_flow):
  def module_fn():
    x = hub_module_fns.placeholder([])
    y, z = tf1.cond(
      x > 0,
      lambda: (x + 1.0, tf.sin(x)),
      lambda: (x - 1.0, tf.cos(x)),
    )
    hub.add_signature(inputs=x, outputs={"default": y, "z": z})
    hub.add_signature("y", inputs=x, outputs=y)

  module = hub.Module(hub.create_module_spec(module_fn))
  y = module(tf.constant(2.0), signature="y")
  types = _types(graph, "module_apply")
  assert types["Merge"] == 1
  assert "Sin" not in types
  assert "Cos" not in types
  assert hub_module_fns.run(y) == 3.0
