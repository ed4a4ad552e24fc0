"""Finding dropout in a graph."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hub_estimator.hub.graph_index import Endpoint
from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.scalars import ScalarReader
from hub_estimator.tf_compat import tf

_UNIFORM = frozenset(
  {
    "RandomUniform",
    "StatelessRandomUniform",
    "StatelessRandomUniformV2",
    "StatefulUniform",
  }
)
_SHAPING = frozenset({"Identity", "StopGradient", "Cast", "Reshape"})
_ABOVE = frozenset({"Greater", "GreaterEqual"})
_BELOW = frozenset({"Less", "LessEqual"})


class Dropout(NamedTuple):
  """Values that are dropped at random.

  Attributes:
    name: of the op that draws the mask.
    rate: the fraction that is dropped; None if that is not fixed.
  """

  name: str
  rate: Optional[float]


def find_dropouts(graph: CheckedGraph, reader: ScalarReader) -> list[Dropout]:
  """Returns the dropouts that a signature's outputs or UPDATE_OPS need.

  That is a mask of uniform random numbers, compared with the rate (or added to
  what is kept, and rounded down), by which values are multiplied, or for which
  zeros are put in their place: `tf.nn.dropout`, stateful and stateless, of
  TensorFlow 1 and 2, dropout layers, and what is written like them. A single
  random number is none: it decides over a whole batch (random flips).

  Args:
    graph: the graph; the functions that it calls are not looked into.
    reader: what counts as fixed.
  """
  found = []
  for position in sorted(graph.variant.applied_nodes):
    if graph.nodes[position].op in _UNIFORM and not _is_scalar(graph, position):
      found += _follow_noise(graph, reader, (position, 0), 0.0)
  return found


def _is_scalar(graph, position) -> bool:
  inputs = graph.index.data_inputs(position)
  # StatefulUniform takes the resource and the algorithm before the shape.
  source = 2 if graph.nodes[position].op == "StatefulUniform" else 0
  shape = graph.nodes[inputs[source][0]]
  return shape.op == "Const" and (
    tf.TensorShape(shape.attr["value"].tensor.tensor_shape).num_elements() == 0
  )


def _uses(graph, endpoint: Endpoint):
  for consumer in graph.consumers[endpoint[0]]:
    if consumer.output == endpoint[1]:
      op = graph.nodes[consumer.position].op
      inputs = graph.index.data_inputs(consumer.position)
      yield consumer, op, inputs


def _follow_noise(graph, reader, endpoint, offset) -> list[Dropout]:
  """Follows uniform numbers, plus an offset (None if it is not fixed)."""
  found = []
  for (_, position, i), op, inputs in _uses(graph, endpoint):
    output = (position, 0)
    other = inputs[1 - i] if len(inputs) == 2 else None
    is_scaled_by_1 = op == "Mul" and reader.value(other) == 1.0
    if is_scaled_by_1 or (op in _SHAPING and i == 0):
      found += _follow_noise(graph, reader, output, offset)
    elif op in ("Add", "AddV2"):
      term = reader.value(other)
      is_fixed = offset is not None and term is not None
      found += _follow_noise(
        graph, reader, output, offset + term if is_fixed else None
      )
    elif op == "Floor":
      # 1 where noise + offset reaches 1: with a probability of `offset`.
      found += _follow_mask(graph, reader, output, offset)
    elif op in _ABOVE | _BELOW:
      limit = reader.value(other)
      is_fixed = offset is not None and limit is not None
      below = limit - offset if is_fixed else None
      noise_is_above = (op in _ABOVE) == (i == 0)
      found += _follow_mask(
        graph, reader, output, _opposite(below) if noise_is_above else below
      )
  return found


def _follow_mask(graph, reader, endpoint, kept, name=None) -> list[Dropout]:
  """Follows a mask that is true, or 1, with a probability of `kept`."""
  name = name or graph.nodes[endpoint[0]].name
  found = []
  for (_, position, i), op, inputs in _uses(graph, endpoint):
    if op in _SHAPING and i == 0:
      found += _follow_mask(graph, reader, (position, 0), kept, name)
    elif op == "Mul":
      found.append(Dropout(name, _opposite(kept)))
    elif op in ("Select", "SelectV2") and i == 0:
      if reader.value(inputs[2]) == 0.0:
        found.append(Dropout(name, _opposite(kept)))
      elif reader.value(inputs[1]) == 0.0:
        found.append(Dropout(name, kept))
  return found[:1]


def _opposite(probability: Optional[float]) -> Optional[float]:
  return None if probability is None else 1.0 - probability
