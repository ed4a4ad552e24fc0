"""What pipelines have in common that read their examples as a stream."""

from __future__ import annotations

import abc
import dataclasses
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import fingerprints, row_datasets
from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.example_source import (
  WHOLE,
  ExamplePart,
  ExampleSource,
)
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TRAIN_SPLIT
from hub_estimator.inputs.record_labels import RecordLabels
from hub_estimator.inputs.rows_input import RowsInput

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

_UNUSED = -1
_CHOSEN_AT_ONCE = 256
_DIGEST_TYPE = np.dtype("<u8")
DIGEST_BYTES = 16


@dataclasses.dataclass
class RecordPart:
  """What is known of the records of a part before they are read again.

  Attributes:
    place: where they are from, for messages.
    num_records: how many there are, bad ones included.
    good: the numbers of those that are not bad, in order.
    digests: `DIGEST_BYTES` of a hash of each good one.
    weights: the weights of the good ones, if they have any.
    name_of: what messages call a record, by its number.
  """

  place: str
  name_of: Callable[[int], str]
  num_records: int = 0
  good: list[int] = dataclasses.field(default_factory=list)
  digests: list[bytes] = dataclasses.field(default_factory=list)
  weights: list[float] = dataclasses.field(default_factory=list)


class StreamInput(RowsInput):
  """Examples that are read again in each pass, and are not held in memory.

  All records are read once when the pipeline is made: each is checked, and its
  label, its weight and a hash of it are kept, some 40 bytes a record. Training
  shuffles within a buffer, and reads and parses in parallel. The same arguments
  give the same splits on every version of TensorFlow; the order of training is
  that of its shuffling, which may change between versions.

  A subclass checks its records in its constructor and calls `_set_records`; it
  gives `feature_spec`, `_create_records` and `_parse`.
  """

  def __init__(
    self,
    shuffle_buffer_size: int,
    deterministic: bool,
    max_bad_examples: int,
    on_bad_example: str,
    **arguments: Any,
  ):
    """Holds and checks the arguments that all such pipelines have.

    Args:
      shuffle_buffer_size: how many examples are in memory for training to draw
        from; at least that of the train split shuffles it fully.
      deterministic: whether training has the same order in each run with the
        same seeds; False may read faster.
      max_bad_examples: how many bad examples an error lists; it counts all.
      on_bad_example: "error", or "skip" to leave bad examples out, and count
        them.
      **arguments: those of `RowsInput`.

    Raises:
      UserValueError: an argument is out of range.
    """
    super().__init__(**arguments)
    self._check_count("shuffle_buffer_size", shuffle_buffer_size)
    self._shuffle_buffer_size = shuffle_buffer_size
    self._deterministic = deterministic
    self._bad = BadExamples(self._owner, on_bad_example, max_bad_examples)

  def _set_records(
    self,
    place: str,
    parts: dict[str, RecordPart],
    labels: RecordLabels,
    class_names: Optional[list[str]] = None,
  ) -> None:
    """Raises for bad examples, encodes labels, and cuts the data into splits.

    Args:
      place: where the data is from, for messages.
      parts: name of a split -> its records.
      labels: the labels of all good records.
      class_names: the names of labels that are numbers, if they have any.

    Raises:
      UserError: a mistake in the arguments or in the data.
    """
    self._bad.finish(place)
    self._skipped.update(self._bad.counts())
    self._notes += self._bad.notes(place)
    for name, part in parts.items():
      if not part.good:
        what = "no record that is not bad" if part.num_records else "no record"
        raise errors.UserValueError(
          f"The {name} split has zero examples: {part.place} has {what}."
        )
    values, names = labels.finish()
    self._label_kind = labels.kind
    self._num_records = {name: part.num_records for name, part in parts.items()}
    self._good = {
      name: np.array(part.good, np.int64) for name, part in parts.items()
    }
    self._digests = {
      name: np.frombuffer(b"".join(part.digests), _DIGEST_TYPE).reshape(
        len(part.digests), -1
      )
      for name, part in parts.items()
    }
    cut = next(name for name in (WHOLE, TRAIN_SPLIT) if name in parts)
    self._set_examples(
      ExampleSource(
        place,
        {
          name: ExamplePart(
            place=part.place,
            labels=values[name],
            weights=np.array(part.weights, np.float32)
            if part.weights
            else None,
            row_name=_row_name(part),
          )
          for name, part in parts.items()
        },
        names or class_names,
      ),
      None
      if EVAL_SPLIT in parts and self._split_settings.test_fraction is None
      else _positions(self._digests[cut], self.seed),
    )

  def _feature_arrays(self, part: str) -> dict[str, np.ndarray]:
    return {}

  @abc.abstractmethod
  def _create_records(self, part: str, is_training: bool) -> tf.data.Dataset:
    """Returns one pass over the records of a part: (number, record).

    Args:
      part: the name of a part of what `_set_records` was given.
      is_training: whether the order is free: files may be shuffled and read in
        turns, and are left out that belong to other workers, if
        `_are_files_shared` says so.
    """

  @abc.abstractmethod
  def _parse(self, records: Any) -> dict[str, tf.Tensor]:
    """Makes a batch of features of a batch of records."""

  def _are_files_shared(self) -> bool:
    """Whether `_create_records` leaves out what other workers train on."""
    return False

  def _create_dataset(
    self,
    split: str,
    is_training: bool,
    has_targets: bool,
    first_batch: int = 0,
  ) -> tf.data.Dataset:
    from hub_estimator.tf_compat import tf

    part = self._part_of(split)
    # Number of a record -> its row; the targets are known by row.
    row_of_record = np.full([self._num_records[part]], _UNUSED, np.int64)
    row_of_record[self._good[part][self._rows[split]]] = self._rows[split]
    # All are used, in their order: a number is a row.
    is_plain = bool((row_of_record == np.arange(len(row_of_record))).all())
    targets = {}
    if has_targets:
      targets["labels"] = self._labels.values[part]
      if self._weights is not None:
        targets[self.weight_key] = self._weights[part]

    def create_batches(rows, *target_arrays):
      records = self._create_records(part, is_training)
      if not is_plain:
        records = _choose(records, rows)
      if is_training:
        records = self._order_for_training(records)

      def create_batch(batch_rows, batch_records):
        gathered = {
          name: tf.gather(array, batch_rows)
          for name, array in zip(targets, target_arrays)
        }
        return row_datasets.finish(self._parse(batch_records), gathered)

      batches = records.batch(self.batch_size)
      if first_batch:  # Read, but not parsed.
        batches = batches.skip(first_batch)
      return batches.map(
        create_batch,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=self._deterministic or not is_training,
      )

    loaded = row_datasets.load_arrays([row_of_record, *targets.values()])
    return row_datasets.prefetched(loaded.flat_map(create_batches))

  def _order_for_training(self, records: tf.data.Dataset) -> tf.data.Dataset:
    """Returns this worker's records, shuffled, without an end."""
    if self.num_shards > 1 and not self._are_files_shared():
      records = records.shard(self.num_shards, self.shard_index)
    if self.shuffle:
      records = records.shuffle(
        self._shuffle_buffer_size,
        seed=self.seed,
        reshuffle_each_iteration=True,
      )
    return records.repeat()

  def _add_features(self, digest: Any, part: str, rows: np.ndarray) -> None:
    fingerprints.add_array(digest, "records", self._digests[part][rows])


