"""Contract section 4, TPU: a module built inside a function for TPUs."""

import hub_module_fns
import pytest

# The functions of TensorFlow 1 and the base class of the contexts of TPUs have
# no public names.
from tensorflow.python.framework import function
from tensorflow.python.ops import control_flow_ops

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
KEYS = tf1.GraphKeys


class TPUReplicateContext(control_flow_ops.ControlFlowContext):
  """What tf.compat.v1.tpu.replicate builds in, as far as modules see it."""

  def __init__(self):
    super().__init__()
    self._name = "context"
    self.added = []

  def AddOp(self, op):  # noqa: N802
    del op

  def AddValue(self, val):  # noqa: N802
    self.added.append(val)
    return val

  def to_control_flow_context_def(self, context_def, export_scope=None):
    raise NotImplementedError


@pytest.fixture
def context():
  return TPUReplicateContext()


def types_in(graph):
  return [op.type for op in graph.get_operations()]


def apply_in_function(context, build):
  """Returns a function x -> build(x), built within a context, and its graph."""
  graphs = []

  @function.Defun(tf.float32)
  def computation(x):
    context.Enter()
    y = build(x)
    context.Exit()
    graphs.append(tf1.get_default_graph())
    return y

  return computation, graphs


def test_state_is_created_outside_and_captured(graph, scale_spec, context):
  modules = []

  def build(x):
    modules.append(hub.Module(scale_spec))
    return modules[0](x) + modules[0](x)

  computation, inner = apply_in_function(context, build)
  y = computation(tf.constant([1.0, 2.0])) + computation(tf.constant([5.0]))
  assert [v.name for v in graph.get_collection(KEYS.GLOBAL_VARIABLES)] == [
    "module/w:0"
  ]
  assert modules[0].graph is graph
  assert "VarHandleOp" not in types_in(inner[0])
  assert types_in(graph).count("VarHandleOp") == 1
  assert hub_module_fns.run(y).tolist() == [36.0, 42.0]


def test_only_what_is_used_is_captured_and_enters_the_context(graph, context):
  def two_variables():
    x = hub_module_fns.placeholder()
    v = tf1.get_variable("v", initializer=3.0)
    w = tf1.get_variable("w", initializer=4.0)
    hub.add_signature(inputs=x, outputs=x * v)
    hub.add_signature("other", inputs=x, outputs=x * w)

  spec = hub.create_module_spec(two_variables)
  computation, inner = apply_in_function(
    context, lambda x: hub.Module(spec)(x, signature="other")
  )
  y = computation(tf.constant([1.0]))
  assert hub_module_fns.run(y).tolist() == [4.0]
  # The argument x and the captured w.
  assert types_in(inner[0]).count("Placeholder") == 2
  assert len(context.added) == 2


def test_collections_of_the_state_are_those_of_the_graph_around(graph, context):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, [(set(), {"is_training": True})]
  )
  update_ops = []

  def build(x):
    module = hub.Module(spec, trainable=True)
    # The shape of a function's argument is not known in it.
    y = module(tf.ensure_shape(x, [2]))
    inner = tf1.get_default_graph()
    update_ops.extend(inner.get_collection(KEYS.UPDATE_OPS))
    with tf.control_dependencies(update_ops):
      return tf.identity(y)

  computation, _ = apply_in_function(context, build)
  y = computation(tf.constant([1.0, 3.0]))
  assert graph.get_collection(KEYS.TRAINABLE_VARIABLES)
  # tensorflow_hub refuses a module with update ops here.
  assert update_ops and not graph.get_collection(KEYS.UPDATE_OPS)
  moving = [v for v in tf1.global_variables() if "moving_mean" in v.name]
  assert moving
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    assert session.run(y).tolist() == [0.0, 2.0]
    assert session.run(moving[0]) == 1.0  # Halfway from 0 to the mean, 2.


def test_a_loaded_module_is_restored_and_exported(
  graph, scale_module, context, tmp_path
):
  modules = []

  def build(x):
    modules.append(hub.Module(scale_module))
    return modules[0](x)

  computation, _ = apply_in_function(context, build)
  y = computation(tf.constant([2.0]))
  path = str(tmp_path / "copy")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    assert session.run(y).tolist() == [10.0]
    modules[0].export(path, session)
  with hub.eval_function_for_module(path) as evaluate:
    assert evaluate([2.0]).tolist() == [10.0]


def test_in_a_graph_that_builds_no_function_the_context_changes_nothing(
  graph, scale_spec, context
):
  context.Enter()
  module = hub.Module(scale_spec)
  y = module(tf.constant([2.0]))
  context.Exit()
  assert module.graph is graph
  assert hub_module_fns.run(y).tolist() == [6.0]


def test_without_the_context_the_state_stays_in_the_function(
  graph, scale_spec, log_records
):
  @function.Defun(tf.float32)
  def computation(x):
    module = hub.Module(scale_spec)
    assert module.graph is tf1.get_default_graph()
    return module(x)

  computation(tf.constant([1.0]))
  outer_types = types_in(graph)
  assert "VarHandleOp" not in outer_types
  assert any("building a function" in r.getMessage() for r in log_records)
