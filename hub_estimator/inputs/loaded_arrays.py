"""Arrays that enter a dataset without being part of its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


def load_arrays(arrays: list[np.ndarray]) -> tf.data.Dataset:
  """Returns a dataset of one element, the arrays as tensors.

  As constants they could not be larger than 2 GB, and the graph that is written
  next to the checkpoints would hold them.

  Args:
    arrays: numbers, or objects that are all bytes.
  """
  from hub_estimator.tf_compat import tf

  def load(_):
    tensors = tf.numpy_function(
      lambda: tuple(arrays),
      [],
      [tf.string if a.dtype.kind == "O" else a.dtype for a in arrays],
    )
    for tensor, array in zip(tensors, arrays):
      tensor.set_shape(array.shape)
    return tuple(tensors)

  return tf.data.Dataset.range(1).map(load)
