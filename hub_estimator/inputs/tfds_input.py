"""Input from TensorFlow Datasets, an optional package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import gin
import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  bad_examples,
  feature_arrays,
  record_labels,
  text_labels,
  tfds_builder,
)
from hub_estimator.inputs.label_encoding import MULTI_LABEL
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from hub_estimator.inputs.record_labels import FLOATS, INTEGERS, STRINGS
from hub_estimator.inputs.stream_input import (
  DIGEST_BYTES,
  RecordPart,
  StreamInput,
)

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

_STRING = "string"
_TYPE_OF_KIND = {"O": STRINGS, "S": STRINGS, "f": FLOATS, "i": INTEGERS}
_TYPE_OF_KIND.update({"u": INTEGERS, "b": INTEGERS})


@gin.register(module="hub_estimator")
class TFDSInput(StreamInput):
  """Features and labels from TensorFlow Datasets, read as a stream.

  Needs `pip install 'hub_estimator[tfds]'`. Features come out as float32 if
  they are numbers, unless `feature_dtype` says otherwise, [batch_size, *shape];
  labels and splits are as `RowsInput` says. See `StreamInput` for what is held
  in memory.

  Bad examples, none of which may be there unless `on_bad_example` is "skip":
  features of another shape than the first, NaN or infinite values, a missing
  label or one outside of the vocabulary, and a wrong weight.
  """

  def __init__(
    self,
    name: str = gin.REQUIRED,
    train_split: str = "train",
    eval_split: Optional[str] = None,
    test_split: Optional[str] = None,
    features: Optional[Mapping[str, str]] = None,
    label: str = "label",
    weight: Optional[str] = None,
    feature_dtype: Union[str, Mapping[str, str]] = "float32",
    scale: Union[float, Mapping[str, float]] = 1.0,
    label_vocabulary: Any = None,
    data_dir: Optional[str] = None,
    download: bool = False,
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
  ):
    """Reads all examples once, checks them, and cuts them into splits.

    Arguments that are not listed are those of `RowsInput` and `StreamInput`;
    `eval_fraction` and `test_fraction` go by a hash of each example, as in
    `TFRecordInput`.

    Args:
      name: of the data set, with its config and version if need be, such as
        "mnist" or "glue/sst2:2.0.0".
      train_split: the split to train on, or a slice: "train[:80%]".
      eval_split: the split to evaluate on, such as "test" or "train[80%:]";
        None cuts it off the train split by `eval_fraction`.
      test_split: that to evaluate on at the end, if there is one.
      features: feature name -> its key in the data set, "outer/inner" if it is
        nested; None takes the input of the data set's supervised keys, under
        its own name.
      label: the key of the label. A ClassLabel brings the names of the classes;
        several of it are multi-label, with label_kind = 'multi_label'.
      weight: the key of the examples' weights, a finite number from 0 each;
        None for 1 each.
      feature_dtype: the type of features that are numbers; a dict from feature
        name to type for several, as the next.
      scale: factor on features that are numbers, such as 1/255 for images.
      label_vocabulary: the labels that are strings, in the order of their
        numbers; see `TFRecordInput`.
      data_dir: where prepared data sets are; None for TensorFlow Datasets' own
        place.
      download: whether to download and prepare the data set if it is not there.

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
    self._builder = tfds_builder.load_builder(
      self._owner, name, data_dir, download
    )
    self._splits_of_parts = {}
    for part, split in (
      (TRAIN_SPLIT, train_split),
      (EVAL_SPLIT, eval_split),
      (TEST_SPLIT, test_split),
    ):
      if split is not None:
        tfds_builder.check_split(
          self._owner, f"{part}_split", self._builder, split
        )
        self._splits_of_parts[part] = split
    self._label, self._weight = label, weight
    self._features = self._choose_features(features)
    self._dtypes, self._scales = (
      self._by_feature(argument, value, default)
      for argument, value, default in (
        ("feature_dtype", feature_dtype, "float32"),
        ("scale", scale, 1.0),
      )
    )
    for feature, dtype in self._dtypes.items():
      argument_checks.check_choice(
        self._owner, "feature_dtype", dtype, feature_arrays.DTYPES
      )
      if self._scales[feature] != 1 and not dtype.startswith("float"):
        raise errors.UserValueError(
          f"`{self._owner}.scale = {scale!r}` makes floats, but the feature "
          f"{feature!r} is of type {dtype}: leave it out, or set a float type."
        )
    self._label_names = tfds_builder.label_names(self._builder, label)
    labels = record_labels.RecordLabels(
      self._owner,
      label_kind,
      text_labels.read_vocabulary(label_vocabulary, self._owner)
      or (self._label_names if label_kind == MULTI_LABEL else None),
      keep_names=classes is not None,
    )
    # Feature name -> (type, shape of one example), as in the first example.
    self._found: dict[str, tuple[str, tuple[int, ...]]] = {}
    parts = {
      part: self._read_part(part, split, labels)
      for part, split in self._splits_of_parts.items()
    }
    self._set_records(
      repr(name),
      parts,
      labels,
      None if label_kind == MULTI_LABEL else self._label_names,
    )

  def _choose_features(
    self, features: Optional[Mapping[str, str]]
  ) -> dict[str, str]:
    """Returns feature name -> key, and checks all keys."""
    if features is None:
      keys = self._builder.info.supervised_keys
      if keys is None or not isinstance(keys[0], str):
        raise errors.UserValueError(
          f"{self._builder.name!r} has no supervised keys that say what its "
          f"input is: set {self._owner}.features. Its features are "
          f"{', '.join(map(repr, tfds_builder.keys_of(self._builder)))}."
        )
      features = {keys[0]: keys[0]}
    if not isinstance(features, Mapping) or not features:
      raise errors.UserTypeError(
        f"`{self._owner}.features` is a dict from the name of a feature to its "
        f"key in the data set, such as {{'images': 'image'}}; got {features!r}."
      )
    bindings = {f"features[{name!r}]": key for name, key in features.items()}
    bindings["label"] = self._label
    if self._weight is not None:
      bindings["weight"] = self._weight
    tfds_builder.check_keys(self._owner, self._builder, bindings)
    return dict(features)

  def _by_feature(
    self, argument: str, value: Any, default: Any
  ) -> dict[str, Any]:
    """Returns feature name -> its value of an argument."""
    if not isinstance(value, Mapping):
      return dict.fromkeys(self._features, value)
    for name in value:
      if name not in self._features:
        raise errors.UserKeyError(
          f"`{self._owner}.{argument}` has a value for {name!r}, but features "
          f"are {', '.join(map(repr, self._features))}."
        )
    return {name: value.get(name, default) for name in self._features}

  def _read_part(
    self, name: str, split: str, labels: record_labels.RecordLabels
  ) -> RecordPart:
    """Reads and checks all examples of a part."""
    from hub_estimator.tf_compat import tf

    place = f"{self._builder.name} {split}"
    part = RecordPart(repr(place), lambda number: f"{place} example {number}")
    with tf.Graph().as_default():
      iterator = tf.compat.v1.data.make_initializable_iterator(
        self._create_records(name, is_training=False, has_label=True)
      )
      next_record = iterator.get_next()
      # A session that could see GPUs would take their memory.
      config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
      with tf.compat.v1.Session(config=config) as session:
        session.run(iterator.initializer)
        while True:
          try:
            number, (features, targets) = session.run(next_record)
          except tf.errors.OutOfRangeError:
            break
          problem = self._check_record(features, targets, name, part, labels)
          if problem is not None:
            self._bad.add(problem[0], part.name_of(number), problem[1])
          part.num_records += 1
    return part

  def _check_record(
    self,
    features: dict[str, np.ndarray],
    targets: dict[str, np.ndarray],
    name: str,
    part: RecordPart,
    labels: record_labels.RecordLabels,
  ) -> Optional[tuple[str, str]]:
    """Adds an example to its part, or returns what is wrong with it."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for feature in self._features:
      value = np.asarray(features[feature])
      is_string = value.dtype.kind in "OS"
      found = (_STRING if is_string else self._dtypes[feature], value.shape)
      expected = self._found.setdefault(feature, found)
      if found != expected:
        return (
          "feature of another shape",
          f"expected the shape {list(expected[1])} of the first example in "
          f"{feature!r}, found {list(found[1])}",
        )
      if value.dtype.kind == "f" and not np.isfinite(value).all():
        return (
          "NaN or infinite feature",
          f"expected finite numbers in {feature!r}",
        )
      digest.update(
        b"\0".join(map(bytes, value.ravel().tolist()))
        if is_string
        else value.tobytes()
      )
    weight = 1.0
    if self._weight is not None:
      weight = np.asarray(targets["weight"])
      if weight.shape or not 0 <= weight < np.inf:
        return (
          "wrong weight",
          f"expected a finite number from 0 in {self._weight!r}, found "
          f"{weight.tolist()}",
        )
    values, value_type = self._values_of_label(np.asarray(targets["label"]))
    problem = labels.problem_of(
      values, value_type, part.name_of(part.num_records)
    )
    if problem is not None:
      return problem[0], f"{problem[1]} in {self._label!r}"
    labels.add(name, values)
    part.good.append(part.num_records)
    part.digests.append(digest.digest())
    if self._weight is not None:
      part.weights.append(float(weight))
    return None

  def _values_of_label(self, label: np.ndarray) -> tuple[list[Any], str]:
    """Returns the values of a label, names if they are several with names."""
    value_type = _TYPE_OF_KIND[label.dtype.kind]
    values = label.ravel().tolist()
    if value_type == STRINGS:
      return [v.decode("utf-8", errors="replace") for v in values], STRINGS
    names = self._label_names
    if names is None or value_type != INTEGERS:
      return values, value_type
    # -1 stands for no label, in test splits of competitions.
    values = [value for value in values if value >= 0]
    if self._label_kind == MULTI_LABEL:
      return [names[value] for value in values], STRINGS
    return values, INTEGERS

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`."""
    from hub_estimator.tf_compat import tf

    return {
      name: tf.TensorSpec([None, *shape], dtype, name=name)
      for name, (dtype, shape) in self._found.items()
    }

  def _create_records(
    self, part: str, is_training: bool, has_label: bool = False
  ) -> tf.data.Dataset:
    del is_training  # The order of files is that of the numbers.
    tfds = tfds_builder.import_tfds(self._owner)
    dataset = self._builder.as_dataset(
      split=self._splits_of_parts[part],
      shuffle_files=False,
      read_config=tfds.ReadConfig(
        interleave_cycle_length=1, try_autocache=False
      ),
    )

    def choose(example):
      chosen = {
        name: tfds_builder.value_at(example, key)
        for name, key in self._features.items()
      }
      if not has_label:
        return chosen
      targets = {"label": tfds_builder.value_at(example, self._label)}
      if self._weight is not None:
        targets["weight"] = tfds_builder.value_at(example, self._weight)
      return chosen, targets

    return dataset.map(choose).enumerate()

  def _parse(self, records: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    from hub_estimator.tf_compat import tf

    features = {}
    for name, (dtype, shape) in self._found.items():
      value = tf.ensure_shape(records[name], [None, *shape])
      if dtype != _STRING:
        value = tf.cast(value, dtype)
        if self._scales[name] != 1:
          value = value * self._scales[name]
      features[name] = value
    return features

  def _reader_settings(self) -> dict[str, Any]:
    return {"kind": "tfds", "on_bad_example": self._bad.on_bad_example}

  def _preprocessing(self) -> dict[str, Any]:
    return {
      name: [dtype, shape, float(self._scales[name])]
      for name, (dtype, shape) in self._found.items()
    }
