"""Giving the functions of an imported graph names of their own.

TensorFlow names functions by a counter of the process (`while_body_32`), so a
module that was written by another process clashes with the caller's functions
and with those of other modules; and taking gradients of a while loop rewrites
its functions, which two applications of a module must not share.
"""

from __future__ import annotations

from hub_estimator.tf_compat import graph_symbols, tf


def rename_functions(graph_def: tf.compat.v1.GraphDef) -> None:
  """Gives a graph's functions names that this process has not used, in place.

  Args:
    graph_def: the graph; its nodes and functions refer to the new names.
  """
  library = graph_def.library
  if not library.function:
    return
  suffix = f"_import_{graph_symbols.unique_number()}"
  names = {
    f.signature.name: f.signature.name + suffix for f in library.function
  }
  _rename_in_nodes(graph_def.node, names)
  for function in library.function:
    function.signature.name = names[function.signature.name]
    _rename_in_nodes(function.node_def, names)
    for attr in function.attr.values():
      _rename_in_attr(attr, names)
  for gradient in library.gradient:
    for field in ("function_name", "gradient_func"):
      name = getattr(gradient, field)
      setattr(gradient, field, names.get(name, name))


def _rename_in_nodes(nodes, names: dict[str, str]) -> None:
  for node in nodes:
    if node.op in names:
      node.op = names[node.op]
    for attr in node.attr.values():
      _rename_in_attr(attr, names)


def _rename_in_attr(attr, names: dict[str, str]) -> None:
  kind = attr.WhichOneof("value")
  if kind == "func":
    _rename_in_function_attr(attr.func, names)
  elif kind == "list":
    for function in attr.list.func:
      _rename_in_function_attr(function, names)
  elif kind == "s":
    # A few attributes name a function in a string.
    name = attr.s.decode("utf-8", "replace")
    if name in names:
      attr.s = names[name].encode()


def _rename_in_function_attr(function, names: dict[str, str]) -> None:
  function.name = names.get(function.name, function.name)
  for attr in function.attr.values():
    _rename_in_attr(attr, names)
