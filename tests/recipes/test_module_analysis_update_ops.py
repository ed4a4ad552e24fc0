"""Depths of update ops in a caller's graph."""

import analyzed_module_fns as module_fns
import pytest
import tiny_models

from hub_estimator import hub
from hub_estimator.recipes import module_analysis
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
_KEYS = tf1.GraphKeys


@pytest.fixture
def graph():
  with tf.Graph().as_default() as graph:
    yield graph


def _module(module_fn, num_calls=1, **arguments):
  spec = hub.create_module_spec(module_fn, module_fns.RESIDUAL_TAGS)
  module = hub.Module(spec, trainable=True, tags={"train"}, **arguments)
  for _ in range(num_calls):
    (info,) = module.get_input_info_dict().values()
    module(tf1.placeholder(info.dtype, info.get_shape()))
  return module


def _depths(module):
  """Returns the depths in the order of UPDATE_OPS."""
  found = module_analysis.update_op_depths(module)
  return [found.get(op) for op in module.graph.get_collection(_KEYS.UPDATE_OPS)]


def test_each_call_has_its_update_ops(graph):
  module = _module(module_fns.residual_network, num_calls=2)
  assert _depths(module) == [1, 1, 2, 2, 3, 3, 2, 2, 4, 4] * 2


def test_groups_of_assignments(graph):
  assert _depths(_module(module_fns.spelled_out_normalizations)) == [2, 2]


def test_update_ops_of_others_are_left_out(graph):
  other = _module(module_fns.spelled_out_normalizations, name="other")
  module = _module(module_fns.spelled_out_normalizations)
  with tf1.variable_scope("head"):
    moving = tf1.get_variable("m", [4], trainable=False)
  update = moving.assign(tf.reduce_mean(tf1.placeholder(tf.float32, [4, 4]), 0))
  graph.add_to_collection(_KEYS.UPDATE_OPS, update.op)
  assert _depths(other) == [2, 2, None, None, None]
  assert _depths(module) == [None, None, 2, 2, None]


def test_update_ops_of_no_activations_are_left_out(graph):
  # `mean` averages y = x w; `w_seen` copies w.
  assert _depths(_module(tiny_models.tiny_module_fn)) == [1, None]


def test_a_module_without_update_ops(graph):
  module = hub.Module(
    hub.create_module_spec(module_fns.dense_stack()), trainable=True
  )
  module(tf.zeros([1, 3]))
  assert module_analysis.update_op_depths(module) == {}
