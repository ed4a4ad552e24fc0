"""Reading and writing the variables of a module outside of any user's graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Callable, NamedTuple

import numpy as np

from hub_estimator import errors
from hub_estimator.file_formats import (
  checkpoint_copy,
  checkpoint_index,
  damage,
)
from hub_estimator.hub import file_errors
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.tf_compat import tf

# Tensors are written in parts of about this size, so that memory holds one part
# (or the largest tensor) and not the module.
_PART_BYTES = 256 * 2**20


class VariableShape(NamedTuple):
  """Shape and dtype of a variable in a checkpoint."""

  shape: tuple[int, ...]
  dtype: tf.DType


def open_checkpoint(prefix: str):
  """Returns a reader of a checkpoint.

  Raises:
    NotFoundError (which is a ValueError): there is no such checkpoint.
    ValueError: it cannot be read.
  """
  # A checkpoint of TensorFlow's first format is one file without a suffix.
  if not any(tf.io.gfile.exists(prefix + end) for end in (".index", "")):
    raise file_errors.CheckpointNotFoundError(
      f"There is no checkpoint {prefix} (no file {prefix}.index)."
    )
  if tf.io.gfile.exists(prefix + ".index"):
    # TensorFlow's reader ends the process at some kinds of damage.
    checkpoint_index.CheckpointIndex(prefix)
  with damage.reading(f"Cannot read checkpoint {prefix}: it"):
    return tf.train.load_checkpoint(prefix)


def read_variable_shapes(
  prefix: str, check_shards_of: Iterable[str] = ()
) -> dict[str, VariableShape]:
  """Returns {name: VariableShape} of a checkpoint, without reading values.

  Args:
    prefix: the checkpoint's prefix.
    check_shards_of: names of tensors; the files that hold them must be there
      and long enough.

  Raises:
    NotFoundError (which is a ValueError): there is no such checkpoint.
    OSError (which is a ValueError): its index is damaged, or a data file is
      missing or too short; the message names the file.
  """
  if tf.io.gfile.exists(prefix + ".index"):
    index = checkpoint_index.CheckpointIndex(prefix)
    index.check_shards(check_shards_of)
    with damage.reading(f"Cannot read checkpoint {prefix}: {index.path}"):
      return {
        name: VariableShape(entry.shape, tf.dtypes.as_dtype(entry.dtype))
        for name, entry in index.entries.items()
      }
  reader = open_checkpoint(prefix)
  dtypes = reader.get_variable_to_dtype_map()
  return {
    name: VariableShape(tuple(shape), dtypes[name])
    for name, shape in reader.get_variable_to_shape_map().items()
  }


def check_checkpoint(
  variant: GraphVariant,
  prefix: str,
  name_transform_fn: Callable[[str], str],
) -> None:
  """Raises ValueError unless a checkpoint fits the variables of a graph.

  Args:
    variant: the graph.
    prefix: the checkpoint's prefix.
    name_transform_fn: name in the module -> name in the checkpoint.

  Raises:
    NotFoundError (which is a ValueError): there is no such checkpoint.
    OSError (which is a ValueError): its index is damaged, or a data file is
      missing or too short.
    ValueError: it lacks a variable or has it in another shape or dtype.
  """
  sources = {
    variable.checkpoint_name: name_transform_fn(variable.checkpoint_name)
    for variable in variant.variables
  }
  found = read_variable_shapes(prefix, check_shards_of=sources.values())
  for variable in variant.variables:
    name = variable.checkpoint_name
    source = sources[name]
    if source not in found:
      known_as = "" if source == name else f" (for module variable {name})"
      raise errors.UserValueError(
        f"Tensor {source}{known_as} is not found in {prefix} checkpoint, and "
        f"the graph with tags {sorted(variant.tags)} needs it. The checkpoint "
        f"holds: {_some(sorted(found))}."
      )
    shape = variant.variable_shape(variable)
    if not shape.is_compatible_with(found[source].shape):
      raise errors.UserValueError(
        f"Shape of variable {name} ({shape}) doesn't match with shape of "
        f"tensor {source} ({list(found[source].shape)}) from checkpoint "
        f"{prefix}."
      )
    dtype = variant.variable_dtype(variable)
    if dtype != found[source].dtype:
      raise errors.UserValueError(
        f"Dtype of variable {name} ({dtype.name}) doesn't match with dtype of "
        f"tensor {source} ({found[source].dtype.name}) from checkpoint "
        f"{prefix}."
      )


def _some(names: list[str], limit: int = 10) -> str:
  more = f" and {len(names) - limit} more" if len(names) > limit else ""
  return ", ".join(names[:limit]) + more if names else "nothing"


def write_variables(
  prefix: str, variables: Iterable[tuple[str, np.ndarray]]
) -> None:
  """Writes a checkpoint, part by part as values arrive.

  Args:
    prefix: path of the checkpoint; "<prefix>.index" and its data files appear.
    variables: (name, value) pairs, read one after the other; none at all
      writes nothing.
  """
  prefixes: list[str] = []
  part: list[tuple[str, np.ndarray]] = []
  num_bytes = 0
  for name, value in variables:
    if part and num_bytes + value.nbytes > _PART_BYTES:
      prefixes.append(_write_part(f"{prefix}_part{len(prefixes)}", part))
      part, num_bytes = [], 0
    part.append((name, value))
    num_bytes += value.nbytes
  if not part:
    return
  if not prefixes:
    _write_part(prefix, part)
    return
  prefixes.append(_write_part(f"{prefix}_part{len(prefixes)}", part))
  _run(
    lambda: tf.raw_ops.MergeV2Checkpoints(
      checkpoint_prefixes=prefixes,
      destination_prefix=prefix,
      delete_old_dirs=False,
    )
  )


def copy_variables(
  source_prefix: str, names: Mapping[str, str], prefix: str
) -> dict[str, str]:
  """Writes a checkpoint with values of another.

  The bytes are copied from file to file. What lies in them in another order, or
  in an older format, is read and written.

  Args:
    source_prefix: the checkpoint to copy from.
    names: name in the new checkpoint -> name in the other.
    prefix: path of the new checkpoint.

  Returns:
    what was not copied as bytes: name in the new checkpoint -> why.
  """
  if not names:
    return {}
  if not tf.io.gfile.exists(source_prefix + ".index"):
    why = "its checkpoint has TensorFlow's first format"
    _write_values(source_prefix, names, prefix)
    return dict.fromkeys(names, why)
  index = checkpoint_index.CheckpointIndex(source_prefix)
  found = {
    name: checkpoint_copy.find_tensor(index, source)
    for name, source in names.items()
  }
  others = {name: names[name] for name in found if found[name] is None}
  read_prefix = f"{prefix}_read"
  if others:
    _write_values(source_prefix, others, read_prefix)
    read = checkpoint_index.CheckpointIndex(read_prefix)
    for name in others:
      found[name] = checkpoint_copy.find_tensor(read, name)
  checkpoint_copy.write_checkpoint(prefix, found)
  for path in tf.io.gfile.glob(f"{read_prefix}.*") if others else ():
    tf.io.gfile.remove(path)
  return dict.fromkeys(
    others, "the checkpoint has it in slices that are no rows of it"
  )


def _write_values(source_prefix, names, prefix) -> None:
  reader = open_checkpoint(source_prefix)
  write_variables(
    prefix,
    (
      (name, np.asarray(reader.get_tensor(source)))
      for name, source in sorted(names.items())
    ),
  )


def _write_part(prefix: str, part: list[tuple[str, np.ndarray]]) -> str:
  feeds = {}

  def save():
    tensors = []
    for _, value in part:
      dtype = tf.string if value.dtype.kind in "OSU" else value.dtype
      tensors.append(tf.compat.v1.placeholder(dtype, value.shape))
      feeds[tensors[-1]] = value
    return tf.raw_ops.SaveV2(
      prefix=prefix,
      tensor_names=[name for name, _ in part],
      shape_and_slices=[""] * len(part),
      tensors=tensors,
    )

  _run(save, feeds)
  return prefix


def _run(build_op, feeds=None) -> None:
  """Runs an op in a graph of its own: the caller's may be finalized."""
  with tf.Graph().as_default() as graph, graph.device("/device:CPU:0"):
    op = build_op()
    with tf.compat.v1.Session(graph=graph) as session:
      session.run(op, feeds)
