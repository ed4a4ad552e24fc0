"""An input pipeline that gives cached features in place of a source's own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Callable, Optional

import numpy as np

from hub_estimator import errors, estimator
from hub_estimator.inputs import InputPipeline, row_datasets, row_order
from hub_estimator.inputs.pipeline import (
  PREDICT,
  TRAIN,
  TRAIN_SPLIT,
  split_of_mode,
)
from hub_estimator.models.feature_cache.entry import FeatureEntry
from hub_estimator.tf_compat import tf

# The name of the feature that stands for the output of a model's encoder.
EMBEDDING = "embedding"

# What is read at once; several batches, so that Python takes part in few steps
# of a run.
_BLOCK_BYTES = 16 << 20
_PREFETCHED_BATCHES = 8


class CachedFeaturesInput(InputPipeline):
  """Examples of another pipeline, as what a frozen module makes of them.

  TRAIN, EVAL and ordered passes give the cached features, with the labels and
  weights of the source and, as far as it says, in its order: TRAIN goes through
  the examples without end, shuffled anew in each pass. PREDICT, `feature_spec`
  and the serving receiver are the source's own: the graph that predicts calls
  the module.

  Files are mapped into memory, so the data may be larger than that.
  """

  def __init__(
    self,
    source: InputPipeline,
    entries: Mapping[str, FeatureEntry],
    num_extracted: int = 0,
  ):
    """Puts features in front of a pipeline.

    Args:
      source: the pipeline that the features were made of.
      entries: split -> its features, for each split of the source.
      num_extracted: for how many examples the module was run just now.
    """
    self._source = source
    self._entries = dict(entries)
    self.num_extracted = num_extracted

  @property
  def source(self) -> InputPipeline:
    """The pipeline that the features were made of."""
    return self._source

  @property
  def entries(self) -> dict[str, FeatureEntry]:
    """Split -> its entry in the cache."""
    return dict(self._entries)

  @property
  def batch_size(self) -> int:  # type: ignore[override]
    """That of the source, as are the attributes that follow."""
    return self._source.batch_size

  @property
  def num_classes(self) -> Optional[int]:  # type: ignore[override]
    """See `InputPipeline`."""
    return self._source.num_classes

  @property
  def class_names(self) -> Optional[Sequence[str]]:  # type: ignore[override]
    """See `InputPipeline`."""
    return self._source.class_names

  @property
  def splits(self) -> tuple[str, ...]:  # type: ignore[override]
    """See `InputPipeline`."""
    return self._source.splits

  @property
  def weight_key(self) -> Optional[str]:  # type: ignore[override]
    """See `InputPipeline`."""
    return self._source.weight_key

  def input_fn(self, mode: str) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.input_fn`; features as `cached_feature_spec` says."""
    split = split_of_mode(mode)
    if mode == PREDICT:
      return self._source.input_fn(mode)
    return lambda: self._create_dataset(split, is_training=mode == TRAIN)

  def training_input_fn(
    self, first_batch: int = 0
  ) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.training_input_fn`."""
    return lambda: self._create_dataset(
      TRAIN_SPLIT, is_training=True, first_batch=first_batch
    )

  def ordered_input_fn(self, split: str) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.ordered_input_fn`."""
    self.check_split(split)
    return lambda: self._create_dataset(split, is_training=False)

  def cached_feature_spec(self) -> dict[str, tf.TensorSpec]:
    """Returns name -> spec of the features, with batch dimension None."""
    entry = next(iter(self._entries.values()))
    return {
      name: tf.TensorSpec(
        [None, *entry.feature(name).shape], entry.feature_type(name), name=name
      )
      for name in entry.feature_names
    }

  def _create_dataset(
    self, split: str, is_training: bool, first_batch: int = 0
  ) -> tf.data.Dataset:
    entry = self._entries[split]
    arrays = {name: entry.feature(name) for name in entry.feature_names}
    if entry.has_weights:
      arrays[self._source.weight_key] = entry.weights
    labels = entry.labels
    types = {name: entry.feature_type(name) for name in entry.feature_names}
    row_bytes = sum(
      array.dtype.itemsize * int(np.prod(array.shape))
      for array in (*arrays.values(), labels)
    )

    def read_blocks():
      for rows in self._row_blocks(split, is_training, row_bytes, first_batch):
        read = {
          name: _read_block(array, rows) for name, array in arrays.items()
        }
        yield read, _read_block(labels, rows)

    def restore_types(features, labels):
      features = {
        name: tf.cast(feature, types.get(name, feature.dtype))
        for name, feature in features.items()
      }
      return features, labels

    return row_datasets.prefetched(
      tf.data.Dataset.from_generator(
        read_blocks,
        output_signature=(
          {name: _block_spec(array) for name, array in arrays.items()},
          _block_spec(labels),
        ),
      )
      .flat_map(lambda *block: tf.data.Dataset.from_tensor_slices(block))
      .map(restore_types),
      _PREFETCHED_BATCHES,
    )

  def _row_blocks(
    self, split: str, is_training: bool, row_bytes: int, first_batch: int
  ) -> Iterator[np.ndarray]:
    """Yields int64 [num_batches, batch_size] blocks of rows."""
    rows = np.arange(self._entries[split].num_examples)
    batch_size = self.batch_size
    if is_training:
      random = None
      if getattr(self._source, "shuffle", True):
        # As `RowsInput` has it: the run is the same with and without a cache.
        seed = getattr(self._source, "seed", 0)
        random = np.random.RandomState([seed, 1])
      blocks = row_order.endless(
        rows,
        batch_size,
        random,
        getattr(self._source, "num_shards", 1),
        getattr(self._source, "shard_index", 0),
        first_batch,
      )
    else:
      blocks = row_order.one_pass(rows, batch_size)
    most = max(1, _BLOCK_BYTES // (row_bytes * batch_size))
    for block in blocks:
      for first in range(0, len(block), most):
        yield block[first : first + most]

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """The source's: what the module takes, and a server receives."""
    return self._source.feature_spec()

  def serving_input_receiver_fn(
    self,
  ) -> Callable[[], estimator.export.ServingInputReceiver]:
    """The source's: the graph that is served calls the module."""
    return self._source.serving_input_receiver_fn()

  def label_spec(self) -> tf.TensorSpec:
    """See `InputPipeline.label_spec`."""
    return self._source.label_spec()

  def num_examples(self, mode: str) -> int:
    """See `InputPipeline.num_examples`."""
    return self._source.num_examples(mode)

  def num_split_examples(self, split: str) -> int:
    """See `InputPipeline.num_split_examples`."""
    return self._source.num_split_examples(split)

  def check_labels(self, num_classes: int) -> None:
    """See `InputPipeline.check_labels`."""
    self._source.check_labels(num_classes)

  def class_counts(self) -> list[int]:
    """See `InputPipeline.class_counts`."""
    return self._source.class_counts()

  def fingerprint(self, split: str) -> str:
    """See `InputPipeline.fingerprint`; that of the source's examples."""
    return self._source.fingerprint(split)

  def skipped_examples(self) -> dict[str, int]:
    """See `InputPipeline.skipped_examples`."""
    return self._source.skipped_examples()

  def notes(self) -> list[str]:
    """See `InputPipeline.notes`."""
    return self._source.notes()

  def vocabularies(self) -> dict[str, list[str]]:
    """See `InputPipeline.vocabularies`."""
    return self._source.vocabularies()

  def with_settings(
    self,
    batch_size: Optional[int] = None,
    mixup_alpha: Optional[float] = None,
  ) -> InputPipeline:
    """See `InputPipeline.with_settings`.

    Raises:
      UserValueError: `mixup_alpha` is above 0.
    """
    if mixup_alpha:
      raise errors.UserValueError(
        f"mixup_alpha = {mixup_alpha} mixes the inputs of the module, and "
        "cached features are made of each example by itself: set it to 0, or "
        "cache_features = False."
      )
    changed = copy.copy(self)
    changed._source = self._source.with_settings(batch_size, mixup_alpha)
    return changed


def _read_block(array, rows: np.ndarray) -> np.ndarray:
  """Returns [num_batches, batch_size, ...] rows of an array on disk."""
  return array.gather(rows.ravel()).reshape([*rows.shape, *array.shape])


def _block_spec(array) -> tf.TensorSpec:
  return tf.TensorSpec([None, None, *array.shape], array.dtype)
