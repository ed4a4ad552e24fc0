"""New examples from TFRecord files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  record_features,
  record_files,
  record_images,
  record_parsing,
)
from hub_estimator.inputs.label_encoding import CLASS, REGRESSION
from hub_estimator.inputs.prediction.example_reader import (
  BYTES,
  STANDARD_INPUT,
  ExampleReader,
  PredictionBatch,
)
from hub_estimator.inputs.record_features import IMAGE, STRING, RecordFeature
from hub_estimator.inputs.record_files import Damage

# Length and checksums around each record.
_FRAME_BYTES = 16


class RecordReader(ExampleReader):
  """Reads what `TFRecordInput` reads, as a stream."""

  unit = BYTES

  def __init__(
    self,
    description: Mapping[str, Any],
    path: str,
    batch_size: int,
    file_format: Optional[str] = None,
  ):
    """Looks for the files; see `create_example_reader`."""
    del file_format
    reader = description["reader"]
    super().__init__(path, batch_size, reader["on_bad_example"])
    self._description = description
    self._features = {
      feature["name"]: RecordFeature(
        feature["key"], feature["dtype"], tuple(feature["shape"])
      )
      for feature in reader["features"]
    }
    if path == STANDARD_INPUT:
      raise errors.UserValueError(
        f"{description['input']} reads TFRecord files, which cannot be read "
        "from standard input: give a path or a glob."
      )
    self._files = record_files.find_files(
      path, reader["compression"], "create_example_reader", "path"
    )
    self._num_bytes = 0
    if not any(file.compression for file in self._files):
      self.total = sum(os.path.getsize(file.path) for file in self._files)

  @property
  def done(self) -> int:
    """See `ExampleReader.done`."""
    return self._num_bytes

  def _read(self) -> Iterator[PredictionBatch]:
    from hub_estimator.tf_compat import tf

    with tf.Graph().as_default(), tf.device("/cpu:0"):
      records = tf.compat.v1.placeholder(tf.string, [None])
      features = record_parsing.parse_records(self._features, records)
      # A session that could see GPUs would take their memory.
      config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
      session = tf.compat.v1.Session(config=config)
    checkers = {
      feature.shape: record_images.ImageChecker(feature.shape)
      for feature in self._features.values()
      if feature.dtype == IMAGE
    }
    with session:
      for block in self._blocks():
        used = [e for e in block if self._is_good(*e, checkers)]
        self._bad.finish(self.place)
        yield self._create_batch(
          used,
          session.run(features, {records: [record for _, record, _ in used]})
          if used
          else {},
        )
    self._bad.finish(self.place)

  def _blocks(self) -> Iterator[list[tuple[str, bytes, Any]]]:
    """Yields lists of (place, record, tf.Example); damaged ones are bad."""
    from hub_estimator.tf_compat import tf

    block = []
    for index, number, record in record_files.read_records(self._files):
      place = f"{self._files[index].path} record {number}"
      if isinstance(record, Damage):
        self._bad.add(
          "damaged record",
          place,
          f"expected a whole record, found that {record.problem}; the rest of "
          "the file is lost",
        )
        continue
      self._num_bytes += len(record) + _FRAME_BYTES
      try:
        example = tf.train.Example.FromString(record)
      except Exception as error:  # DecodeError has had several homes.
        self._bad.add(
          "no tf.Example", place, f"expected a tf.Example, found {error}"
        )
        continue
      block.append((place, record, example))
      if len(block) == self.batch_size:
        yield block
        block = []
    yield block

  def _is_good(self, place, record, example, checkers) -> bool:
    """Whether nothing is wrong with a record; adds it to the bad ones else."""
    del record
    for feature in self._features.values():
      problem = feature.problem_of(example)
      if problem is None and feature.dtype == IMAGE:
        (contents,) = _values(example, feature.key)
        found = checkers[feature.shape].problem_of(contents)
        if found is not None:
          problem = (
            "damaged image",
            f"expected a JPEG, PNG, BMP or GIF image in {feature.key!r}, found "
            f"that it cannot be decoded: {found}",
          )
      if problem is not None:
        self._bad.add(problem[0], place, problem[1])
        return False
    return True

  def _create_batch(self, used, features) -> PredictionBatch:
    echoes = []
    for place, _, example in used:
      echo = {"record": place}
      for name, feature in self._features.items():
        if feature.dtype == STRING:
          texts = [
            value.decode("utf-8", errors="replace")
            for value in _values(example, feature.key)
          ]
          echo[name] = texts if feature.shape else texts[0]
      echoes.append(echo)
    return PredictionBatch(
      features=dict(features),
      keys=[place for place, _, _ in used],
      echoes=echoes,
      labels=self._labels([example for _, _, example in used]),
    )

  def _labels(self, examples: Sequence[Any]) -> Optional[np.ndarray]:
    """Returns the labels of records; None if none of them has any."""
    key = self._description["reader"]["label"]
    found = [list(_values(example, key)) for example in examples]
    if not any(key in example.features.feature for example in examples):
      return None
    labels = [self._label_of(values) for values in found]
    self._count_unknown(labels.count(None))
    kind = self._description["label_kind"]
    dtype = np.float32 if kind == REGRESSION else np.int64
    unknown = np.nan if kind == REGRESSION else -1
    size = self._description["label_spec"][1][-1]
    array = np.full([len(labels), size], unknown, dtype)
    for row, label in enumerate(labels):
      if label is not None:
        array[row] = label
    return array[:, 0] if kind == CLASS else array

  def _label_of(self, values: list[Any]) -> Optional[list[Any]]:
    """Returns the values of a record's label as numbers; None if not known."""
    kind = self._description["label_kind"]
    names = self._description["class_names"]
    size = self._description["label_spec"][1][-1]
    if kind == REGRESSION:
      is_number = len(values) == size and not isinstance(values[0], bytes)
      return values if is_number and np.isfinite(values).all() else None
    keys = [
      v.decode("utf-8", errors="replace") if isinstance(v, bytes) else str(v)
      for v in values
    ]
    if kind == CLASS:
      num_classes = self._description["num_classes"]
      numbers = names or [str(i) for i in range(num_classes)]
      is_known = len(keys) == 1 and keys[0] in numbers
      return [numbers.index(keys[0])] if is_known else None
    if names is None:
      is_known = len(values) == size and set(keys) <= {"0", "1"}
      return values if is_known else None
    if not set(keys) <= set(names):
      return None
    return [int(name in keys) for name in names]


def _values(example: Any, key: str) -> Sequence[Any]:
  """Returns the values of a feature that may not be there."""
  if key not in example.features.feature:
    return []
  return record_features.values_of(example.features.feature[key])
