"""Cutting a source into a train, an eval and a test split."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Sequence
from typing import Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import argument_checks
from hub_estimator.inputs.evaluation_sets import is_evaluation_set, without_sets
from hub_estimator.inputs.example_source import WHOLE
from hub_estimator.inputs.label_encoding import CLASS, EncodedLabels
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT


@dataclasses.dataclass(frozen=True)
class SplitSettings:
  """How to cut a source, with the names of the arguments of a pipeline.

  Attributes:
    owner: the Gin configurable whose arguments these are, for messages.
    eval_fraction: what part of the training data to cut off as eval split, from
      0 to 1; rounded to whole examples, halves to the even number.
    test_fraction: what part to cut off as test split, likewise.
    stratify: whether each class is cut alike, if labels are classes.
    num_train_examples: how many training examples to keep at most.
    num_train_examples_per_class: how many to draw from each class.
    seed: of the draw.
  """

  owner: str
  eval_fraction: Optional[float] = None
  test_fraction: Optional[float] = None
  stratify: bool = True
  num_train_examples: Optional[int] = None
  num_train_examples_per_class: Optional[int] = None
  seed: int = 0


def choose_rows(
  place: str,
  labels: EncodedLabels,
  settings: SplitSettings,
  positions: Optional[np.ndarray] = None,
) -> tuple[dict[str, np.ndarray], list[str]]:
  """Chooses the examples of each split.

  The same arguments give the same examples on every version of NumPy.

  Args:
    place: where the source is from, for messages.
    labels: its labels.
    settings: how to cut.
    positions: [num_examples] numbers from 0 to below 1, of the examples to cut
      by fractions, of each class apart if classes are cut alike: the eval split
      is the fraction that lies lowest, the test split what comes next. Drawn if
      None.

  Returns:
    split -> sorted int64 array of rows, in the part of the source that is the
    split or is cut, those of named evaluation sets at the end; and sentences
    for the user.

  Raises:
    UserValueError: an argument is out of range or missing, or a split has no
      example.
  """
  # The stream of RandomState is frozen; that of the newer generators is not.
  random = np.random.RandomState(settings.seed)
  _check_arguments(place, labels, settings)
  train_part = WHOLE if WHOLE in labels.rows else TRAIN_SPLIT
  rows = {
    TRAIN_SPLIT: labels.rows[train_part],
    **{
      split: labels.rows[split]
      for split in (EVAL_SPLIT, TEST_SPLIT)
      if split in labels.rows
    },
  }
  classes = labels.values[train_part][:, 0] if labels.kind == CLASS else None
  strata = classes if settings.stratify else None
  fractions = {
    split: fraction
    for split, fraction in (
      (EVAL_SPLIT, settings.eval_fraction),
      (TEST_SPLIT, settings.test_fraction),
    )
    if fraction is not None
  }
  if fractions:
    cut = (
      _cut_by_fractions(
        strata, rows[TRAIN_SPLIT], list(fractions.values()), random
      )
      if positions is None
      else _cut_by_positions(
        strata, positions, rows[TRAIN_SPLIT], list(fractions.values())
      )
    )
    rows[TRAIN_SPLIT], drawn = cut
    rows.update(zip(fractions, drawn))
  notes = []
  if settings.num_train_examples_per_class is not None:
    drawn = _draw_per_class(
      place, labels, classes, rows[TRAIN_SPLIT], settings, random
    )
    if EVAL_SPLIT not in rows:
      rows[EVAL_SPLIT] = np.setdiff1d(rows[TRAIN_SPLIT], drawn)
    rows[TRAIN_SPLIT] = drawn
  elif settings.num_train_examples is not None:
    num_all = len(rows[TRAIN_SPLIT])
    if settings.num_train_examples > num_all:
      notes.append(
        f"{settings.owner}.num_train_examples = {settings.num_train_examples} "
        f"is more than the {num_all} training examples of {place}: all are "
        "used."
      )
    rows[TRAIN_SPLIT] = _draw_some(
      place, strata, rows[TRAIN_SPLIT], settings, random
    )
  _check_sizes(place, labels, rows, settings)
  chosen = {
    split: rows[split]
    for split in (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT)
    if split in rows
  }
  for name, part_rows in labels.rows.items():
    if is_evaluation_set(name):
      if not len(part_rows):
        raise errors.UserValueError(
          f"The evaluation set {name!r} has zero examples to use: no example "
          f"of it has a label that {settings.owner}.classes names."
        )
      chosen[name] = part_rows
  return chosen, notes


def _check_sizes(
  place: str,
  labels: EncodedLabels,
  rows: dict[str, np.ndarray],
  settings: SplitSettings,
) -> None:
  """Raises if a split has no example."""
  for split in (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT):
    if split in rows and not len(rows[split]):
      sizes = {name: len(part_rows) for name, part_rows in labels.rows.items()}
      owner = settings.owner
      test = (
        f"{owner}.test_fraction = {settings.test_fraction}, "
        if settings.test_fraction is not None
        else ""
      )
      raise errors.UserValueError(
        f"The {split} split has zero examples. {place} has {sizes} to use, and "
        f"{owner}.eval_fraction = {settings.eval_fraction}, {test}"
        f"{owner}.num_train_examples_per_class = "
        f"{settings.num_train_examples_per_class}: leave some for either split."
      )


def _check_arguments(
  place: str, labels: EncodedLabels, settings: SplitSettings
) -> None:
  """Raises unless the arguments say how to cut this source."""
  owner = settings.owner
  num_per_class = settings.num_train_examples_per_class
  eval_fraction = settings.eval_fraction
  is_whole = EVAL_SPLIT not in labels.rows
  if is_whole and num_per_class is None and eval_fraction is None:
    raise errors.UserValueError(
      f"{place} is not cut into splits: say how, with {owner}.eval_fraction "
      f"(such as 0.2), {owner}.num_train_examples_per_class (such as 20), or "
      "both."
    )
  for split, fraction in (
    (EVAL_SPLIT, eval_fraction),
    (TEST_SPLIT, settings.test_fraction),
  ):
    if fraction is None:
      continue
    if split in labels.rows:
      raise errors.UserValueError(
        f"`{owner}.{split}_fraction = {fraction!r}` cuts a source that is one "
        f"whole, but {place} comes with {'an' if split == EVAL_SPLIT else 'a'} "
        f"{split} split: leave it out."
      )
    argument_checks.check_fraction(owner, f"{split}_fraction", fraction)
  both = (eval_fraction or 0) + (settings.test_fraction or 0)
  if both > 1:
    raise errors.UserValueError(
      f"`{owner}.eval_fraction` and `{owner}.test_fraction` are parts of one "
      f"whole; got {eval_fraction} and {settings.test_fraction}, together "
      f"{both}."
    )
  if settings.num_train_examples is not None:
    argument_checks.check_count(
      owner, "num_train_examples", settings.num_train_examples
    )
    if num_per_class is not None:
      raise errors.UserValueError(
        f"`{owner}.num_train_examples = {settings.num_train_examples}` and "
        f"`{owner}.num_train_examples_per_class = {num_per_class}` both say "
        "how many examples to train on: leave one out."
      )
  if num_per_class is not None:
    if labels.kind != CLASS:
      raise errors.UserValueError(
        f"`{owner}.num_train_examples_per_class` needs one class for each "
        f"example, but the labels of {place} are of the kind {labels.kind!r}: "
        f"cut with {owner}.eval_fraction."
      )
    if (
      not isinstance(num_per_class, numbers.Integral)
      or isinstance(num_per_class, bool)
      or num_per_class < 0
    ):
      raise errors.UserValueError(
        f"`{owner}.num_train_examples_per_class` is a whole number; got "
        f"{num_per_class!r}."
      )


def _groups_of(
  classes: Optional[np.ndarray], rows: np.ndarray
) -> list[np.ndarray]:
  """Returns the rows of each class; one group of all if there are none."""
  if classes is None:
    return [rows]
  return [rows[classes[rows] == i] for i in np.unique(classes[rows])]


def _cut_by_fractions(
  classes: Optional[np.ndarray],
  rows: np.ndarray,
  fractions: Sequence[float],
  random: np.random.RandomState,
) -> tuple[np.ndarray, list[np.ndarray]]:
  """Returns the rows left, and those drawn for each fraction, each sorted.

  Args:
    classes: the class of each example, by row; None draws from all alike.
    rows: the rows to cut.
    fractions: what parts of each class to draw.
    random: what to draw with.
  """
  drawn = [[rows[:0]] for _ in fractions]
  for group in _groups_of(classes, rows):
    shuffled, start = random.permutation(group), 0
    for pieces, fraction in zip(drawn, fractions):
      end = min(start + round(fraction * len(group)), len(group))
      pieces.append(shuffled[start:end])
      start = end
  drawn = [np.sort(np.concatenate(pieces)) for pieces in drawn]
  return np.setdiff1d(rows, np.concatenate(drawn)), drawn


def _cut_by_positions(
  classes: Optional[np.ndarray],
  positions: np.ndarray,
  rows: np.ndarray,
  fractions: Sequence[float],
) -> tuple[np.ndarray, list[np.ndarray]]:
  """Returns the rows left, and those of each fraction, each sorted.

  Rows of equal positions stay together.

  Args:
    classes: the class of each example, by row: of each, the fraction with the
      lowest positions is cut off first. None cuts at the fractions themselves.
    positions: [num_examples] numbers from 0 to below 1.
    rows: the rows to cut.
    fractions: what parts to cut off, in their order.
  """
  drawn = [[rows[:0]] for _ in fractions]
  for group in _groups_of(classes, rows):
    places, start = positions[group], 0.0
    for pieces, end in zip(drawn, np.cumsum(fractions)):
      if classes is not None:
        number = round(float(end) * len(group))
        # Up to the first that is not of the split.
        end = np.append(np.sort(places), 1.0)[number]
      pieces.append(group[(places >= start) & (places < end)])
      start = end
  drawn = [np.sort(np.concatenate(pieces)) for pieces in drawn]
  return np.setdiff1d(rows, np.concatenate(drawn)), drawn


def _draw_some(
  place: str,
  classes: Optional[np.ndarray],
  rows: np.ndarray,
  settings: SplitSettings,
  random: np.random.RandomState,
) -> np.ndarray:
  """Returns `num_train_examples` rows, from each class by its share, sorted."""
  number = min(settings.num_train_examples, len(rows))
  groups = _groups_of(classes, rows)
  if number < len(groups):
    raise errors.UserValueError(
      f"`{settings.owner}.num_train_examples = {number}` is fewer than the "
      f"{len(groups)} classes of {place}, of which each gets at least one: "
      f"draw more, or set {settings.owner}.stratify = False."
    )
  shares = allot(number, [len(group) for group in groups])
  drawn = [
    random.permutation(group)[:share] for group, share in zip(groups, shares)
  ]
  return np.sort(np.concatenate([rows[:0], *drawn]))


def allot(number: int, sizes: Sequence[int]) -> list[int]:
  """Shares a number out in proportion to sizes, at least one each.

  By largest remainder: each gets the whole part of its share, and the largest
  remainders get one more, the first of equal ones.

  Args:
    number: what to share out, from len(sizes) to sum(sizes).
    sizes: positive numbers.
  """
  total = sum(sizes)
  # Exact: in floating point the remainders of equal shares could differ.
  shares = [max(1, number * size // total) for size in sizes]
  remainders = [number * size % total for size in sizes]
  order = sorted(range(len(sizes)), key=lambda i: (-remainders[i], i))
  while sum(shares) < number:
    for i in order:
      if sum(shares) < number and shares[i] < sizes[i]:
        shares[i] += 1
  # The least of one each may have taken what the large ones' shares hold.
  while sum(shares) > number:
    shares[shares.index(max(shares))] -= 1
  return shares


def _draw_per_class(
  place: str,
  labels: EncodedLabels,
  classes: np.ndarray,
  rows: np.ndarray,
  settings: SplitSettings,
  random: np.random.RandomState,
) -> np.ndarray:
  """Returns `num_train_examples_per_class` rows of each class, sorted.

  Args:
    place: where the source is from, for messages.
    labels: its labels; a class that has examples anywhere is drawn from.
    classes: the class of each example, by row.
    rows: the rows to draw from.
    settings: how many to draw.
    random: what to draw with.
  """
  num_per_class = settings.num_train_examples_per_class
  there_are = np.unique(
    np.concatenate(
      [
        labels.values[name][part, 0]
        for name, part in without_sets(labels.rows).items()
      ]
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
      f"`{settings.owner}.num_train_examples_per_class = {num_per_class}` is "
      f"more than there are to train on in {place}, by class: {too_few}."
    )
  return np.sort(np.concatenate(drawn))
