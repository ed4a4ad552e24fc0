"""Labels of any kind, as the arrays that heads take."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import argument_checks, evaluation_sets
from hub_estimator.inputs.example_source import ExamplePart, ExampleSource

CLASS, MULTI_LABEL, REGRESSION = argument_checks.LABEL_KINDS

# The encoded label of an example that belongs to no class asked for.
_LEFT_OUT = -1
_MAX_LISTED = 20


@dataclasses.dataclass(frozen=True)
class EncodedLabels:
  """The labels of a source.

  Attributes:
    kind: `CLASS`, `MULTI_LABEL` or `REGRESSION`.
    values: part of the source -> int64 [num_examples, 1] classes, int64
      [num_examples, num_classes] zeros and ones, or float32 [num_examples,
      num_targets] numbers.
    rows: part of the source -> int64 array of the rows that are used: all,
      unless `classes` picks some.
    num_classes: the number of classes; None for regression.
    class_names: their names, if they have any.
  """

  kind: str
  values: dict[str, np.ndarray]
  rows: dict[str, np.ndarray]
  num_classes: Optional[int]
  class_names: Optional[list[str]]


def encode_labels(
  source: ExampleSource,
  classes: Optional[Sequence[Any]] = None,
  label_kind: Optional[str] = None,
  owner: str = "NumpyInput",
) -> EncodedLabels:
  """Encodes the labels of a source.

  Args:
    source: what to take the labels from.
    classes: labels of the classes to use; the first becomes class 0. All if
      None.
    label_kind: "class", "multi_label" or "regression"; None tells from the
      arrays: integers, booleans or strings, one for each example, are classes;
      several zeros and ones for each example are multi-label; floats are
      regression targets.
    owner: the Gin configurable whose arguments these are, for messages.

  Raises:
    UserValueError: labels of a wrong kind, or classes that are not there.
  """
  argument_checks.check_label_kind(owner, label_kind)
  labels = {
    name: _as_columns(part.labels, part.place)
    for name, part in source.parts.items()
  }
  kinds = {
    name: label_kind or _infer_kind(array, source.parts[name].place)
    for name, array in labels.items()
  }
  if len(set(kinds.values())) > 1:
    raise errors.UserValueError(
      f"The splits of {source.place} have labels of different kinds: "
      f"{kinds}. Set `{owner}.label_kind`."
    )
  kind = next(iter(kinds.values()))
  if len({array.shape[1] for array in labels.values()}) > 1:
    shapes = {name: array.shape for name, array in labels.items()}
    raise errors.UserValueError(
      f"The splits of {source.place} have labels of different shapes: {shapes}."
    )
  if kind == CLASS:
    return _encode_classes(source, labels, classes, owner)
  if classes is not None:
    raise errors.UserValueError(
      f"`{owner}.classes` picks examples by their class, but the labels of "
      f"{source.place} are of the kind {kind!r}: leave it out."
    )
  encode = _encode_multi_label if kind == MULTI_LABEL else _encode_regression
  values = {
    name: encode(array, source.parts[name], owner)
    for name, array in labels.items()
  }
  num_columns = next(iter(values.values())).shape[1]
  return EncodedLabels(
    kind=kind,
    values=values,
    rows={name: np.arange(len(array)) for name, array in values.items()},
    num_classes=num_columns if kind == MULTI_LABEL else None,
    class_names=source.class_names if kind == MULTI_LABEL else None,
  )


def _as_columns(labels: np.ndarray, place: str) -> np.ndarray:
  """Returns labels as [num_examples, num_columns], strings as str."""
  if labels.ndim > 2:
    raise errors.UserValueError(
      "Labels have the shape [num_examples] or [num_examples, num_columns], "
      f"but those of {place} have {list(labels.shape)}."
    )
  labels = labels.reshape(len(labels), -1 if labels.size else 1)
  if labels.dtype.kind == "S":
    labels = np.char.decode(labels, "utf-8")
  if labels.dtype.kind == "O" and all(isinstance(v, str) for v in labels.flat):
    labels = labels.astype(str)
  return labels


def _infer_kind(labels: np.ndarray, place: str) -> str:
  """Tells the kind of labels from their type and shape."""
  if labels.dtype.kind == "f":
    return REGRESSION
  if labels.shape[1] > 1 and labels.dtype.kind in "iub":
    return MULTI_LABEL
  if labels.shape[1] == 1 and labels.dtype.kind in "iubU":
    return CLASS
  raise _wrong_kind(labels, place)


def _wrong_kind(labels: np.ndarray, place: str) -> errors.UserValueError:
  """Returns the error for labels that are neither of the three kinds."""
  example = ", ".join(map(repr, labels.ravel()[:1].tolist())) or "none"
  return errors.UserValueError(
    "Labels are classes (integers or strings, one for each example), multi-"
    "label (several zeros and ones for each example) or regression targets "
    f"(floats); those of {place} are {labels.dtype} with {labels.shape[1]} for "
    f"each example, such as {example}."
  )


def _encode_classes(
  source: ExampleSource,
  labels: dict[str, np.ndarray],
  classes: Optional[Sequence[Any]],
  owner: str,
) -> EncodedLabels:
  """Encodes labels of which each example has one."""
  columns = {}
  for name, array in labels.items():
    part = source.parts[name]
    if array.shape[1] != 1:
      raise _wrong_kind(array, part.place)
    columns[name] = _as_class_ids(array[:, 0], part)
  there_are = _unique(evaluation_sets.without_sets(columns).values())
  takes_all = classes is None
  if takes_all and isinstance(next(iter(there_are), 0), str):
    classes = there_are
  if classes is None:
    return _encode_class_ids(source, columns, owner)
  _check_classes(classes, there_are, source.place, owner)
  values = {}
  for name, column in columns.items():
    values[name] = np.full([len(column), 1], _LEFT_OUT, np.int64)
    for i, label in enumerate(classes):
      values[name][column == label, 0] = i
    outside = np.flatnonzero(values[name] == _LEFT_OUT)
    if takes_all and outside.size:  # Of an evaluation set.
      raise _outside(source.parts[name], column, outside, list_labels(classes))
  return EncodedLabels(
    kind=CLASS,
    values=values,
    rows={
      name: np.flatnonzero(array[:, 0] != _LEFT_OUT)
      for name, array in values.items()
    },
    num_classes=len(classes),
    class_names=[_class_name(label, source.class_names) for label in classes],
  )


def _as_class_ids(column: np.ndarray, part: ExamplePart) -> np.ndarray:
  """Returns labels of classes as integers or strings."""
  if column.dtype.kind in "iub":
    return column.astype(np.int64)
  if column.dtype.kind == "U":
    return column
  if column.dtype.kind == "f":
    # Only if `label_kind` says so: a float is a regression target otherwise.
    whole = column == np.round(column)
    if whole.all():
      return column.astype(np.int64)
    row = int(np.flatnonzero(~whole)[0])
    raise errors.UserValueError(
      "A label of a class is a whole number or a string; label "
      f"{column[row].item()!r} of {part.name_of(row)} is neither."
    )
  raise _wrong_kind(column[:, np.newaxis], part.place)


def _unique(columns: Any) -> list[Any]:
  """Returns the labels there are, sorted."""
  return sorted(set().union(*(np.unique(c).tolist() for c in columns)))


def _encode_class_ids(
  source: ExampleSource, columns: dict[str, np.ndarray], owner: str
) -> EncodedLabels:
  """Takes integers as they are: label i is class i."""
  for name, column in columns.items():
    if (column < 0).any():
      row = int(np.flatnonzero(column < 0)[0])
      raise errors.UserValueError(
        f"Classes count from 0, but {source.parts[name].name_of(row)} has the "
        f"label {column[row]}. Name the classes, to number them in that order: "
        f"{owner}.classes = {list_labels(_unique(columns.values()))}."
      )
  trained = evaluation_sets.without_sets(columns)
  largest = max((int(c.max()) for c in trained.values() if c.size), default=-1)
  names = source.class_names
  last = largest if names is None else len(names) - 1
  for name in columns.keys() - trained.keys():
    outside = np.flatnonzero(columns[name] > last)
    if outside.size:
      raise _outside(source.parts[name], columns[name], outside, f"0 to {last}")
  if names is not None and largest >= len(names):
    raise errors.UserValueError(
      f"`class_names` of {source.place} names {len(names)} classes, so labels "
      f"are 0 to {len(names) - 1}; there is a label {largest}."
    )
  return EncodedLabels(
    kind=CLASS,
    values={name: column[:, np.newaxis] for name, column in columns.items()},
    rows={name: np.arange(len(column)) for name, column in columns.items()},
    num_classes=largest + 1 if names is None else len(names),
    class_names=names,
  )


def _outside(
  part: ExamplePart, labels: np.ndarray, rows: np.ndarray, known: str
) -> errors.UserValueError:
  """Returns the error for an evaluation set with other labels."""
  return errors.UserValueError(
    f"Labels of an evaluation set are those of the other splits, {known}; "
    f"{part.name_of(rows[0])} has {labels[rows[0]].item()!r}, the first of "
    f"{len(rows)} that has another."
  )


def _check_classes(
  classes: Sequence[Any], there_are: Sequence[Any], place: str, owner: str
) -> None:
  """Raises unless classes are distinct and there are examples of each."""
  if isinstance(classes, str) or len(classes) < 2:
    raise errors.UserValueError(
      f"`{owner}.classes` is a list of at least two labels; got "
      f"{classes!r}. Labels in {place}: {list_labels(there_are)}."
    )
  twice = [label for i, label in enumerate(classes) if label in classes[:i]]
  if twice:
    raise errors.UserValueError(
      f"`{owner}.classes` names each label once; {list_labels(twice)} is there "
      "more than once."
    )
  missing = [label for label in classes if label not in there_are]
  if missing:
    raise errors.UserValueError(
      f"`{owner}.classes` names {list_labels(missing)}, but no example of "
      f"{place} has that label. Labels there are: {list_labels(there_are)}."
    )


def _class_name(label: Any, names: Optional[Sequence[str]]) -> str:
  """Returns the name of a class by its label in the source."""
  if names is None or isinstance(label, str) or label >= len(names):
    return str(label)
  return names[label]


def _encode_multi_label(
  labels: np.ndarray, part: ExamplePart, owner: str
) -> np.ndarray:
  """Returns [num_examples, num_classes] labels as int64 zeros and ones."""
  if labels.dtype.kind not in "iubf":
    raise _wrong_kind(labels, part.place)
  wrong = (labels != 0) & (labels != 1)
  if wrong.any():
    row, column = np.argwhere(wrong)[0]
    raise errors.UserValueError(
      "Labels with several columns are multi-label, 0 or 1 for each class; "
      f"{part.name_of(row)} has {labels[row, column]} in column {column}. For "
      f"regression with several targets set {owner}.label_kind = 'regression'."
    )
  return labels.astype(np.int64)


def _encode_regression(
  labels: np.ndarray, part: ExamplePart, owner: str
) -> np.ndarray:
  """Returns [num_examples, num_targets] targets as float32."""
  del owner
  if labels.dtype.kind not in "iubf":
    raise _wrong_kind(labels, part.place)
  wrong = ~np.isfinite(labels).all(axis=1)
  if wrong.any():
    row = int(np.flatnonzero(wrong)[0])
    raise errors.UserValueError(
      f"Regression targets are finite numbers; {int(wrong.sum())} of "
      f"{len(labels)} rows of {part.place} are not, the first is "
      f"{_row_in(part, row)}: {labels[row].tolist()}."
    )
  return labels.astype(np.float32)


def _row_in(part: ExamplePart, row: int) -> str:
  """Returns the name of a row where the part's place is said already."""
  return f"row {row}" if part.row_name is None else part.name_of(row)


def list_labels(labels: Sequence[Any]) -> str:
  """Joins labels, the first few of many."""
  listed = ", ".join(repr(label) for label in labels[:_MAX_LISTED])
  more = len(labels) - _MAX_LISTED
  return f"[{listed}, and {more} more]" if more > 0 else f"[{listed}]"
