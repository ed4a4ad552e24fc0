"""Labels in the columns of text files."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from typing import Any, Optional, Union

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import table_values
from hub_estimator.inputs.evaluation_sets import without_sets
from hub_estimator.inputs.label_encoding import (
  CLASS,
  MULTI_LABEL,
  REGRESSION,
  list_labels,
)
from hub_estimator.inputs.table_values import MISSING, CheckedRows

_INTEGER = re.compile(r"-?[0-9]+")
_ZERO_OR_ONE = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
OUTSIDE = "label outside the vocabulary"
MISSING_LABEL = "missing label"


@dataclasses.dataclass(frozen=True)
class LabelSettings:
  """What labels are, with the names of a pipeline's arguments.

  Attributes:
    owner: the Gin configurable whose arguments these are, for messages.
    columns: the columns that hold them.
    kind: "class", "multi_label", "regression", or None to tell from them.
    separator: what stands between the labels of one example.
    vocabulary: all labels there may be, in the order of their numbers; None for
      those that are found.
    keep_names: whether names of classes stay names, to be chosen from.
  """

  owner: str
  columns: Sequence[str]
  kind: Optional[str]
  separator: str
  vocabulary: Optional[list[str]]
  keep_names: bool = False


@dataclasses.dataclass(frozen=True)
class ParsedLabels:
  """Labels of the parts of a source.

  Attributes:
    kind: "class", "multi_label" or "regression".
    values: part -> [num_rows] or [num_rows, num_columns] array; anything in the
      rows that are bad.
    class_names: the names of the classes, if they have any.
  """

  kind: str
  values: dict[str, np.ndarray]
  class_names: Optional[list[str]]


def read_vocabulary(
  vocabulary: Union[None, str, os.PathLike, Sequence[Any]], owner: str
) -> Optional[list[str]]:
  """Returns the labels of the argument `label_vocabulary`.

  Args:
    vocabulary: a list, or the path of a file with a label in each line.
    owner: the Gin configurable that has it, for messages.

  Raises:
    UserOSError: there is no such file.
    UserValueError: a label is there twice, or there is none.
  """
  if vocabulary is None:
    return None
  binding = f"{owner}.label_vocabulary"
  if isinstance(vocabulary, (str, os.PathLike)):
    path = os.fspath(vocabulary)
    if not os.path.isfile(path):
      raise errors.UserOSError(
        f"`{binding}` is a list of labels or the path of a file with one in "
        f"each line, but there is no file {path!r}."
      )
    with open(path, encoding="utf-8") as file:
      labels = [line for line in file.read().split("\n") if line]
  else:
    labels = [str(label) for label in vocabulary]
  twice = sorted({label for label in labels if labels.count(label) > 1})
  if twice or len(labels) < 2:
    what = f"{list_labels(twice)} more than once" if twice else repr(labels)
    raise errors.UserValueError(
      f"`{binding}` names each label there is, at least two, once; got {what}."
    )
  return labels


def parse_labels(
  parts: dict[str, CheckedRows], settings: LabelSettings
) -> ParsedLabels:
  """Parses the labels of all parts, and numbers their names alike.

  Labels of evaluation sets that the other parts do not have are bad.

  Args:
    parts: part of the source -> its rows; those with bad labels are marked.
    settings: what the labels are.

  Raises:
    UserValueError: an argument that does not go with these labels.
  """
  kind = settings.kind or _infer_kind(without_sets(parts), settings.columns)
  if kind == REGRESSION:
    return ParsedLabels(
      kind,
      {
        name: np.stack(
          [
            table_values.number_values(rows, column, "label")
            for column in settings.columns
          ],
          axis=1,
        )
        for name, rows in parts.items()
      },
      None,
    )
  if len(settings.columns) > 1:
    return _parse_label_columns(parts, settings, kind)
  keys = {
    name: _label_keys(rows, settings, kind) for name, rows in parts.items()
  }
  if kind == CLASS:
    return _number_classes(parts, keys, settings)
  return _number_label_sets(parts, keys, settings)


def _infer_kind(parts: dict[str, CheckedRows], columns: Sequence[str]) -> str:
  """Tells the kind of labels from their values."""
  if len(columns) > 1:
    values = [v for r in parts.values() for c in columns for v in _unique(r, c)]
    keys = set(map(_as_key, values)) - {""}
    return MULTI_LABEL if all(map(_INTEGER.fullmatch, keys)) else REGRESSION
  (column,) = columns
  unique = set()
  for rows in parts.values():
    try:
      unique.update(_unique(rows, column))
    except TypeError:  # A list cannot be in a set.
      return MULTI_LABEL
  keys = {_as_key(value) for value in unique} - {""}
  if all(map(_INTEGER.fullmatch, keys)):
    return CLASS
  return REGRESSION if all(map(_is_number, keys)) else CLASS


def _unique(rows: CheckedRows, column: str) -> set[Any]:
  """Returns the values of a column in rows that are good so far."""
  values = rows.table.columns[column]
  if rows.good.all():
    return set(values)
  return {value for value, good in zip(values, rows.good) if good}


def _as_key(value: Any) -> str:
  """Returns a label as text: 1, 1.0 and "1" are one label; "" for none."""
  if isinstance(value, str):
    return value
  if value is None:
    return ""
  if isinstance(value, bool) or (
    isinstance(value, float) and value.is_integer()
  ):
    value = int(value)
  return str(value)


def _is_number(key: str) -> bool:
  try:
    float(key)
  except ValueError:
    return False
  return True


def _parse_label_columns(
  parts: dict[str, CheckedRows], settings: LabelSettings, kind: str
) -> ParsedLabels:
  """Returns multi-label zeros and ones that have a column each."""
  binding = f"{settings.owner}.label_column"
  if kind == CLASS:
    raise errors.UserValueError(
      f"`{binding} = {list(settings.columns)}`: a class is in one column. "
      "Several columns are 'multi_label' or 'regression'."
    )
  if settings.vocabulary is not None:
    raise errors.UserValueError(
      f"`{binding}` names a column for each label, so the labels are those "
      f"columns: leave `{settings.owner}.label_vocabulary` out."
    )
  values = {}
  for name, rows in parts.items():
    there = np.zeros([len(rows.good), len(settings.columns)], np.int64)
    for i, column in enumerate(settings.columns):
      keys = list(map(_as_key, rows.table.columns[column]))
      if not set(keys) <= set(_ZERO_OR_ONE):
        for row, key in enumerate(keys):
          if key not in _ZERO_OR_ONE:
            rows.mark(
              row,
              "label that is not 0 or 1" if key else MISSING_LABEL,
              f"expected 0 or 1 in {column!r}, found {key!r}",
            )
            keys[row] = "0"
      there[:, i] = list(map(_ZERO_OR_ONE.__getitem__, keys))
    values[name] = there
  return ParsedLabels(MULTI_LABEL, values, list(settings.columns))


def _label_keys(
  rows: CheckedRows, settings: LabelSettings, kind: str
) -> list[Any]:
  """Returns the label of each row, or its set of labels, as text.

  Rows that have none, or something else, are marked.
  """
  (column,) = settings.columns
  values = rows.table.columns[column]
  if kind == CLASS:
    if set(map(type, values)) <= {str} and "" not in values:
      return values
    keys = []
    for row, value in enumerate(values):
      if value in MISSING:
        rows.mark(row, MISSING_LABEL, f"no label in {column!r}")
      elif not isinstance(value, (str, int, float)):
        rows.mark(
          row,
          "label of another kind",
          f"expected a string or a number in {column!r}, found {value!r}",
        )
      keys.append(_as_key(value))
    return keys
  keys, num_without = [], 0
  for row, value in enumerate(values):
    if isinstance(value, str):
      value = value.split(settings.separator) if value.strip() else []
    elif value is None:
      value = []
    elif isinstance(value, int):
      value = [value]
    if not isinstance(value, list) or not all(
      isinstance(label, (str, int)) for label in value
    ):
      rows.mark(
        row,
        "label of another kind",
        f"expected labels with {settings.separator!r} between them, or a list "
        f"of them, in {column!r}, found {value!r}",
      )
      value = []
    num_without += bool(not value and rows.good[row])
    keys.append([_as_key(label).strip() for label in value])
  rows.note("no label", num_without)
  return keys


def _number_classes(
  parts: dict[str, CheckedRows],
  keys: dict[str, Sequence[str]],
  settings: LabelSettings,
) -> ParsedLabels:
  """Returns numbers of classes of labels that are text."""
  names, numbers = _number_names(parts, keys, settings)
  values = {}
  for name, of_rows in keys.items():
    if names is not None and settings.keep_names:
      values[name] = np.array(of_rows, dtype=str)
      continue
    _mark_outside(parts[name], of_rows, numbers, settings)
    values[name] = np.fromiter(
      (numbers.get(key, 0) for key in of_rows), np.int64, len(of_rows)
    )
  return ParsedLabels(CLASS, values, None if settings.keep_names else names)


def _number_label_sets(
  parts: dict[str, CheckedRows],
  keys: dict[str, Sequence[Sequence[str]]],
  settings: LabelSettings,
) -> ParsedLabels:
  """Returns zeros and ones of lists of labels that are text."""
  flat = {
    name: [label for labels in of_rows for label in labels]
    for name, of_rows in keys.items()
  }
  names, numbers = _number_names(parts, flat, settings, all_rows=True)
  num_classes = len(names) if names else max(numbers.values(), default=-1) + 1
  if min(numbers.values(), default=0) < 0:
    raise errors.UserValueError(
      f"Labels that are numbers count from 0; the least in "
      f"{settings.columns[0]!r} is {min(numbers.values())}. Name them all with "
      f"{settings.owner}.label_vocabulary."
    )
  values = {}
  for name, of_rows in keys.items():
    values[name] = np.zeros([len(of_rows), num_classes], np.int64)
    for row, labels in enumerate(of_rows):
      for label in labels:
        if label in numbers:
          values[name][row, numbers[label]] = 1
        else:
          _mark_outside(parts[name], {row: label}, numbers, settings)
  return ParsedLabels(MULTI_LABEL, values, names)


def _number_names(
  parts: dict[str, CheckedRows],
  keys: dict[str, Sequence[str]],
  settings: LabelSettings,
  all_rows: bool = False,
) -> tuple[Optional[list[str]], dict[str, int]]:
  """Returns the names of the classes, if any, and label -> its number.

  Args:
    parts: part of the source -> its rows.
    keys: part of the source -> labels, of each row unless `all_rows`.
    settings: what the labels are.
    all_rows: whether `keys` are not those of each row.
  """
  names = settings.vocabulary
  if names is None:
    unique = set()
    known = keys if settings.keep_names else without_sets(keys)
    for name, of_rows in known.items():
      good = parts[name].good
      unique.update(
        of_rows
        if all_rows or good.all()
        else (key for key, is_good in zip(of_rows, good) if is_good)
      )
    if all(map(_INTEGER.fullmatch, unique)):
      largest = max(map(int, unique), default=-1)
      others = set().union(*(keys[name] for name in keys if name not in known))
      # A class of these numbers may lack in the other splits.
      unique.update(
        key
        for key in others
        if _INTEGER.fullmatch(key) and 0 <= int(key) <= largest
      )
      return None, {key: int(key) for key in unique}
    names = sorted(unique)
  return names, {name: i for i, name in enumerate(names)}


def _mark_outside(
  rows: CheckedRows,
  keys: Any,
  numbers: dict[str, int],
  settings: LabelSettings,
) -> None:
  """Marks rows whose labels have no number."""
  items = keys.items() if isinstance(keys, dict) else enumerate(keys)
  if not isinstance(keys, dict) and set(keys) <= numbers.keys():
    return
  for row, key in items:
    if key not in numbers:
      rows.mark(
        row,
        OUTSIDE,
        f"expected one of {list_labels(list(numbers))} in "
        f"{settings.columns[0]!r}, found {key!r}",
      )
