"""Checks of the functions of a graph that may be damaged.

TensorFlow looks into functions when a session runs the graph. Some kinds of
damage end its process then, and all of them come later than they should.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from hub_estimator.tf_compat import graph_symbols

# Op -> attributes that hold functions; of their inputs, of their outputs.
_CALLS = {
  "While": (("cond", "T", None), ("body", "T", "T")),
  "If": (("then_branch", "Tin", "Tout"), ("else_branch", "Tin", "Tout")),
  "Case": (("branches", "Tin", "Tout"),),
  "PartitionedCall": (("f", "Tin", "Tout"),),
}
_CALLS["StatelessWhile"] = _CALLS["While"]
_CALLS["StatelessIf"] = _CALLS["If"]
_CALLS["StatelessCase"] = _CALLS["Case"]
_CALLS["StatefulPartitionedCall"] = _CALLS["PartitionedCall"]


def check_functions(graph_def) -> None:
  """Raises ValueError unless functions are whole and called as they are."""
  library = graph_def.library
  functions = {f.signature.name: f for f in library.function}
  if len(functions) < len(library.function):
    raise ValueError("it has two functions of one name")
  for gradient in library.gradient:
    for name in (gradient.function_name, gradient.gradient_func):
      _find(name, functions)
  for function in library.function:
    _check_function(function)
    _check_calls(function.node_def, functions)
  _check_calls(graph_def.node, functions)


def _find(name, functions) -> Optional[Any]:
  """Returns a function; None for an op, which may stand for one."""
  if name in functions:
    return functions[name]
  if graph_symbols.registered_op_def(name) is None:
    raise ValueError(f"it refers to a function {name!r}, which is not in it")
  return None


def _check_function(function) -> None:
  """Checks that a function's outputs come from nodes that it has."""
  signature = function.signature
  arguments = {arg.name for arg in signature.input_arg}
  nodes = {node.name for node in function.node_def}
  if len(nodes) < len(function.node_def):
    raise ValueError(f"function {signature.name} has two nodes of one name")
  outputs = [arg.name for arg in signature.output_arg]
  if set(function.ret) != set(outputs) or len(set(outputs)) < len(outputs):
    raise ValueError(
      f"function {signature.name} returns {sorted(function.ret)} and should "
      f"return {sorted(outputs)}"
    )
  sources = list(function.ret.values())
  controls = list(function.control_ret.values())
  for node in function.node_def:
    for name in node.input:
      (controls if name[:1] == "^" else sources).append(name.lstrip("^"))
  for name in sources:
    node_name, _, output = name.partition(":")
    if node_name not in (nodes if output else arguments):
      raise ValueError(
        f"function {signature.name} refers to {name!r}, which it has not"
      )
  for name in controls:
    if name not in nodes and name not in arguments:
      raise ValueError(
        f"function {signature.name} refers to {name!r}, which it has not"
      )


def _check_calls(nodes: Iterable, functions) -> None:
  function_attrs = {
    op_type: _function_attrs(op_type) for op_type in {node.op for node in nodes}
  }
  for node in nodes:
    if not function_attrs[node.op]:
      continue
    called = {}
    for name in function_attrs[node.op]:
      if name in node.attr:
        attr = node.attr[name]
        names = [function.name for function in attr.list.func]
        if attr.WhichOneof("value") == "func":
          names = [attr.func.name]
        called[name] = [_find(name, functions) for name in names]
    for name, inputs, outputs in _CALLS.get(node.op, ()):
      for function in called.get(name, ()):
        if function is None:
          raise ValueError(f"node {node.name} calls an op as a function")
        signature = function.signature
        _check_types(node, inputs, signature.input_arg)
        if outputs:
          _check_types(node, outputs, signature.output_arg)


def _function_attrs(op_type) -> list[str]:
  """Returns the attributes of an op that hold functions."""
  op_def = graph_symbols.registered_op_def(op_type)
  return [
    attr.name
    for attr in (op_def.attr if op_def else ())
    if attr.type in ("func", "list(func)")
  ]


def _check_types(node, attr_name, args) -> None:
  types = list(node.attr[attr_name].list.type)
  if any(
    arg.type_attr or arg.type_list_attr or arg.number_attr for arg in args
  ):
    return  # Known once the function is called.
  if [arg.type for arg in args] != types:
    raise ValueError(
      f"node {node.name} calls a function of other types than its own"
    )
