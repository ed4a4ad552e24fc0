"""Importing a module's state: variables, tables, what initializes them."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from hub_estimator import errors
from hub_estimator.hub import (
  assets,
  control_flow,
  graph_checks,
  graph_import,
  plain_nodes,
  variable_files,
)
from hub_estimator.hub.graph_index import Endpoint, Subgraph
from hub_estimator.hub.graph_variant import GraphVariant, Variable
from hub_estimator.tf_compat import graph_symbols, tf

_KEYS = tf.compat.v1.GraphKeys


class ModuleState(NamedTuple):
  """A module's state in the caller's graph.

  Attributes:
    tensors: endpoint of a state node in the module's graph -> its tensor.
    variables: (module variable, variable in the caller's graph) pairs.
  """

  tensors: dict[Endpoint, tf.Tensor]
  variables: list[tuple[Variable, tf.Variable]]

  @property
  def variable_map(self) -> dict[str, Union[tf.Variable, list[tf.Variable]]]:
    """Name in the module -> variable, or list of parts ordered by offset."""
    result = {}
    parts: dict[str, list] = {}
    for source, variable in self.variables:
      if _KEYS.GLOBAL_VARIABLES not in source.collections:
        continue
      name = source.checkpoint_name
      if source.slice_info:
        offset = tuple(source.slice_info.var_offset)
        parts.setdefault(name, []).append((offset, variable))
        # Keeps the place of the first part.
        result.setdefault(name, None)
      else:
        result[name] = variable
    for name, offsets in parts.items():
      offsets.sort(key=lambda item: item[0])
      result[name] = [variable for _, variable in offsets]
    return result


class StateImport(NamedTuple):
  """What the state of a graph variant imports.

  Attributes:
    held: positions of the state nodes.
    held_subgraph: those nodes.
    keep: positions of the nodes around them: reads, initializers, losses.
    subgraph: those nodes.
    replaced: (initializer node, input index) -> index of the variable whose
      restored value goes there.
  """

  held: set[int]
  held_subgraph: Subgraph
  keep: set[int]
  subgraph: Subgraph
  replaced: dict[Endpoint, int]


def check_state(
  variant: GraphVariant,
  checkpoint_prefix: Optional[str],
  trainable: bool = False,
) -> None:
  """Raises an error unless a graph's state can be imported.

  Args:
    variant: the graph.
    checkpoint_prefix: as for `import_state`.
    trainable: as for `import_state`.

  Raises:
    NotFoundError: the graph uses ops that are not registered, or an asset file
      or the checkpoint is missing.
    OSError (which is a ValueError): the graph or the checkpoint is damaged.
    ValueError: the checkpoint lacks a variable, or holds one of another shape
      or dtype; an initializer is no assignment; a state op has not exactly one
      output; TensorFlow does not take a node.
  """
  if not variant.is_checked:
    graph_checks.check_graph(variant)
    variant.is_checked = True
  if checkpoint_prefix is not None:
    assets.check_asset_files(variant.meta_graph, variant.origin)
    if variant.variables:
      variable_files.check_checkpoint(
        variant, checkpoint_prefix, lambda name: name
      )
  _state_import(variant, trainable, checkpoint_prefix)


def _state_import(variant, trainable, checkpoint_prefix) -> StateImport:
  """Returns what is imported, which has been tried."""
  from_checkpoint = checkpoint_prefix is not None and bool(variant.variables)
  key = ("state", trainable, from_checkpoint)
  return variant.kept(
    key, lambda: _cut_state(variant, trainable, from_checkpoint)
  )


def _cut_state(variant, trainable, from_checkpoint) -> StateImport:
  index = variant.index
  replaced = _initial_value_inputs(variant) if from_checkpoint else {}
  roots = _roots(variant, trainable, with_initial_values=not replaced)
  needed = index.ancestors(roots, cut_inputs=replaced)
  control_flow.complete(
    variant.contexts,
    needed,
    lambda targets: index.ancestors(targets, cut_inputs=replaced),
  )
  held = variant.state_nodes & (needed | variant.applied_nodes)
  keep = needed - held
  subgraph = _cut(variant, held, keep, replaced)
  held_subgraph = index.subgraph(held, with_control_inputs=False)
  _try_state(variant, held, keep, replaced)
  return StateImport(held, held_subgraph, keep, subgraph, replaced)


def _try_state(variant, held, keep, replaced) -> None:
  """Raises ValueError if TensorFlow does not take what is around the state.

  It is imported when the caller's graph has the state nodes already.
  """
  tried = keep
  if replaced:
    tried = keep - plain_nodes.plain_nodes(variant)
    # With what they need, be it plain or not.
    tried = keep & variant.index.ancestors(tried, cut_inputs=replaced)
  if not tried:
    return
  replaced = {
    endpoint: position
    for endpoint, position in replaced.items()
    if endpoint[0] in tried
  }
  graph_import.try_import(
    variant.index,
    _cut(variant, held, tried, replaced),
    feeds={},
    replacements={
      _restored_name(position): variant.variable_dtype(
        variant.variables[position]
      )
      for position in replaced.values()
    },
  )


def _cut(variant, held, keep, replaced) -> Subgraph:
  return variant.index.subgraph(
    keep,
    fed={(p, 0) for p in held},
    replaced_inputs={
      endpoint: _restored_name(position)
      for endpoint, position in replaced.items()
    },
  )


def import_state(
  variant: GraphVariant,
  scope: str,
  trainable: bool,
  checkpoint_prefix: Optional[str],
) -> ModuleState:
  """Imports a graph variant's state into the default graph.

  Adds to GLOBAL_VARIABLES, MODEL_VARIABLES, TABLE_INITIALIZERS, ASSET_FILEPATHS
  and, of what these need, COND_CONTEXT and WHILE_CONTEXT; if `trainable` also
  to TRAINABLE_VARIABLES and REGULARIZATION_LOSSES. All variables of one device
  are restored by one operation.

  Args:
    variant: the graph.
    scope: absolute name scope, with its final "/".
    trainable: whether the variables are to be trained.
    checkpoint_prefix: the checkpoint whose values initialize the variables,
      which `check_state` found to fit; None takes the initializers of the
      module's graph.
  """
  importing = _state_import(variant, trainable, checkpoint_prefix)
  scopes = {"scope": scope, "shared_name_prefix": scope}
  index = variant.index
  with tf.control_dependencies(None):
    held = graph_import.import_subgraph(
      index,
      importing.held_subgraph,
      importing.held,
      feeds={},
      contexts=[],
      **scopes,
    )
    tensors = {(p, 0): held.tensor(index.nodes[p].name) for p in importing.held}
    restored = {}
    if importing.replaced:
      restored = _restore(variant, tensors, scope, checkpoint_prefix)
    imported = graph_import.import_subgraph(
      index,
      importing.subgraph,
      importing.keep,
      feeds=tensors,
      contexts=variant.contexts,
      replacements={
        _restored_name(position): restored[position]
        for position in importing.replaced.values()
      },
      **scopes,
    )
  variables = _add_variables(variant, imported, restored, trainable)
  _add_collections(variant, imported, trainable)
  return ModuleState(tensors, variables)


def _roots(variant, trainable, with_initial_values) -> set[int]:
  """Returns the positions of the nodes that the state consists of."""
  names = []
  for variable in variant.variables:
    proto = variable.proto
    names += [
      proto.variable_name,
      proto.initializer_name,
      variable.snapshot_name,
    ]
    if with_initial_values and proto.initial_value_name:
      names.append(proto.initial_value_name)
  names += variant.collection(_KEYS.TABLE_INITIALIZERS)
  names += variant.collection(_KEYS.ASSET_FILEPATHS)
  if trainable:
    names += variant.collection(_KEYS.REGULARIZATION_LOSSES)
  return {variant.index.endpoint(name)[0] for name in names}


def _initial_value_inputs(variant) -> dict[Endpoint, int]:
  """Returns (initializer node, input index) -> index of the variable.

  Raises:
    ValueError: an initializer that is not an assignment.
  """
  inputs = {}
  for i, variable in enumerate(variant.variables):
    name = variable.proto.initializer_name
    position = variant.index.position(name)
    op_type = variant.index.nodes[position].op
    if op_type not in graph_checks.ASSIGN_OPS:
      raise errors.UserValueError(
        f"The initializer {name} of variable {variable.node_name} is a "
        f"{op_type}: expected one of {list(graph_checks.ASSIGN_OPS)}."
      )
    inputs[position, 1] = i
  return inputs


def _restored_name(position: int) -> str:
  # No node of a module can be called so: "^" only starts control inputs.
  return f"restored^{position}:0"


def _slice_spec(slice_info) -> str:
  """Returns RestoreV2's text for a part: "4 3 0,2:0,3"; "" for a whole."""
  if slice_info is None:
    return ""
  full = " ".join(str(size) for size in slice_info.full_shape)
  parts = ":".join(
    f"{offset},{size}"
    for offset, size in zip(slice_info.var_offset, slice_info.var_shape)
  )
  return f"{full} {parts}"


def _state_tensor(variant, variable, tensors) -> tf.Tensor:
  return tensors[variant.index.endpoint(variable.proto.variable_name)]


def _restore(variant, tensors, scope, checkpoint_prefix) -> dict:
  """Restores all variables, with one op for each device that holds some.

  Returns:
    index in `variant.variables` -> restored tensor.
  """
  by_device: dict[str, list[int]] = {}
  for i, variable in enumerate(variant.variables):
    device = _state_tensor(variant, variable, tensors).op.device
    by_device.setdefault(device, []).append(i)
  restored = {}
  name = "checkpoint_initializer"
  while any(node.name.split("/")[0] == name for node in variant.index.nodes):
    name += "_"
  for device, members in by_device.items():
    variables = [variant.variables[i] for i in members]
    with tf.name_scope(scope), tf.device(None), tf.device(device or None):
      # A checkpoint is read by the host, of the variables' own task.
      with tf.device("/device:CPU:0"):
        values = tf.raw_ops.RestoreV2(
          prefix=checkpoint_prefix,
          tensor_names=[v.checkpoint_name for v in variables],
          shape_and_slices=[_slice_spec(v.slice_info) for v in variables],
          dtypes=[variant.variable_dtype(v) for v in variables],
          name=name,
        )
    for i, variable, value in zip(members, variables, values):
      if variable.slice_info is None:
        value.set_shape(variant.variable_shape(variable))
      else:
        value.set_shape(variable.slice_info.var_shape)
      restored[i] = value
  return restored


def _add_variables(variant, imported, restored, trainable) -> list:
  """Creates the variable objects and adds them to their collections."""
  graph = tf.compat.v1.get_default_graph()
  by_collection: dict[str, list] = {}
  pairs = []
  for i, source in enumerate(variant.variables):
    proto = type(source.proto)()
    proto.CopyFrom(source.proto)
    proto.variable_name = imported.name(source.proto.variable_name)
    proto.initializer_name = imported.name(source.proto.initializer_name)
    proto.snapshot_name = imported.name(source.snapshot_name)
    if i in restored:
      proto.initial_value_name = restored[i].name
    elif proto.initial_value_name:
      proto.initial_value_name = imported.tensor(
        source.proto.initial_value_name
      ).name
    if source.slice_info:
      proto.save_slice_info_def.full_name = imported.scoped(
        source.slice_info.full_name
      )
    variable = graph_symbols.from_proto(_KEYS.GLOBAL_VARIABLES, proto)
    pairs.append((source, variable))
    for name in source.collections:
      by_collection.setdefault(name, []).append(variable)
  if not trainable:
    by_collection.pop(_KEYS.TRAINABLE_VARIABLES, None)
  for name, members in by_collection.items():
    for variable in members:
      graph.add_to_collection(name, variable)
  return pairs


def _add_collections(variant, imported, trainable) -> None:
  graph = tf.compat.v1.get_default_graph()
  names = [_KEYS.TABLE_INITIALIZERS, _KEYS.ASSET_FILEPATHS]
  if trainable:
    names.append(_KEYS.REGULARIZATION_LOSSES)
  for name in names:
    for element in variant.collection(name):
      graph.add_to_collection(name, imported.element(element))
