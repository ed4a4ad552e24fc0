"""Datasets of batches that are gathered from arrays by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

# Batches that wait for the training step.
_PREFETCHED_BATCHES = 2
# What may be in memory beside the arrays, so that batches are gathered many at
# once: for texts and other small examples, most of the time would go to the
# overhead of each op.
_MAX_BLOCK_BYTES = 1 << 24
# A number may become one of 8 bytes.
_LARGEST_ITEM_BYTES = 8


def create_dataset(
  features: dict[str, np.ndarray],
  targets: dict[str, np.ndarray],
  create_row_blocks: Callable[[], Iterator[np.ndarray]],
  convert: Optional[Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]],
  create_batches: Callable[..., tf.data.Dataset],
  rows_in_block: int,
) -> tf.data.Dataset:
  """Creates a dataset of batches of examples that are known by their row.

  Args:
    features: name -> [num_examples, ...] array of numbers, or of objects that
      are bytes.
    targets: "labels", and what is to be a feature beside the features, such as
      weights, likewise; {} for features alone.
    create_row_blocks: returns an iterator over int64 [num_batches, batch_size]
      rows.
    convert: makes features of a batch of arrays; None if `create_batches` does
      more than that.
    create_batches: makes batches of features and targets of a dataset of int64
      [batch_size] rows and a function that gathers rows; see
      `RowsInput._create_batches`.
    rows_in_block: the largest size of a block of rows.
  """
  from hub_estimator.tf_compat import tf

  arrays = {("feature", name): array for name, array in features.items()}
  arrays.update({("target", name): array for name, array in targets.items()})
  blocks = tf.data.Dataset.from_generator(
    create_row_blocks, output_signature=tf.TensorSpec([None, None], tf.int64)
  )

  def gather_with(tensors):
    def gather(rows):
      values = {"feature": {}, "target": {}}
      for (kind, name), tensor in zip(arrays, tensors):
        values[kind][name] = tf.gather(tensor, rows)
      return values["feature"], values["target"]

    return gather

  loaded = load_arrays(list(arrays.values()))
  block_bytes = rows_in_block * sum(map(_example_bytes, arrays.values()))
  if convert is not None and block_bytes <= _MAX_BLOCK_BYTES:

    def create_blocks(*tensors):
      gather = gather_with(tensors)

      def create_block(rows):
        block_arrays, block_targets = gather(rows)
        return finish(convert(block_arrays), block_targets)

      return blocks.map(create_block)

    return (
      loaded.flat_map(create_blocks)
      # Whole blocks: to hand each batch from thread to thread takes longer than
      # to make it.
      .prefetch(1)
      .flat_map(_slices)
    )

  def create_all(*tensors):
    return create_batches(blocks.flat_map(_slices), gather_with(tensors))

  return prefetched(loaded.flat_map(create_all).map(finish))


def prefetched(
  batches: tf.data.Dataset, num_batches: int = _PREFETCHED_BATCHES
) -> tf.data.Dataset:
  """Returns the batches, made ahead of their use, `without_tuning`."""
  return without_tuning(batches.prefetch(num_batches))


def without_tuning(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """Returns a dataset whose parallelism tf.data does not tune while it runs.

  The thread that tunes sleeps for longer and longer, and the end of the
  iterator, hence of a session, waits for it: for seconds, after some of them.
  `AUTOTUNE` is then as many calls at once as there are cores.

  Args:
    dataset: any, with the ops after which it is iterated over.
  """
  from hub_estimator.tf_compat import tf

  options = tf.data.Options()
  options.autotune.enabled = False
  return dataset.with_options(options)


def _slices(*nest: Any) -> tf.data.Dataset:
  """Returns the dataset of what is along the first dimension."""
  from hub_estimator.tf_compat import tf

  return tf.data.Dataset.from_tensor_slices(nest if len(nest) > 1 else nest[0])


def finish(features: dict[str, tf.Tensor], targets: dict[str, tf.Tensor]):
  """Returns features and labels, or features alone if there are no targets."""
  if not targets:
    return features
  targets = dict(targets)
  labels = targets.pop("labels")
  return {**features, **targets}, labels


def _example_bytes(array: np.ndarray) -> int:
  """Returns about how many bytes an example of an array takes in a batch."""
  size = int(np.prod(array.shape[1:]))
  if array.dtype.kind != "O":
    return size * _LARGEST_ITEM_BYTES
  sample = array[:: max(1, len(array) // 100)].ravel().tolist()
  return size * (sum(map(len, sample)) // max(1, len(sample)) + 1)


def load_arrays(arrays: list[np.ndarray]) -> tf.data.Dataset:
  """Returns a dataset of one element, the arrays as tensors.

  As constants they could not be larger than 2 GB, and the graph that is written
  next to the checkpoints would hold them.
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
