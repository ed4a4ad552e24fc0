"""What a model said of the examples of a split, beside their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL, REGRESSION

# Rounding of a softmax may pass 1 by a little.
_PROBABILITY_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class WorstExample:
  """An example with one of the largest losses.

  Attributes:
    index: its place among the examples of the pass, from 0.
    loss: its loss.
    features: name -> array of this one example.
  """

  index: int
  loss: float
  features: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Outcomes:
  """The labels and scores of a pass over a split.

  Attributes:
    kind: `CLASS`, `MULTI_LABEL` or `REGRESSION` of
      `hub_estimator.inputs.label_encoding`.
    labels: int64 [num_examples] classes; int64 [num_examples, num_classes]
      zeros and ones for multi-label; float32 [num_examples, num_targets] for
      regression.
    scores: float32 [num_examples, num_classes] probabilities, or
      [num_examples, num_targets] predictions.
    weights: float32 [num_examples] weights of the examples; all 1 if None.
    class_names: the names of the classes, if they have any.
    worst: examples with the largest loss, the largest first.
  """

  kind: str
  labels: np.ndarray
  scores: np.ndarray
  weights: Optional[np.ndarray] = None
  class_names: Optional[Sequence[str]] = None
  worst: Sequence[WorstExample] = ()

  @property
  def num_columns(self) -> int:
    """The number of classes or targets."""
    return self.scores.shape[1]

  def class_name(self, number: int) -> str:
    """Returns a class's name, its number if it has none."""
    if self.class_names is None:
      return str(number)
    return str(self.class_names[number])

  def predictions(self) -> np.ndarray:
    """Returns what the scores say, in the shape of `labels`.

    That is the class of the largest probability, the first of equal ones; for
    multi-label, the classes with a probability above 1/2, as in
    `MultiLabelHead`; for regression the scores themselves.
    """
    if self.kind == CLASS:
      return self.scores.argmax(axis=1)
    if self.kind == MULTI_LABEL:
      return (self.scores > 0.5).astype(np.int64)
    return self.scores

  def checked(self) -> Outcomes:
    """Returns the outcomes that count: those with a weight above 0.

    Raises:
      UserValueError: shapes that do not fit each other, numbers that are not
        finite, labels or probabilities out of range, no example with a weight;
        the message has all that was found.
    """
    problems = _shape_problems(self)
    if not problems:
      problems = _value_problems(self)
    if problems:
      raise errors.UserValueError(
        "These predictions cannot be evaluated:\n  - " + "\n  - ".join(problems)
      )
    if self.weights is None:
      return self
    used = self.weights > 0
    weights = self.weights[used].astype(np.float64)
    return dataclasses.replace(
      self,
      labels=self.labels[used],
      scores=self.scores[used],
      # Without weights, what is counted stays a whole number.
      weights=None if (weights == 1).all() else weights,
    )


def _shape_problems(outcomes: Outcomes) -> list[str]:
  kind, labels, scores = outcomes.kind, outcomes.labels, outcomes.scores
  if kind not in (CLASS, MULTI_LABEL, REGRESSION):
    kinds = ", ".join(repr(k) for k in (CLASS, MULTI_LABEL, REGRESSION))
    return [f"kind is {kind!r}: it is one of {kinds}."]
  problems = []
  if scores.ndim != 2:
    return [
      f"scores have the shape {list(scores.shape)}: it is [num_examples, "
      f"{'num_targets' if kind == REGRESSION else 'num_classes'}]."
    ]
  if kind == CLASS and scores.shape[1] < 2:
    problems.append(
      "scores have one column: there is one for each class, two for binary "
      "labels, [1 - p, p]."
    )
  shape = scores.shape[:1] if kind == CLASS else scores.shape
  if labels.shape != shape:
    problems.append(
      f"labels have the shape {list(labels.shape)}, but with scores "
      f"{list(scores.shape)} of the kind {kind!r} it is {list(shape)}."
    )
  weights = outcomes.weights
  if weights is not None and weights.shape != scores.shape[:1]:
    problems.append(
      f"weights have the shape {list(weights.shape)}, but there are "
      f"{len(scores)} examples: it is [{len(scores)}]."
    )
  names = outcomes.class_names
  if kind != REGRESSION and names is not None and len(names) != scores.shape[1]:
    problems.append(
      f"there are {len(names)} class names for {scores.shape[1]} classes."
    )
  if not len(scores):
    problems.append("there is no example: the split is empty.")
  return problems


def _value_problems(outcomes: Outcomes) -> list[str]:
  kind, labels, scores = outcomes.kind, outcomes.labels, outcomes.scores
  num_examples, num_columns = scores.shape
  problems = []

  def count(wrong, what):
    num_wrong = int(wrong.reshape(num_examples, -1).any(axis=1).sum())
    if num_wrong:
      first = int(wrong.reshape(num_examples, -1).any(axis=1).argmax())
      problems.append(
        f"{what} of {num_wrong} of {num_examples} examples, first in example "
        f"{first} (counted from 0)."
      )

  bad_scores = ~np.isfinite(scores)
  count(
    bad_scores,
    "NaN or infinite scores (weights that became so, or features that are)",
  )
  if kind == REGRESSION:
    count(~np.isfinite(labels), "NaN or infinite labels")
  else:
    tolerance = _PROBABILITY_TOLERANCE
    with np.errstate(invalid="ignore"):
      outside = (scores < -tolerance) | (scores > 1 + tolerance)
    count(
      outside & ~bad_scores,
      "scores that are no probabilities from 0 to 1 (logits?)",
    )
    most = num_columns - 1 if kind == CLASS else 1
    count(
      (labels < 0) | (labels > most), f"labels that are not from 0 to {most}"
    )
  weights = outcomes.weights
  if weights is not None:
    wrong = ~(np.isfinite(weights) & (np.nan_to_num(weights) >= 0))
    count(wrong, "weights that are negative or not finite")
    if not wrong.any() and not weights.any():
      problems.append(
        f"the weights of all {num_examples} examples are 0: nothing is left to "
        "measure. Give at least one a weight above 0."
      )
  return problems
