"""What variables do in a graph: kernels, biases, scales of normalizations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

from hub_estimator.hub.graph_index import Endpoint
from hub_estimator.recipes.module_analysis import op_types
from hub_estimator.recipes.module_analysis.dataflow import Dataflow
from hub_estimator.tf_compat import tf

BIAS = "bias"
NORMALIZATION_SCALE = "normalization_scale"
NORMALIZATION_OFFSET = "normalization_offset"
EMBEDDING = "embedding"
KERNEL = "kernel"
OTHER = "other"

# Of a variable that is used in several ways, the first of these is its kind.
_PRECEDENCE = (
  NORMALIZATION_SCALE,
  NORMALIZATION_OFFSET,
  BIAS,
  EMBEDDING,
  KERNEL,
)

_IN_NORMALIZATION = re.compile(
  r"(^|/)[^/]*(norm|bn|ln)[^/]*/(.*/)?(?P<name>gamma|beta|scale|offset)$",
  re.IGNORECASE,
)
_BIAS_NAME = re.compile(r"(^|/)(bias|biases|b)$")
_SCALE_NAMES = ("gamma", "scale")


class VariableTraits(NamedTuple):
  """What the kinds depend on besides the graph.

  Attributes:
    shape: the variable's shape.
    trainable: whether training trains it.
  """

  shape: tf.TensorShape
  trainable: bool

  @property
  def is_vector(self) -> bool:
    """Whether at most one dimension is larger than 1."""
    if self.shape.rank is None:
      return False
    return sum(size != 1 for size in self.shape.as_list()) <= 1

  @property
  def is_matrix(self) -> bool:
    """Whether it has at least two dimensions."""
    return self.shape.rank is not None and self.shape.rank >= 2


def variable_kinds(
  dataflow: Dataflow, traits: Mapping[str, VariableTraits]
) -> dict[str, str]:
  """Returns name -> kind of a graph's variables.

  Args:
    dataflow: the way of data through the graph.
    traits: name -> what else there is to know, of all variables.
  """
  found: dict[str, set[str]] = {name: set() for name in traits}
  for name, kind in _Uses(dataflow, traits).kinds():
    found[name].add(kind)
  kinds = {}
  for name, of_variable in found.items():
    kind = next((k for k in _PRECEDENCE if k in of_variable), None)
    kinds[name] = kind or _kind_by_name(name, traits[name])
  return kinds


def _kind_by_name(name: str, traits: VariableTraits) -> str:
  """Returns the kind of a variable of which the graph does not tell it."""
  if traits.trainable and traits.is_vector:
    match = _IN_NORMALIZATION.search(name)
    if match:
      is_scale = match["name"].lower() in _SCALE_NAMES
      return NORMALIZATION_SCALE if is_scale else NORMALIZATION_OFFSET
    if _BIAS_NAME.search(name):
      return BIAS
  return OTHER


class _Uses:
  """Looks at what each node of a graph does with the variables it takes.

  A tensor is *normalized* here if it was multiplied by 1/√v, v not being a
  constant, and at most scaled since then. The spelled-out batch norm

      x · (γ / √(variance + ε)) + (β - mean · (γ / √(variance + ε)))

  and layer norm, (x - mean) / √(variance + ε) · γ + β, multiply such tensors by
  γ, and add β to them or subtract them from it.
  """

  def __init__(self, dataflow: Dataflow, traits: Mapping[str, VariableTraits]):
    self._dataflow = dataflow
    self._index = dataflow.index
    self._traits = traits
    self._normalized: set[int] = set()

  def kinds(self) -> Iterator[tuple[str, str]]:
    """Yields (variable's name, kind) for each use that tells it."""
    for position in self._dataflow.order:
      op = self._index.nodes[position].op
      inputs = self._index.data_inputs(position)
      if self._is_normalized(op, inputs):
        self._normalized.add(position)
      yield from self._kinds_at(op, position, inputs)

  def _kinds_at(self, op, position, inputs) -> Iterator[tuple[str, str]]:
    if op in op_types.FUSED_NORMALIZATIONS:
      yield from self._of_vector(inputs[1], NORMALIZATION_SCALE)
      yield from self._of_vector(inputs[2], NORMALIZATION_OFFSET)
    elif op in op_types.BIAS_ADDS:
      yield from self._of_vector(inputs[1], BIAS)
    elif op in op_types.FUSED_BIASES:
      for number in op_types.FUSED_BIASES[op]:
        yield from self._of_vector(inputs[number], BIAS)
    elif op in op_types.ADDITIONS or op == "Sub":
      yield from self._of_sum(op, inputs)
    elif op == "Mul":
      for one, other in ((0, 1), (1, 0)):
        if self._is_in_normalized(inputs[other]):
          yield from self._of_vector(inputs[one], NORMALIZATION_SCALE, True)
    if op in op_types.LOOKUPS:
      for name in self._matrices_of(inputs[:1]):
        yield name, EMBEDDING
    elif self._dataflow.depth(position) is None:
      return
    elif op in op_types.WEIGHT_LAYERS:
      # Which rows to take may be said with ones and zeros.
      is_lookup = any(self._source_op(source) == "OneHot" for source in inputs)
      for name in self._matrices_of(inputs):
        yield name, EMBEDDING if is_lookup else KERNEL
    elif op in op_types.FUNCTION_CALLS:
      for name in self._matrices_of(inputs):
        # A vector may be the state that a loop starts with.
        if not self._traits[name].is_vector:
          yield name, KERNEL

  def _of_sum(self, op, inputs) -> Iterator[tuple[str, str]]:
    """Yields the kinds of what is added to something else."""
    for number, source in enumerate(inputs):
      others = [s for n, s in enumerate(inputs) if n != number]
      if any(map(self._is_in_normalized, others)):
        yield from self._of_vector(source, NORMALIZATION_OFFSET, True)
      elif op != "Sub" and any(map(self._dataflow.is_activation, others)):
        yield from self._of_vector(source, BIAS, True)

  def _of_vector(
    self, source: Endpoint, kind: str, trainable_only: bool = False
  ) -> Iterator[tuple[str, str]]:
    """Yields the kind of the one vector that a tensor is made of, if it is."""
    variables = self._dataflow.variables_of(source)
    if variables is None or len(variables) != 1:
      return
    (name,) = variables
    # Moving averages are multiplied with γ / √v, and added to, as well.
    if self._traits[name].is_vector and (
      self._traits[name].trainable or not trainable_only
    ):
      yield name, kind

  def _matrices_of(self, sources) -> set[str]:
    return {
      name
      for source in sources
      for name in self._dataflow.variables_of(source) or ()
      if self._traits[name].is_matrix
    }

  def _is_in_normalized(self, source: Endpoint) -> bool:
    return source[0] in self._normalized

  def _is_normalized(self, op: str, inputs: list[Endpoint]) -> bool:
    """Whether a node's output is normalized, or is what normalizes."""
    if op == "Rsqrt":
      return self._varies(inputs[0])
    if op == "Pow":
      return self._varies(inputs[0]) and self._constant(inputs[1]) == -0.5
    if op in op_types.FUSED_NORMALIZATIONS:
      # One without a scale, as Keras's layer norm has it.
      return self._dataflow.variables_of(inputs[1]) == frozenset()
    if op in op_types.DIVISIONS:
      return self._is_root(inputs[1])
    if op in ("Reciprocal", "Inv"):
      return self._is_root(inputs[0])
    if op == "Mul":
      return any(map(self._is_in_normalized, inputs))
    if op in op_types.PASSED_THROUGH or op in op_types.MERGES:
      return bool(inputs) and self._is_in_normalized(inputs[0])
    return False

  def _is_root(self, source: Endpoint) -> bool:
    """Whether a tensor is √v, or that and a constant, v being no constant."""
    position, _ = source
    while True:
      op = self._index.nodes[position].op
      inputs = self._index.data_inputs(position)
      if op == "Sqrt":
        return self._varies(inputs[0])
      if op in op_types.PASSED_THROUGH:
        position = inputs[0][0]
      elif op in ("Add", "AddV2", "Maximum"):
        varying = [s for s in inputs if self._varies(s)]
        if len(varying) != 1:
          return False
        position = varying[0][0]
      else:
        return False

  def _varies(self, source: Endpoint) -> bool:
    """Whether a tensor is no constant."""
    return self._dataflow.variables_of(source) != frozenset()

  def _constant(self, source: Endpoint) -> Optional[float]:
    """Returns a constant scalar's value; None for anything else."""
    node = self._index.nodes[source[0]]
    if node.op != "Const":
      return None
    value = tf.make_ndarray(node.attr["value"].tensor)
    return float(value) if value.ndim == 0 else None

  def _source_op(self, source: Endpoint) -> str:
    """Returns the type of the op that a tensor comes from."""
    position, _ = source
    while self._index.nodes[
      position
    ].op in op_types.PASSED_THROUGH and self._index.data_inputs(position):
      position = self._index.data_inputs(position)[0][0]
    return self._index.nodes[position].op
