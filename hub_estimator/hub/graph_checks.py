"""Checks of a graph that may be damaged, before any of it is imported.

TensorFlow checks nodes when it imports them, and takes them back if one is
wrong. What is done with them afterwards (variables, control flow contexts,
collections, devices) is checked here, for by then the caller's graph has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub_estimator.file_formats import damage
from hub_estimator.hub import control_flow, function_checks
from hub_estimator.hub.graph_variant import GraphVariant, Variable
from hub_estimator.tf_compat import graph_symbols, tf

_KEYS = tf.compat.v1.GraphKeys
_ELEMENT_COLLECTIONS = (
  _KEYS.TABLE_INITIALIZERS,
  _KEYS.ASSET_FILEPATHS,
  _KEYS.REGULARIZATION_LOSSES,
  _KEYS.UPDATE_OPS,
)
# Of a list of inputs or outputs; the widest concatenations have thousands.
_MAX_LENGTH = 10**6
_RESOURCE_VARIABLE = "VarHandleOp"
_SYNCHRONIZATIONS = frozenset(v.value for v in tf.VariableSynchronization)
_AGGREGATIONS = frozenset(v.value for v in tf.VariableAggregation)
# The ops that initialize variables.
ASSIGN_OPS = ("Assign", "AssignVariableOp")


def check_graph(variant: GraphVariant) -> None:
  """Raises an error unless a graph's parts fit each other.

  Raises:
    NotFoundError: it uses ops that are not registered.
    OSError (which is a ValueError): it is damaged.
    ValueError: a state op has not exactly one output.
  """
  variant.check_ops_are_registered()
  with damage.reading(variant.origin):
    _check_devices(variant)
    function_checks.check_functions(variant.meta_graph.graph_def)
    _check_constants(variant.index.nodes)
    _check_loops(variant.index)
    _check_lists(variant.index.nodes)
    for function in variant.meta_graph.graph_def.library.function:
      _check_constants(function.node_def)
      _check_lists(function.node_def)
    for name in _names(variant):
      _check_name(variant, name)
    for variable in variant.variables:
      _check_variable(variant, variable)
    _check_slices(variant.variables)
    for context in variant.contexts:
      _check_context(context.proto)
    # They are computed once, and raise if the graph is damaged.
    _ = variant.state_nodes, variant.applied_nodes


def _check_devices(variant) -> None:
  for device in {node.device for node in variant.index.nodes}:
    tf.DeviceSpec.from_string(device)
    tf.compat.v1.DeviceSpec.from_string(device)


def _check_constants(nodes) -> None:
  """Checks the dtypes of constants: TensorFlow aborts if one is wrong."""
  for node in nodes:
    if node.op == "Const" and (
      node.attr["value"].tensor.dtype != node.attr["dtype"].type
    ):
      raise ValueError(f"constant {node.name} is not of its own dtype")


def _check_lists(nodes) -> None:
  """Checks how long lists of inputs and outputs are said to be.

  TensorFlow makes them as long before it finds that so many are not there,
  which may take all time and memory.
  """
  lengths: dict[str, list[str]] = {}
  for op_type in {node.op for node in nodes}:
    op_def = graph_symbols.registered_op_def(op_type)
    args = (*op_def.input_arg, *op_def.output_arg) if op_def else ()
    names = [arg.number_attr for arg in args if arg.number_attr]
    if names:
      lengths[op_type] = names
  for node in nodes:
    for name in lengths.get(node.op, ()):
      # Asking for an attribute that is not there would add it.
      if name in node.attr and not 0 <= node.attr[name].i <= _MAX_LENGTH:
        raise ValueError(
          f"node {node.name} has a list of {node.attr[name].i} inputs or "
          "outputs"
        )


def _check_loops(index) -> None:
  """Checks where loops begin: TensorFlow aborts if one has two beginnings."""
  for position, node in enumerate(index.nodes):
    if node.op not in ("Merge", "RefMerge"):
      continue
    sources = [index.nodes[p].op for p, _ in index.data_inputs(position)]
    turns = [
      op for op in sources if op in ("NextIteration", "RefNextIteration")
    ]
    if turns and len(sources) - len(turns) != 1:
      raise ValueError(f"the loop at {node.name} does not begin once")


def _names(variant) -> Iterator[str]:
  """Yields the names of nodes and tensors that the module refers to."""
  for signature in variant.signature_names:
    for info in variant.inputs(signature).values():
      yield from info.tensor_names
    for info in variant.outputs(signature).values():
      yield from info.tensor_names
  for collection in _ELEMENT_COLLECTIONS:
    yield from variant.collection(collection)
  for variable in variant.variables:
    proto = variable.proto
    yield proto.variable_name
    yield proto.initializer_name
    yield variable.snapshot_name
    if proto.initial_value_name:
      yield proto.initial_value_name
  for context in variant.contexts:
    yield from control_flow.context_names(context.proto)


def _check_name(variant, name) -> None:
  position, output = variant.index.endpoint(name)
  num_outputs = variant.index.num_outputs(position)
  if ":" in name and not 0 <= output < num_outputs:
    raise ValueError(
      f"it refers to {name}, and that node has {num_outputs} outputs"
    )


def _check_variable(variant, variable: Variable) -> None:
  index, proto = variant.index, variable.proto
  for name in (proto.variable_name, variable.snapshot_name):
    if ":" not in name:
      raise ValueError(f"it refers to the op {name!r} for a tensor")
  endpoint = index.endpoint(proto.variable_name)
  node = index.nodes[endpoint[0]]
  op_def = graph_symbols.registered_op_def(node.op)
  if proto.is_resource:
    is_variable = node.op == _RESOURCE_VARIABLE
  else:
    is_variable = bool(op_def.output_arg) and op_def.output_arg[0].is_ref
  if not is_variable or not {"shape", "dtype"} <= set(node.attr):
    raise ValueError(f"{node.name} ({node.op}) is no variable")
  variant.variable_shape(variable)
  variant.variable_dtype(variable)
  for field, known in (
    ("synchronization", _SYNCHRONIZATIONS),
    ("aggregation", _AGGREGATIONS),
  ):
    if getattr(proto, field) not in known:
      raise ValueError(
        f"{node.name} has {field} {getattr(proto, field)}, of {sorted(known)}"
      )
  initializer = index.position(proto.initializer_name)
  if index.nodes[initializer].op in ASSIGN_OPS and (
    index.data_inputs(initializer)[0] != endpoint
  ):
    raise ValueError(
      f"{proto.initializer_name}, which should initialize {node.name}, assigns "
      "another variable"
    )
  if proto.is_resource:
    _check_snapshot(variant, variable)


def _check_snapshot(variant, variable) -> None:
  """Checks that the value of a resource variable goes back to a read of it."""
  position, _ = variant.index.endpoint(variable.snapshot_name)
  passed = set()
  while variant.index.nodes[position].op != "ReadVariableOp":
    inputs = variant.index.data_inputs(position)
    if position in passed or not inputs:
      raise ValueError(
        f"{variable.snapshot_name} does not read variable {variable.node_name}"
      )
    passed.add(position)
    position = inputs[0][0]


def _check_slices(variables: list[Variable]) -> None:
  """Checks that the parts of each partitioned variable make up the whole."""
  wholes: dict[str, list[Variable]] = {}
  for variable in variables:
    if variable.slice_info:
      wholes.setdefault(variable.checkpoint_name, []).append(variable)
  for name, parts in wholes.items():
    full_shape = list(parts[0].slice_info.full_shape)
    num_elements = 0
    for part in parts:
      info = part.slice_info
      ends = [o + s for o, s in zip(info.var_offset, info.var_shape)]
      if (
        list(info.full_shape) != full_shape
        or not len(info.var_offset) == len(info.var_shape) == len(full_shape)
        or min((0, *info.var_offset, *info.var_shape)) < 0
        or any(end > size for end, size in zip(ends, full_shape))
      ):
        raise ValueError(f"{part.node_name} is no part of a variable {name}")
      num_elements += _product(info.var_shape)
    if num_elements != _product(full_shape):
      raise ValueError(f"parts of variable {name} are missing")


def _product(sizes) -> int:
  product = 1
  for size in sizes:
    product *= size
  return product


def _check_context(proto) -> None:
  """Checks that a control flow context has what rebuilding it looks up."""
  if hasattr(proto, "pred_name"):
    required = (proto.pred_name, proto.pivot_name)
  else:
    required = (proto.pivot_name, proto.pivot_for_pred_name)
    required += (proto.pivot_for_body_name,)
  if not all(required):
    raise ValueError(
      f"the control flow context {proto.context_name!r} is not complete"
    )
  for nested in proto.nested_contexts:
    _check_context(getattr(nested, nested.WhichOneof("ctxt")))
