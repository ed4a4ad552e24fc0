"""Datasets that decode images, and know which of them could not be.

An error of an op in a `Dataset.map` names neither the file nor the example, and
there is no op that tries. So examples with errors are dropped
(`Dataset.ignore_errors`), and which are missing is told by their positions, a
batch at a time: while all is well, that costs a few small ops for each batch.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

import numpy as np

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

# Rows are decoded in chapters of so many batches. At the end of each, rows that
# are missing are found also if no batch came out.
_BATCHES_IN_CHAPTER = 64
# How far an example may be overtaken by others in a dataset without order
# before its file is looked at again.
_PATIENCE_BATCHES = 4

# Images that are being decoded, or wait for the others of their batch, for each
# core: enough that none is idle while a batch is put together. With what
# `AUTOTUNE` finds, up to a fifth fewer images came out.
_DECODES_PER_CORE = 4
_MIN_DECODES = 16


def num_parallel_decodes() -> int:
  """Returns how many images a dataset works on at once."""
  return max(_MIN_DECODES, _DECODES_PER_CORE * (os.cpu_count() or 1))


def decode_batches(
  rows_of_batches: tf.data.Dataset,
  path_of: Callable[[tf.Tensor], tf.Tensor],
  decode: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
  batch_size: int,
  report_missing: Callable[[np.ndarray, bool], np.ndarray],
  is_endless: bool = False,
  deterministic: bool = True,
  fills_up: bool = False,
) -> tf.data.Dataset:
  """Decodes images in parallel.

  Args:
    rows_of_batches: int64 [batch_size] rows; the last may be smaller.
    path_of: takes int64 [n] rows and returns string [n] paths.
    decode: takes a path, its row and the number of rows before it, scalars, and
      returns an image of static shape.
    batch_size: images in a batch.
    report_missing: called with rows that did not come out, int64 [n], and
      whether they may still come, in a dataset without order; returns which of
      them it takes for lost, bool [n]. What it raises stops the iterator.
    is_endless: whether there is no last batch, and all are full.
    deterministic: whether images come in the order of the rows.
    fills_up: whether batches from which images were dropped are filled up with
      the next ones.

  Returns:
    a dataset of pairs: int64 [batch_size] rows, [batch_size, ...] images.
  """
  from hub_estimator.tf_compat import tf

  chapter_size = batch_size * _BATCHES_IN_CHAPTER
  patience = 0 if deterministic else _PATIENCE_BATCHES * batch_size

  def decode_chapter(chapter, rows):
    positions = tf.range(tf.size(rows, tf.int64))

    def decode_one(position, path):
      row = tf.gather(rows, position)
      image = decode(path, row, chapter * chapter_size + position)
      return position, image

    batches = (
      tf.data.Dataset.from_tensor_slices((positions, path_of(rows)))
      .map(
        decode_one,
        num_parallel_calls=num_parallel_decodes(),
        deterministic=deterministic,
      )
      .ignore_errors()
      .batch(batch_size)
    )
    # Stands for the end: no row is at a position behind the last.
    num_rows = tf.size(rows, tf.int64)
    image_spec = batches.element_spec[1]
    end = tf.data.Dataset.from_tensors(
      (
        num_rows[tf.newaxis],
        tf.zeros([1, *image_spec.shape[1:]], image_spec.dtype),
      )
    )

    def find_missing(is_seen, batch):
      seen, images = batch
      is_end = tf.equal(seen[0], num_rows)
      # One more than there are rows, for the end's position.
      is_seen = tf.tensor_scatter_nd_update(
        is_seen, seen[:, tf.newaxis], tf.ones_like(seen, tf.bool)
      )
      due = tf.reduce_max(seen) - tf.where(
        is_end, tf.constant(0, tf.int64), patience
      )
      is_missing = tf.logical_not(is_seen[:-1]) & (positions < due)
      is_seen = tf.cond(
        tf.reduce_any(is_missing),
        lambda: is_seen | report(is_missing, is_end),
        lambda: is_seen,
      )
      # What follows waits for the report.
      with tf.control_dependencies([is_seen]):
        return is_seen, (tf.identity(seen), images)

    def report(is_missing, is_end):
      where = tf.where(is_missing)
      is_lost = tf.numpy_function(
        report_missing,
        [
          tf.gather(rows, where[:, 0]),
          tf.logical_not(is_end) if patience else tf.constant(False),
        ],
        tf.bool,
      )
      is_lost = tf.ensure_shape(is_lost, [None])
      return tf.scatter_nd(where, is_lost, num_rows[tf.newaxis] + 1)

    return (
      batches.concatenate(end)
      .scan(tf.zeros([num_rows + 1], tf.bool), find_missing)
      .filter(lambda seen, images: seen[0] < num_rows)
      .map(lambda seen, images: (tf.gather(rows, seen), images))
    )

  if is_endless:
    blocks = rows_of_batches.batch(_BATCHES_IN_CHAPTER)
    chapters = blocks.map(lambda block: tf.reshape(block, [-1]))
  else:
    chapters = rows_of_batches.unbatch().batch(chapter_size)
  batches = chapters.enumerate().flat_map(decode_chapter)
  return batches.rebatch(batch_size) if fills_up else batches
