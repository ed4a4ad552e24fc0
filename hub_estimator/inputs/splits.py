"""Cutting a source into a train and an eval split."""

from __future__ import annotations

import numbers
from typing import Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs.array_sources import WHOLE
from hub_estimator.inputs.label_encoding import CLASS, EncodedLabels
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TRAIN_SPLIT


def choose_rows(
  place: str,
  labels: EncodedLabels,
  num_train_examples_per_class: Optional[int],
  eval_fraction: Optional[float],
  seed: int,
) -> dict[str, np.ndarray]:
  """Chooses the examples of each split.

  The same arguments give the same examples on every version of NumPy.

  Args:
    place: where the source is from, for messages.
    labels: its labels. If they are classes, each class is cut alike.
    num_train_examples_per_class: how many training examples to draw from each
      class; all if None.
    eval_fraction: what part of a source that is one whole to cut off as eval
      split, from 0 to 1; rounded to whole examples, halves to the even number.
      None leaves what `num_train_examples_per_class` did not draw.
    seed: of the draw.

  Returns:
    split -> sorted int64 array of rows, in the part of the source that is the
    split or the whole.

  Raises:
    UserValueError: an argument is out of range or missing, or a split has no
      example.
  """
  # The stream of RandomState is frozen; that of the newer generators is not.
  random = np.random.RandomState(seed)
  _check_arguments(place, labels, num_train_examples_per_class, eval_fraction)
  train_part = WHOLE if WHOLE in labels.rows else TRAIN_SPLIT
  train_rows = labels.rows[train_part]
  eval_rows = labels.rows.get(EVAL_SPLIT)
  classes = None
  if labels.kind == CLASS:
    classes = labels.values[train_part][:, 0]
  if eval_fraction is not None:
    train_rows, eval_rows = _cut_by_fraction(
      classes, train_rows, eval_fraction, random
    )
  if num_train_examples_per_class is not None:
    drawn = _draw_per_class(
      place, labels, classes, train_rows, num_train_examples_per_class, random
    )
    if eval_rows is None:
      eval_rows = np.setdiff1d(train_rows, drawn)
    train_rows = drawn
  rows = {TRAIN_SPLIT: train_rows, EVAL_SPLIT: eval_rows}
  for split, split_rows in rows.items():
    if not len(split_rows):
      sizes = {name: len(part_rows) for name, part_rows in labels.rows.items()}
      raise errors.UserValueError(
        f"The {split} split has zero examples. {place} has {sizes} to use, and "
        f"NumpyInput.eval_fraction = {eval_fraction}, "
        "NumpyInput.num_train_examples_per_class = "
        f"{num_train_examples_per_class}: leave some for either split."
      )
  return rows


def _check_arguments(
  place: str,
  labels: EncodedLabels,
  num_per_class: Optional[int],
  eval_fraction: Optional[float],
) -> None:
  """Raises unless the arguments say how to cut this source."""
  is_whole = WHOLE in labels.rows
  if is_whole and num_per_class is None and eval_fraction is None:
    raise errors.UserValueError(
      f"{place} is not cut into splits: say how, with NumpyInput.eval_fraction "
      "(such as 0.2), NumpyInput.num_train_examples_per_class (such as 20), or "
      "both."
    )
  if eval_fraction is not None:
    if not is_whole:
      raise errors.UserValueError(
        f"`NumpyInput.eval_fraction = {eval_fraction!r}` cuts a source that is "
        f"one whole, but {place} comes with an eval split: leave it out."
      )
    if (
      not isinstance(eval_fraction, numbers.Real)
      or isinstance(eval_fraction, bool)
      or not 0 <= eval_fraction <= 1
    ):
      raise errors.UserValueError(
        "`NumpyInput.eval_fraction` is a number from 0 to 1; got "
        f"{eval_fraction!r}."
      )
  if num_per_class is not None:
    if labels.kind != CLASS:
      raise errors.UserValueError(
        "`NumpyInput.num_train_examples_per_class` needs one class for each "
        f"example, but the labels of {place} are of the kind {labels.kind!r}: "
        "cut with NumpyInput.eval_fraction."
      )
    if (
      not isinstance(num_per_class, numbers.Integral)
      or isinstance(num_per_class, bool)
      or num_per_class < 0
    ):
      raise errors.UserValueError(
        "`NumpyInput.num_train_examples_per_class` is a whole number; got "
        f"{num_per_class!r}."
      )


def _cut_by_fraction(
  classes: Optional[np.ndarray],
  rows: np.ndarray,
  eval_fraction: float,
  random: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the rows left and those drawn, each sorted.

  Args:
    classes: the class of each example, by row; None draws from all alike.
    rows: the rows to cut.
    eval_fraction: what part of each class to draw.
    random: what to draw with.
  """
  groups = [rows]
  if classes is not None:
    groups = [rows[classes[rows] == i] for i in np.unique(classes[rows])]
  drawn = [
    random.permutation(group)[: round(eval_fraction * len(group))]
    for group in groups
  ]
  eval_rows = np.sort(np.concatenate([rows[:0], *drawn]))
  return np.setdiff1d(rows, eval_rows), eval_rows


def _draw_per_class(
  place: str,
  labels: EncodedLabels,
  classes: np.ndarray,
  rows: np.ndarray,
  num_per_class: int,
  random: np.random.RandomState,
) -> np.ndarray:
  """Returns so many rows of each class, sorted.

  Args:
    place: where the source is from, for messages.
    labels: its labels; a class that has examples anywhere is drawn from.
    classes: the class of each example, by row.
    rows: the rows to draw from.
    num_per_class: how many to draw.
    random: what to draw with.
  """
  there_are = np.unique(
    np.concatenate(
      [labels.values[name][part, 0] for name, part in labels.rows.items()]
    )
  )
  drawn = [rows[:0]]
  too_few = {}
  for i in there_are.tolist():
    group = rows[classes[rows] == i]
    if len(group) < num_per_class:
      name = labels.class_names[i] if labels.class_names else str(i)
      too_few[name] = len(group)
    drawn.append(random.permutation(group)[:num_per_class])
  if too_few:
    raise errors.UserValueError(
      f"`NumpyInput.num_train_examples_per_class = {num_per_class}` is more "
      f"than there are to train on in {place}, by class: {too_few}."
    )
  return np.sort(np.concatenate(drawn))
