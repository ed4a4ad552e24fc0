"""The nodes of a module's state that TensorFlow does not refuse.

Nearly all nodes of a state are the assignment and the read of a variable. If
they are as TensorFlow itself makes them, it need not be tried whether they can
be imported.
"""

from __future__ import annotations

import re

from hub_estimator.hub.graph_variant import GraphVariant, Variable

_KNOWN_ATTRS = frozenset(
  {"_class", "_output_shapes", "dtype", "validate_shape"}
)
_NODE_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*\Z")


def plain_nodes(variant: GraphVariant) -> set[int]:
  """Returns the positions of plain assignments and reads of variables.

  Args:
    variant: a graph that has been checked; what its variables are assigned is
      replaced by values of their dtype and shape.
  """
  positions = set()
  for variable in variant.variables:
    if not variable.proto.is_resource:
      continue
    for op, name, num_inputs in (
      ("AssignVariableOp", variable.proto.initializer_name, 2),
      ("ReadVariableOp", variable.snapshot_name, 1),
    ):
      position, _ = variant.index.endpoint(name)
      if _is_plain(variant, variable, position, op, num_inputs):
        positions.add(position)
  return positions


def _is_plain(
  variant, variable: Variable, position: int, op: str, num_inputs: int
) -> bool:
  index = variant.index
  node = index.nodes[position]
  handle = index.endpoint(variable.proto.variable_name)
  attrs = index.nodes[handle[0]].attr
  shape = attrs["shape"].shape
  if variable.slice_info and (
    [dim.size for dim in shape.dim] != list(variable.slice_info.var_shape)
  ):
    return False
  output_shapes = [shape] if op == "ReadVariableOp" else []
  return (
    node.op == op
    and len(node.input) == num_inputs
    and len(index.data_inputs(position)) == num_inputs
    and index.data_inputs(position)[0] == handle
    and _KNOWN_ATTRS.issuperset(node.attr)
    and "dtype" in node.attr
    and node.attr["dtype"] == attrs["dtype"]
    and (
      "_output_shapes" not in node.attr
      or list(node.attr["_output_shapes"].list.shape) == output_shapes
    )
    and (
      "validate_shape" not in node.attr
      or node.attr["validate_shape"].WhichOneof("value") == "b"
    )
    and _NODE_NAME.match(node.name) is not None
  )
