"""New examples from tables of texts, and from plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks, table_content
from hub_estimator.inputs.prediction import table_labels
from hub_estimator.inputs.prediction.example_reader import (
  BYTES,
  STANDARD_INPUT,
  ExampleReader,
  PredictionBatch,
)
from hub_estimator.inputs.prediction.table_stream import TXT, TableStream
from hub_estimator.inputs.table_rows import Table, TableSettings
from hub_estimator.inputs.table_values import CheckedRows
from hub_estimator.inputs.text_columns import STRING, FeatureColumn

FORMATS = (*table_content.FORMATS, TXT)


class TextReader(ExampleReader):
  """Reads what `TextFileInput` reads, as a stream."""

  unit = BYTES

  def __init__(
    self,
    description: Mapping[str, Any],
    path: str,
    batch_size: int,
    file_format: Optional[str] = None,
  ):
    """Looks for the file; see `create_example_reader`."""
    reader = description["reader"]
    super().__init__(path, batch_size, reader["on_bad_example"])
    self._description = description
    self._columns = {
      feature["name"]: FeatureColumn(
        feature["binding"],
        tuple(feature["columns"]),
        feature["dtype"],
        feature["is_list"],
      )
      for feature in reader["features"]
    }
    owner = description["input"]
    file_format = choose_format(reader, owner, path, file_format)
    if file_format == TXT:
      self._check_single_text(path)
    names = reader["column_names"]
    self._stream = TableStream(
      path,
      TableSettings(
        owner,
        file_format,
        names if file_format not in (table_content.JSONL, TXT) else None,
        reader["encoding"],
      ),
      self._bad,
      batch_size,
    )
    self.place = self._stream.name
    self.total = self._stream.total

  def _check_single_text(self, path: str) -> None:
    """Raises unless a line can be all that a model takes."""
    columns = list(self._columns.values())
    if len(columns) > 1 or columns[0].is_list or columns[0].dtype != STRING:
      listed = ", ".join(map(repr, self._columns))
      raise errors.UserValueError(
        f"{path!r} is read as plain lines, each a text, but the model takes "
        f"{listed}, which are not a single text: give a .csv, .tsv or .jsonl "
        "file with a column for each."
      )

  @property
  def done(self) -> int:
    """See `ExampleReader.done`."""
    return self._stream.done

  def _read(self) -> Iterator[PredictionBatch]:
    reader = self._description["reader"]
    columns = {
      column: feature.binding
      for feature in self._columns.values()
      for column in feature.columns
    }
    optional = [c for c in reader["label_columns"] if c not in columns]
    left_out = [c for c in [reader.get("weight_column")] if c]
    for table in self._stream.blocks(columns, optional, left_out):
      yield self._create_batch(table, list(columns))
    self._bad.finish(self.place)

  def _create_batch(self, table: Table, columns: list[str]) -> PredictionBatch:
    rows = CheckedRows(table, self._bad)
    features = {
      name: feature.values(rows) for name, feature in self._columns.items()
    }
    self._bad.finish(self.place)
    good = rows.good
    labels = None
    if self._stream.has_optional:
      labels, num_unknown = table_labels.parse_table_labels(
        self._description, table, good
      )
      self._count_unknown(num_unknown)
    used = [row for row, is_good in enumerate(good.tolist()) if is_good]
    for name, feature in self._columns.items():
      features[name] = features[name][good]
      if feature.dtype == STRING:
        texts = features[name].ravel().tolist()
        self._bad.note("empty text", sum(not text.strip() for text in texts))
    values = [table.columns[column] for column in columns]
    return PredictionBatch(
      features=features,
      keys=[f"line {table.lines[row]}" for row in used],
      echoes=[
        {column: of[row] for column, of in zip(columns, values)} for row in used
      ],
      labels=labels,
    )


def choose_format(
  reader: Mapping[str, Any], owner: str, path: str, file_format: Optional[str]
) -> str:
  """Returns the format of a file of texts.

  Args:
    reader: the description's settings.
    owner: the pipeline's class, for messages.
    path: of the file, or "-".
    file_format: what was asked for; None goes by the run, then by the name.

  Raises:
    UserValueError: there is no such format, or the name says none.
  """
  if file_format is not None:
    argument_checks.check_choice(
      "create_example_reader", "file_format", file_format, FORMATS
    )
    return file_format
  if reader["format"] is not None:
    return reader["format"]
  if path == STANDARD_INPUT:
    return reader["train_format"]
  if path.lower().endswith((".txt", ".txt.gz")):
    return TXT
  try:
    return table_content.format_of(path, owner)
  except errors.UserValueError as error:
    raise errors.UserValueError(
      f"The format of {path!r} is not clear from its name: names end in .csv, "
      ".tsv, .jsonl, .ndjson, or .txt for plain lines, with or without .gz. "
      f"Set file_format to one of {', '.join(map(repr, FORMATS))}."
    ) from error
