"""Running a frozen module once over examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Callable, Optional

import numpy as np

from hub_estimator import errors, hub
from hub_estimator.inputs import InputPipeline, row_datasets
from hub_estimator.tf_compat import tf

# (module, features of a batch) -> name -> tensor [batch_size, ...].
EncodeFn = Callable[
  [hub.Module, Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]
]

# (features, labels, weights or None) of a batch.
AppendFn = Callable[
  [Mapping[str, np.ndarray], np.ndarray, Optional[np.ndarray]], None
]


class Extraction:
  """A graph and a session with a module in inference mode.

  Both are made when they are first needed, and serve all splits.
  """

  def __init__(
    self,
    source: InputPipeline,
    spec: hub.ModuleSpec,
    tags: Iterable[str],
    encode_fn: EncodeFn,
  ):
    """Holds the arguments of `create_cached_input`."""
    self._source = source
    self._spec = spec
    self._tags = tags
    self._encode_fn = encode_fn
    self._graph: Optional[tf.Graph] = None
    self._session: Optional[tf.compat.v1.Session] = None

  def run(
    self,
    split: str,
    append: AppendFn,
    report: Callable[[int], None],
  ) -> None:
    """Writes the features of a split.

    Args:
      split: its name.
      append: takes the batches, in order.
      report: called with the number of examples of each batch.

    Raises:
      UserRuntimeError: another number of examples than the pipeline says.
    """
    if self._session is None:
      self._build(split)
    self._session.run(self._initializer(split))
    next_batch = self._session.make_callable(self._fetches)
    num_seen = 0
    while True:
      try:
        batch = next_batch()
      except tf.errors.OutOfRangeError:
        break
      features = dict(zip(self._names, batch))
      weights = batch[-1] if self._has_weights else None
      labels = batch[len(self._names)]
      append(features, labels, weights)
      num_seen += len(labels)
      report(len(labels))
    expected = self._source.num_split_examples(split)
    if num_seen != expected:
      raise errors.UserRuntimeError(
        f"{type(self._source).__name__} gives {num_seen} examples of "
        f"split {split!r}, and num_split_examples says {expected}: features of "
        "all examples are cached, so the two must agree."
      )

  def close(self) -> None:
    """Closes the session."""
    if self._session is not None:
      self._session.close()

  def _build(self, split: str) -> None:
    self._graph = tf.Graph()
    with self._graph.as_default():
      dataset = self._dataset(split)
      self._iterator = tf.compat.v1.data.Iterator.from_structure(
        tf.compat.v1.data.get_output_types(dataset),
        tf.compat.v1.data.get_output_shapes(dataset),
        output_classes=tf.compat.v1.data.get_output_classes(dataset),
      )
      self._initializers = {split: self._iterator.make_initializer(dataset)}
      features, labels = self._iterator.get_next()
      inputs = {name: features[name] for name in self._source.feature_spec()}
      module = hub.Module(self._spec, trainable=False, tags=self._tags)
      outputs = self._encode_fn(module, inputs)
      self._names = list(outputs)
      self._fetches = [*outputs.values(), labels]
      self._has_weights = self._source.weight_key is not None
      if self._has_weights:
        self._fetches.append(features[self._source.weight_key])
      initializers = [
        tf.compat.v1.global_variables_initializer(),
        tf.compat.v1.local_variables_initializer(),
        tf.compat.v1.tables_initializer(),
      ]
    self._session = tf.compat.v1.Session(graph=self._graph)
    self._session.run(initializers)

  def _initializer(self, split: str) -> tf.Operation:
    if split not in self._initializers:
      with self._graph.as_default():
        dataset = self._dataset(split)
        self._initializers[split] = self._iterator.make_initializer(dataset)
    return self._initializers[split]

  def _dataset(self, split: str) -> tf.data.Dataset:
    # The source may be of another package.
    return row_datasets.without_tuning(self._source.ordered_input_fn(split)())
