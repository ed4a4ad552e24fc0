"""Input from TFRecord files of tf.Example records."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import gin
import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  bad_examples,
  record_features,
  record_files,
  record_images,
  record_labels,
  record_parsing,
  text_labels,
)
from hub_estimator.inputs.evaluation_sets import check_evaluation_sets
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from hub_estimator.inputs.record_files import Damage, RecordFile
from hub_estimator.inputs.record_labels import FLOATS, INTEGERS, STRINGS
from hub_estimator.inputs.stream_input import (
  DIGEST_BYTES,
  RecordPart,
  StreamInput,
)

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

_TYPE_OF_KIND = {
  "bytes_list": STRINGS,
  "float_list": FLOATS,
  "int64_list": INTEGERS,
}
# Files that are read in turns, for training.
_MAX_OPEN_FILES = 16
_RECORDS_IN_TURN = 16


@gin.register(module="hub_estimator")
class TFRecordInput(StreamInput):
  """Features and labels from tf.Example records, read as a stream.

  Features come out as declared, [batch_size, *shape]; labels and splits are as
  `RowsInput` says. See `StreamInput` for what is held in memory.

  Bad examples, none of which may be there unless `on_bad_example` is "skip":
  what is no tf.Example, a feature that is missing, of another type or size, or
  out of range, NaN or infinite values, a missing label or one outside of the
  vocabulary, a wrong weight, and a damaged record, with which its file ends.
  """

  def __init__(
    self,
    train_files: Union[str, os.PathLike, Sequence[Any]] = gin.REQUIRED,
    eval_files: Union[None, str, os.PathLike, Sequence[Any]] = None,
    test_files: Union[None, str, os.PathLike, Sequence[Any]] = None,
    features: Mapping[str, Any] = gin.REQUIRED,
    label: str = "label",
    weight: Optional[str] = None,
    label_vocabulary: Union[None, str, os.PathLike, Sequence[Any]] = None,
    compression: Optional[str] = None,
    shuffle_buffer_size: int = 10000,
    deterministic: bool = True,
    on_bad_example: str = bad_examples.ERROR,
    max_bad_examples: int = 10,
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
    evaluation_sets: Optional[Mapping[str, Any]] = None,
  ):
    """Reads all records once, checks them, and cuts them into splits.

    Arguments that are not listed are those of `RowsInput` and `StreamInput`.
    `eval_fraction` and `test_fraction` go by a hash of each record, so that
    equal records are in one split. With `stratify = False` each record's hash
    alone decides: it stays in its split whatever records come or go, and splits
    have about the size asked for.

    Args:
      train_files: a path, a glob such as "train-*.tfrecord", or a list of them.
        The files of a glob are in sorted order.
      eval_files: those of the eval split; None cuts it off the train files,
        with `eval_fraction` or `num_train_examples_per_class`.
      test_files: those of the test split, if there is one.
      features: feature name -> (type, shape of one example), or (type, shape,
        key in the records), such as {'text': ('string', ())}. Types are
        "string", "image" or those of numbers; floats are read from float
        lists, integers from int64 lists; ("image", (height, width, 3)) decodes
        the bytes of a JPEG, PNG, BMP or GIF file and stretches it, to float32
        from 0 to 1.
      label: the key of the label: an integer or a string for classes, several
        integers (zeros and ones) or, with label_kind = 'multi_label', any
        number of strings for several labels, floats for regression targets.
      weight: the key of the examples' weights, a finite float from 0 each; None
        for 1 each.
      label_vocabulary: the labels that are strings, in the order of their
        numbers: a list, or the path of a file with one in each line. If None,
        those of all splits, in sorted order.
      compression: "", "GZIP" or "ZLIB"; None takes files whose names end in
        ".gz" as "GZIP", and others as they are.
      evaluation_sets: name -> files, as `eval_files`, to evaluate on by that
        name. Their classes are those of the other splits.

    Raises:
      UserError: a mistake in the arguments or in the data.
    """
    super().__init__(
      shuffle_buffer_size=shuffle_buffer_size,
      deterministic=deterministic,
      max_bad_examples=max_bad_examples,
      on_bad_example=on_bad_example,
      batch_size=batch_size,
      seed=seed,
      shuffle=shuffle,
      eval_fraction=eval_fraction,
      test_fraction=test_fraction,
      stratify=stratify,
      num_train_examples=num_train_examples,
      num_train_examples_per_class=num_train_examples_per_class,
      classes=classes,
      label_kind=label_kind,
      num_shards=num_shards,
      shard_index=shard_index,
    )
    argument_checks.check_label_kind(self._owner, label_kind)
    self._features = record_features.declare_features(self._owner, features)
    self._label, self._weight = label, weight
    self._compression = compression
    self._files: dict[str, list[RecordFile]] = {
      split: record_files.find_files(
        patterns, compression, self._owner, f"{split}_files"
      )
      for split, patterns in (
        (TRAIN_SPLIT, train_files),
        (EVAL_SPLIT, eval_files),
        (TEST_SPLIT, test_files),
      )
      if patterns is not None
    }
    sets = check_evaluation_sets(self._owner, evaluation_sets)
    for name, patterns in sets.items():
      self._files[name] = record_files.find_files(
        patterns, compression, self._owner, f"evaluation_sets[{name!r}]"
      )
    labels = record_labels.RecordLabels(
      self._owner,
      label_kind,
      text_labels.read_vocabulary(label_vocabulary, self._owner),
      keep_names=classes is not None,
    )
    # Part -> the number of the first record of each file.
    self._offsets: dict[str, list[int]] = {}
    self._image_checkers: dict[Any, record_images.ImageChecker] = {}
    parts = {}
    for part in self._files:
      if part in sets:
        labels.end_vocabulary()
      parts[part] = self._read_part(part, labels)
    # Sessions cannot be copied.
    self._image_checkers = {}
    place = " and ".join(dict.fromkeys(p.place for p in parts.values()))
    self._set_records(place, parts, labels)
    self._check_shards()

  def _read_part(
    self, name: str, labels: record_labels.RecordLabels
  ) -> RecordPart:
    """Reads and checks all records of a part."""
    files = self._files[name]
    offsets = self._offsets[name] = []

    def name_of(number):
      index = int(np.searchsorted(offsets, number, side="right")) - 1
      return f"{files[index].path} record {number - offsets[index]}"

    first = files[0].path
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    part = RecordPart(f"{first!r}{more}", name_of)
    for index, number, record in record_files.read_records(files):
      # Files without a record have the place of the one that follows.
      offsets += [part.num_records] * (index + 1 - len(offsets))
      place = f"{files[index].path} record {number}"
      if isinstance(record, Damage):
        self._bad.add(
          "damaged record",
          place,
          f"expected a whole record, found that {record.problem}; the rest of "
          "the file is lost",
        )
        continue
      problem = self._check_record(record, name, part, labels, place)
      if problem is not None:
        self._bad.add(problem[0], place, problem[1])
      part.num_records += 1
    offsets += [part.num_records] * (len(files) - len(offsets))
    return part

  def _check_record(
    self,
    record: bytes,
    name: str,
    part: RecordPart,
    labels: record_labels.RecordLabels,
    place: str,
  ) -> Optional[tuple[str, str]]:
    """Adds a record to its part, or returns what is wrong with it."""
    from hub_estimator.tf_compat import tf

    try:
      example = tf.train.Example.FromString(record)
    except Exception as error:  # protobuf's DecodeError has had several homes.
      return "no tf.Example", f"expected a tf.Example, found {error}"
    for feature in self._features.values():
      problem = feature.problem_of(example) or self._image_problem(
        feature, example
      )
      if problem is not None:
        return problem
    weight = 1.0
    if self._weight is not None:
      values = record_features.values_of(example.features.feature[self._weight])
      if (
        len(values) != 1
        or isinstance(values[0], bytes)
        or not 0 <= values[0] < np.inf
      ):
        return (
          "wrong weight",
          f"expected a finite number from 0 in {self._weight!r}, found "
          f"{list(values)}",
        )
      weight = float(values[0])
    label = example.features.feature[self._label]
    values = record_features.values_of(label)
    value_type = _TYPE_OF_KIND.get(label.WhichOneof("kind"))
    if value_type == STRINGS:
      try:
        values = [value.decode("utf-8") for value in values]
      except UnicodeDecodeError:
        return (
          "undecodable bytes",
          f"expected UTF-8 in {self._label!r}, found {list(values)}",
        )
    problem = labels.problem_of(values, value_type, place)
    if problem is not None:
      return problem[0], f"{problem[1]} in {self._label!r}"
    labels.add(name, values)
    self._note_empty_texts(example)
    part.good.append(part.num_records)
    part.digests.append(
      hashlib.blake2b(record, digest_size=DIGEST_BYTES).digest()
    )
    if self._weight is not None:
      part.weights.append(weight)
    return None

  def _image_problem(
    self, feature: record_features.RecordFeature, example: tf.train.Example
  ) -> Optional[tuple[str, str]]:
    """Returns (reason, problem) of an image that cannot be decoded, or None."""
    if feature.dtype != record_features.IMAGE:
      return None
    if feature.shape not in self._image_checkers:
      self._image_checkers[feature.shape] = record_images.ImageChecker(
        feature.shape
      )
    (contents,) = record_features.values_of(
      example.features.feature[feature.key]
    )
    problem = self._image_checkers[feature.shape].problem_of(contents)
    if problem is None:
      return None
    return (
      "damaged image",
      f"expected a JPEG, PNG, BMP or GIF image in {feature.key!r}, found that "
      f"it cannot be decoded: {problem}",
    )

  def _note_empty_texts(self, example: tf.train.Example) -> None:
    for feature in self._features.values():
      if feature.dtype == record_features.STRING:
        values = record_features.values_of(
          example.features.feature[feature.key]
        )
        self._bad.note("empty text", sum(not value.strip() for value in values))

  def _are_files_shared(self) -> bool:
    return len(self._files[TRAIN_SPLIT]) >= self.num_shards

  def _check_shards(self) -> None:
    """Raises if this worker's files have no example to train on."""
    if self.num_shards == 1 or not self._are_files_shared():
      return
    records = self._good[TRAIN_SPLIT][self._rows[TRAIN_SPLIT]]
    starts = self._offsets[TRAIN_SPLIT]
    files = np.searchsorted(starts, records, side="right") - 1
    if not (files % self.num_shards == self.shard_index).any():
      mine = self._files[TRAIN_SPLIT][self.shard_index :: self.num_shards]
      raise errors.UserValueError(
        f"`{self._owner}.shard_index = {self.shard_index}` of "
        f"{self.num_shards} has no example to train on: its files are "
        f"{', '.join(file.path for file in mine)}."
      )

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`."""
    from hub_estimator.tf_compat import tf

    return {
      name: tf.TensorSpec([None, *feature.shape], feature.model_dtype, name)
      for name, feature in self._features.items()
    }

  def _create_records(self, part: str, is_training: bool) -> tf.data.Dataset:
    from hub_estimator.tf_compat import tf

    files = list(zip(self._files[part], self._offsets[part]))
    if is_training and self.num_shards > 1 and self._are_files_shared():
      files = files[self.shard_index :: self.num_shards]
    dataset = tf.data.Dataset.from_tensor_slices(
      (
        [file.path for file, _ in files],
        [file.compression for file, _ in files],
        tf.constant([offset for _, offset in files], tf.int64),
      )
    )

    def read(path, compression, offset):
      records = tf.data.TFRecordDataset(path, compression)
      if self._bad.has_any:
        records = records.apply(tf.data.experimental.ignore_errors())
      return records.enumerate(offset)

    # Workers that share the records of a file have to see one order.
    is_shared = self.num_shards > 1 and not self._are_files_shared()
    if not is_training or is_shared or len(files) == 1:
      return dataset.flat_map(read)
    if self.shuffle:
      dataset = dataset.shuffle(
        len(files), seed=self.seed, reshuffle_each_iteration=True
      )
    return dataset.interleave(
      read,
      cycle_length=min(len(files), _MAX_OPEN_FILES),
      block_length=_RECORDS_IN_TURN if self.shuffle else 1,
      num_parallel_calls=tf.data.AUTOTUNE,
      deterministic=self._deterministic,
    )

  def _parse(self, records: tf.Tensor) -> dict[str, tf.Tensor]:
    return record_parsing.parse_records(self._features, records)

  def _reader_settings(self) -> dict[str, Any]:
    return {
      "kind": "record",
      "features": [
        {"name": name, **dataclasses.asdict(feature)}
        for name, feature in self._features.items()
      ],
      "label": self._label,
      "compression": self._compression,
      "on_bad_example": self._bad.on_bad_example,
    }

  def _preprocessing(self) -> dict[str, Any]:
    return {
      name: [feature.key, feature.dtype, feature.shape]
      for name, feature in self._features.items()
    }
