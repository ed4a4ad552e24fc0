"""Importing a part of a module's graph into the default graph."""

from __future__ import annotations

from typing import Optional

from hub_estimator import errors
from hub_estimator.hub import control_flow, function_names
from hub_estimator.hub.graph_index import Endpoint, GraphIndex, Subgraph
from hub_estimator.tf_compat import graph_symbols, tf

_LOC = b"loc:@"


class ImportedSubgraph:
  """Nodes of a module's graph under a name scope of the caller's graph."""

  def __init__(
    self,
    index: GraphIndex,
    keep: set[int],
    feeds: dict[Endpoint, tf.Tensor],
    scope: str,
  ):
    """Describes an import; `import_subgraph` makes it.

    Args:
      index: the module's graph.
      keep: positions of the imported nodes.
      feeds: the tensors that stand in for endpoints of the module's graph.
      scope: absolute name scope, with its final "/".
    """
    self._index, self._keep = index, keep
    self._feeds, self._scope = feeds, scope
    self._graph = tf.compat.v1.get_default_graph()

  def tensor(self, name: str) -> tf.Tensor:
    """Returns the tensor that "node:index" of the module's graph became."""
    endpoint = self._index.endpoint(name)
    if endpoint in self._feeds:
      return self._feeds[endpoint]
    return self._graph.get_tensor_by_name(
      self._scope + self._index.name(endpoint)
    )

  def operation(self, name: str) -> tf.Operation:
    """Returns the operation that a node of the module's graph became."""
    return self._graph.get_operation_by_name(self._scope + name)

  def element(self, name: str):
    """Returns the operation ("node") or tensor ("node:index") of a name."""
    return self.tensor(name) if ":" in name else self.operation(name)

  def scoped(self, name: str) -> str:
    """Returns a name of the module under the scope of the import."""
    return self._scope + name

  def name(self, name: str) -> Optional[str]:
    """Returns the name that a node or tensor got, None if it was left out."""
    endpoint = self._index.endpoint(name)
    if endpoint in self._feeds and endpoint[0] not in self._keep:
      tensor = self._feeds[endpoint]
      return tensor.name if ":" in name else tensor.op.name
    return self._scope + name if endpoint[0] in self._keep else None


def import_subgraph(
  index: GraphIndex,
  subgraph: Subgraph,
  keep: set[int],
  feeds: dict[Endpoint, tf.Tensor],
  scope: str,
  shared_name_prefix: str,
  contexts: list[control_flow.RootContext],
  producer_op_list,
  replacements: Optional[dict[str, tf.Tensor]] = None,
) -> ImportedSubgraph:
  """Imports a cut-out graph into the default graph.

  Adds the control flow contexts of its nodes to COND_CONTEXT and WHILE_CONTEXT
  and touches no other collection.

  Args:
    index: the graph that it was cut out of.
    subgraph: the cut-out, of `index.subgraph(keep, feeds, ...)`.
    keep: the node positions that it was made of.
    feeds: endpoints of the module's graph -> tensors to use instead.
    scope: the absolute name scope for the nodes, with its final "/".
    shared_name_prefix: put before every non-empty shared_name, so that module
      instances do not share tables or variables. Random ops without a seed get
      one if the default graph has one.
    contexts: the control flow contexts of the module's graph.
    producer_op_list: the module's OpList, by which attributes of newer
      TensorFlows that hold their default are dropped.
    replacements: further input names of the subgraph -> tensors.

  Raises:
    ValueError: colocation constraints that cannot be rewritten for the feeds;
      nothing has been added to the graph by then.
  """
  colocations = _fed_colocations(index, subgraph, feeds)
  graph_def = _localized(subgraph, scope, shared_name_prefix)
  input_map = dict(replacements or {})
  for endpoint in subgraph.external_inputs:
    input_map[index.name(endpoint)] = feeds[endpoint]
  for position in subgraph.external_controls:
    input_map["^" + index.nodes[position].name] = _any_feed(position, feeds)
  tf.import_graph_def(
    graph_def,
    input_map=input_map,
    name=scope,
    producer_op_list=producer_op_list,
  )
  imported = ImportedSubgraph(index, keep, feeds, scope)
  _add_colocations(colocations, imported)
  control_flow.import_contexts(contexts, keep, index, imported.name, scope)
  return imported


