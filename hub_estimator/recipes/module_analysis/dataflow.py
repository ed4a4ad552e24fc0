"""Which tensors are activations, which are parameters, and how deep they are.

An *activation* depends on the values of an input. Everything else is on the
side of the *parameters*: it is made of variables and constants alone, like a
kernel that is read, cast and normalized. Where the two meet, variables are
used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Optional

from hub_estimator.hub.graph_index import Endpoint, GraphIndex
from hub_estimator.recipes.module_analysis import op_types, walk_order

_NO_VARIABLES: frozenset[str] = frozenset()


class Use(NamedTuple):
  """Where variables meet activations.

  Attributes:
    position: of the node that takes both.
    variables: names of the variables.
    depth: number of weight layers on the longest path from the inputs up to and
      including the node.
  """

  position: int
  variables: frozenset[str]
  depth: int


class Dataflow:
  """The way of data from a signature's inputs to some targets.

  Attributes:
    order: positions of the nodes on the way, inputs before outputs.
    uses: where variables are used, in that order.
  """

  def __init__(
    self,
    index: GraphIndex,
    targets: Iterable[int],
    inputs: Iterable[Endpoint],
    variable_names: Mapping[int, str],
    matrices: Iterable[str],
  ):
    """Walks the graph once.

    Args:
      index: the graph.
      targets: positions of the nodes that are wanted.
      inputs: the endpoints that hold the inputs.
      variable_names: position of a variable's node -> name of the variable.
      matrices: names of the trainable variables of at least two dimensions.
    """
    self.index = index
    self.order: list[int] = []
    self.uses: list[Use] = []
    self._inputs = frozenset(inputs)
    self._variable_names = variable_names
    self._matrices = frozenset(matrices)
    self._functions = {
      f.signature.name for f in index.graph_def.library.function
    }
    # Node -> names of the variables that its outputs are made of; None for an
    # activation.
    self._variables: dict[int, Optional[frozenset[str]]] = {}
    self._depths: dict[int, int] = {}
    # What lies before inputs does not matter: a signature may take tensors from
    # the middle of the graph.
    cut = {
      p
      for p, _ in self._inputs
      if all((p, i) in self._inputs for i in range(index.num_outputs(p)))
    } | set(variable_names)
    for key, positions in walk_order.steps_in_order(index, targets, cut):
      self.order += positions
      if isinstance(key, bytes):
        self._walk_loop(positions)
      else:
        self._walk_node(positions[0])

  def variables_of(self, endpoint: Endpoint) -> Optional[frozenset[str]]:
    """Returns the variables that a tensor is made of; None: an activation."""
    if endpoint in self._inputs:
      return None
    return self._variables.get(endpoint[0], _NO_VARIABLES)

  def is_activation(self, endpoint: Endpoint) -> bool:
    """Whether a tensor depends on the values of an input."""
    return self.variables_of(endpoint) is None

  def depth(self, position: int) -> Optional[int]:
    """Returns the number of weight layers up to a node; None: no activation."""
    return self._depths.get(position)

  def _walk_node(self, position: int) -> None:
    variables = self._variables_from(position)
    self._variables[position] = variables
    if variables is None:
      self._set_depth([position], self._outer_depth([position], set()))

  def _walk_loop(self, positions: list[int]) -> None:
    """Walks a v1 while loop, whose nodes all have the depth of the whole."""
    members = set(positions)
    outer = [
      source
      for p in positions
      for source in walk_order.forward_inputs(self.index, p)
      if source[0] not in members
    ]
    if not any(map(self.is_activation, outer)):
      variables = _NO_VARIABLES.union(*map(self.variables_of, outer))
      self._variables.update(dict.fromkeys(positions, variables))
      return
    for position in positions:
      # What goes round is data of the loop, whatever it starts with.
      is_state = walk_order.closes_loop(self.index, position)
      self._variables[position] = (
        None if is_state else self._variables_from(position)
      )
    activations = [p for p in positions if self._variables[p] is None]
    self._set_depth(activations, self._outer_depth(positions, members))

  def _variables_from(self, position: int) -> Optional[frozenset[str]]:
    """Returns the variables that a node's outputs are made of."""
    if position in self._variable_names:
      return frozenset([self._variable_names[position]])
    op = self.index.nodes[position].op
    if op in op_types.SIZES:
      return _NO_VARIABLES
    sources = walk_order.forward_inputs(self.index, position)
    if op in op_types.SWITCHES:
      sources = sources[:1]
    found = _NO_VARIABLES
    for source in sources:
      variables = self.variables_of(source)
      if variables is None:
        return None
      found |= variables
    return found

  def _outer_depth(self, positions: list[int], members: set[int]) -> int:
    """Returns the largest depth of what enters a step."""
    depth = 0
    for position in positions:
      for source in walk_order.forward_inputs(self.index, position):
        if (
          source[0] not in members
          and source not in self._inputs
          and self.is_activation(source)
        ):
          depth = max(depth, self._depths[source[0]])
    return depth

  def _set_depth(self, positions: list[int], outer_depth: int) -> None:
    """Notes the depth of a step's activations, and what they use."""
    depth = outer_depth + any(map(self._is_weight_layer, positions))
    for position in positions:
      self._depths[position] = depth
      used = _NO_VARIABLES.union(
        *(
          self.variables_of(source) or _NO_VARIABLES
          for source in walk_order.forward_inputs(self.index, position)
        )
      )
      if used:
        self.uses.append(Use(position, used, depth))

  def _is_weight_layer(self, position: int) -> bool:
    op = self.index.nodes[position].op
    return (
      op in op_types.WEIGHT_LAYERS
      or op in op_types.FUNCTION_CALLS
      or op in self._functions
    ) and any(
      not self._matrices.isdisjoint(self.variables_of(source) or ())
      for source in self.index.data_inputs(position)
    )
