"""Importing a part of a module's graph into the default graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Optional

from hub_estimator import errors
from hub_estimator.file_formats import damage
from hub_estimator.hub import control_flow, function_names
from hub_estimator.hub.graph_index import Endpoint, GraphIndex, Subgraph
from hub_estimator.hub.tensor_info import ParsedTensorInfo
from hub_estimator.tf_compat import (
  graph_symbols,
  node_import,
  tf,
  trial_graph,
)

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
    replacements: further input names of the subgraph -> tensors.

  Raises:
    ValueError: colocation constraints that cannot be rewritten for the feeds,
      or nodes that TensorFlow does not take, as for feeds whose shapes do not
      fit; nothing has been added to the graph then.
  """
  colocations = fed_colocations(index, subgraph, feeds)
  graph_def = _localized(subgraph, scope, shared_name_prefix)
  input_map = dict(replacements or {})
  for endpoint in subgraph.external_inputs:
    if endpoint not in feeds:
      raise damage.DamagedFileError(
        f"{index.origin} is damaged: an op of its graph takes "
        f"{index.name(endpoint)}, which there is not."
      )
    input_map[index.name(endpoint)] = feeds[endpoint]
  for position in subgraph.external_controls:
    input_map["^" + index.nodes[position].name] = _any_feed(position, feeds)
  with _importing(index):
    try:
      node_import.import_nodes(graph_def, input_map, scope)
    except (TypeError, ValueError, tf.errors.OpError):
      # TensorFlow has taken back the nodes by itself.
      node_import.remove_functions(
        tf.compat.v1.get_default_graph(),
        [function.signature.name for function in graph_def.library.function],
      )
      raise
  imported = ImportedSubgraph(index, keep, feeds, scope)
  _add_colocations(colocations, subgraph.partly_colocated, imported)
  control_flow.import_contexts(contexts, keep, index, imported.name, scope)
  return imported


def try_import(
  index: GraphIndex,
  subgraph: Subgraph,
  feeds: dict[Endpoint, tf.Tensor],
  replacements: Optional[dict[str, tf.DType]] = None,
  outputs: Iterable[ParsedTensorInfo] = (),
) -> None:
  """Imports a cut-out graph into a graph that is thrown away.

  For an import that must not fail, because the caller's graph is changed before
  it, or something that may fail is made of its tensors.

  Args:
    index: the graph that it was cut out of.
    subgraph: the cut-out.
    feeds: endpoints of the module's graph -> tensors, of any graph, of the
      dtype and shape that will be fed. What the subgraph takes from outside and
      is not here are state nodes.
    replacements: further input names of the subgraph -> dtypes.
    outputs: what to build of the imported tensors.

  Raises:
    ValueError: TensorFlow does not take it.
  """
  fed_nodes = {position for position, _ in feeds}
  state_nodes = {p for p, _ in subgraph.external_inputs - set(feeds)}
  state_nodes |= subgraph.external_controls - fed_nodes
  stand_ins = tf.compat.v1.GraphDef()
  # In graphs without a version, a placeholder of a scalar is one of any shape.
  stand_ins.versions.producer = tf.version.GRAPH_DEF_VERSION
  dtypes = [tensor.dtype.base_dtype for tensor in feeds.values()]
  replacements = replacements or {}
  # One of each dtype will do: their shapes are not known.
  replacing_dtypes = list(dict.fromkeys(replacements.values()))
  for dtype in (*dtypes, *replacing_dtypes):
    node = stand_ins.node.add(name=str(len(stand_ins.node)), op="Placeholder")
    node.attr["dtype"].type = dtype.as_datatype_enum
  for node, tensor in zip(stand_ins.node, feeds.values()):
    shape = node.attr["shape"].shape
    shape.CopyFrom(tensor.shape.as_proto())
    shape.SetInParent()  # A scalar's is empty, and would count as unknown.
  state = index.subgraph(state_nodes, with_control_inputs=False)
  ends = [e for e in subgraph.external_inputs if e not in feeds]
  ends += [(p, 0) for p in subgraph.external_controls if p in state_nodes]
  trial = trial_graph.TrialGraph()
  with _importing(index):
    ends_of_feeds = trial.add(
      stand_ins, "fed", {}, [(node.name, 0) for node in stand_ins.node]
    )
    by_name = dict(zip(map(index.name, feeds), ends_of_feeds))
    by_dtype = dict(zip(replacing_dtypes, ends_of_feeds[len(feeds) :]))
    by_name.update((n, by_dtype[dtype]) for n, dtype in replacements.items())
    ends_of_state = trial.add(
      state.graph_def, "state", {}, [(index.nodes[p].name, o) for p, o in ends]
    )
    by_name.update(zip(map(index.name, ends), ends_of_state))
    input_map = {
      name: by_name[name]
      for name in (
        *map(index.name, subgraph.external_inputs),
        *replacements,
      )
    }
    for position in subgraph.external_controls:
      name = index.nodes[position].name
      # Which op is waited for makes no difference to whether it can be.
      input_map["^" + name] = next(iter(by_name.values()))
    trial.add(subgraph.graph_def, "module", input_map)
    positions = {endpoint: i for i, endpoint in enumerate(feeds)}

    def tensor(name):
      endpoint = index.endpoint(name)
      if endpoint in positions:
        return trial.tensor(f"fed/{positions[endpoint]}:0")
      return trial.tensor(f"module/{index.name(endpoint)}")

    for info in outputs:
      info.build(tensor)


