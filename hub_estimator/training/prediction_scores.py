"""How well predictions agree with the labels that came with the examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Optional

import numpy as np

from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL


class RunningScore:
  """Accuracy or RMSE over batches, in constant memory."""

  def __init__(self, kind: str):
    """Starts with no example.

    Args:
      kind: "class", "multi_label" or "regression".
    """
    self._kind = kind
    self._num_examples = 0
    self._sum = 0.0

  def add(
    self,
    labels: Optional[np.ndarray],
    predictions: Mapping[str, np.ndarray],
  ) -> None:
    """Adds a batch; labels that are not known do not count.

    Args:
      labels: as `PredictionBatch.labels`.
      predictions: of `Predictor.predict`.
    """
    if labels is None:
      return
    if self._kind == CLASS:
      known = labels >= 0
      values = labels == predictions["class_ids"]
    elif self._kind == MULTI_LABEL:
      known = (labels >= 0).all(axis=1)
      values = (labels == predictions["labels"]).mean(axis=1)
    else:
      known = ~np.isnan(labels).any(axis=1)
      errors = labels.astype(np.float64) - predictions["predictions"]
      values = np.square(errors).mean(axis=1)
    self._num_examples += int(known.sum())
    self._sum += float(values[known].sum())

  def describe(self) -> Optional[str]:
    """Returns a line; None if there were no labels."""
    if not self._num_examples:
      return None
    mean = self._sum / self._num_examples
    examples = "example" if self._num_examples == 1 else "examples"
    of = f"of {self._num_examples:,} {examples} with labels"
    if self._kind == CLASS:
      return f"accuracy {mean:.4f} {of}"
    if self._kind == MULTI_LABEL:
      return f"accuracy {mean:.4f} over all classes {of}"
    return f"rmse {math.sqrt(mean):.6g} {of}"