def _localized(subgraph: Subgraph, scope: str, shared_name_prefix: str):
  """Returns the GraphDef with names and seeds that no other import has."""
  seed = tf.compat.v1.get_default_graph().seed
  has_names = subgraph.named_attrs or subgraph.graph_def.library.function
  if not has_names and (seed is None or not subgraph.unseeded):
    return subgraph.graph_def
  graph_def = tf.compat.v1.GraphDef()
  graph_def.CopyFrom(subgraph.graph_def)
  for position, attr_name in subgraph.named_attrs:
    # The frame of a while loop is called as its context: by the scope.
    prefix = shared_name_prefix if attr_name == "shared_name" else scope
    attr = graph_def.node[position].attr[attr_name]
    attr.s = prefix.encode() + attr.s
  if seed is not None:
    # As TensorFlow seeds the ops that it creates in a graph with a seed: by the
    # graph's seed and a number that no other op has. Without this, no run of a
    # module with dropout could be repeated.
    first = tf.compat.v1.get_default_graph().version + 1
    for position in subgraph.unseeded:
      graph_def.node[position].attr["seed"].i = seed
      graph_def.node[position].attr["seed2"].i = first + position
  function_names.rename_functions(graph_def)
  return graph_def


def _any_feed(position: int, feeds: dict[Endpoint, tf.Tensor]) -> tf.Tensor:
  return next(t for endpoint, t in feeds.items() if endpoint[0] == position)


def _fed_colocations(index, subgraph, feeds) -> dict[str, list[bytes]]:
  """Returns {node name: groups of what is fed for its colocated nodes}."""
  groups: dict[int, tuple[bytes, ...]] = {}
  colocations: dict[str, list[bytes]] = {}
  for node_name, targets in subgraph.colocations.items():
    for target in targets:
      if target not in groups:
        groups[target] = _fed_groups(index, target, feeds, node_name)
      colocations.setdefault(node_name, []).extend(groups[target])
  return colocations


def _add_colocations(colocations, imported) -> None:
  """Colocates imported ops with what was fed for their colocated nodes."""
  for node_name, groups in colocations.items():
    op = imported.operation(node_name)
    values = sorted({*groups, *_class_values(op)})
    attr = tf.compat.v1.AttrValue()
    attr.list.s.extend(values)
    graph_symbols.set_op_attr(op, "_class", attr)
    graph_symbols.set_op_device(op, _group_device(op, values))


def _fed_groups(index, target, feeds, node_name) -> tuple[bytes, ...]:
  """Returns the one colocation group list of what is fed for a node."""
  fed = {e[1]: t for e, t in feeds.items() if e[0] == target}
  found = {tuple(sorted(t.op.colocation_groups())) for t in fed.values()}
  num_outputs = _num_outputs(index.nodes[target])
  if len(found) != 1 or len(fed) < num_outputs:
    name = index.nodes[target].name
    raise errors.UserValueError(
      "Failed to rewrite colocation constraints while applying hub.Module: "
      f"{node_name} is colocated with {name}, {len(fed)} of whose "
      f"{num_outputs} outputs are fed, by ops of {len(found)} colocation "
      "groups. Feed all of them, from ops that are colocated."
    )
  return next(iter(found))


def _num_outputs(node) -> int:
  op_def = graph_symbols.registered_op_def(node.op)
  count = 0
  for arg in op_def.output_arg if op_def else ():
    if arg.number_attr:
      count += node.attr[arg.number_attr].i
    elif arg.type_list_attr:
      count += len(node.attr[arg.type_list_attr].list.type)
    else:
      count += 1
  return count or 1


def _class_values(op) -> list[bytes]:
  try:
    return list(op.get_attr("_class"))
  except ValueError:  # The op has no such attribute.
    return []


def _group_device(op, values) -> str:
  """Returns the device of the first op in the groups that has one."""
  for value in values:
    if value.startswith(_LOC):
      device = op.graph.get_operation_by_name(
        value[len(_LOC) :].decode()
      ).device
      if device:
        return device
  return ""
