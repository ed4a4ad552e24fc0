"""Input from arrays in memory."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

import gin
import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  array_sources,
  feature_arrays,
  label_encoding,
  splits,
)
from hub_estimator.inputs.array_sources import WHOLE
from hub_estimator.inputs.pipeline import (
  EVAL_SPLIT,
  PREDICT,
  TRAIN_SPLIT,
  InputPipeline,
  split_of_mode,
)

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

# Batches whose rows Python hands over at once: it then takes no part in most
# steps of a run.
_BATCHES_AT_ONCE = 64


@gin.register(module="hub_estimator")
class NumpyInput(InputPipeline):
  """Features and labels from arrays, an .npz file or a bundled data set.

  Features come out as one tensor named `feature_name`, [batch_size,
  *feature_shape]; labels as int64 [batch_size, 1] classes, int64 [batch_size,
  num_classes] zeros and ones (multi-label), or float32 [batch_size,
  num_targets] regression targets.

  The arrays are not part of the graph: they enter it once, when the dataset's
  iterator is initialized, whatever their size, and batches are gathered from
  them without Python.

  The same arguments give the same splits and the same order, on every version
  of NumPy and TensorFlow.
  """

  def __init__(
    self,
    source: Any = gin.REQUIRED,
    feature_name: str = "images",
    batch_size: int = 32,
    seed: int = 0,
    classes: Optional[Sequence[Any]] = None,
    num_train_examples_per_class: Optional[int] = None,
    eval_fraction: Optional[float] = None,
    shuffle: bool = True,
    feature_shape: Optional[Sequence[int]] = None,
    feature_dtype: str = "float32",
    scale: float = 1.0,
    label_kind: Optional[str] = None,
  ):
    """Loads and checks the data, and cuts it into splits.

    A source that is not cut into splits yet needs `eval_fraction`,
    `num_train_examples_per_class` or both.

    Args:
      source: the path of an .npz file, or a mapping of arrays, with the keys
        `features` and `labels`, or `train_features`, `train_labels`,
        `eval_features` and `eval_labels`, each [num_examples, ...], and
        optionally `class_names`; or a data set that ships with scikit-learn:
        "sklearn:digits", "sklearn:iris", "sklearn:wine",
        "sklearn:breast_cancer" or "sklearn:diabetes" (regression).
      feature_name: the key of the features.
      batch_size: examples in a batch, at least 1. Each batch of TRAIN has that
        many: one that begins at the end of a pass over the data goes on with
        the next pass.
      seed: of the splits and of the order, from 0 to 2**32 - 1.
      classes: labels of the classes to use, in the order of their numbers: with
        (5, 6) label 5 becomes 0 and label 6 becomes 1, and examples with other
        labels are left out. All if None: integers stay as they are, strings are
        numbered in sorted order.
      num_train_examples_per_class: draw so many training examples from each
        class. The rest of a source that is not cut is the eval split, unless
        `eval_fraction` was cut off first; the rest of a given train split is
        not used.
      eval_fraction: the part of a source that is cut off as eval split, from
        each class alike.
      shuffle: whether each pass over the train split has a new order.
      feature_shape: the shape of one example, such as (8, 8, 1); that of the
        arrays if None.
      feature_dtype: the type of the features, if they are numbers: a name such
        as "float32", "uint8" or "int32". Strings stay strings.
      scale: factor on the features, such as 1/255.
      label_kind: "class", "multi_label" or "regression"; None tells from the
        labels (see `label_encoding.encode_labels`).

    Raises:
      UserError: a mistake in the arguments or in the data.
    """
    _check_count("batch_size", batch_size, 1, 2**31 - 1)
    _check_count("seed", seed, 0, 2**32 - 1)
    self.batch_size = batch_size
    self._seed = seed
    self._shuffle = shuffle
    self._feature_name = feature_name
    loaded = array_sources.load_array_source(source)
    self._parts = loaded.parts
    self._features = feature_arrays.prepare_features(
      loaded, feature_shape, feature_dtype, scale
    )
    self._labels = label_encoding.encode_labels(loaded, classes, label_kind)
    self._rows = splits.choose_rows(
      loaded.place,
      self._labels,
      num_train_examples_per_class,
      eval_fraction,
      seed,
    )
    self.num_classes = self._labels.num_classes
    self.class_names = self._labels.class_names

  def input_fn(self, mode: str) -> Callable[[], tf.data.Dataset]:
    """See `InputPipeline.input_fn`."""
    split = split_of_mode(mode)
    part = self._part_of(split)
    features, labels = self._features.arrays[part], self._labels.values[part]

    def input_fn() -> tf.data.Dataset:
      from hub_estimator.tf_compat import tf

      def load_arrays(_):
        # As constants they could not be larger than 2 GB, and the graph that is
        # written next to the checkpoints would hold them.
        tensors = tf.numpy_function(
          lambda: (features, labels),
          [],
          [
            tf.string if features.dtype.kind == "O" else features.dtype,
            labels.dtype,
          ],
        )
        for tensor, array in zip(tensors, (features, labels)):
          tensor.set_shape(array.shape)
        return tuple(tensors)

      def gather_batch(all_features, all_labels, rows):
        batch = {
          self._feature_name: self._convert(tf.gather(all_features, rows))
        }
        if mode == PREDICT:
          return batch
        return batch, tf.gather(all_labels, rows)

      rows_of_batches = tf.data.Dataset.from_generator(
        lambda: self._create_row_blocks(split),
        output_signature=tf.TensorSpec([None, None], tf.int64),
      ).flat_map(tf.data.Dataset.from_tensor_slices)
      arrays = tf.data.Dataset.range(1).map(load_arrays)
      return arrays.flat_map(
        lambda all_features, all_labels: rows_of_batches.map(
          lambda rows: gather_batch(all_features, all_labels, rows)
        )
      ).prefetch(tf.data.AUTOTUNE)

    return input_fn

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`."""
    from hub_estimator.tf_compat import tf

    return {
      self._feature_name: tf.TensorSpec(
        [None, *self._features.shape],
        self._features.dtype,
        name=self._feature_name,
      )
    }

  def label_spec(self) -> tf.TensorSpec:
    """See `InputPipeline.label_spec`."""
    from hub_estimator.tf_compat import tf

    values = next(iter(self._labels.values.values()))
    return tf.TensorSpec([None, values.shape[1]], values.dtype, name="labels")

  def num_examples(self, mode: str) -> int:
    """See `InputPipeline.num_examples`."""
    return len(self._rows[split_of_mode(mode)])

  def check_labels(self, num_classes: int) -> None:
    """See `InputPipeline.check_labels`."""
    kind = self._labels.kind
    if kind == label_encoding.REGRESSION:
      raise errors.UserValueError(
        f"The head takes {num_classes} classes, but the labels are regression "
        "targets: choose a regression head, or make the labels integers, or "
        "set NumpyInput.label_kind = 'class'."
      )
    if kind == label_encoding.MULTI_LABEL:
      if self.num_classes != num_classes:
        raise errors.UserValueError(
          f"The head takes {num_classes} classes, but each example has labels "
          f"for {self.num_classes}: give the head num_classes = "
          f"{self.num_classes}."
        )
      return
    for split in (TRAIN_SPLIT, EVAL_SPLIT):
      part = self._part_of(split)
      rows = self._rows[split]
      labels = self._labels.values[part][rows, 0]
      outside = np.flatnonzero(labels >= num_classes)
      if outside.size:
        index = int(outside[0])
        raise errors.UserValueError(
          f"The head's labels are 0 to {num_classes - 1}, but example {index} "
          f"of the {split} split (row {rows[index]} of "
          f"{self._parts[part].place}) has the label {labels[index]}, and "
          f"{outside.size - 1} other examples of that split are outside too. "
          f"Give the head num_classes = {self.num_classes}, or pick classes "
          "with NumpyInput.classes."
        )

  def _part_of(self, split: str) -> str:
    """Returns the part of the source that holds a split."""
    return split if split in self._parts else WHOLE

  def _create_row_blocks(self, split: str) -> Iterator[np.ndarray]:
    """Yields int64 [num_batches, batch_size] blocks of a split's rows."""
    if split == EVAL_SPLIT:
      return _one_pass(self._rows[split], self.batch_size)
    # Not the stream that drew the splits.
    random = np.random.RandomState([self._seed, 1]) if self._shuffle else None
    return _endless(self._rows[split], self.batch_size, random)

  def _convert(self, batch: tf.Tensor) -> tf.Tensor:
    """Gives a batch of features its type and scale."""
    from hub_estimator.tf_compat import tf

    if batch.dtype == tf.string:
      return batch
    batch = tf.cast(batch, self._features.dtype)
    return batch if self._features.scale == 1 else batch * self._features.scale


