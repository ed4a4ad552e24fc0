"""What pipelines have in common whose examples are known by their row."""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  example_weights,
  fingerprints,
  label_checks,
  label_encoding,
  row_datasets,
  row_order,
  splits,
)
from hub_estimator.inputs.example_source import WHOLE, ExampleSource
from hub_estimator.inputs.pipeline import (
  PREDICT,
  TRAIN,
  TRAIN_SPLIT,
  InputPipeline,
  split_of_mode,
)

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


class RowsInput(InputPipeline):
  """Examples that are known by their row: arrays, lines of text, image paths.

  A subclass reads its data in its constructor, and calls `_set_examples` with
  the labels, and the weights if there are any; it gives `feature_spec` and
  `_feature_arrays`, and, unless its features are those arrays, also
  `_create_batches`.

  What is read of each example enters the graph once, when the dataset's
  iterator is initialized, whatever its size: it is not part of the graph.

  Labels come out as int64 [batch_size, 1] classes, int64 [batch_size,
  num_classes] zeros and ones (multi-label), or float32 [batch_size,
  num_targets] regression targets.

  The same arguments give the same splits and the same order, on every version
  of NumPy and TensorFlow.

  Attributes:
    shuffle: whether each pass over the train split has a new order.
    num_shards: how many workers share each pass over the train split.
    shard_index: which of them this is.
  """

  def __init__(
    self,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool = True,
    eval_fraction: Optional[float] = None,
    test_fraction: Optional[float] = None,
    stratify: bool = True,
    num_train_examples: Optional[int] = None,
    num_train_examples_per_class: Optional[int] = None,
    classes: Optional[Sequence[Any]] = None,
    label_kind: Optional[str] = None,
    num_shards: int = 1,
    shard_index: int = 0,
  ):
    """Holds and checks the arguments that all such pipelines have.

    Args:
      batch_size: examples in a batch, at least 1. Each batch of TRAIN has that
        many: one that begins at the end of a pass over the data goes on with
        the next pass.
      seed: of the splits and of the order, from 0 to 2**32 - 1.
      shuffle: whether each pass over the train split has a new order.
      eval_fraction: the part of the training data that is cut off as eval
        split, if none is given.
      test_fraction: the part of the training data that is cut off as test
        split. Both are parts of all that there is to cut, and the same eval
        split is cut with and without a test split.
      stratify: whether each class is cut alike, as far as whole examples allow.
        False draws from all examples alike, as for labels that are no classes.
      num_train_examples: draw so many of the training examples that were not
        cut off, from each class by its share if `stratify`, and at least one.
      num_train_examples_per_class: draw so many training examples from each
        class. The rest of data without an eval split is the eval split, unless
        `eval_fraction` was cut off first; the rest of a given train split is
        not used.
      classes: labels of the classes to use, in the order of their numbers: with
        (5, 6) label 5 becomes 0 and label 6 becomes 1, and examples with other
        labels are left out. All if None: integers stay as they are, strings are
        numbered in sorted order.
      label_kind: "class", "multi_label" or "regression"; None tells from the
        labels.
      num_shards: how many workers share each pass over the train split; they
        need the same seed. EVAL and PREDICT read all.
      shard_index: which of them this is, from 0.

    Raises:
      UserValueError: an argument is out of range.
    """
    self._owner = type(self).__name__
    self._check_count("batch_size", batch_size)
    self._check_count("seed", seed, 0, 2**32 - 1)
    self._check_count("num_shards", num_shards)
    self._check_count("shard_index", shard_index, 0, num_shards - 1)
    self.batch_size = batch_size
    self.seed = seed
    self.shuffle = shuffle
    self._split_settings = splits.SplitSettings(
      owner=self._owner,
      eval_fraction=eval_fraction,
      test_fraction=test_fraction,
      stratify=stratify,
      num_train_examples=num_train_examples,
      num_train_examples_per_class=num_train_examples_per_class,
      seed=seed,
    )
    self._classes = classes
    self._label_kind = label_kind
    self.num_shards = num_shards
    self.shard_index = shard_index
    # A subclass adds to both what it skipped, noted and wants to be known.
    self._skipped: dict[str, int] = {}
    self._notes: list[str] = []

  def _set_examples(
    self, source: ExampleSource, positions: Optional[np.ndarray] = None
  ) -> None:
    """Encodes labels, checks weights, and cuts the data into splits.

    Args:
      source: the labels and weights of all examples, in one part for each given
        split.
      positions: what to cut by; see `splits.choose_rows`.

    Raises:
      UserError: a mistake in the arguments or in the data.
    """
    self._source = source
    self._labels = label_encoding.encode_labels(
      source, self._classes, self._label_kind, self._owner
    )
    self.num_classes = self._labels.num_classes
    self.class_names = self._labels.class_names
    self._rows, notes = splits.choose_rows(
      source.place, self._labels, self._split_settings, positions
    )
    self.splits = tuple(self._rows)
    if len(self._rows[TRAIN_SPLIT]) < self.num_shards:
      raise errors.UserValueError(
        f"`{self._owner}.num_shards = {self.num_shards}` workers share "
        f"{len(self._rows[TRAIN_SPLIT])} training examples of {source.place}: "
        "each needs at least one."
      )
    self._notes += notes
    self._note_missing_labels()
    self._weights = None
    if any(part.weights is not None for part in source.parts.values()):
      self._set_weights()

  def _set_weights(self) -> None:
    self.weight_key = example_weights.WEIGHT_KEY
    self._weights = example_weights.as_columns(
      self._source.parts, self._rows, self._parts_of_splits()
    )

  def _note_missing_labels(self) -> None:
    self._notes += label_checks.missing_label_notes(
      self._labels, self._rows, self._parts_of_splits(), self._source.place
    )

  @abc.abstractmethod
  def _feature_arrays(self, part: str) -> dict[str, np.ndarray]:
    """Returns what is known of each example of a part, by name.

    Args:
      part: the name of a part of what `_set_examples` was given.

    Returns:
      name -> [num_examples, ...] array of numbers, or of objects that are
      bytes.
    """

  def _create_batches(
    self,
    rows_of_batches: tf.data.Dataset,
    gather: Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], Any]],
    is_training: bool,
  ) -> tf.data.Dataset:
    """Makes batches of features of batches of rows.

    Features are what `_convert` makes of the arrays, a batch at a time. A
    pipeline that decodes example by example does instead as

        rows_of_batches.unbatch().map(lambda row: decode(*gather(row)),
          num_parallel_calls=…, deterministic=True).batch(self.batch_size)

    Args:
      rows_of_batches: int64 [batch_size] rows; in TRAIN without an end.
      gather: takes rows, int64 [batch_size] or [], and returns the examples'
        values of `_feature_arrays`, and their targets: {} in PREDICT, otherwise
        "labels" and, if there are weights, `weight_key`, each with the batch
        dimension that rows have.
      is_training: whether this is for TRAIN: shuffled rows, and augmentation.

    Returns:
      a dataset of batches: pairs of features and targets.
    """
    del is_training

    def create_batch(rows):
      arrays, targets = gather(rows)
      return self._convert(arrays), targets

    return rows_of_batches.map(create_batch)

  def _convert(self, arrays: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Makes a batch of features of a batch of `_feature_arrays`.

    Small batches are made many at once, with one dimension more in front.
    """
    return arrays

  def _preprocessing(self) -> dict[str, Any]:
    """Returns settings that change features, for the fingerprint."""
    return {}

  def _add_features(self, digest: Any, part: str, rows: np.ndarray) -> None:
    """Adds what the features of rows are made of to a hashlib digest."""
    for name, array in self._feature_arrays(part).items():
      fingerprints.add_array(digest, name, array[rows])

  def input_fn(self, mode: str) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.input_fn`."""
    split = split_of_mode(mode)
    return lambda: self._create_dataset(
      split, is_training=mode == TRAIN, has_targets=mode != PREDICT
    )

  def ordered_input_fn(self, split: str) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.ordered_input_fn`."""
    self.check_split(split)
    return lambda: self._create_dataset(
      split, is_training=False, has_targets=True
    )

  def training_input_fn(
    self, first_batch: int = 0
  ) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.training_input_fn`."""
    return lambda: self._create_dataset(
      TRAIN_SPLIT, is_training=True, has_targets=True, first_batch=first_batch
    )

  def _create_dataset(
    self,
    split: str,
    is_training: bool,
    has_targets: bool,
    first_batch: int = 0,
  ) -> tf.data.Dataset:
    """Returns the batches of a split; in training, from `first_batch` on."""
    part = self._part_of(split)
    targets = {}
    if has_targets:
      targets["labels"] = self._labels.values[part]
      if self._weights is not None:
        targets[self.weight_key] = self._weights[part]
    is_plain = type(self)._create_batches is RowsInput._create_batches
    return row_datasets.create_dataset(
      self._feature_arrays(part),
      targets,
      lambda: self._create_row_blocks(split, is_training, first_batch),
      self._convert if is_plain else None,
      lambda rows, gather: self._create_batches(rows, gather, is_training),
      self.batch_size * row_order.BATCHES_AT_ONCE,
    )

  def _create_row_blocks(
    self, split: str, is_training: bool, first_batch: int
  ) -> Iterator[np.ndarray]:
    """Yields int64 [num_batches, batch_size] blocks of a split's rows."""
    if not is_training:
      return row_order.one_pass(self._rows[split], self.batch_size)
    # Not the stream that drew the splits.
    random = np.random.RandomState([self.seed, 1]) if self.shuffle else None
    return row_order.endless(
      self._rows[split],
      self.batch_size,
      random,
      self.num_shards,
      self.shard_index,
      first_batch,
    )

  def label_spec(self) -> tf.TensorSpec:
    """See `InputPipeline.label_spec`."""
    from hub_estimator.tf_compat import tf

    values = next(iter(self._labels.values.values()))
    return tf.TensorSpec([None, values.shape[1]], values.dtype, name="labels")

  def num_examples(self, mode: str) -> int:
    """See `InputPipeline.num_examples`; of all shards together."""
    return len(self._rows[split_of_mode(mode)])

  def num_split_examples(self, split: str) -> int:
    """See `InputPipeline.num_split_examples`; of all shards together."""
    self.check_split(split)
    return len(self._rows[split])

  def class_counts(self) -> list[int]:
    """See `InputPipeline.class_counts`; of all shards together."""
    return label_checks.count_classes(
      self._labels, self._part_of(TRAIN_SPLIT), self._rows[TRAIN_SPLIT]
    )

  def _description_details(self) -> dict[str, Any]:
    return {
      **super()._description_details(),
      "largest_label": label_checks.largest_label(
        self._labels, self._rows, self._parts_of_splits()
      ),
      "reader": self._reader_settings(),
    }

  def _reader_settings(self) -> Optional[dict[str, Any]]:
    """Returns what a reader of new examples goes by; None without one."""
    return None

  def fingerprint(self, split: str) -> str:
    """See `InputPipeline.fingerprint`."""
    self.check_split(split)
    part, rows = self._part_of(split), self._rows[split]
    digest = hashlib.sha256()
    fingerprints.add_settings(
      digest,
      {
        "pipeline": self._owner,
        "class_names": self.class_names,
        "num_classes": self.num_classes,
        "preprocessing": self._preprocessing(),
      },
    )
    self._add_features(digest, part, rows)
    fingerprints.add_array(digest, "labels", self._labels.values[part][rows])
    if self._weights is not None:
      fingerprints.add_array(digest, "weights", self._weights[part][rows])
    return digest.hexdigest()

  def skipped_examples(self) -> dict[str, int]:
    """See `InputPipeline.skipped_examples`."""
    return dict(self._skipped)

  def notes(self) -> list[str]:
    """See `InputPipeline.notes`."""
    return list(self._notes)

  def with_settings(
    self,
    batch_size: Optional[int] = None,
    mixup_alpha: Optional[float] = None,
  ) -> InputPipeline:
    """See `InputPipeline.with_settings`."""
    if batch_size is not None:
      self._check_count("batch_size", batch_size)
    return super().with_settings(batch_size, mixup_alpha)

  def check_labels(self, num_classes: int) -> None:
    """See `InputPipeline.check_labels`."""
    parts = {}
    for split in self._rows:
      name = self._part_of(split)
      parts[split] = (name, self._source.parts[name])
    label_checks.check_labels(
      self._labels, self._rows, parts, num_classes, self._owner
    )

  def _parts_of_splits(self) -> dict[str, str]:
    return {split: self._part_of(split) for split in self._rows}

  def _part_of(self, split: str) -> str:
    """Returns the name of the part of the source that holds a split."""
    if split in self._source.parts:
      return split
    return WHOLE if WHOLE in self._source.parts else TRAIN_SPLIT

  def _check_count(self, name: str, value: Any, *limits: int) -> None:
    argument_checks.check_count(self._owner, name, value, *limits)
