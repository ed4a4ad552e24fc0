"""The examples with the largest loss of a pass over a split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import numpy as np

from hub_estimator.evaluation.outcomes import WorstExample


class WorstExamples:
  """Keeps the examples with the largest losses, and no others, in memory."""

  def __init__(self, num_examples: int):
    """Keeps none yet.

    Args:
      num_examples: how many to keep; 0 keeps none.
    """
    self._num_examples = num_examples
    self._num_seen = 0
    self._kept: list[WorstExample] = []

  def add(
    self,
    losses: np.ndarray,
    features: Mapping[str, np.ndarray],
    weights: Optional[np.ndarray] = None,
  ) -> None:
    """Looks at a batch.

    Args:
      losses: [batch_size] loss of each example; NaN counts as infinite.
      features: name -> [batch_size, …] array.
      weights: [batch_size] weights; examples with a weight of 0 are not kept.
        The loss is not multiplied by them.
    """
    losses = np.asarray(losses, np.float64).reshape(-1)
    ranked = np.where(np.isnan(losses), np.inf, losses)
    rows = np.argsort(-ranked, kind="stable")
    if weights is not None:
      rows = rows[np.asarray(weights).reshape(-1)[rows] > 0]
    for row in rows[: self._num_examples]:
      # A copy: a view would keep the whole batch.
      example = WorstExample(
        self._num_seen + int(row),
        float(losses[row]),
        {name: np.array(array[row]) for name, array in features.items()},
      )
      self._kept.append(example)
    self._num_seen += len(losses)
    self._kept.sort(key=_rank)
    del self._kept[self._num_examples :]

  @property
  def examples(self) -> list[WorstExample]:
    """The largest loss first; of equal ones, the first seen."""
    return list(self._kept)


def _rank(example: WorstExample):
  loss = example.loss
  return (-np.inf if np.isnan(loss) else -loss), example.index
