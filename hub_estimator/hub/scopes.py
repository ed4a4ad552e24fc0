"""Names of module instances: variable scopes whose name scopes are theirs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from hub_estimator import errors
from hub_estimator.tf_compat import graph_names, tf

_NAME_PATTERN = re.compile(
  r"[A-Za-z0-9.][A-Za-z0-9_.\-]*(/[A-Za-z0-9_.\-]+)*\Z"
)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\\/>-]")


@contextlib.contextmanager
def new_scope(graph: tf.Graph, name: str) -> Iterator[str]:
  """Gives the absolute scope for a new module's state, marked as used.

  If its body raises and has added nothing to the graph, the names are free
  again.

  Args:
    graph: the default graph.
    name: the module's name; made unique within the current variable scope.

  Raises:
    ValueError: a malformed name.
    RuntimeError: the variable scope is free and the name scope is not, so that
      variables could not be called as their scope says.
  """
  if not _NAME_PATTERN.match(name):
    raise errors.UserValueError(
      f"name {name!r} is not the name of a module: use letters, digits, '_', "
      "'-' and '.', and '/' between scopes."
    )
  with graph_names.kept_variable_scopes():
    with tf.compat.v1.variable_scope(
      None, default_name=name, auxiliary_name_scope=False
    ) as variable_scope:
      scope = variable_scope.name
    if graph_names.name_scope_is_taken(graph, scope):
      raise errors.UserRuntimeError(
        f"variable_scope {scope} was unused but the corresponding name_scope "
        "was already taken. Modules do not share variables by re-entering a "
        "scope: call one instance again, or give this one another name=."
      )
    with graph_names.taken_name_scope(graph, scope):
      yield scope


@contextlib.contextmanager
def application_scope(graph: tf.Graph, name: str) -> Iterator[str]:
  """Enters a name scope for the ops of a call.

  If its body raises and has added nothing to the graph, the name is free again.

  Args:
    graph: the default graph.
    name: the scope's name; what such names cannot hold (the ":" of a signature,
      say) becomes "_". Made unique within the current name scope.

  Yields:
    the absolute scope, with its final "/".
  """
  name = _NOT_IN_NAMES.sub("_", name)
  with graph_names.kept_names(graph, name), tf.name_scope(name) as scope:
    yield scope
