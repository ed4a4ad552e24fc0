"""Working out scalars that are fixed in a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Optional

from hub_estimator.hub.graph_index import Endpoint, GraphIndex
from hub_estimator.tf_compat import tf

# What follows a scalar from its constant is short; the limit keeps a walk that
# leaves it from running through the network.
_MAX_DEPTH = 24
_MAX_ELEMENTS = 1024

# Ops that give what they take (of a scalar).
PASSING = frozenset(
  {
    "Identity",
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "Cast",
    "Reshape",
    "Squeeze",
    "ExpandDims",
    "BroadcastTo",
    "Enter",
    "RefEnter",
    "RefIdentity",
    "Switch",
    "RefSwitch",
  }
)

_BINARY: dict[str, Callable[[float, float], Optional[float]]] = {
  "Add": lambda a, b: a + b,
  "AddV2": lambda a, b: a + b,
  "Sub": lambda a, b: a - b,
  "Mul": lambda a, b: a * b,
  "RealDiv": lambda a, b: a / b if b else None,
  "Div": lambda a, b: a / b if b else None,
  "Maximum": max,
  "Minimum": min,
}


class ScalarReader:
  """Finds the values of scalars (or of arrays of one value) of a graph."""

  def __init__(
    self,
    index: GraphIndex,
    assumed: Optional[Mapping[Endpoint, Optional[float]]] = None,
  ):
    """Prepares to read a graph.

    Args:
      index: the graph.
      assumed: values that are given for some endpoints; None: not fixed. A
        PlaceholderWithDefault that is not among them has its default.
    """
    self._index = index
    self._values: dict[Endpoint, Optional[float]] = dict(assumed or {})

  def value(
    self, endpoint: Endpoint, depth: int = _MAX_DEPTH
  ) -> Optional[float]:
    """Returns an endpoint's value if the graph fixes it, else None."""
    if endpoint in self._values:
      return self._values[endpoint]
    self._values[endpoint] = None  # Should a loop lead back here.
    value = self._compute(endpoint, depth) if depth else None
    self._values[endpoint] = value
    return value

  def _compute(self, endpoint, depth) -> Optional[float]:
    node = self._index.nodes[endpoint[0]]
    inputs = self._index.data_inputs(endpoint[0])
    if node.op == "Const":
      return _constant(node)
    if node.op in PASSING or node.op == "PlaceholderWithDefault":
      return self.value(inputs[0], depth - 1)
    if node.op == "Fill":
      return self.value(inputs[1], depth - 1)
    if node.op == "ZerosLike":
      return 0.0
    if node.op == "OnesLike":
      return 1.0
    if node.op == "Neg":
      value = self.value(inputs[0], depth - 1)
      return None if value is None else -value
    if node.op in _BINARY:
      left, right = (self.value(i, depth - 1) for i in inputs)
      if left is not None and right is not None:
        return _BINARY[node.op](left, right)
      if node.op == "Mul" and 0.0 in (left, right):
        return 0.0
      if node.op in ("RealDiv", "Div") and left == 0.0:
        return 0.0
    return None


def _constant(node) -> Optional[float]:
  proto = node.attr["value"].tensor
  dtype = tf.dtypes.as_dtype(proto.dtype)
  if not (dtype.is_floating or dtype.is_integer):
    return None
  num_elements = tf.TensorShape(proto.tensor_shape).num_elements()
  if not num_elements:
    return None
  if num_elements > _MAX_ELEMENTS:
    if proto.tensor_content or len(proto.float_val) > 1:
      return None
    return float(proto.float_val[0]) if proto.float_val else None
  array = tf.make_ndarray(proto)
  first = array.flat[0]
  return float(first) if (array == first).all() else None
