"""The interface of readers of new examples."""

from __future__ import annotations

import abc
import collections
import dataclasses
from collections.abc import Iterator
from typing import Any, Optional

import numpy as np

from hub_estimator.inputs import argument_checks
from hub_estimator.inputs.bad_examples import BadExamples

# The path that stands for standard input.
STANDARD_INPUT = "-"
BYTES = "bytes"
EXAMPLES = "examples"

UNKNOWN_LABEL = "label that is missing or not known"
_MAX_LISTED = 10
_WAY_OUT = "set on_bad_example = 'skip' to leave them out of the predictions."


@dataclasses.dataclass(frozen=True)
class PredictionBatch:
  """Examples to predict on.

  Attributes:
    features: name -> [num_examples, ...] array, as `InputPipeline.feature_spec`
      says: what `InputPipeline.serving_input_receiver_fn` receives. Texts are
      objects that are UTF-8 bytes; images are decoded and resized, float32.
    keys: what an example is called, such as "line 7", or an image's path.
    echoes: what of each example is repeated in the output: the values of its
      feature columns as they are in the file, or {"path": …}; values are such
      that JSON can hold them.
    labels: int64 [num_examples] classes, int64 [num_examples, num_classes]
      zeros and ones (multi-label), or float32 [num_examples, num_targets]
      regression targets; -1, or NaN for regression, in the rows of examples
      whose label is missing or none of the run's. None if there are no labels.
  """

  features: dict[str, np.ndarray]
  keys: list[str]
  echoes: list[dict[str, Any]]
  labels: Optional[np.ndarray] = None

  def __len__(self) -> int:
    return len(self.keys)


class ExampleReader(abc.ABC):
  """An iterator over batches of new examples, in their order.

  Each batch has 1 to `batch_size` examples: fewer where bad ones are skipped,
  and at the end. One pass; `close` ends it early.

  Bad examples raise UserValueError when they are come upon, which names all of
  their batch, or, with on_bad_example = "skip", are left out and counted.

  Attributes:
    place: where the examples are from, for messages.
    unit: what `done` and `total` count: "bytes" or "examples".
    total: how much there is to read; None if not known.
  """

  unit: str = EXAMPLES
  total: Optional[int] = None

  def __init__(self, place: str, batch_size: int, on_bad_example: str):
    """Starts before the first example.

    Args:
      place: see the attribute.
      batch_size: the most examples in a batch.
      on_bad_example: "error" or "skip".

    Raises:
      UserValueError: an argument is out of range.
    """
    argument_checks.check_count(
      "create_example_reader", "batch_size", batch_size
    )
    self.place = place
    self.batch_size = batch_size
    self._bad = BadExamples(
      "create_example_reader", on_bad_example, _MAX_LISTED, _WAY_OUT
    )
    self._unknown: collections.Counter[str] = collections.Counter()
    self._batches: Optional[Iterator[PredictionBatch]] = None

  @property
  def done(self) -> int:
    """How much was read so far, in `unit`."""
    return 0

  @abc.abstractmethod
  def _read(self) -> Iterator[PredictionBatch]:
    """Yields batches, also empty ones; calls `_bad.finish` for each."""

  def __iter__(self) -> Iterator[PredictionBatch]:
    return self

  def __next__(self) -> PredictionBatch:
    if self._batches is None:
      self._batches = self._read()
    for batch in self._batches:
      if len(batch):
        return batch
    raise StopIteration

  def close(self) -> None:
    """Ends the reading, and closes what is open."""
    if self._batches is None:
      self._batches = iter(())
    elif hasattr(self._batches, "close"):
      self._batches.close()

  def __enter__(self) -> ExampleReader:
    return self

  def __exit__(self, *unused: Any) -> None:
    self.close()

  def counts(self) -> dict[str, int]:
    """Returns reason -> number, of what was skipped or noted so far."""
    return {**self._bad.counts(), **self._unknown}

  def notes(self) -> list[str]:
    """Returns sentences about what was skipped and noted so far."""
    notes = self._bad.notes(self.place)
    return notes + [
      f"{number} example{'s' * (number > 1)} of {self.place}: {reason}."
      for reason, number in self._unknown.items()
    ]

  def _count_unknown(self, number: int) -> None:
    """Counts examples whose label is not known."""
    if number:
      self._unknown[UNKNOWN_LABEL] += number
