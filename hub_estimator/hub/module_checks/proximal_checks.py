"""Check of a training graph: regularization that stays in the optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Optional, Union

from hub_estimator.hub.graph_index import GraphIndex
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.module_warning import (
  ModuleWarning,
  count,
  format_number,
  list_names,
)
from hub_estimator.hub.module_checks.scalars import ScalarReader
from hub_estimator.hub.module_checks.weights import regularized_nodes
from hub_estimator.tf_compat import graph_symbols, tf

PROXIMAL = "proximal_regularization"

_STRENGTHS = ("l1", "l2", "l2_shrinkage")


def proximal_warnings(
  variants: Iterable[GraphVariant],
  graph: Union[tf.Graph, tf.compat.v1.GraphDef],
  names: Optional[Mapping[str, str]] = None,
) -> Iterator[ModuleWarning]:
  """Yields a warning of each kind of proximal update of a module's variables.

  Updates with an l1, l2 or l2_shrinkage other than 0, of variables that no
  regularization loss of the module depends on: FTRL, proximal Adagrad, proximal
  gradient descent, Adagrad's dual averaging, and every other op with such
  inputs.

  Args:
    variants: the module's graphs.
    graph: what the module was trained with.
    names: variable of `graph` -> variable of the module; if None, they are
      found by their names and shapes.
  """
  if isinstance(graph, tf.Graph):
    if not any(_arguments(op.type) for op in graph.get_operations()):
      return
    graph = graph.as_graph_def()
  updates = [node for node in graph.node if _arguments(node.op)]
  if not updates:
    return
  variants = list(variants)
  index = GraphIndex(graph)
  if names is None:
    names = _find_names(variants, index)
  regularized = _regularized(variants)
  reader = ScalarReader(index)
  found: dict[tuple[str, tuple], list[str]] = {}
  for node in updates:
    arguments = _arguments(node.op)
    inputs = index.data_inputs(index.position(node.name))
    name = names.get(_variable_name(index, inputs[arguments["var"]]))
    strengths = tuple(
      (key, value)
      for key in _STRENGTHS
      if key in arguments
      and (value := reader.value(inputs[arguments[key]])) not in (None, 0.0)
    )
    if name is not None and name not in regularized and strengths:
      variables = found.setdefault((node.op, strengths), [])
      if name not in variables:
        variables.append(name)
  for (op, strengths), variables in found.items():
    values = ", ".join(
      f"{key} = {format_number(value)}" for key, value in strengths
    )
    yield ModuleWarning(
      PROXIMAL,
      None,
      tuple(variables),
      f"The optimizer regularizes {count(len(variables), 'variable')} of the "
      f"module ({list_names(variables)}; {op} with {values}), which no "
      "regularization loss depends on. A proximal optimizer's strengths stay "
      "in the training graph: whoever trains the module further gets none of "
      "it. Put them into regularizers (REGULARIZATION_LOSSES), and leave the "
      "optimizer's at 0.",
    )


def _arguments(op_type: str) -> dict[str, int]:
  """Returns {argument: input index} of a proximal update, {} of other ops."""
  if "Apply" not in op_type:
    return {}
  op_def = graph_symbols.registered_op_def(op_type)
  if op_def is None:
    return {}
  arguments = {arg.name: i for i, arg in enumerate(op_def.input_arg)}
  return arguments if {"var", "l1"} <= set(arguments) else {}


def _variable_name(index, endpoint) -> str:
  position = endpoint[0]
  while index.nodes[position].op in ("Identity", "Enter", "RefEnter"):
    position = index.data_inputs(position)[0][0]
  return index.nodes[position].name


def _find_names(variants, index) -> dict[str, str]:
  """Returns {variable of a training graph: variable of the module}.

  An instance of the module is where all of its variables are, in their shapes,
  under one prefix: a name alone, such as "kernel", may be that of another
  layer.
  """
  shapes = {
    variable.node_name: variant.variable_shape(variable)
    for variant in variants
    for variable in variant.variables
    if not variable.slice_info
  }
  if not shapes:
    return {}
  # The longest name is the rarest.
  first = max(shapes, key=len)
  names = {}
  for node in index.nodes:
    if node.name == first or node.name.endswith("/" + first):
      prefix = node.name[: -len(first)]
      if all(
        prefix + name in index
        and _has_shape(index.nodes[index.position(prefix + name)], shape)
        for name, shape in shapes.items()
      ):
        names.update({prefix + name: name for name in shapes})
  return names


def _has_shape(node, shape) -> bool:
  return "shape" in node.attr and (
    tf.TensorShape(node.attr["shape"].shape).is_compatible_with(shape)
  )


def _regularized(variants) -> set[str]:
  names = set()
  for variant in variants:
    graph = CheckedGraph(variant)
    nodes = regularized_nodes(graph)
    names |= {
      variable.checkpoint_name
      for variable in variant.variables
      if graph.index.position(variable.node_name) in nodes
    }
  return names
