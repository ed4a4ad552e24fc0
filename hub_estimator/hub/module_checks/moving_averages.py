"""Finding the moving averages of batch statistics (batch norm) of a graph."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hub_estimator.hub.graph_index import Endpoint
from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.scalars import PASSING, ScalarReader

_MAX_DEPTH = 24
_READS = PASSING | {"ReadVariableOp"}
_FUSED = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")

# op -> the new value's derivative with respect to the old one, from that of the
# op's second input.
_UPDATES = {
  "AssignSub": lambda c: 1.0 - c,
  "AssignSubVariableOp": lambda c: 1.0 - c,
  "AssignAdd": lambda c: 1.0 + c,
  "AssignAddVariableOp": lambda c: 1.0 + c,
  "Assign": lambda c: c,
  "AssignVariableOp": lambda c: c,
}

# A momentum nearer to 0 or 1 than this is none.
_TOLERANCE = 1e-7


class MovingAverage(NamedTuple):
  """A variable that follows batch statistics.

  Attributes:
    variable: the name of its node.
    momentum: what it keeps of its value in a step; None if that is not fixed.
  """

  variable: str
  momentum: Optional[float]


def find_moving_averages(
  graph: CheckedGraph, reader: ScalarReader
) -> list[MovingAverage]:
  """Returns the moving averages that a signature's use or UPDATE_OPS update.

  An update has momentum m if the new value is m times the old one, plus
  something that depends on the inputs: that holds for every way to write it
  (v -= (v - x) (1 - m), v = m v + (1 - m) x, …), whoever wrote it. Fused batch
  norm may have it as an attribute.

  Args:
    graph: the graph.
    reader: what counts as fixed.
  """
  found = []
  for position in sorted(graph.variant.applied_nodes):
    op = graph.nodes[position].op
    if op in _UPDATES and position in graph.fed_nodes:
      found += _read_update(graph, reader, position)
    elif op in _FUSED:
      found += _read_fused(graph, position)
  return found


def _read_update(graph, reader, position) -> list[MovingAverage]:
  target, value = graph.index.data_inputs(position)[:2]
  variable = _variable(graph, target)
  coefficient = _Coefficients(graph, reader, variable).of(value, _MAX_DEPTH)
  name = graph.nodes[variable].name
  if coefficient is None:
    return [MovingAverage(name, None)]
  momentum = _UPDATES[graph.nodes[position].op](coefficient)
  if not _TOLERANCE < momentum < 1.0 - _TOLERANCE:
    return []
  return [MovingAverage(name, momentum)]


def _read_fused(graph, position) -> list[MovingAverage]:
  node = graph.nodes[position]
  # Defaults may have been stripped: training, and a factor of 1.
  if "is_training" in node.attr and not node.attr["is_training"].b:
    return []
  if "exponential_avg_factor" not in node.attr:
    return []
  momentum = 1.0 - node.attr["exponential_avg_factor"].f
  if not _TOLERANCE < momentum < 1.0 - _TOLERANCE:
    return []
  return [
    MovingAverage(graph.nodes[_variable(graph, source)].name, momentum)
    for source in graph.index.data_inputs(position)[3:5]
  ]


def _variable(graph, endpoint: Endpoint) -> int:
  """Returns the position of the state node that an endpoint is read from."""
  position = endpoint[0]
  for _ in range(_MAX_DEPTH):
    if graph.nodes[position].op not in _READS:
      break
    position = graph.index.data_inputs(position)[0][0]
  return position


class _Coefficients:
  """Derivatives of a graph's tensors with respect to one variable.

  They are followed through the ops that moving averages are written with.
  Whatever comes out of another op counts as independent of the variable.
  """

  def __init__(self, graph: CheckedGraph, reader: ScalarReader, variable: int):
    self._index = graph.index
    self._nodes = graph.nodes
    self._reader = reader
    self._variable = variable
    self._known: dict[Endpoint, Optional[float]] = {}

  def of(self, endpoint: Endpoint, depth: int) -> Optional[float]:
    """Returns the derivative; None if it is not a fixed number."""
    if endpoint[0] == self._variable:
      return 1.0
    if not depth:
      return 0.0
    if endpoint not in self._known:
      self._known[endpoint] = 0.0  # Should a loop lead back here.
      self._known[endpoint] = self._compute(endpoint[0], depth - 1)
    return self._known[endpoint]

  def _compute(self, position, depth) -> Optional[float]:
    op = self._nodes[position].op
    inputs = self._index.data_inputs(position)
    if op in _READS:
      return self.of(inputs[0], depth)
    if op == "Neg":
      return _scaled(self.of(inputs[0], depth), -1.0)
    if op in ("Add", "AddV2", "AddN", "Sub"):
      terms = [self.of(i, depth) for i in inputs]
      if None in terms:
        return None
      return terms[0] - terms[1] if op == "Sub" else sum(terms)
    if op in ("Mul", "RealDiv", "Div"):
      left, right = (self.of(i, depth) for i in inputs)
      if left == 0.0 and right == 0.0:
        return 0.0
      if right == 0.0:
        factor = self._reader.value(inputs[1])
        if op != "Mul":
          factor = 1.0 / factor if factor else None
        return _scaled(left, factor)
      if left == 0.0 and op == "Mul":
        return _scaled(right, self._reader.value(inputs[0]))
      return None
    if op in ("Select", "SelectV2"):
      # An update that is left out for an empty batch, say.
      branches = {self.of(i, depth) for i in inputs[1:]} - {0.0}
      return branches.pop() if len(branches) == 1 else None if branches else 0.0
    return 0.0


def _scaled(coefficient, factor) -> Optional[float]:
  if coefficient is None or factor is None:
    return None
  return coefficient * factor
