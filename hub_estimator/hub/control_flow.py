"""TF1 control flow contexts (tf.cond and tf.while_loop of old graphs).

A graph stores them in two collections as protos that name tensors. Gradients
need them, so an import rebuilds them. A pruned import keeps whole while loops
(their parts refer to each other) and, of a cond, what is needed together with
its predicate and pivot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, Optional

from hub_estimator.hub.graph_index import GraphIndex
from hub_estimator.tf_compat import graph_symbols, tf

COND = tf.compat.v1.GraphKeys.COND_CONTEXT
WHILE = tf.compat.v1.GraphKeys.WHILE_CONTEXT


class RootContext:
  """An outermost control flow context of a module's graph."""

  def __init__(self, collection_name: str, proto, index: GraphIndex):
    """Reads which nodes belong to the context.

    Args:
      collection_name: COND or WHILE.
      proto: its CondContextDef or WhileContextDef.
      index: the graph that it is part of.
    """
    self.collection_name = collection_name
    self.proto = proto
    self.members = _positions(_inner_names(proto), index)
    # What must be there once any member is: everything, unless this is a cond
    # without nested contexts, whose values can be left out one by one.
    if collection_name == WHILE or proto.nested_contexts:
      self.required = self.members | _positions(_all_names(proto), index)
    else:
      self.required = _positions([proto.pred_name, proto.pivot_name], index)


def read_contexts(meta_graph, index: GraphIndex) -> list[RootContext]:
  """Returns the outermost control flow contexts of a MetaGraphDef."""
  contexts = []
  for collection_name in (COND, WHILE):
    if collection_name not in meta_graph.collection_def:
      continue
    message_class = graph_symbols.proto_type(collection_name)
    values = meta_graph.collection_def[collection_name].bytes_list.value
    for value in values:
      proto = message_class()
      proto.ParseFromString(value)
      contexts.append(RootContext(collection_name, proto, index))
  return contexts


def complete(contexts: list[RootContext], keep: set[int], ancestors) -> None:
  """Adds to `keep` what the contexts of kept nodes require.

  Args:
    contexts: the graph's contexts.
    keep: node positions; changed in place.
    ancestors: positions -> positions of all that these need, with the same cuts
      that gave `keep`.
  """
  changed = True
  while changed:
    changed = False
    for context in contexts:
      if context.members & keep and not context.required <= keep:
        missing = ancestors(context.required) - keep
        # Cut nodes stay out; they are mapped by the import.
        changed = changed or bool(missing)
        keep |= missing


def import_contexts(
  contexts: list[RootContext],
  keep: set[int],
  index: GraphIndex,
  import_name: Callable[[str], Optional[str]],
  scope: str,
) -> None:
  """Rebuilds the contexts of imported nodes in the default graph.

  Adds them to the collections COND_CONTEXT and WHILE_CONTEXT.

  Args:
    contexts: the graph's contexts.
    keep: positions of the imported nodes.
    index: the graph that they come from.
    import_name: node or tensor name there -> name in the default graph, None
      if it was left out.
    scope: the name scope of the import, with its final "/".
  """
  graph = tf.compat.v1.get_default_graph()
  for context in contexts:
    if not context.members & keep:
      continue
    proto = type(context.proto)()
    proto.CopyFrom(context.proto)
    _rename(
      context.collection_name,
      proto,
      import_name,
      scope,
      lambda name: index.endpoint(name)[0] in keep,
    )
    graph.add_to_collection(
      context.collection_name,
      graph_symbols.from_proto(context.collection_name, proto),
    )


_NAME_FIELDS = {
  COND: ("pred_name", "pivot_name"),
  WHILE: (
    "pivot_for_pred_name",
    "pivot_for_body_name",
    "pivot_name",
    "maximum_iterations_name",
  ),
}
_NAME_LISTS = {COND: (), WHILE: ("loop_exit_names", "loop_enter_names")}


def _rename(collection_name, proto, import_name, scope, is_imported) -> None:
  """Gives a context's proto the names of the imported nodes, in place."""
  proto.context_name = scope + proto.context_name
  for field in _NAME_FIELDS[collection_name]:
    name = getattr(proto, field)
    if name:
      setattr(proto, field, import_name(name) or "")
  for field in _NAME_LISTS[collection_name]:
    names = getattr(proto, field)
    renamed = [import_name(name) for name in names]
    del names[:]
    names.extend(name for name in renamed if name)
  values = proto.values_def
  external = {
    import_name(outer): import_name(inner)
    for outer, inner in values.external_values.items()
  }
  outer_names = set(values.external_values)
  # What was fed stands outside of this import: it is no member of the context.
  inner_values = [
    import_name(v)
    for v in values.values
    if v not in outer_names and is_imported(v)
  ]
  values.external_values.clear()
  del values.values[:]
  for outer, inner in external.items():
    if outer and inner:
      values.external_values[outer] = inner
      values.values.append(outer)
  values.values.extend(inner_values)
  for nested in proto.nested_contexts:
    kind = nested.WhichOneof("ctxt")
    nested_name = COND if kind == "cond_ctxt" else WHILE
    _rename(nested_name, getattr(nested, kind), import_name, scope, is_imported)


def _inner_names(proto) -> Iterator[str]:
  """Yields the names of a context's values but those it takes from outside."""
  outer = set(proto.values_def.external_values)
  yield from (v for v in proto.values_def.values if v not in outer)
  for nested in _nested(proto):
    yield from _inner_names(nested)


def context_names(proto) -> Iterator[str]:
  """Yields every name of a node or tensor in a context's proto."""
  yield from proto.values_def.values
  yield from proto.values_def.external_values
  yield from proto.values_def.external_values.values()
  kind = COND if hasattr(proto, "pred_name") else WHILE
  # The maximum of iterations may be unknown.
  yield from filter(None, (getattr(proto, f) for f in _NAME_FIELDS[kind]))
  for field in _NAME_LISTS[kind]:
    yield from getattr(proto, field)
  for nested in _nested(proto):
    yield from context_names(nested)


def _all_names(proto) -> Iterator[str]:
  """Yields every name that rebuilding a context looks up."""
  kind = COND if hasattr(proto, "pred_name") else WHILE
  yield from (getattr(proto, field) for field in _NAME_FIELDS[kind])
  for field in _NAME_LISTS[kind]:
    yield from getattr(proto, field)
  yield from proto.values_def.external_values.values()
  for nested in _nested(proto):
    yield from _all_names(nested)


def _nested(proto):
  return [
    getattr(nested, nested.WhichOneof("ctxt"))
    for nested in proto.nested_contexts
  ]


def _positions(names, index: GraphIndex) -> set[int]:
  return {index.endpoint(name)[0] for name in names if name}
