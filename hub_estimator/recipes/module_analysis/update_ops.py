"""How deep the update ops of a module are."""

from __future__ import annotations

from collections.abc import Iterator

from hub_estimator import hub
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.recipes.module_analysis import op_types
from hub_estimator.recipes.module_analysis.analysis import (
  create_dataflow,
  find_assignments,
)
from hub_estimator.tf_compat import tf

_KEYS = tf.compat.v1.GraphKeys


def update_op_depths(module: hub.Module) -> dict[tf.Operation, int]:
  """Returns the depths of a module's update ops in the graph that it is in.

  Args:
    module: the module, called at least once, with `trainable=True`.

  Returns:
    element of UPDATE_OPS -> depth of the activations that it averages, which is
    that of the layer whose statistics they are, as in `ModuleVariable.depth`.
    An element that assigns no variable of the module, or averages no
    activations, is left out.
  """
  variant = module.spec.variant(module.tags)
  by_variable = variant.kept(
    "update_depths_of_variables", lambda: _depths_of_averages(variant)
  )
  names = {}
  for name, value in module.variable_map.items():
    for variable in value if isinstance(value, list) else [value]:
      names[variable.handle.op if _is_resource(variable) else variable.op] = (
        name
      )
  found = {}
  for element in module.graph.get_collection(_KEYS.UPDATE_OPS):
    op = element.op if isinstance(element, tf.Tensor) else element
    depths = [
      by_variable[names[assigned]]
      for assigned in _assigned(op)
      if names.get(assigned) in by_variable
    ]
    if depths:
      found[element] = max(depths)
  return found


def _depths_of_averages(variant: GraphVariant) -> dict[str, int]:
  """Returns name -> depth of the variables that update ops make of activations.

  Those of all signatures: which of them were called does not matter.
  """
  index = variant.index
  assigned = find_assignments(variant, variant.collection(_KEYS.UPDATE_OPS))
  dataflow = create_dataflow(variant, assigned, variant.signature_names)
  depths: dict[str, int] = {}
  for position in sorted(assigned):
    depth = dataflow.depth(position)
    if depth is None:
      continue
    variables = dataflow.variables_of(index.data_inputs(position)[0])
    for name in variables or ():
      depths[name] = max(1, depth, depths.get(name, 1))
  return depths


def _assigned(op: tf.Operation) -> Iterator[tf.Operation]:
  """Yields the variables' ops that an update op assigns to."""
  pending, seen = [op], set()
  while pending:
    current = pending.pop()
    if current in seen:
      continue
    seen.add(current)
    if current.type in op_types.ASSIGNMENTS:
      yield _source(current.inputs[0])
    else:
      pending.extend(tensor.op for tensor in current.inputs)
      pending.extend(current.control_inputs)


def _source(tensor: tf.Tensor) -> tf.Operation:
  """Returns the op that a tensor comes from, unchanged."""
  op = tensor.op
  while op.type in op_types.PASSED_THROUGH and op.inputs:
    op = op.inputs[0].op
  return op


def _is_resource(variable: tf.Variable) -> bool:
  return getattr(variable, "handle", None) is not None
