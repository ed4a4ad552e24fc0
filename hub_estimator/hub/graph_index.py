"""A GraphDef indexed for pruning: who needs whom, and what to cut out.

Node positions (ints) stand for nodes and `(position, output index)` pairs for
tensors: a module of 10,000 nodes is walked at every call of it, and names would
be parsed again each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from hub_estimator.file_formats import damage
from hub_estimator.tf_compat import graph_symbols, tf

Endpoint = tuple[int, int]  # (node position, output index)

_COLOCATION_PREFIX = b"loc:@"
_NAMED_ATTRS = ("shared_name", "frame_name")


class Subgraph(NamedTuple):
  """Nodes cut out of a graph, and what they refer to outside of it.

  Attributes:
    graph_def: the nodes, in the order of the whole graph, and the functions
      that they call; without the attributes of newer TensorFlows that hold
      their default.
    external_inputs: tensors outside that the nodes take as data inputs.
    external_controls: nodes outside that the nodes take as control inputs.
    colocations: node name -> positions of fed nodes that it was colocated with;
      these entries are taken out of `graph_def`, for an import cannot resolve
      them.
    partly_colocated: names of those nodes that keep other entries.
    named_attrs: (index in `graph_def.node`, attribute) of the attributes that
      name something of the process: `shared_name` of state, `frame_name` of
      while loops.
    unseeded: indices in `graph_def.node` of random nodes without a seed.
  """

  graph_def: tf.compat.v1.GraphDef
  external_inputs: frozenset[Endpoint]
  external_controls: frozenset[int]
  colocations: dict[str, list[int]]
  partly_colocated: frozenset[str]
  named_attrs: list[tuple[int, str]]
  unseeded: list[int]


class GraphIndex:
  """A GraphDef whose nodes are found by name and walked by position."""

  def __init__(
    self,
    graph_def: tf.compat.v1.GraphDef,
    producer_op_list=None,
    origin: str = "the graph",
  ):
    """Reads the edges of a graph.

    Args:
      graph_def: the whole graph; not copied, and not to be changed afterwards.
      producer_op_list: the OpList of the TensorFlow that made it.
      origin: where it comes from, for messages.

    Raises:
      OSError (which is a ValueError): if a node takes an input from a node that
        is not there.
    """
    self.graph_def = graph_def
    self.origin = origin
    self._newer_attrs = _newer_attrs(producer_op_list)
    self.nodes = list(graph_def.node)
    self._positions = {node.name: i for i, node in enumerate(self.nodes)}
    self._data_inputs: list[list[Endpoint]] = []
    self._control_inputs: list[list[int]] = []
    for node in self.nodes:
      data, control = [], []
      for name in node.input:
        if name[:1] == "^":
          control.append(self.position(name[1:]))
          continue
        # Most names have no index: parsing them would be half of the time.
        position = self._positions.get(name)
        if position is None:
          data.append(self.endpoint(name))
        else:
          data.append((position, 0))
      self._data_inputs.append(data)
      self._control_inputs.append(control)
    self._functions = {f.signature.name: f for f in graph_def.library.function}
    self._known_outputs: dict[str, tuple[int, list[str], list[str]]] = {}

  def __contains__(self, node_name: str) -> bool:
    return node_name in self._positions

  def position(self, node_name: str) -> int:
    """Returns a node's position.

    Raises:
      OSError (which is a ValueError): the graph has no node of that name.
    """
    try:
      return self._positions[node_name]
    except KeyError:
      raise damage.DamagedFileError(
        f"{self.origin} is damaged: it refers to a node {node_name!r}, which "
        "is not in its graph."
      ) from None

  def endpoint(self, tensor_name: str) -> Endpoint:
    """Returns the endpoint that "node" or "node:index" names."""
    node_name, _, output = tensor_name.partition(":")
    try:
      return self.position(node_name), int(output or 0)
    except ValueError as error:
      if isinstance(error, damage.DamagedFileError):
        raise
      raise damage.DamagedFileError(
        f"{self.origin} is damaged: {tensor_name!r} is not the name of a "
        "tensor."
      ) from error

  def name(self, endpoint: Endpoint) -> str:
    """Returns an endpoint's tensor name, "node:index"."""
    return f"{self.nodes[endpoint[0]].name}:{endpoint[1]}"

  def num_outputs(self, position: int) -> int:
    """Returns how many outputs a node has."""
    node = self.nodes[position]
    count, number_attrs, list_attrs = self._output_args(node.op)
    for name in number_attrs:
      count += node.attr[name].i
    for name in list_attrs:
      count += len(node.attr[name].list.type)
    return count

  def _output_args(self, op: str) -> tuple[int, list[str], list[str]]:
    """Returns how many outputs an op has, and which attributes give more."""
    if op in self._known_outputs:
      return self._known_outputs[op]
    op_def = graph_symbols.registered_op_def(op)
    if op_def is None and op in self._functions:
      op_def = self._functions[op].signature
    args = op_def.output_arg if op_def else ()
    numbers = [arg.number_attr for arg in args if arg.number_attr]
    lists = [arg.type_list_attr for arg in args if arg.type_list_attr]
    num_fixed = len(args) - len(numbers) - len(lists)
    self._known_outputs[op] = num_fixed, numbers, lists
    return self._known_outputs[op]

  def data_inputs(self, position: int) -> list[Endpoint]:
    """Returns the endpoints that a node takes as data inputs, in order."""
    return self._data_inputs[position]

  def ancestors(
    self,
    targets: Iterable[int],
    cut_nodes: Iterable[int] = (),
    cut_tensors: Iterable[Endpoint] = (),
    cut_inputs: Iterable[Endpoint] = (),
  ) -> set[int]:
    """Returns the positions of all nodes that running `targets` needs.

    Args:
      targets: positions of the nodes to run; they are part of the result.
      cut_nodes: nodes that something else stands in for: never entered.
      cut_tensors: endpoints that something else stands in for: their producers
        are needed only if another way leads there.
      cut_inputs: (node position, input index) pairs not to follow.
    """
    cut_nodes, cut_tensors = set(cut_nodes), set(cut_tensors)
    cut_inputs = set(cut_inputs)
    found: set[int] = set()
    pending = [p for p in targets if p not in cut_nodes]
    while pending:
      position = pending.pop()
      if position in found:
        continue
      found.add(position)
      for index, source in enumerate(self._data_inputs[position]):
        if (
          source[0] not in found
          and source[0] not in cut_nodes
          and source not in cut_tensors
          and (position, index) not in cut_inputs
        ):
          pending.append(source[0])
      for source_position in self._control_inputs[position]:
        if source_position not in found and source_position not in cut_nodes:
          pending.append(source_position)
    return found

  def descendants(
    self,
    *sources: Iterable[int],
    within: set[int],
    cut_tensors: Iterable[Endpoint] = (),
  ) -> list[set[int]]:
    """Returns, for each `sources`, the nodes that need one of them.

    `sources` are part of the results. Only nodes `within` are looked at, and
    `cut_tensors`, which something else stands in for, are not followed.
    """
    cut_tensors = set(cut_tensors)
    consumers: dict[int, list[int]] = {}
    for position in within:
      for source in self._data_inputs[position]:
        if source not in cut_tensors:
          consumers.setdefault(source[0], []).append(position)
      for source_position in self._control_inputs[position]:
        consumers.setdefault(source_position, []).append(position)
    results = []
    for positions in sources:
      found, pending = set(), [p for p in positions if p in within]
      while pending:
        position = pending.pop()
        if position not in found:
          found.add(position)
          pending.extend(consumers.get(position, ()))
      results.append(found)
    return results

  def subgraph(
    self,
    keep: set[int],
    fed: Iterable[Endpoint] = (),
    replaced_inputs: Optional[dict[Endpoint, str]] = None,
    with_control_inputs: bool = True,
  ) -> Subgraph:
    """Cuts nodes out of the graph.

    Args:
      keep: positions of the nodes.
      fed: endpoints that the import maps to other tensors; they count as
        outside even if their nodes are kept.
      replaced_inputs: (node position, input index) -> the tensor name to put
        there instead; the caller maps it when it imports the subgraph.
      with_control_inputs: False drops control inputs from outside.
    """
    fed = set(fed)
    replaced_inputs = replaced_inputs or {}
    graph_def = tf.compat.v1.GraphDef()
    graph_def.versions.CopyFrom(self.graph_def.versions)
    external_inputs: set[Endpoint] = set()
    external_controls: set[int] = set()
    named_attrs, unseeded = [], []
    for position in sorted(keep):
      source = self.nodes[position]
      node = graph_def.node.add()
      node.CopyFrom(source)
      for attr_name, default in self._newer_attrs.get(source.op, ()):
        if attr_name in node.attr and node.attr[attr_name] == default:
          del node.attr[attr_name]
      for index, endpoint in enumerate(self._data_inputs[position]):
        if (position, index) in replaced_inputs:
          node.input[index] = replaced_inputs[position, index]
        elif endpoint[0] not in keep or endpoint in fed:
          external_inputs.add(endpoint)
      outside = [p for p in self._control_inputs[position] if p not in keep]
      if outside:
        if with_control_inputs:
          external_controls.update(outside)
        else:
          inside = [
            name
            for name in source.input
            if name[0] != "^" or self.position(name[1:]) in keep
          ]
          del node.input[:]
          node.input.extend(inside)
      for attr_name in _NAMED_ATTRS:
        if attr_name in source.attr and source.attr[attr_name].s:
          named_attrs.append((len(graph_def.node) - 1, attr_name))
      if _is_unseeded(source):
        unseeded.append(len(graph_def.node) - 1)
    fed_nodes = {position for position, _ in fed}
    colocations = self._cut_colocations(graph_def, keep, fed_nodes)
    self._add_functions(graph_def)
    return Subgraph(
      graph_def,
      frozenset(external_inputs),
      frozenset(external_controls),
      colocations,
      frozenset(
        node.name
        for node in graph_def.node
        if "_class" in node.attr and node.name in colocations
      ),
      named_attrs,
      unseeded,
    )

  def _cut_colocations(self, graph_def, keep, fed_nodes):
    """Takes the colocations with nodes outside out of a cut-out graph.

    Those with fed nodes are returned. Where the named node of a group was left
    out, the members stay together: the first of them takes its place.
    """
    colocations: dict[str, list[int]] = {}
    substitutes: dict[int, bytes] = {}
    for node in graph_def.node:
      if "_class" not in node.attr:
        continue
      attr = node.attr["_class"]
      values = list(attr.list.s)
      # TensorFlow reads it when the nodes are in the graph already.
      if attr.WhichOneof("value") != "list" or (
        [field.name for field, _ in attr.list.ListFields()] not in ([], ["s"])
      ):
        raise ValueError(f"the _class of node {node.name} is no list of texts")
      kept = []
      for value in values:
        name = value.decode()[len(_COLOCATION_PREFIX) :]
        if not value.startswith(_COLOCATION_PREFIX) or name not in self:
          kept.append(value)
          continue
        target = self.position(name)
        if target in fed_nodes:
          colocations.setdefault(node.name, []).append(target)
        elif target in keep:
          kept.append(value)
        else:
          substitute = substitutes.setdefault(target, node.name.encode())
          if substitute != node.name.encode():
            kept.append(_COLOCATION_PREFIX + substitute)
      if kept != values:
        del node.attr["_class"]
        if kept:
          node.attr["_class"].list.s.extend(kept)
    return colocations

  def _add_functions(self, graph_def) -> None:
    """Adds the functions that a cut-out graph calls, and those they call."""
    if not self._functions:
      return
    pending = list(graph_def.node)
    called: set[str] = set()
    gradients = {
      g.function_name: g.gradient_func for g in self.graph_def.library.gradient
    }
    while pending:
      node = pending.pop()
      names = [node.op]
      for attr in node.attr.values():
        kind = attr.WhichOneof("value")
        if kind == "func":
          names.append(attr.func.name)
        elif kind == "list":
          names.extend(f.name for f in attr.list.func)
        elif kind == "s" and attr.s:
          # Some attributes name a function in a string (forward and backward
          # functions of a call, for one).
          names.append(attr.s.decode("utf-8", "replace"))
      names.extend(gradients[name] for name in list(names) if name in gradients)
      for name in names:
        if name in self._functions and name not in called:
          called.add(name)
          function = self._functions[name]
          pending.extend(function.node_def)
          attrs = tf.compat.v1.NodeDef()
          for key, value in function.attr.items():
            attrs.attr[key].CopyFrom(value)
          pending.append(attrs)
    library = graph_def.library
    for name, function in self._functions.items():
      if name in called:
        library.function.add().CopyFrom(function)
    for gradient in self.graph_def.library.gradient:
      if gradient.function_name in called:
        library.gradient.add().CopyFrom(gradient)


def _newer_attrs(producer_op_list) -> dict[str, list]:
  """Returns op -> (attribute that is unknown here, its default) pairs."""
  newer: dict[str, list] = {}
  for producer in producer_op_list.op if producer_op_list else ():
    op_def = graph_symbols.registered_op_def(producer.name)
    known = {attr.name for attr in op_def.attr} if op_def else None
    for attr in producer.attr:
      if (
        known is not None
        and attr.name not in known
        and attr.HasField("default_value")
      ):
        newer.setdefault(producer.name, []).append(
          (attr.name, attr.default_value)
        )
  return newer


def _is_unseeded(node) -> bool:
  """Whether a node draws random numbers and leaves the seed to chance."""
  op_def = graph_symbols.registered_op_def(node.op)
  if op_def is None or not {"seed", "seed2"} <= {a.name for a in op_def.attr}:
    return False
  # Defaults (0) may have been stripped.
  return not any(
    name in node.attr and node.attr[name].i for name in ("seed", "seed2")
  )
