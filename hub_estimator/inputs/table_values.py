"""Values of a table's columns: texts and numbers, checked row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.text_table import Table

# What stands where there is no value.
MISSING = ("", None)


class CheckedRows:
  """The rows of a table, of which some turn out to be bad.

  Attributes:
    table: the table.
    good: [num_rows] array of bool: whether nothing was wrong with a row so far.
  """

  def __init__(self, table: Table, bad: BadExamples):
    """Starts with all rows good.

    Args:
      table: the table.
      bad: what rows are added to that are not; each is, once.
    """
    self.table = table
    self._bad = bad
    self.good = np.ones([len(table.lines)], bool)

  def mark(self, row: int, reason: str, problem: str) -> None:
    """Marks a row as bad; see `BadExamples.add`."""
    if self.good[row]:
      self.good[row] = False
      self._bad.add(reason, self.table.name_of(row), problem)

  def note(self, reason: str, number: int) -> None:
    """Counts rows that are used; see `BadExamples.note`."""
    self._bad.note(reason, number)


def text_values(rows: CheckedRows, column: str) -> np.ndarray:
  """Returns a column of texts as [num_rows] array of UTF-8 bytes."""
  values = rows.table.columns[column]
  try:
    encoded = list(map(str.encode, values))
  except TypeError:
    encoded = []
    for row, value in enumerate(values):
      if not isinstance(value, str):
        rows.mark(
          row,
          "text that is no string",
          f"expected a string in {column!r}, found {value!r}",
        )
        value = ""
      encoded.append(value.encode())
  array = np.empty([len(encoded)], object)
  array[:] = encoded
  return array


def number_values(
  rows: CheckedRows,
  column: str,
  what: str,
  dtype: str = "float32",
  least: Optional[float] = None,
) -> np.ndarray:
  """Returns a column of numbers as [num_rows] array; 0 in bad rows.

  Args:
    rows: the rows.
    column: the name of the column.
    what: what the numbers are, such as "weight", for messages.
    dtype: their type: of floats or integers.
    least: the least that is allowed.
  """
  values = rows.table.columns[column]
  is_integer = np.dtype(dtype).kind in "iu"
  try:
    array = _as_array(values, dtype, is_integer)
  except (ValueError, TypeError, OverflowError):
    array = np.zeros([len(values)], dtype)
    for row, value in enumerate(values):
      if value in MISSING:
        rows.mark(row, f"missing {what}", f"no {what} in {column!r}")
        continue
      try:
        array[row] = _as_array([value], dtype, is_integer)[0]
      except (ValueError, TypeError, OverflowError):
        kind = f"number of type {dtype}" if is_integer else "number"
        rows.mark(
          row,
          f"{what} that is no {kind}",
          f"expected a {kind} in {column!r}, found {value!r}",
        )
  if not is_integer:
    for row in np.flatnonzero(~np.isfinite(array)).tolist():
      rows.mark(
        row,
        f"NaN or infinite {what}",
        f"expected a finite number of type {dtype} in {column!r}, found "
        f"{values[row]!r}",
      )
      array[row] = 0
  if least is not None:
    for row in np.flatnonzero(array < least).tolist():
      rows.mark(
        row,
        f"negative {what}" if least == 0 else f"{what} below {least}",
        f"expected a number from {least} in {column!r}, found {values[row]!r}",
      )
      array[row] = least
  return array


def _as_array(values: Sequence[Any], dtype: str, is_integer: bool):
  """Returns numbers as an array, or raises."""
  if not is_integer:
    with np.errstate(over="ignore"):  # Infinite then, and found out.
      return np.array(list(map(float, values)), np.float64).astype(dtype)
  integers = list(map(_as_integer, values))
  limits = np.iinfo(dtype)
  if integers and not (
    limits.min <= min(integers) and max(integers) <= limits.max
  ):
    raise OverflowError
  return np.array(integers, dtype)


def _as_integer(value: Any) -> int:
  """Returns a string or number that is whole as an integer, or raises."""
  if isinstance(value, float) and not value.is_integer():
    raise ValueError
  return int(value)
