"""Metrics as text for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

# Above, a confusion matrix is wider than a terminal.
MAX_MATRIX_CLASSES = 20
_NUM_WORST_CLASSES = 10
_NUM_CONFUSIONS = 10
_LONGEST_NAME = 30


def format_metrics(name_to_metrics: Mapping[str, Mapping[str, Any]]) -> str:
  """Returns tables of metrics.

  First the scalars, a column for each split; then for each split its classes
  or targets, its confusion matrix and its notes. With more than 20 classes
  there are the 10 with the lowest F1 and the 10 most frequent mistakes in place
  of all classes and of the matrix.

  Args:
    name_to_metrics: name of a split -> what `compute_metrics` gave; other dicts
      of scalars will do, too.
  """
  names = list(name_to_metrics)
  scalars: dict[str, list[Any]] = {}
  for column, metrics in enumerate(name_to_metrics.values()):
    for name, value in metrics.items():
      if not isinstance(value, (list, dict)):
        scalars.setdefault(name, [""] * len(names))[column] = value
  parts = []
  if scalars:
    parts.append(
      _table(
        [[name, *values] for name, values in scalars.items()], ["", *names]
      )
    )
  for name, metrics in name_to_metrics.items():
    parts += [f"{_clean(name)}: {part}" for part in _split_parts(metrics)]
  return "\n\n".join(parts)


def _split_parts(metrics: Mapping[str, Any]) -> list[str]:
  parts = []
  per_class = metrics.get("per_class")
  matrix = metrics.get("confusion_matrix")
  if per_class:
    parts.append(_classes_table(per_class))
    if len(per_class) > MAX_MATRIX_CLASSES:
      matrix = None
      if metrics.get("confusions"):
        parts.append(_confusions_table(metrics["confusions"]))
  if matrix:
    parts.append(_matrix_table(matrix, [row["class"] for row in per_class]))
  if metrics.get("per_target"):
    parts.append(f"targets\n{_rows_table(metrics['per_target'])}")
  parts += [f"note: {_clean(note)}" for note in metrics.get("notes", ())]
  return parts


def _classes_table(per_class: Sequence[Mapping[str, Any]]) -> str:
  if len(per_class) <= MAX_MATRIX_CLASSES:
    return f"classes\n{_rows_table(per_class)}"
  worst = worst_classes(per_class, _NUM_WORST_CLASSES)
  return (
    f"the {len(worst)} of {len(per_class)} classes with the lowest F1\n"
    f"{_rows_table(worst)}"
  )


def worst_classes(
  per_class: Sequence[Mapping[str, Any]], num_classes: int
) -> list[Mapping[str, Any]]:
  """Returns the classes with the lowest F1, of those that have one.

  Args:
    per_class: of `compute_metrics`.
    num_classes: how many at most.
  """
  measured = [row for row in per_class if row["f1"] is not None]
  # Of equal ones, those of most examples: they matter more.
  measured.sort(key=lambda row: (row["f1"], -row["num_examples"]))
  return measured[:num_classes]


def _confusions_table(confusions: Sequence[Mapping[str, Any]]) -> str:
  rows = [
    {**row, "num_examples": format_weight(row["num_examples"])}
    for row in confusions[:_NUM_CONFUSIONS]
  ]
  return f"the most frequent mistakes\n{_rows_table(rows)}"


def _rows_table(rows: Sequence[Mapping[str, Any]]) -> str:
  if not rows:
    return "(none)"
  return _table([list(row.values()) for row in rows], list(rows[0]))


def _matrix_table(matrix, names) -> str:
  rows = [
    [name, *(format_weight(count) for count in counts)]
    for name, counts in zip(names, matrix)
  ]
  return (
    "confusion matrix (rows are labels, columns predictions)\n"
    f"{_table(rows, ['', *names])}"
  )


def format_weight(weight: float) -> str:
  """Returns a number of examples, or the sum of their weights."""
  return f"{weight:,.1f}".removesuffix(".0")


def _table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> str:
  """Returns a table with names on the left and numbers on the right."""
  lines = [[_short(str(header)) for header in headers]]
  lines += [[_text(cell) for cell in row] for row in rows]
  is_text = [any(_is_name(row[i]) for row in rows) for i in range(len(headers))]
  widths = [max(_width(line[i]) for line in lines) for i in range(len(headers))]
  return "\n".join(
    "  ".join(
      _padded(cell, width, left)
      for cell, width, left in zip(line, widths, is_text)
    ).rstrip()
    for line in lines
  )


def _is_name(cell: Any) -> bool:
  if not isinstance(cell, str) or not cell:
    return False
  return cell.strip("0123456789.,") != ""


def _text(cell: Any) -> str:
  if cell is None:
    return "-"
  if isinstance(cell, bool) or not isinstance(cell, (int, float)):
    return _short(str(cell))
  if isinstance(cell, int):
    return f"{cell:,}"
  is_plain = cell == 0 or 1e-3 <= abs(cell) < 1e4
  return f"{cell:.4f}" if is_plain else f"{cell:.4g}"


def _clean(text: str) -> str:
  """Returns text without what a terminal would take for a command."""
  return "".join(
    c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
  )


def _short(name: str) -> str:
  name = _clean(name)
  if len(name) <= _LONGEST_NAME:
    return name
  return f"{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def _width(text: str) -> int:
  """Returns how many columns of a terminal text takes."""
  return sum(
    0
    if unicodedata.combining(c)
    else 2
    if unicodedata.east_asian_width(c) in "WF"
    else 1
    for c in text
  )


def _padded(text: str, width: int, left: bool) -> str:
  space = " " * (width - _width(text))
  return text + space if left else space + text