def _choose(records: tf.data.Dataset, rows: tf.Tensor) -> tf.data.Dataset:
  """Returns (row, record) of those of (number, record) that have a row."""
  from hub_estimator.tf_compat import tf

  _, record_spec = records.element_spec
  if not isinstance(record_spec, tf.TensorSpec) or record_spec.shape.rank != 0:
    return records.map(
      lambda number, record: (tf.gather(rows, number), record)
    ).filter(lambda row, record: row > _UNUSED)

  def choose(numbers, batch):
    chosen = tf.gather(rows, numbers)
    is_used = chosen > _UNUSED
    return tf.boolean_mask(chosen, is_used), tf.boolean_mask(batch, is_used)

  # Many at once: a function that is called for each record takes longer than
  # all else.
  return records.batch(_CHOSEN_AT_ONCE).map(choose).unbatch()


def _row_name(part: RecordPart) -> Callable[[int], str]:
  return lambda row: part.name_of(part.good[row])


def _positions(digests: np.ndarray, seed: int) -> np.ndarray:
  """Returns numbers from 0 to below 1 that depend on a record and the seed.

  Equal records are at one place, and a record stays where it is when others
  are added.
  """
  # The finalizer of SplitMix64 (Steele et al., 2014,
  # https://doi.org/10.1145/2660193.2660195), on the hash and the seed.
  golden = np.uint64(0x9E3779B97F4A7C15)
  with np.errstate(over="ignore"):
    mixed = digests[:, 0] + np.uint64(seed + 1) * golden
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
  # 53 bits: more would be rounded up to 1.
  return (mixed >> np.uint64(11)) / float(1 << 53)
