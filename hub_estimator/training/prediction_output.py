"""Predictions as lines of text, one for each example."""

from __future__ import annotations

import abc
import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL, REGRESSION
from hub_estimator.inputs.prediction import PredictionBatch

CSV = "csv"
JSONL = "jsonl"
FORMATS = (JSONL, CSV)

_KEY = "key"
_CLASS, _CLASS_ID = "predicted_class", "predicted_class_id"
_CLASSES = "predicted_classes"
_PROBABILITIES = "probabilities"
_PREDICTION = "prediction"
_LABEL = "label"
_OWN = frozenset(
  [_KEY, _CLASS, _CLASS_ID, _CLASSES, _PROBABILITIES, _PREDICTION, _LABEL]
)
# Between the names of several classes in one cell of a CSV file.
_SEPARATOR = "|"


class PredictionFormat(abc.ABC):
  """Makes text of batches.

  An example gives, in this order: its key; what is repeated of the input, under
  its own names (with "input_" in front of those that are taken here); the
  prediction; and its label, if the input has labels.

      classes      predicted_class, predicted_class_id, probabilities
      multi-label  predicted_classes, probabilities
      regression   prediction
  """

  def __init__(self, kind: str, class_names: Optional[Sequence[str]]):
    """Starts before the first line.

    Args:
      kind: "class", "multi_label" or "regression".
      class_names: in the order of the probabilities; None for regression.
    """
    self._kind = kind
    self._class_names = class_names

  @abc.abstractmethod
  def format(
    self, batch: PredictionBatch, predictions: Mapping[str, np.ndarray]
  ) -> str:
    """Returns the lines of a batch, with line ends.

    Args:
      batch: the examples.
      predictions: of `Predictor.predict`.
    """

  def _labels(self, batch: PredictionBatch) -> Optional[list[Any]]:
    """Returns what the labels are called; None for one that is not known."""
    if batch.labels is None:
      return None
    if self._kind == CLASS:
      return [self._name(label) for label in batch.labels.tolist()]
    if self._kind == MULTI_LABEL:
      return [
        None if -1 in row else [self._name(i) for i, x in enumerate(row) if x]
        for row in batch.labels.tolist()
      ]
    return _numbers(batch.labels)

  def _name(self, number: int) -> Optional[str]:
    if not 0 <= number < len(self._class_names):
      return None
    return self._class_names[number]


class JsonLines(PredictionFormat):
  """An object a line; probabilities by class name."""

  def format(
    self, batch: PredictionBatch, predictions: Mapping[str, np.ndarray]
  ) -> str:
    """See `PredictionFormat.format`."""
    columns = self._columns(predictions)
    labels = self._labels(batch)
    if labels is not None:
      columns[_LABEL] = labels
    lines = []
    for row, (key, echo) in enumerate(zip(batch.keys, batch.echoes)):
      example = {_KEY: key, **_renamed(echo)}
      example.update((name, of[row]) for name, of in columns.items())
      lines.append(json.dumps(example, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)

  def _columns(self, predictions) -> dict[str, list[Any]]:
    if self._kind == REGRESSION:
      return {_PREDICTION: _numbers(predictions["predictions"])}
    names = self._class_names
    probabilities = [
      dict(zip(names, row)) for row in _rows(predictions["probabilities"])
    ]
    class_names = predictions["class_names"].tolist()
    if self._kind == MULTI_LABEL:
      return {_CLASSES: class_names, _PROBABILITIES: probabilities}
    return {
      _CLASS: class_names,
      _CLASS_ID: predictions["class_ids"].tolist(),
      _PROBABILITIES: probabilities,
    }


class CommaSeparated(PredictionFormat):
  """CSV with a header; a column for each class's probability.

  The columns are those of the first batch: also if labels are in later ones
  only, or missing there.
  """

  _header: Optional[list[str]] = None

  def format(
    self, batch: PredictionBatch, predictions: Mapping[str, np.ndarray]
  ) -> str:
    """See `PredictionFormat.format`."""
    columns = {_KEY: batch.keys}
    for name in batch.echoes[0]:
      columns[_new_name(name)] = [_cell(echo[name]) for echo in batch.echoes]
    columns.update(self._columns(predictions))
    labels = self._labels(batch)
    if labels is not None:
      self._add_labels(columns, labels)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if self._header is None:
      self._header = list(columns)
      writer.writerow(self._header)
    none = [None] * len(batch)
    writer.writerows(zip(*(columns.get(name, none) for name in self._header)))
    return text.getvalue()

  def _columns(self, predictions) -> dict[str, list[Any]]:
    if self._kind == REGRESSION:
      return _number_columns(_PREDICTION, predictions["predictions"])
    names = predictions["class_names"].tolist()
    if self._kind == MULTI_LABEL:
      columns = {_CLASSES: [_SEPARATOR.join(row) for row in names]}
    else:
      columns = {
        _CLASS: names,
        _CLASS_ID: predictions["class_ids"].tolist(),
      }
    rows = _rows(predictions["probabilities"])
    for number, name in enumerate(self._class_names):
      columns[f"probability_{name}"] = [row[number] for row in rows]
    return columns

  def _add_labels(self, columns, labels) -> None:
    if self._kind == MULTI_LABEL:
      labels = [None if row is None else _SEPARATOR.join(row) for row in labels]
    if labels and isinstance(labels[0], list):
      for number in range(len(labels[0])):
        columns[f"{_LABEL}_{number}"] = [row[number] for row in labels]
    else:
      columns[_LABEL] = labels


def create_format(
  name: str, kind: str, class_names: Optional[Sequence[str]]
) -> PredictionFormat:
  """Returns a format.

  Args:
    name: one of `FORMATS`.
    kind: see `PredictionFormat`.
    class_names: see `PredictionFormat`.
  """
  return {JSONL: JsonLines, CSV: CommaSeparated}[name](kind, class_names)


def _new_name(name: str) -> str:
  return f"input_{name}" if name in _OWN else name


def _renamed(echo: Mapping[str, Any]) -> dict[str, Any]:
  return {_new_name(name): value for name, value in echo.items()}


def _cell(value: Any) -> Any:
  """Returns a value that an input gives as a cell."""
  if isinstance(value, (list, dict)):
    return json.dumps(value, ensure_ascii=False)
  return value


def _rows(values: np.ndarray) -> list[list[Optional[float]]]:
  """Returns rows of numbers that have few digits and lose nothing.

  A float32 as a Python float shows digits that it does not have.
  """
  shown = [[float(x) for x in row] for row in values.astype(str).tolist()]
  if np.isfinite(values).all():
    return shown
  return [[x if math.isfinite(x) else None for x in row] for row in shown]


def _numbers(values: np.ndarray) -> list[Any]:
  """Returns a number for each row, or a list where there are several."""
  rows = _rows(values)
  return [row[0] for row in rows] if values.shape[1] == 1 else rows


def _number_columns(name: str, values: np.ndarray) -> dict[str, list[Any]]:
  rows = _rows(values)
  if values.shape[1] == 1:
    return {name: [row[0] for row in rows]}
  return {
    f"{name}_{number}": [row[number] for row in rows]
    for number in range(values.shape[1])
  }
