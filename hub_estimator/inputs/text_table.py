"""Tables in text files: CSV, TSV and JSON lines."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

from hub_estimator import errors
from hub_estimator.inputs import table_content
from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.table_content import JSONL, TSV
from hub_estimator.inputs.table_rows import (
  Table,
  TableSettings,
  check_columns,
  parse_json_objects,
  pick_columns,
  pick_keys,
  without_undecodable,
)


def read_table(
  path: str,
  binding: str,
  columns: Mapping[str, str],
  settings: TableSettings,
  bad: BadExamples,
) -> Table:
  """Reads columns of a file.

  CSV files are as in RFC 4180, with quotes around values that hold commas,
  quotes or line ends; TSV files have no quotes, and so no tabs in values; each
  line of a JSONL file is a JSON object, whose keys are the columns.

  Args:
    path: the file's path; if it ends in ".gz", it is unpacked.
    binding: the Gin binding that names it, for messages.
    columns: name of a column to read -> the Gin binding that names it.
    settings: how the file is written.
    bad: what rows are added to that cannot be read; they are left out.

  Raises:
    UserOSError: there is no such file.
    UserKeyError: a column is not there.
    UserValueError: the file cannot be read as what it is said to be.
  """
  file_format = settings.format or table_content.format_of(path, settings.owner)
  content = table_content.read_bytes(path, binding)
  text, is_whole = table_content.decode(
    content, path, settings.encoding, settings.owner
  )
  if file_format == JSONL:
    if settings.column_names is not None:
      raise errors.UserValueError(
        f"`{settings.owner}.column_names` is for files without a header, but "
        f"each line of {path!r} names its columns: leave it out."
      )
    table = _read_json_lines(path, text, columns, settings, bad)
    # An escape can stand for half a character, too.
    is_whole = is_whole and "\\ud" not in text.lower()
  else:
    table = _read_even_rows(path, text, file_format, columns, settings)
    if table is None:
      rows, lines = _split(path, text, file_format, bad)
      table = _read_rows(path, rows, lines, columns, settings, bad)
  return table if is_whole else without_undecodable(table, settings, bad)


def _read_even_rows(
  path: str,
  text: str,
  file_format: str,
  columns: Mapping[str, str],
  settings: TableSettings,
) -> Optional[Table]:
  """Picks columns out of a CSV or TSV file in which nothing is wrong.

  Without a list for each row: so many would set off Python's collection of
  garbage, which can take longer than the reading. None if there are lines that
  need a closer look: blank ones, or of different widths, or rows of several.
  """
  if file_format == TSV:
    texts = _split_lines(text)
    num_rows = len(texts)
    widths = {line.count("\t") + 1 for line in texts}
    if not all(texts):
      return None
    values = "\t".join(texts).split("\t")
  else:
    values, widths, num_rows = [], set(), 0
    with long_csv_values():
      reader = csv_reader(io.StringIO(text, newline=""))
      try:
        for row in reader:
          values += row
          widths.add(len(row))
          num_rows += 1
      except csv.Error:
        return None
    if reader.line_num != num_rows:
      return None
  names = settings.column_names
  if len(widths) != 1 or (names is not None and widths != {len(names)}):
    return None
  (width,) = widths
  start = 0 if names is not None else width
  names = values[:width] if names is None else list(names)
  if not width:
    return None
  check_columns(path, names, columns, settings)
  return Table(
    path,
    {n: values[start + names.index(n) :: width] for n in columns},
    range(1 + start // width, 1 + num_rows),
  )


def _split(
  path: str, text: str, file_format: str, bad: BadExamples
) -> tuple[list[Sequence[str]], Sequence[int]]:
  """Returns the rows of a file that are not blank, and their lines."""
  if file_format == TSV:
    texts = _split_lines(text)
    rows = [line.split("\t") if line else [] for line in texts]
    lines = range(1, len(rows) + 1)
  else:
    with long_csv_values():
      rows, lines = _split_csv(path, text, bad)
  if [] in rows:
    there = [i for i, row in enumerate(rows) if row]
    bad.note("blank line", len(rows) - len(there))
    rows, lines = [rows[i] for i in there], [lines[i] for i in there]
  return rows, lines


@contextlib.contextmanager
def long_csv_values(largest: int = sys.maxsize) -> Iterator[None]:
  """Lifts the limit on the length of a value, which is the whole process's."""
  limit = csv.field_size_limit(largest)
  try:
    yield
  finally:
    csv.field_size_limit(limit)


def csv_reader(lines: Iterable[str]):
  """Returns a reader of CSV as in RFC 4180.

  Args:
    lines: the lines of a file, with their ends as they are.
  """
  # strict: without it a quote that never ends takes all the rest of the file.
  return csv.reader(lines, strict=True)


def _split_csv(
  path: str, text: str, bad: BadExamples
) -> tuple[list[list[str]], list[int]]:
  """Returns the rows of a CSV file, and their first lines."""
  reader = csv_reader(io.StringIO(text, newline=""))
  rows, lines = [], []
  while True:
    line = reader.line_num + 1
    try:
      row = next(reader)
    except StopIteration:
      return rows, lines
    except csv.Error as error:
      if "unexpected end" in str(error):
        raise errors.UserValueError(
          f"{path} line {line}: a quote begins here or below, and never ends. "
          "A quote inside a quoted value is written twice (RFC 4180); a file "
          "whose quotes mean nothing is better written as TSV."
        ) from error
      bad.add("broken quotes", f"{path} line {line}", str(error))
      continue
    rows.append(row)
    lines.append(line)


def _read_rows(
  path: str,
  rows: list[Sequence[str]],
  lines: Sequence[int],
  columns: Mapping[str, str],
  settings: TableSettings,
  bad: BadExamples,
) -> Table:
  """Picks columns out of rows."""
  names = settings.column_names
  if names is None:
    if not rows:
      raise errors.UserValueError(
        f"{path!r} is empty: its first line names its columns. For a file "
        f"without such a line set {settings.owner}.column_names."
      )
    names, rows, lines = rows[0], rows[1:], lines[1:]
  check_columns(path, names, columns, settings)
  return pick_columns(path, names, rows, lines, list(columns), bad)


def _read_json_lines(
  path: str,
  text: str,
  columns: Mapping[str, str],
  settings: TableSettings,
  bad: BadExamples,
) -> Table:
  """Picks columns out of lines that are JSON objects."""
  texts = _split_lines(text)
  lines: Sequence[int] = range(1, len(texts) + 1)
  if not all(texts):
    bad.note("blank line", texts.count(""))
    lines = [i for i, line in enumerate(texts, 1) if line]
    texts = [line for line in texts if line]
  names, values = list(columns), []
  try:
    # Without keeping the objects; see `_read_even_rows`.
    for row in map(json.loads, texts):
      values += [row[name] for name in names]
    width = len(names)
    return Table(
      path, {name: values[i::width] for i, name in enumerate(names)}, lines
    )
  except (ValueError, KeyError, TypeError, IndexError, RecursionError):
    pass  # Find out which lines are to blame.
  rows, good = parse_json_objects(path, lines, texts, bad)
  # A column that is nowhere is a mistake in the config.
  if rows:
    there = list(dict.fromkeys(key for row in rows for key in row))
    check_columns(path, there, columns, settings)
  return pick_keys(path, rows, good, list(columns), bad)


def _split_lines(text: str) -> list[str]:
  """Returns the lines of a text; str.splitlines knows more line ends."""
  lines = text.split("\n")
  if not lines[-1]:
    lines.pop()
  if "\r" in text:
    lines = [line.removesuffix("\r") for line in lines]
  return lines
