"""Tables of results as plain text and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_NUMBER = re.compile(r"-?([\d,]*\.?\d+(e[+-]?\d+)?|inf|nan)")


def format_table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> str:
  """Returns a plain-text table, columns of numbers aligned to the right.

  Args:
    rows: Cells: text, or numbers (floats are shown with four digits).
    headers: Names of the columns.
  """
  lines = _aligned_lines(rows, headers)
  rule = "  ".join("-" * width for width in _widths(rows, headers))
  return "\n".join(
    "  ".join(line).rstrip() for line in [lines[0], [rule], *lines[1:]]
  )


def format_markdown_table(
  rows: Sequence[Sequence[Any]], headers: Sequence[str]
) -> str:
  """Returns a Markdown table, columns of numbers aligned to the right.

  Args:
    rows: Cells: text, or numbers (floats are shown with four digits). A `|`
      is escaped.
    headers: Names of the columns.
  """
  rows = [
    [
      cell.replace("|", "\\|") if isinstance(cell, str) else cell
      for cell in row
    ]
    for row in rows
  ]
  lines = _aligned_lines(rows, headers)
  rule = [
    "-" * (width - 1) + (":" if numeric else "-")
    for width, numeric in zip(_widths(rows, headers), _numeric(rows, headers))
  ]
  return "\n".join(
    f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]]
  )


def _text(cell: Any) -> str:
  if isinstance(cell, float):
    return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:,.1f}"
  if isinstance(cell, int) and not isinstance(cell, bool):
    return f"{cell:,}"
  return str(cell)


def _numeric(rows, headers) -> list[bool]:
  """Returns whether each column holds only numbers, or text of numbers."""
  return [
    bool(rows) and all(_NUMBER.fullmatch(_text(row[i])) for row in rows)
    for i in range(len(headers))
  ]


def _widths(rows, headers) -> list[int]:
  # Three is the least that a Markdown rule can be.
  return [
    max(3, len(header), *(len(_text(row[i])) for row in rows))
    for i, header in enumerate(headers)
  ]


def _aligned_lines(rows, headers) -> list[list[str]]:
  """Returns the cells of all lines, the headers first, padded."""
  widths, numeric = _widths(rows, headers), _numeric(rows, headers)
  return [
    [
      cell.rjust(width) if right else cell.ljust(width)
      for cell, width, right in zip(cells, widths, numeric)
    ]
    for cells in [list(headers), *([_text(c) for c in row] for row in rows)]
  ]