@contextlib.contextmanager
def _importing(index: GraphIndex) -> Iterator[None]:
  """Has TensorFlow's errors at an import said as those of the module."""
  try:
    yield
  except errors.UserError:
    raise
  except (KeyError, TypeError, ValueError, tf.errors.OpError) as error:
    raise errors.UserValueError(
      f"TensorFlow cannot import the graph of {index.origin}: "
      f"{damage.first_line(error)}."
    ) from error


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


def fed_colocations(
  index: GraphIndex, subgraph: Subgraph, feeds: dict[Endpoint, tf.Tensor]
) -> dict[str, list[bytes]]:
  """Returns {node name: groups of what is fed for its colocated nodes}.

  Raises:
    ValueError: nodes are colocated with a node whose outputs are fed in part,
      or by ops that are not colocated.
  """
  groups: dict[int, tuple[bytes, ...]] = {}
  colocations: dict[str, list[bytes]] = {}
  for node_name, targets in subgraph.colocations.items():
    for target in targets:
      if target not in groups:
        groups[target] = _fed_groups(index, target, feeds, node_name)
      colocations.setdefault(node_name, []).extend(groups[target])
  return colocations


def _add_colocations(colocations, partly_colocated, imported) -> None:
  """Colocates imported ops with what was fed for their colocated nodes."""
  for node_name, groups in colocations.items():
    op = imported.operation(node_name)
    values = set(groups)
    if node_name in partly_colocated:
      values.update(op.get_attr("_class"))
    values = sorted(values)
    attr = tf.compat.v1.AttrValue()
    attr.list.s.extend(values)
    graph_symbols.set_op_attr(op, "_class", attr)
    graph_symbols.set_op_device(op, _group_device(op, values))


def _fed_groups(index, target, feeds, node_name) -> tuple[bytes, ...]:
  """Returns the one colocation group list of what is fed for a node."""
  fed = {e[1]: t for e, t in feeds.items() if e[0] == target}
  found = {tuple(sorted(t.op.colocation_groups())) for t in fed.values()}
  num_outputs = max(1, index.num_outputs(target))
  if len(found) != 1 or len(fed) < num_outputs:
    name = index.nodes[target].name
    raise errors.UserValueError(
      "Failed to rewrite colocation constraints while applying hub.Module: "
      f"{node_name} is colocated with {name}, {len(fed)} of whose "
      f"{num_outputs} outputs are fed, by ops of {len(found)} colocation "
      "groups. Feed all of them, from ops that are colocated."
    )
  return next(iter(found))


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
