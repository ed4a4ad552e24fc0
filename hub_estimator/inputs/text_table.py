"""Tables in text files: CSV, TSV and JSON lines."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks, table_content
from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.table_content import JSONL, TSV

# Far more than a message has room for.
_MAX_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Table:
  """Columns of a file.

  Attributes:
    path: of the file.
    columns: name -> values, one for each row: strings, or, in a JSONL file, any
      JSON value.
    lines: the line that each row begins at, from 1.
  """

  path: str
  columns: dict[str, Sequence[Any]]
  lines: Sequence[int]

  def name_of(self, row: int) -> str:
    """Returns what messages call a row."""
    return f"{self.path} line {self.lines[row]}"


@dataclasses.dataclass(frozen=True)
class TableSettings:
  """How files of tables are written, with the names of a pipeline's arguments.

  Attributes:
    owner: the Gin configurable whose arguments these are, for messages.
    format: "csv", "tsv" or "jsonl"; None goes by the file's name.
    column_names: the names of the columns of CSV and TSV files without a
      header; None for files with one.
    encoding: of the files.
  """

  owner: str
  format: Optional[str] = None
  column_names: Optional[Sequence[str]] = None
  encoding: str = "utf-8"


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
  return table if is_whole else _without_undecodable(table, settings, bad)


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
    with _long_csv_values():
      reader = _csv_reader(text)
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
  _check_columns(path, names, columns, settings)
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
    with _long_csv_values():
      rows, lines = _split_csv(path, text, bad)
  if [] in rows:
    there = [i for i, row in enumerate(rows) if row]
    bad.note("blank line", len(rows) - len(there))
    rows, lines = [rows[i] for i in there], [lines[i] for i in there]
  return rows, lines


@contextlib.contextmanager
def _long_csv_values() -> Iterator[None]:
  """Lifts the limit on the length of a value, which is the whole process's."""
  limit = csv.field_size_limit(sys.maxsize)
  try:
    yield
  finally:
    csv.field_size_limit(limit)


def _csv_reader(text: str):
  # strict: without it a quote that never ends takes all the rest of the file.
  return csv.reader(io.StringIO(text, newline=""), strict=True)


def _split_csv(
  path: str, text: str, bad: BadExamples
) -> tuple[list[list[str]], list[int]]:
  """Returns the rows of a CSV file, and their first lines."""
  reader = _csv_reader(text)
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
  _check_columns(path, names, columns, settings)
  if not set(map(len, rows)) <= {len(names)}:
    good = []
    for i, row in enumerate(rows):
      if len(row) == len(names):
        good.append(i)
      else:
        bad.add(
          "wrong number of columns",
          f"{path} line {lines[i]}",
          f"expected {len(names)} columns ({_listed(names)}), found {len(row)}",
        )
    rows, lines = [rows[i] for i in good], [lines[i] for i in good]
  values = list(zip(*rows)) if rows else [()] * len(names)
  return Table(path, {n: values[names.index(n)] for n in columns}, lines)


def _check_columns(
  path: str,
  names: Sequence[str],
  columns: Mapping[str, str],
  settings: TableSettings,
) -> None:
  """Raises unless the columns to read are there, once."""
  problems = []
  for name, binding in columns.items():
    if name not in names:
      problems.append(
        f"{name!r} of {binding}"
        f"{argument_checks.did_you_mean_aside(name, names)}"
      )
    elif list(names).count(name) > 1:
      problems.append(f"{name!r} of {binding} (it is there more than once)")
  if problems:
    hint = ""
    if len(names) == 1 and any(sign in names[0] for sign in "\t,;{"):
      hint = f" Is it of another format? Set {settings.owner}.format."
    raise errors.UserKeyError(
      f"{path!r} lacks columns: {'; '.join(problems)}. Columns there are: "
      f"{_listed(names)}.{hint}"
    )


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
  rows, good = [], []
  for line, content in zip(lines, texts):
    try:
      row = json.loads(content)
    except (ValueError, RecursionError) as error:
      bad.add("bad JSON", f"{path} line {line}", f"no JSON: {error}")
      continue
    if not isinstance(row, dict):
      bad.add(
        "bad JSON",
        f"{path} line {line}",
        f"expected a JSON object, found {_shown(content)}",
      )
      continue
    rows.append(row)
    good.append(line)
  # A column that is nowhere is a mistake in the config.
  if rows:
    there = list(dict.fromkeys(key for row in rows for key in row))
    _check_columns(path, there, columns, settings)
  return _pick_keys(path, rows, good, columns, bad)


def _pick_keys(
  path: str,
  rows: list[dict[str, Any]],
  lines: list[int],
  columns: Mapping[str, str],
  bad: BadExamples,
) -> Table:
  """Picks columns out of JSON objects that may lack some."""
  good = []
  for i, row in enumerate(rows):
    missing = [name for name in columns if name not in row]
    if missing:
      bad.add(
        "missing column",
        f"{path} line {lines[i]}",
        f"expected the keys {_listed(list(columns))}, found {_listed(row)}",
      )
    else:
      good.append(i)
  return Table(
    path,
    {name: [rows[i][name] for i in good] for name in columns},
    [lines[i] for i in good],
  )


def _without_undecodable(
  table: Table, settings: TableSettings, bad: BadExamples
) -> Table:
  """Leaves rows out that hold bytes which are no text."""
  good = []
  for i, values in enumerate(zip(*table.columns.values())):
    try:
      json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
      code = ord(error.object[error.start])
      what = (
        f"found the byte 0x{code - 0xDC00:02x}"
        if 0xDC80 <= code <= 0xDCFF
        else f"found half a character, \\u{code:04x}"
      )
      bad.add(
        "undecodable bytes",
        table.name_of(i),
        f"expected text in {settings.encoding}, {what}",
      )
    else:
      good.append(i)
  return Table(
    table.path,
    {n: [values[i] for i in good] for n, values in table.columns.items()},
    [table.lines[i] for i in good],
  )


def _split_lines(text: str) -> list[str]:
  """Returns the lines of a text; str.splitlines knows more line ends."""
  lines = text.split("\n")
  if not lines[-1]:
    lines.pop()
  if "\r" in text:
    lines = [line.removesuffix("\r") for line in lines]
  return lines


def _listed(names: Any) -> str:
  return ", ".join(map(repr, names)) or "none"


def _shown(text: str) -> str:
  return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")