def _check_count(name: str, value: Any, low: int, high: int) -> None:
  """Raises unless a value is an integer within a range."""
  if (
    not isinstance(value, numbers.Integral)
    or isinstance(value, bool)
    or not low <= value <= high
  ):
    raise errors.UserValueError(
      f"`NumpyInput.{name}` is a whole number from {low} to {high}; got "
      f"{value!r}."
    )


def _one_pass(rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
  """Yields [num_batches, batch_size] blocks of rows, in order, to the end."""
  num_full = len(rows) // batch_size * batch_size
  if num_full:
    yield rows[:num_full].reshape(-1, batch_size)
  if num_full < len(rows):
    yield rows[np.newaxis, num_full:]


def _endless(
  rows: np.ndarray, batch_size: int, random: Optional[np.random.RandomState]
) -> Iterator[np.ndarray]:
  """Yields [num_batches, batch_size] blocks of rows, pass after pass.

  Args:
    rows: what each pass goes through.
    batch_size: rows in a batch.
    random: what to shuffle each pass with; in order if None.
  """
  block_size = batch_size * _BATCHES_AT_ONCE
  pieces, num_rows = [], 0
  while True:
    while num_rows < block_size:
      pieces.append(rows if random is None else random.permutation(rows))
      num_rows += len(rows)
    joined = np.concatenate(pieces)
    yield joined[:block_size].reshape(-1, batch_size)
    pieces, num_rows = [joined[block_size:]], num_rows - block_size
