"""The order in which rows make up batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import numpy as np

# Batches whose rows Python hands over at once: it then takes no part in most
# steps of a run.
BATCHES_AT_ONCE = 64


def one_pass(rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
  """Yields [num_batches, batch_size] blocks of rows, in order, to the end."""
  num_full = len(rows) // batch_size * batch_size
  if num_full:
    yield rows[:num_full].reshape(-1, batch_size)
  if num_full < len(rows):
    yield rows[np.newaxis, num_full:]


def endless(
  rows: np.ndarray,
  batch_size: int,
  random: Optional[np.random.RandomState],
  num_shards: int = 1,
  shard_index: int = 0,
  first_batch: int = 0,
) -> Iterator[np.ndarray]:
  """Yields [num_batches, batch_size] blocks of rows, pass after pass.

  Args:
    rows: what each pass goes through; at least `num_shards`.
    batch_size: rows in a batch.
    random: what to shuffle each pass with; in order if None.
    num_shards: how many workers share each pass.
    shard_index: which of them this is. It gets each num_shards-th row of the
      pass, from this one on, so that workers with the same `random` share a
      pass without a row in common.
    first_batch: the number of the batch to begin with, as if those before it
      had been taken.
  """
  block_size = batch_size * BATCHES_AT_ONCE
  num_to_skip = first_batch * batch_size
  pieces, num_rows = [], 0
  while True:
    while num_rows < block_size:
      one = rows if random is None else random.permutation(rows)
      piece = one[shard_index::num_shards]
      pieces.append(piece[num_to_skip:])
      num_to_skip = max(0, num_to_skip - len(piece))
      num_rows += len(pieces[-1])
    joined = np.concatenate(pieces)
    yield joined[:block_size].reshape(-1, batch_size)
    pieces, num_rows = [joined[block_size:]], num_rows - block_size
