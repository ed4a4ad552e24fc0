"""Writing modules: from a session, or straight from a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Callable

import numpy as np

from hub_estimator import errors
from hub_estimator.hub import module_folder, variable_files
from hub_estimator.hub.graph_variant import GraphVariant, Variable
from hub_estimator.tf_compat import tf

# Variables are read from a session in groups of about this size.
_GROUP_BYTES = 256 * 2**20


def export_from_session(
  variants: Iterable[GraphVariant],
  variables: Iterable[tuple[Variable, tf.Variable]],
  path: str,
  session: tf.compat.v1.Session,
) -> None:
  """Writes a module with the values that variables have in a session.

  Args:
    variants: the module's graphs.
    variables: (variable of the module, variable in the session's graph) pairs.
    path: the module's folder.
    session: where the values are.
  """
  wholes: dict[str, list[tuple[Variable, tf.Variable]]] = {}
  for source, variable in variables:
    wholes.setdefault(source.checkpoint_name, []).append((source, variable))
  module_folder.write_module(
    path,
    [_without_checkpoint_paths(variant) for variant in variants],
    _session_values(wholes, session),
  )


def _session_values(wholes, session) -> Iterator[tuple[str, np.ndarray]]:
  """Yields (name, value) of variables, read in groups of limited size.

  A run for each variable would have the session optimize the graph anew for
  each; one run for all of them would hold the whole module in memory.
  """
  names = sorted(wholes)
  while names:
    group, num_bytes = {}, 0
    while names and (not group or num_bytes < _GROUP_BYTES):
      # A Variable is fetched by a read that its graph already has: the graph
      # may be finalized.
      parts = [variable for _, variable in wholes[names[0]]]
      group[names.pop(0)] = parts
      num_bytes += sum(
        (part.shape.num_elements() or 0) * part.dtype.size for part in parts
      )
    for name, values in session.run(group).items():
      yield name, _put_together([s for s, _ in wholes[name]], values)


def _put_together(sources: list[Variable], values: list) -> np.ndarray:
  """Returns the value of a variable from that of its parts."""
  if sources[0].slice_info is None:
    return np.asarray(values[0])
  whole = np.empty(sources[0].slice_info.full_shape, values[0].dtype)
  for source, value in zip(sources, values):
    info = source.slice_info
    region = tuple(
      slice(offset, offset + size)
      for offset, size in zip(info.var_offset, info.var_shape)
    )
    whole[region] = value
  return whole


def export_from_checkpoint(
  variants: Iterable[GraphVariant],
  variant: GraphVariant,
  path: str,
  checkpoint_path: str,
  name_transform_fn: Callable[[str], str],
) -> dict[str, str]:
  """Writes a module with a checkpoint's values.

  Args:
    variants: the module's graphs.
    variant: the one whose variables are written.
    path: the module's folder.
    checkpoint_path: a checkpoint's prefix, or a folder with checkpoints.
    name_transform_fn: name in the module -> name in the checkpoint.

  Returns:
    variables that could not be copied as bytes -> why.

  Raises:
    ValueError: a checkpoint that is missing or damaged, lacks a variable or has
      it in another shape or dtype.
  """
  if not checkpoint_path:
    raise errors.UserValueError("Missing mandatory `checkpoint_path` parameter")
  if tf.io.gfile.isdir(checkpoint_path):
    newest = tf.train.latest_checkpoint(checkpoint_path)
    if newest is None:
      raise errors.UserValueError(
        f"The folder {checkpoint_path} holds no checkpoint."
      )
    checkpoint_path = newest
  variable_files.check_checkpoint(variant, checkpoint_path, name_transform_fn)
  names = {v.checkpoint_name for v in variant.variables}
  not_copied: dict[str, str] = {}
  module_folder.write_module(
    path,
    [_without_checkpoint_paths(v) for v in variants],
    lambda prefix: not_copied.update(
      variable_files.copy_variables(
        checkpoint_path,
        {name: name_transform_fn(name) for name in sorted(names)},
        prefix,
      )
    ),
  )
  return not_copied


def _without_checkpoint_paths(variant: GraphVariant):
  """Returns a graph without the paths of checkpoints that initialize it.

  A module_fn that instantiates another module, or calls init_from_checkpoint,
  leaves paths of the publishing machine in its graph. The written module has
  all variables in its own checkpoint.
  """
  index = variant.index
  prefixes = {
    index.data_inputs(position)[0][0]
    for position, node in enumerate(index.nodes)
    if node.op == "RestoreV2"
  }
  # What an output reads from another checkpoint is the module's own affair.
  prefixes = {
    position
    for position in prefixes - variant.applied_nodes
    if index.nodes[position].op == "Const"
  }
  if not prefixes:
    return variant.meta_graph
  meta_graph = tf.compat.v1.MetaGraphDef()
  meta_graph.CopyFrom(variant.meta_graph)
  for position in prefixes:
    value = meta_graph.graph_def.node[position].attr["value"].tensor
    value.string_val[:] = [b""]
  return meta_graph
