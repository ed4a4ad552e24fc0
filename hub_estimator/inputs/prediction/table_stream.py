"""Tables in text files, read a block of rows at a time."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Optional

from hub_estimator import errors
from hub_estimator.inputs import table_rows, text_table
from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.prediction.example_reader import STANDARD_INPUT
from hub_estimator.inputs.table_content import CSV, JSONL, TSV
from hub_estimator.inputs.table_rows import Table, TableSettings

# Plain lines; the column of a block that holds them is the one asked for.
TXT = "txt"

_STANDARD_INPUT_NAME = "standard input"
# Of a CSV value: a quote that never ends is found before it fills the memory.
_LARGEST_VALUE = 1 << 24


class TableStream:
  """A table that is read once, in constant memory.

  Attributes:
    name: of the file, for messages.
    total: the file's size in bytes, packed if it is; None for standard input.
    has_optional: whether the optional columns are there, once blocks are read.
  """

  def __init__(
    self, path: str, settings: TableSettings, bad: BadExamples, block_size: int
  ):
    """Looks for the file.

    Args:
      path: of a file; if it ends in ".gz", it is unpacked. "-" is standard
        input.
      settings: how the file is written; the format, which may be `TXT`, is set.
      bad: what rows are added to that cannot be read; they are left out.
      block_size: the most rows in a block.

    Raises:
      UserOSError: there is no such file.
    """
    self._path = path
    self._settings = settings
    self._bad = bad
    self._block_size = block_size
    self._raw: Optional[BinaryIO] = None
    self.has_optional = False
    if path == STANDARD_INPUT:
      self.name, self.total = _STANDARD_INPUT_NAME, None
      return
    self.name = path
    if os.path.isdir(path) or not os.path.exists(path):
      what = "is a folder" if os.path.isdir(path) else "does not exist"
      raise errors.UserOSError(
        f"Examples to predict on are read from a file, but {path!r} {what}."
      )
    # A pipe has no size.
    self.total = os.path.getsize(path) if os.path.isfile(path) else None

  @property
  def done(self) -> int:
    """How many bytes of the file were read."""
    if self._raw is None or self.total is None:
      return 0
    return self.total if self._raw.closed else self._raw.tell()

  def blocks(
    self,
    columns: Mapping[str, str],
    optional: Sequence[str],
    left_out: Sequence[str] = (),
  ) -> Iterator[Table]:
    """Yields blocks of rows, in their order.

    Args:
      columns: name of a column to read -> the Gin binding that names it.
      optional: columns that are read if all of them are there.
      left_out: columns that may lack, with or without the optional ones, in
        files without a header.

    Raises:
      UserKeyError: a column is not there.
      UserValueError: the file cannot be read as what it is said to be.
    """
    file_format = self._settings.format
    with self._open(file_format) as lines, self._reading():
      create = {
        CSV: self._csv_blocks,
        TSV: self._tsv_blocks,
        JSONL: self._json_blocks,
        TXT: self._line_blocks,
      }[file_format]
      for table in create(lines, columns, list(optional), list(left_out)):
        yield self._without_undecodable(table)

  @contextlib.contextmanager
  def _open(self, file_format: str) -> Iterator[Iterator[str]]:
    """Yields the lines of the file, with their ends, without a mark in front.

    Bytes that are no text come as lone surrogates (PEP 383).
    """
    with contextlib.ExitStack() as stack:
      if self._path == STANDARD_INPUT:
        binary = sys.stdin.buffer
      else:
        try:
          self._raw = stack.enter_context(open(self._path, "rb", 0))
        except OSError as error:
          raise errors.UserOSError(
            f"{self._path!r} cannot be read: {error.strerror}."
          ) from error
        binary = io.BufferedReader(self._raw)
        if self._path.lower().endswith(".gz"):
          binary = gzip.GzipFile(fileobj=binary)
      try:
        text = io.TextIOWrapper(
          binary,
          self._settings.encoding,
          errors="surrogateescape",
          # CSV has line ends of its own within values.
          newline="" if file_format == CSV else "\n",
        )
      except LookupError as error:
        raise errors.UserValueError(
          f"There is no `{self._settings.owner}.encoding = "
          f"{self._settings.encoding!r}`: it is the name of a codec of Python."
        ) from error
      if self._path == STANDARD_INPUT:
        # Not to be closed with the wrapper.
        stack.callback(text.detach)
      with self._reading():
        first = next(text, None)
      yield (
        iter(())
        if first is None
        else itertools.chain([first.removeprefix("\ufeff")], text)
      )

  @contextlib.contextmanager
  def _reading(self) -> Iterator[None]:
    """Turns errors of unpacking and decoding into the user's."""
    try:
      yield
    except EOFError as error:
      raise errors.UserValueError(
        f"{self.name!r} is a gzip file that ends too early: it was not copied "
        "or written to its end."
      ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
      raise errors.UserValueError(
        f"{self.name!r} is named as a gzip file, but cannot be unpacked: "
        f"{error}."
      ) from error
    except UnicodeError as error:
      raise errors.UserValueError(
        f"{self.name!r} cannot be decoded as {self._settings.encoding!r}: "
        f"{error}."
      ) from error

  def _csv_blocks(self, lines, columns, optional, left_out):
    reader = text_table.csv_reader(lines)

    def read(number):
      rows, numbers = [], []
      # The limit is the whole process's, so not across a yield.
      with text_table.long_csv_values(_LARGEST_VALUE):
        while len(rows) < number:
          line = reader.line_num + 1
          try:
            row = next(reader)
          except StopIteration:
            break
          except csv.Error as error:
            if "unexpected end" in str(error) or "field limit" in str(error):
              raise errors.UserValueError(
                f"{self.name} line {line}: a quote begins here or below, and "
                "never ends. A quote inside a quoted value is written twice "
                "(RFC 4180)."
              ) from error
            self._bad.add(
              "broken quotes", f"{self.name} line {line}", str(error)
            )
            continue
          if row:
            rows.append(row)
            numbers.append(line)
          else:
            self._bad.note("blank line")
      return rows, numbers

    return self._blocks_of_rows(read, columns, optional, left_out)

  def _tsv_blocks(self, lines, columns, optional, left_out):
    numbered = self._numbered(lines)

    def read(number):
      block = list(itertools.islice(numbered, number))
      return [text.split("\t") for _, text in block], [n for n, _ in block]

    return self._blocks_of_rows(read, columns, optional, left_out)

  def _blocks_of_rows(self, read, columns, optional, left_out):
    """Yields blocks of a CSV or TSV file."""
    settings = self._settings
    names = settings.column_names
    if names is None:
      header, _ = read(1)
      if not header:
        raise errors.UserValueError(
          f"{self.name!r} is empty: its first line names its columns."
        )
      (names,) = header
    names = list(names)
    rows, lines = read(self._block_size)
    if settings.column_names is not None and rows:
      names = _names_for_width(names, len(rows[0]), optional, left_out)
    table_rows.check_columns(self.name, names, columns, settings)
    self.has_optional = bool(optional) and set(optional) <= set(names)
    wanted = list(dict.fromkeys([*columns, *optional * self.has_optional]))
    while rows:
      yield table_rows.pick_columns(
        self.name, names, rows, lines, wanted, self._bad
      )
      rows, lines = read(self._block_size)

  def _json_blocks(self, lines, columns, optional, left_out):
    del left_out
    numbered = self._numbered(lines)
    is_first = True
    while block := list(itertools.islice(numbered, self._block_size)):
      rows, numbers = table_rows.parse_json_objects(
        self.name, [n for n, _ in block], [text for _, text in block], self._bad
      )
      if rows and is_first:
        is_first = False
        there = list(dict.fromkeys(key for row in rows for key in row))
        table_rows.check_columns(self.name, there, columns, self._settings)
        self.has_optional = bool(optional) and set(optional) <= set(there)
      yield table_rows.pick_keys(
        self.name,
        rows,
        numbers,
        list(columns),
        self._bad,
        optional if self.has_optional else (),
      )

  def _line_blocks(self, lines, columns, optional, left_out):
    """Yields blocks of plain lines, of which none is passed over."""
    del optional, left_out
    (column,) = columns
    numbered = self._numbered(lines, keeps_blank=True)
    while block := list(itertools.islice(numbered, self._block_size)):
      yield Table(
        self.name, {column: [text for _, text in block]}, [n for n, _ in block]
      )

  def _numbered(
    self, lines: Iterable[str], keeps_blank: bool = False
  ) -> Iterator[tuple[int, str]]:
    """Yields lines without their ends, and their numbers."""
    for number, line in enumerate(lines, 1):
      text = line.removesuffix("\n").removesuffix("\r")
      if text or keeps_blank:
        yield number, text
      else:
        self._bad.note("blank line")

  def _without_undecodable(self, table: Table) -> Table:
    try:
      for values in table.columns.values():
        "".join(v for v in values if isinstance(v, str)).encode()
    except UnicodeEncodeError:
      return table_rows.without_undecodable(table, self._settings, self._bad)
    return table


def _names_for_width(
  names: list[str], width: int, optional: list[Any], left_out: list[str]
) -> list[str]:
  """Returns the columns of a file without a header, maybe without labels."""
  for without in ((), optional, (*optional, *left_out), left_out):
    rest = [name for name in names if name not in without]
    if len(rest) == width:
      return rest
  return names
