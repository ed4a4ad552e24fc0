"""Input from tables of texts: CSV, TSV and JSON lines."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import gin
import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  bad_examples,
  table_content,
  table_values,
  text_columns,
  text_labels,
)
from hub_estimator.inputs.evaluation_sets import (
  binding_of,
  check_evaluation_sets,
  is_evaluation_set,
)
from hub_estimator.inputs.example_source import ExamplePart, ExampleSource
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from hub_estimator.inputs.rows_input import RowsInput
from hub_estimator.inputs.text_table import Table, TableSettings, read_table

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


@gin.register(module="hub_estimator")
class TextFileInput(RowsInput):
  """Texts and labels from CSV, TSV or JSONL files, plain or .gz.

  Features come out as one string tensor [batch_size] named `feature_name`; as
  two, `first_text` and `second_text`, with `second_text_column`; or as
  `features` says. Labels and splits are as `RowsInput` says.

  CSV files have quotes as in RFC 4180; TSV files have none, so that a quote is
  a character like any other, and a text holds no tab; each line of a JSONL file
  is an object, whose keys are the columns. Blank lines are passed over, and
  counted.

  Bad examples, none of which may be there unless `on_bad_example` is "skip":
  a wrong number of columns, undecodable bytes, bad JSON, a missing label or one
  outside of the vocabulary, and numbers that are none, are not finite, or,
  where they are weights, negative. Empty texts are used, and counted.
  """

  def __init__(
    self,
    train_file: Union[str, os.PathLike] = gin.REQUIRED,
    eval_file: Union[None, str, os.PathLike] = None,
    test_file: Union[None, str, os.PathLike] = None,
    text_column: str = "text",
    label_column: Union[str, Sequence[str]] = "label",
    second_text_column: Optional[str] = None,
    weight_column: Optional[str] = None,
    features: Optional[Mapping[str, Any]] = None,
    feature_name: str = "text",
    label_separator: str = "|",
    label_vocabulary: Union[None, str, os.PathLike, Sequence[Any]] = None,
    format: Optional[str] = None,
    column_names: Optional[Sequence[str]] = None,
    encoding: str = "utf-8",
    on_bad_example: str = bad_examples.ERROR,
    max_bad_examples: int = 10,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool = True,
    eval_fraction: Optional[float] = None,
    test_fraction: Optional[float] = None,
    stratify: bool = True,
    num_train_examples: Optional[int] = None,
    num_train_examples_per_class: Optional[int] = None,
    classes: Optional[Sequence[Any]] = None,
    label_kind: Optional[str] = None,
    num_shards: int = 1,
    shard_index: int = 0,
    evaluation_sets: Optional[Mapping[str, Any]] = None,
  ):
    """Reads and checks the files, and cuts them into splits.

    Arguments that are not listed are those of `RowsInput`.

    Args:
      train_file: the path of the file to train on.
      eval_file: that of the eval split; None cuts it off the train file, with
        `eval_fraction` or `num_train_examples_per_class`.
      test_file: that of the test split, if there is one.
      text_column: the column of the text; of the first of two.
      label_column: the column of the label: names, or numbers from 0; numbers
        that are not all whole are regression targets. Several columns are
        regression targets or, if all are whole, multi-label zeros and ones.
      second_text_column: the column of the second text of pairs.
      weight_column: the column of the examples' weights, finite numbers from 0;
        1 each if None.
      features: for modules with several inputs, in place of the text columns:
        feature name -> its column, or (column, type) for numbers, such as
        {'title': 'title', 'price': ('price', 'float32')}; a list of columns
        makes a feature [batch_size, num_columns].
      feature_name: the name of the feature with the text, if there is one text.
      label_separator: what stands between the labels of an example in one
        column, with label_kind = 'multi_label'; JSONL files may have lists.
      label_vocabulary: the labels there may be, in the order of their numbers:
        a list, or the path of a file with a label in each line. If None, those
        of all splits: numbers stay as they are, names are numbered in sorted
        order.
      format: "csv", "tsv" or "jsonl"; None goes by the files' names.
      column_names: of CSV and TSV files without a header line.
      encoding: of the files.
      on_bad_example: "error", or "skip" to leave bad examples out, and count
        them.
      max_bad_examples: how many of them an error lists; it counts all.
      evaluation_sets: name -> path of a file, as `eval_file`, to evaluate on by
        that name. Their classes are those of the other splits.

    Raises:
      UserError: a mistake in the arguments or in the data.
    """
    super().__init__(
      batch_size=batch_size,
      seed=seed,
      shuffle=shuffle,
      eval_fraction=eval_fraction,
      test_fraction=test_fraction,
      stratify=stratify,
      num_train_examples=num_train_examples,
      num_train_examples_per_class=num_train_examples_per_class,
      classes=classes,
      label_kind=label_kind,
      num_shards=num_shards,
      shard_index=shard_index,
    )
    if format is not None:
      argument_checks.check_choice(
        self._owner, "format", format, table_content.FORMATS
      )
    self._bad = bad_examples.BadExamples(
      self._owner, on_bad_example, max_bad_examples
    )
    self._columns = text_columns.choose_features(
      self._owner, text_column, second_text_column, feature_name, features
    )
    self._weight_column = weight_column
    self._label_settings = self._create_label_settings(
      label_column, label_separator, label_vocabulary
    )
    self._files = {
      split: os.fspath(path)
      for split, path in (
        (TRAIN_SPLIT, train_file),
        (EVAL_SPLIT, eval_file),
        (TEST_SPLIT, test_file),
        *check_evaluation_sets(self._owner, evaluation_sets).items(),
      )
      if path is not None
    }
    self._table_settings = TableSettings(
      self._owner, format, column_names, encoding
    )
    self._read(self._table_settings)

  def _create_label_settings(
    self, label_column, label_separator, label_vocabulary
  ) -> text_labels.LabelSettings:
    argument_checks.check_label_kind(self._owner, self._label_kind)
    columns = [label_column] if isinstance(label_column, str) else label_column
    if (
      not isinstance(columns, (list, tuple))
      or not columns
      or not all(isinstance(column, str) for column in columns)
    ):
      raise errors.UserTypeError(
        f"`{self._owner}.label_column` is the name of a column, or a list of "
        f"them; got {label_column!r}."
      )
    if not label_separator or not isinstance(label_separator, str):
      raise errors.UserTypeError(
        f"`{self._owner}.label_separator` is a string; got {label_separator!r}."
      )
    if label_vocabulary is not None and self._classes is not None:
      raise errors.UserValueError(
        f"`{self._owner}.label_vocabulary` and `{self._owner}.classes` both "
        "number the classes: leave one out. With the first, other labels are "
        "bad examples; with the second, examples with them are left out."
      )
    return text_labels.LabelSettings(
      owner=self._owner,
      columns=list(columns),
      kind=self._label_kind,
      separator=label_separator,
      vocabulary=text_labels.read_vocabulary(label_vocabulary, self._owner),
      keep_names=self._classes is not None,
    )

  def _read(self, settings: TableSettings) -> None:
    """Reads all files, and sets the examples."""
    bindings = {}
    for feature in self._columns.values():
      bindings.update(dict.fromkeys(feature.columns, feature.binding))
    for column in self._label_settings.columns:
      bindings[column] = f"{self._owner}.label_column = {column!r}"
    if self._weight_column is not None:
      bindings[self._weight_column] = (
        f"{self._owner}.weight_column = {self._weight_column!r}"
      )
    rows = {
      part: table_values.CheckedRows(
        read_table(path, self._binding_of(part), bindings, settings, self._bad),
        self._bad,
      )
      for part, path in self._files.items()
    }
    arrays = {
      part: {
        name: feature.values(of_part) for name, feature in self._columns.items()
      }
      for part, of_part in rows.items()
    }
    weights = {
      part: None
      if self._weight_column is None
      else table_values.number_values(
        of_part, self._weight_column, "weight", least=0
      )
      for part, of_part in rows.items()
    }
    labels = text_labels.parse_labels(rows, self._label_settings)
    self._note_empty_texts(rows, arrays)
    place = " and ".join(dict.fromkeys(self._files.values()))
    self._bad.finish(place)
    self._skipped.update(self._bad.counts())
    self._notes += self._bad.notes(place)
    self._label_kind = labels.kind
    parts = {}
    self._arrays = {}
    for part, of_part in rows.items():
      good = of_part.good
      if not good.any():
        raise errors.UserValueError(
          f"The {part} split has zero examples: {of_part.table.path!r} has no "
          f"rows{' that are not bad' if self._bad.has_any else ''}."
        )
      self._arrays[part] = {
        name: array if good.all() else array[good]
        for name, array in arrays[part].items()
      }
      parts[part] = ExamplePart(
        place=repr(of_part.table.path),
        labels=labels.values[part][good],
        weights=None if weights[part] is None else weights[part][good],
        row_name=_row_name(of_part.table, good),
      )
    self._set_examples(ExampleSource(place, parts, labels.class_names))

  def _binding_of(self, part: str) -> str:
    if is_evaluation_set(part):
      return binding_of(self._owner, part)
    return f"{self._owner}.{part}_file"

  def _note_empty_texts(self, rows, arrays) -> None:
    """Counts the empty texts of rows that are used."""
    for part, of_part in rows.items():
      for name, feature in self._columns.items():
        if feature.dtype == text_columns.STRING:
          texts = arrays[part][name][of_part.good].ravel().tolist()
          self._bad.note("empty text", sum(not text.strip() for text in texts))

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`."""
    from hub_estimator.tf_compat import tf

    return {
      name: tf.TensorSpec([None, *feature.shape], feature.dtype, name=name)
      for name, feature in self._columns.items()
    }

  def _reader_settings(self) -> dict[str, Any]:
    settings = self._label_settings
    return {
      "kind": "text",
      "features": [
        {"name": name, **dataclasses.asdict(feature)}
        for name, feature in self._columns.items()
      ],
      "label_columns": list(settings.columns),
      "weight_column": self._weight_column,
      "label_separator": settings.separator,
      "format": self._table_settings.format,
      "train_format": self._table_settings.format
      or table_content.format_of(self._files[TRAIN_SPLIT], self._owner),
      "column_names": self._table_settings.column_names,
      "encoding": self._table_settings.encoding,
      "on_bad_example": self._bad.on_bad_example,
    }

  def _feature_arrays(self, part: str) -> dict[str, np.ndarray]:
    return self._arrays[part]


def _row_name(table: Table, good: np.ndarray):
  """Returns what names the rows that are left."""
  rows = np.flatnonzero(good)
  return lambda row: table.name_of(int(rows[row]))
