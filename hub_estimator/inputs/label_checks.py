"""Whether labels fit a head, and whether each class has examples."""

from __future__ import annotations

from typing import Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import label_encoding
from hub_estimator.inputs.example_source import ExamplePart
from hub_estimator.inputs.label_encoding import (
  CLASS,
  MULTI_LABEL,
  REGRESSION,
  EncodedLabels,
)


def check_kind(
  kind: str, num_label_classes: int, num_classes: int, owner: str
) -> None:
  """Raises if a head with classes cannot take labels of a kind.

  Args:
    kind: the kind of the labels, as in `EncodedLabels`.
    num_label_classes: the number of classes that the labels tell apart.
    num_classes: that of the head.
    owner: the Gin configurable that gives the labels, for messages.

  Raises:
    UserValueError: regression targets, or another number of classes where each
      example has a label for each.
  """
  if kind == REGRESSION:
    raise errors.UserValueError(
      f"The head takes {num_classes} classes, but the labels are regression "
      "targets: choose a regression head, or make the labels integers, or "
      f"set {owner}.label_kind = 'class'."
    )
  if kind == MULTI_LABEL and num_label_classes != num_classes:
    raise errors.UserValueError(
      f"The head takes {num_classes} classes, but each example has labels for "
      f"{num_label_classes}: give the head num_classes = {num_label_classes}."
    )


def check_labels(
  labels: EncodedLabels,
  rows: dict[str, np.ndarray],
  parts: dict[str, tuple[str, ExamplePart]],
  num_classes: int,
  owner: str,
) -> None:
  """Raises unless a head with so many classes can take every label.

  Args:
    labels: the labels of all parts.
    rows: split -> its rows.
    parts: split -> name of the part of the source that its rows are in, and the
      part.
    num_classes: the head's number of classes.
    owner: the Gin configurable that gives the labels, for messages.

  Raises:
    UserValueError: it cannot.
  """
  check_kind(labels.kind, labels.num_classes, num_classes, owner)
  if labels.kind == MULTI_LABEL:
    return
  for split, split_rows in rows.items():
    name, part = parts[split]
    values = labels.values[name][split_rows, 0]
    outside = np.flatnonzero(values >= num_classes)
    if outside.size:
      index = int(outside[0])
      raise errors.UserValueError(
        f"The head's labels are 0 to {num_classes - 1}, but example {index} of "
        f"the {split} split ({part.name_of(split_rows[index])}) has the label "
        f"{values[index]}, and {outside.size - 1} other examples of that split "
        f"are outside too. Give the head num_classes = {labels.num_classes}, "
        f"or pick classes with {owner}.classes."
      )


def count_classes(
  labels: EncodedLabels, part: str, rows: np.ndarray
) -> list[int]:
  """Returns the number of examples of class i at i.

  Args:
    labels: the labels of all parts.
    part: the part of the source that the rows are in.
    rows: which examples to count.

  Raises:
    UserValueError: the labels are regression targets.
  """
  if labels.kind == REGRESSION:
    raise errors.UserValueError(
      "Regression targets have no classes to count examples of, which balanced "
      "class weights need."
    )
  values = labels.values[part][rows]
  if labels.kind == MULTI_LABEL:
    return values.sum(axis=0).tolist()
  return np.bincount(values[:, 0], minlength=labels.num_classes).tolist()


def largest_label(
  labels: EncodedLabels,
  rows: dict[str, np.ndarray],
  part_of: dict[str, str],
) -> Optional[int]:
  """Returns the largest label of all splits; None if labels are no classes.

  Args:
    labels: the labels of all parts.
    rows: split -> its rows.
    part_of: split -> name of the part of the source that its rows are in.
  """
  if labels.kind != CLASS:
    return None
  return max(
    int(labels.values[part_of[split]][split_rows].max())
    for split, split_rows in rows.items()
  )


def missing_label_notes(
  labels: EncodedLabels,
  rows: dict[str, np.ndarray],
  part_of: dict[str, str],
  place: str,
) -> list[str]:
  """Returns a sentence for each split that lacks examples of classes.

  Args:
    labels: the labels of all parts.
    rows: split -> its rows.
    part_of: split -> name of the part of the source that its rows are in.
    place: where the source is from.
  """
  notes = []
  if labels.kind == REGRESSION:
    return notes
  for split, split_rows in rows.items():
    counts = count_classes(labels, part_of[split], split_rows)
    note = missing_label_note(counts, labels.class_names, split, place)
    notes += [note] if note else []
  return notes


def missing_label_note(
  counts: list[int], class_names: Optional[list[str]], split: str, place: str
) -> str:
  """Returns a sentence on the classes without an example, or "".

  Args:
    counts: the number of examples of class i at i.
    class_names: names of the classes, if they have any.
    split: the split that was counted.
    place: where the source is from.
  """
  missing = [
    class_names[i] if class_names else i
    for i, count in enumerate(counts)
    if not count
  ]
  if not missing:
    return ""
  return (
    f"The {split} split of {place} has no example of {len(missing)} of "
    f"{len(counts)} classes: {label_encoding.list_labels(missing)}."
  )
