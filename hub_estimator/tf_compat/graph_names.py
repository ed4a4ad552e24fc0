"""The names that a graph has given away: no public function takes them back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

# The counts of variable scopes, by which new ones get their names.
from tensorflow.python.ops import variable_scope

from hub_estimator.tf_compat import tf


def name_scope_is_taken(graph: tf.Graph, name: str) -> bool:
  """Whether an absolute name is used by an op or name scope of the graph."""
  with graph.name_scope(None):
    return graph.unique_name(name, mark_as_used=False) != name


@contextlib.contextmanager
def taken_name_scope(graph: tf.Graph, name: str) -> Iterator[None]:
  """Marks an absolute, free name as used, whatever name scope is current.

  If its body raises and has added nothing to the graph, the name is free again.
  """
  with graph.name_scope(None):
    graph.unique_name(name)
  version = graph.version
  try:
    yield
  except BaseException:
    if graph.version == version:
      graph._names_in_use.pop(name.lower(), None)
    raise


@contextlib.contextmanager
def kept_names(graph: tf.Graph, name: str) -> Iterator[None]:
  """Takes back, if its body raises, that a name was given away.

  Not if the body has added something to the graph, which might have the name.

  Args:
    graph: the graph.
    name: a name within the current name scope, given away at most once in the
      body: as it is, or with a number behind it.
  """
  names = graph._names_in_use
  stack = graph._name_stack
  key = (f"{stack}/{name}" if stack else name).lower()
  count = names.get(key, 0)
  given = graph.unique_name(name, mark_as_used=False).lower()
  version = graph.version
  try:
    yield
  except BaseException:
    if graph.version == version:
      names.pop(given, None)
      if count:
        names[key] = count
    raise


@contextlib.contextmanager
def kept_variable_scopes() -> Iterator[None]:
  """Takes back, if its body raises, the counts of opened variable scopes.

  Not if the body has added something to the default graph, as variables.
  """
  version = tf.compat.v1.get_default_graph().version
  store = variable_scope.get_variable_scope_store()
  counts = dict(store.variable_scopes_count)
  try:
    yield
  except BaseException:
    if tf.compat.v1.get_default_graph().version == version:
      store.variable_scopes_count.clear()
      store.variable_scopes_count.update(counts)
    raise
