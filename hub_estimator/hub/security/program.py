"""A module's graph and functions as one program: where a value comes from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple, Optional

from hub_estimator.file_formats import damage
from hub_estimator.handles.contents import module_parts
from hub_estimator.hub.graph_variant import GraphVariant

# op -> (attribute that names the function, how many of the op's inputs come
# before those that it hands on). Other ops that take functions change or add
# arguments, and are not followed.
_CALLS = {
  "PartitionedCall": ("f", 0),
  "StatefulPartitionedCall": ("f", 0),
  "If": ("then_branch else_branch", 1),
  "StatelessIf": ("then_branch else_branch", 1),
  "Case": ("branches", 1),
  "StatelessCase": ("branches", 1),
}
# TensorFlow may run a function with one of these in place of another one.
_SUBSTITUTE_ATTRS = ("api_implements", "implements")


class Body(NamedTuple):
  """The nodes of the graph, or of one function.

  Attributes:
    function: the function's name, "" for the graph itself.
    nodes: the NodeDefs.
    arguments: argument name -> its position.
  """

  function: str
  nodes: object
  arguments: Mapping[str, int]

  def label(self, node) -> str:
    """Returns how a node is named in findings."""
    if self.function:
      return f"function {self.function}, node {node.name}"
    return node.name


class Leaf(NamedTuple):
  """Where a value comes from, as far as it can be followed.

  Attributes:
    function: the name of the function that has the node, "" for the graph.
    node: the node that makes the value; None if nobody knows who does.
    is_asset: whether it is one of the files that a TF2 SavedModel brings, which
      its loader hands to the function.
  """

  function: str
  node: Optional[object]
  is_asset: bool = False


class Call(NamedTuple):
  """A place where a function is called.

  Attributes:
    body: the body that holds the node.
    node: the name of the node that calls; "" if it is none.
    inputs: what it hands to the function, as a NodeDef says it; None if that
      cannot be followed.
  """

  body: Body
  node: str
  inputs: Optional[list[str]]


_NOBODY_KNOWS = Leaf("", None)


class Program:
  """The graph of a module's variant, with the functions of its library."""

  def __init__(self, variant: GraphVariant):
    """Wraps a graph, of which most is read when it is asked for.

    Raises:
      OSError (which is a ValueError): there are two functions of one name, and
        no saying which of them TensorFlow takes.
    """
    self.variant = variant
    self.meta_graph = variant.meta_graph
    library = self.meta_graph.graph_def.library
    self.graph = Body("", self.meta_graph.graph_def.node, {})
    self.functions = {
      function.signature.name: Body(
        function.signature.name,
        function.node_def,
        {arg.name: i for i, arg in enumerate(function.signature.input_arg)},
      )
      for function in library.function
    }
    if len(self.functions) < len(library.function):
      raise damage.DamagedFileError(
        f"{variant.origin} is damaged: it has functions of the same name."
      )
    self._by_name: dict[str, dict[str, object]] = {}

  @property
  def bodies(self) -> list[Body]:
    """The graph, then its functions."""
    return [self.graph, *self.functions.values()]

  def leaves(
    self,
    body: Body,
    input_name: str,
    through: Mapping[str, Optional[int]],
    graph_calls: bool = True,
  ) -> list[Leaf]:
    """Returns where the value of an input comes from.

    Args:
      body: the body of the node that has the input.
      input_name: as a NodeDef says it.
      through: the ops to follow; op -> how many of its inputs, None for all.
      graph_calls: False leaves out what the graph itself hands to functions.

    Returns:
      every node that may make the value. The list is empty if it is the
      argument of a function that nobody calls.
    """
    leaves: list[Leaf] = []
    seen = set()
    pending = [(body, input_name.partition(":")[0])]
    while pending:
      body, name = pending.pop()
      if (body.function, name) in seen:
        continue
      seen.add((body.function, name))
      if name in body.arguments:
        position = body.arguments[name]
        leaves += self._object_leaves(body, position)
        for call in self._calls.get(body.function, ()):
          if call.node and not call.body.function and not graph_calls:
            continue
          if call.inputs is None or position >= len(call.inputs):
            leaves.append(_NOBODY_KNOWS)
          else:
            source = call.inputs[position].partition(":")[0]
            pending.append((call.body, source))
        continue
      node = self._nodes_by_name(body.function).get(name)
      # A function may have the name of an op only if TensorFlow refuses it.
      if node is None or node.op in self.functions or node.op not in through:
        leaves.append(Leaf(body.function, node))
        continue
      pending += [
        (body, source.partition(":")[0])
        for source in data_inputs(node)[: through[node.op]]
      ]
    return leaves

  def callers_in_graph(self, body: Body, node) -> Optional[set[str]]:
    """Returns the names of the graph's nodes by which a node is run.

    Returns:
      the node itself, if it is in the graph; for a function's, all nodes that
      call the function or its callers. None if something else may call them.
    """
    found: set[str] = set()
    seen: set[str] = set()
    pending = [(body, node.name)]
    while pending:
      body, name = pending.pop()
      if not body.function:
        found.add(name)
        continue
      if body.function in seen:
        continue
      seen.add(body.function)
      if body.function in self._bound_inputs:
        return None
      for call in self._calls.get(body.function, ()):
        if call.inputs is None:
          return None
        pending.append((call.body, call.node))
    return found

  @functools.cached_property
  def _bound_inputs(self) -> dict[str, list[int]]:
    """Functions of a TF2 SavedModel's objects -> the objects they capture."""
    if not self.meta_graph.HasField("object_graph_def"):
      return {}
    functions = self.meta_graph.object_graph_def.concrete_functions
    return {
      name: list(function.bound_inputs) for name, function in functions.items()
    }

  def _object_leaves(self, body: Body, position: int) -> list[Leaf]:
    """Returns what the loader of a TF2 SavedModel gives for an argument."""
    if body.function not in self._bound_inputs:
      return []
    bound = self._bound_inputs[body.function]
    # What a function captures follows its own arguments.
    index = position - (len(body.arguments) - len(bound))
    nodes = self.meta_graph.object_graph_def.nodes
    if (
      not 0 <= index <= position  # The function captures what it cannot take.
      or not 0 <= bound[index] < len(nodes)
    ):
      return [_NOBODY_KNOWS]
    node = nodes[bound[index]]
    if node.WhichOneof("kind") != "asset":
      return [_NOBODY_KNOWS]
    assets = self.meta_graph.asset_file_def
    asset_index = node.asset.asset_file_def_index
    if not 0 <= asset_index < len(assets):
      return [_NOBODY_KNOWS]
    is_asset = stays_in_folder(assets[asset_index].filename)
    return [Leaf("", None, is_asset)]

  def _nodes_by_name(self, function: str):
    if function not in self._by_name:
      body = self.functions[function] if function else self.graph
      self._by_name[function] = {node.name: node for node in body.nodes}
    return self._by_name[function]

  @functools.cached_property
  def _calls(self) -> dict[str, list[Call]]:
    """The calls of each function that is called."""
    calls: dict[str, list[Call]] = {}

    def add(function, *call):
      if function in self.functions:
        calls.setdefault(function, []).append(Call(*call))

    for body in self.bodies:
      for node in body.nodes:
        add(node.op, body, node.name, data_inputs(node))
        attrs, skipped = _CALLS.get(node.op, ("", 0))
        for attr_name, attr in node.attr.items():
          is_known = attr_name in attrs.split()
          for function, is_outermost in _functions_of(attr):
            inputs = (
              data_inputs(node)[skipped:] if is_known and is_outermost else None
            )
            add(function, body, node.name, inputs)
    library = self.meta_graph.graph_def.library
    for gradient in library.gradient:
      add(gradient.gradient_func, self.graph, "", None)
    for gradient in library.registered_gradients:
      add(gradient.gradient_func, self.graph, "", None)
    for function in library.function:
      if any(name in function.attr for name in _SUBSTITUTE_ATTRS):
        add(function.signature.name, self.graph, "", None)
    return calls


def data_inputs(node) -> list[str]:
  """Returns a node's inputs without the control inputs."""
  return [name for name in node.input if name[:1] != "^"]


def stays_in_folder(file_name: str) -> bool:
  """Whether an asset's name keeps to its folder, on Windows as well."""
  start = file_name.replace("\\", "/").partition("/")[0]
  return module_parts.stays_in_folder(file_name) and ":" not in start


def _functions_of(attr):
  """Yields (function, whether it is the attribute's own) of an AttrValue."""
  pending = [(attr, True)]
  while pending:
    attr, is_outermost = pending.pop()
    kind = attr.WhichOneof("value")
    if kind == "func":
      functions = [attr.func]
    elif kind == "list":
      functions = attr.list.func
    else:
      continue
    for function in functions:
      yield function.name, is_outermost
      pending += [(inner, False) for inner in function.attr.values()]
