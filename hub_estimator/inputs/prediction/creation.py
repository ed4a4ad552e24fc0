"""Choosing the reader of new examples that goes with a run's input."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional, Union

from hub_estimator import errors
from hub_estimator.inputs import bad_examples, descriptions
from hub_estimator.inputs.prediction.array_reader import ArrayReader
from hub_estimator.inputs.prediction.example_reader import ExampleReader
from hub_estimator.inputs.prediction.image_reader import ImageReader
from hub_estimator.inputs.prediction.record_reader import RecordReader
from hub_estimator.inputs.prediction.text_reader import TextReader

_READERS = {
  "array": ArrayReader,
  "image": ImageReader,
  "record": RecordReader,
  "text": TextReader,
}
_ALTERNATIVES = (
  "Give the features as arrays to a Predictor instead, or export the model."
)


def create_example_reader(
  description: Mapping[str, Any],
  path: Union[str, os.PathLike],
  batch_size: int,
  on_bad_example: Optional[str] = None,
  file_format: Optional[str] = None,
) -> ExampleReader:
  """Returns what reads new examples as a run's input pipeline reads its data.

  Labels are not needed; see `PredictionBatch` for what becomes of those there
  are.

      TextFileInput     a CSV, TSV or JSONL file, plain or .gz, or "-" for
                        standard input; also plain texts, one a line, if the run
                        has a single text feature. Read as a stream.
      ImageFolderInput  a folder, whose images are taken in sorted order, also
                        those in folders within; a table with a column of paths;
                        or paths, one a line, from a .txt file or "-"
      TFRecordInput     a file or a glob
      NumpyInput        an .npz file with the keys of the run's source, or the
                        names of the features; an .npy file for one feature

  Args:
    description: of `InputPipeline.description`.
    path: what to read.
    batch_size: the most examples in a batch.
    on_bad_example: "error", or "skip" to leave bad examples out, and count
      them; None for what the run has.
    file_format: of a table: "csv", "tsv", "jsonl", or "txt" for plain lines.
      None goes by what the run's config says, then by the file's name; for "-"
      by the run's train file.

  Returns:
    An iterator of `PredictionBatch`.

  Raises:
    UserValueError: the description is none, or an argument is out of range.
    UserRuntimeError: such pipelines have no reader.
    UserOSError: there is no such file.
    UserKeyError: the file lacks a column. What is found while the file is read
      raises then, also UserValueError for bad examples.
  """
  descriptions.check_description(description)
  settings = description.get("reader")
  name = description["input"]
  if settings is None:
    raise errors.UserRuntimeError(
      f"The run's input pipeline, {name}, says nothing about how to read new "
      f"examples, so {os.fspath(path)!r} cannot be read for it. {_ALTERNATIVES}"
    )
  if settings.get("kind") not in _READERS:
    raise errors.UserRuntimeError(
      f"New examples cannot be read as {name} reads its data, so "
      f"{os.fspath(path)!r} cannot be predicted on. {_ALTERNATIVES}"
    )
  if on_bad_example is not None:
    bad_examples.check_on_bad_example("create_example_reader", on_bad_example)
    settings = {**settings, "on_bad_example": on_bad_example}
  if file_format is not None and settings["kind"] not in ("text", "image"):
    raise errors.UserValueError(
      f"file_format = {file_format!r} is for tables, and {name} reads none: "
      "leave it out."
    )
  return _READERS[settings["kind"]](
    {**description, "reader": settings},
    os.fspath(path),
    batch_size,
    file_format,
  )
