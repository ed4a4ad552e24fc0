"""Tables of text files, and how their rows become columns."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks
from hub_estimator.inputs.bad_examples import BadExamples

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


def check_columns(
  path: str,
  names: Sequence[str],
  columns: Mapping[str, str],
  settings: TableSettings,
) -> None:
  """Raises unless the columns to read are there, once.

  Args:
    path: of the file.
    names: the columns there are.
    columns: name of a column to read -> the Gin binding that names it.
    settings: how the file is written.

  Raises:
    UserKeyError: one is not.
  """
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
      f"{listed(names)}.{hint}"
    )


def pick_columns(
  path: str,
  names: Sequence[str],
  rows: list[Sequence[str]],
  lines: Sequence[int],
  columns: Sequence[str],
  bad: BadExamples,
) -> Table:
  """Picks columns out of rows; those of another width are bad.

  Args:
    path: of the file.
    names: of all columns.
    rows: their values.
    lines: the line of each row.
    columns: the names of those to pick.
    bad: what bad rows are added to; they are left out.
  """
  if not set(map(len, rows)) <= {len(names)}:
    good = []
    for i, row in enumerate(rows):
      if len(row) == len(names):
        good.append(i)
      else:
        bad.add(
          "wrong number of columns",
          f"{path} line {lines[i]}",
          f"expected {len(names)} columns ({listed(names)}), found {len(row)}",
        )
    rows, lines = [rows[i] for i in good], [lines[i] for i in good]
  values = list(zip(*rows)) if rows else [()] * len(names)
  return Table(path, {n: values[names.index(n)] for n in columns}, lines)


def parse_json_objects(
  path: str, lines: Sequence[int], texts: Sequence[str], bad: BadExamples
) -> tuple[list[dict[str, Any]], list[int]]:
  """Returns the JSON objects of lines, and which lines they are.

  Args:
    path: of the file.
    lines: the number of each line.
    texts: the lines.
    bad: what lines are added to that hold none.
  """
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
  return rows, good


def pick_keys(
  path: str,
  rows: list[dict[str, Any]],
  lines: list[int],
  columns: Sequence[str],
  bad: BadExamples,
  optional: Sequence[str] = (),
) -> Table:
  """Picks columns out of JSON objects that may lack some.

  Args:
    path: of the file.
    rows: the objects.
    lines: the line of each.
    columns: the keys to pick.
    bad: what objects are added to that lack one; they are left out.
    optional: further keys to pick, None where they lack.
  """
  good = []
  for i, row in enumerate(rows):
    missing = [name for name in columns if name not in row]
    if missing:
      bad.add(
        "missing column",
        f"{path} line {lines[i]}",
        f"expected the keys {listed(list(columns))}, found {listed(row)}",
      )
    else:
      good.append(i)
  return Table(
    path,
    {name: [rows[i].get(name) for i in good] for name in (*columns, *optional)},
    [lines[i] for i in good],
  )


def without_undecodable(
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


def listed(names: Any) -> str:
  """Joins names for a message."""
  return ", ".join(map(repr, names)) or "none"


def _shown(text: str) -> str:
  return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…")
