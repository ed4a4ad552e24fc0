"""The trainable weights of a graph, and which of them are regularized."""

from __future__ import annotations

from typing import NamedTuple

from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.scalars import PASSING
from hub_estimator.tf_compat import tf

_REGULARIZATION_LOSSES = tf.compat.v1.GraphKeys.REGULARIZATION_LOSSES

# What picks rows of a table.
_LOOKUPS = frozenset(
  {
    "Gather",
    "GatherNd",
    "GatherV2",
    "ResourceGather",
    "ResourceGatherNd",
    "Slice",
    "SparseSegmentMean",
    "SparseSegmentMeanWithNumSegments",
    "SparseSegmentSqrtN",
    "SparseSegmentSqrtNWithNumSegments",
    "SparseSegmentSum",
    "SparseSegmentSumWithNumSegments",
    "StridedSlice",
  }
)
# What a variable goes through on its way to its use.
_ON_THE_WAY = PASSING | {"ReadVariableOp", "ConcatV2"}
_BRANCHES = ("If", "StatelessIf", "Case", "StatelessCase")


class Weight(NamedTuple):
  """A trainable weight matrix or kernel.

  Attributes:
    name: its name in a checkpoint.
    shape: of the whole.
    is_regularized: whether a regularization loss depends on it.
  """

  name: str
  shape: tf.TensorShape
  is_regularized: bool

  @property
  def num_parameters(self) -> int:
    """The number of its elements."""
    return self.shape.num_elements() or 0

  def __str__(self) -> str:
    return f"{self.name} {self.shape.as_list()}"


def find_weights(graph: CheckedGraph) -> list[Weight]:
  """Returns the trainable weights that regularization is for.

  Those are trainable float variables of rank 2 or more that a signature uses,
  but no biases and scales of any shape, and no tables of which rows are looked
  up (embeddings): a loss over a whole table would touch all its rows in every
  step, for the sake of a few.
  """
  regularized = regularized_nodes(graph)
  variant = graph.variant
  parts: dict[str, list] = {}
  for variable in variant.variables:
    if variable.trainable:
      parts.setdefault(variable.checkpoint_name, []).append(variable)
  found = []
  for name, variables in parts.items():
    shape = variant.variable_shape(variables[0])
    positions = [graph.index.position(v.node_name) for v in variables]
    if (
      variant.variable_dtype(variables[0]).is_floating
      and _is_matrix(shape)
      and variant.applied_nodes.issuperset(positions)
      and not any(_is_table(graph, position) for position in positions)
    ):
      found.append(Weight(name, shape, not regularized.isdisjoint(positions)))
  return found


def _is_matrix(shape: tf.TensorShape) -> bool:
  if shape.rank is None or shape.rank < 2:
    return False
  long_sides = [size for size in shape.as_list() if size != 1]
  # A scale or bias may have any rank: [1, 1, 1, n], [n, 1, 1]. [n, 1] is the
  # kernel of a layer with one unit.
  return len(long_sides) > 1 or (shape.rank == 2 and shape[0] != 1)


def regularized_nodes(graph: CheckedGraph) -> set[int]:
  """Returns the nodes that data flows from into REGULARIZATION_LOSSES.

  A term that is multiplied by zero is none.
  """
  pending = [
    graph.index.endpoint(name)[0]
    for name in graph.variant.collection(_REGULARIZATION_LOSSES)
  ]
  found: set[int] = set()
  while pending:
    position = pending.pop()
    if position in found:
      continue
    found.add(position)
    inputs = graph.index.data_inputs(position)
    if graph.nodes[position].op == "Mul" and any(
      graph.fixed.value(source) == 0.0 for source in inputs
    ):
      continue
    pending += [source for source, _ in inputs]
  return found


def _is_table(graph, variable: int) -> bool:
  """Whether rows of a variable are looked up."""
  pending, seen = [variable], {variable}
  while pending:
    for _, position, i in graph.consumers[pending.pop()]:
      if position in seen or position not in graph.variant.applied_nodes:
        continue
      seen.add(position)
      node = graph.nodes[position]
      if node.op in _LOOKUPS and i == 0:
        return True
      if node.op in _ON_THE_WAY:
        pending.append(position)
      elif _is_looked_up_in_a_function(graph, node, i):
        return True
  return False


def _is_looked_up_in_a_function(graph, node, i) -> bool:
  """Whether a node calls a function that looks up rows of its input `i`."""
  argument = i - 1 if node.op in _BRANCHES else i
  names = []
  for attr in node.attr.values():
    names += [attr.func.name] if attr.HasField("func") else []
    names += [function.name for function in attr.list.func]
  functions = graph.functions
  for name in names:
    function = functions.get(name)
    if function is None or not 0 <= argument < len(
      function.signature.input_arg
    ):
      continue
    held = {function.signature.input_arg[argument].name}
    # Nodes of a function come in any order.
    for _ in function.node_def:
      before = len(held)
      for inner in function.node_def:
        if inner.input and inner.input[0].partition(":")[0] in held:
          if inner.op in _LOOKUPS:
            return True
          if inner.op in _ON_THE_WAY:
            held.add(inner.name)
      if len(held) == before:
        break
  return False
