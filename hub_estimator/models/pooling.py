"""Outputs of a module as vectors, one for each example."""

from __future__ import annotations

import math

from hub_estimator import errors
from hub_estimator.tf_compat import tf


def average_inner_dimensions(output: tf.Tensor) -> tf.Tensor:
  """Averages an output [batch_size, …, size] to [batch_size, size]."""
  if output.shape.rank <= 2:
    return output
  return tf.reduce_mean(output, axis=list(range(1, output.shape.rank - 1)))


def pool_outputs(outputs: dict[str, tf.Tensor], target_size: int) -> tf.Tensor:
  """Pools all outputs of a signature and joins them.

  Each output becomes at most `target_size` numbers (but at least one for each
  channel) by averages over windows of its inner dimensions, scaled to unit
  norm, so that no output outweighs another one by its units (Evci et al.,
  2022, https://arxiv.org/abs/2201.03529, section 3). Outputs that are no float
  tensors [batch_size, …, channels] of a known number of channels are left out,
  and of several names for one tensor all but the first.

  Args:
    outputs: name -> tensor.
    target_size: numbers to keep of each output.

  Returns:
    float32 [batch_size, size], outputs in the order of their names.

  Raises:
    UserValueError: there is no output to use.
  """
  pooled, seen = [], set()
  for name in sorted(outputs):
    output = outputs[name]
    if not _is_usable(output) or output.name in seen:
      continue
    seen.add(output.name)
    vector = _pool(tf.cast(output, tf.float32), target_size)
    pooled.append(tf.math.l2_normalize(vector, axis=1))
  if not pooled:
    raise errors.UserValueError(
      "Features are selected from float outputs [batch_size, …, channels], and "
      f"the signature has none among {sorted(outputs)}."
    )
  return tf.concat(pooled, axis=1)


def _is_usable(output) -> bool:
  return (
    isinstance(output, tf.Tensor)
    and output.dtype.is_floating
    and output.shape.rank is not None
    and output.shape.rank >= 2
    and output.shape[-1] is not None
  )


def _pool(output: tf.Tensor, target_size: int) -> tf.Tensor:
  """Averages [batch_size, …, channels] to [batch_size, size]."""
  rank, channels = output.shape.rank, output.shape[-1]
  if rank == 3:
    output = tf.expand_dims(output, axis=2)
  inner = output.shape[1:-1].as_list()
  if rank == 2 or len(inner) != 2 or None in inner:
    return average_inner_dimensions(output)
  windows = target_size // channels
  if rank == 3:
    grid = [min(inner[0], max(1, windows)), 1]
  else:
    side = max(1, math.isqrt(windows))
    grid = [min(size, side) for size in inner]
  # The mean over areas, also where the grid does not divide the size.
  output = tf.compat.v1.image.resize_area(output, grid)
  return tf.reshape(output, [-1, grid[0] * grid[1] * channels])
