"""Labels of new examples in tables: known by the run's vocabulary, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hub_estimator.inputs import text_labels
from hub_estimator.inputs.bad_examples import SKIP, BadExamples
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL, REGRESSION
from hub_estimator.inputs.table_rows import Table
from hub_estimator.inputs.table_values import CheckedRows

_PART = "new"


def parse_table_labels(
  description: Mapping[str, Any], table: Table, good: np.ndarray
) -> tuple[np.ndarray, int]:
  """Parses the labels of rows.

  Args:
    description: of the run's pipeline; its reader has "label_columns" and
      "label_separator".
    table: the rows, with these columns.
    good: [num_rows] array of bool: which are used.

  Returns:
    the labels of the rows that are used, as `PredictionBatch.labels`; and how
    many of them are not known.
  """
  kind, reader = description["label_kind"], description["reader"]
  rows = CheckedRows(table, BadExamples(description["input"], SKIP, 1))
  columns = reader["label_columns"]
  vocabulary = None
  if kind == CLASS or (kind == MULTI_LABEL and len(columns) == 1):
    vocabulary = description["class_names"] or [
      str(i) for i in range(description["num_classes"])
    ]
  parsed = text_labels.parse_labels(
    {_PART: rows},
    text_labels.LabelSettings(
      owner=description["input"],
      columns=columns,
      kind=kind,
      separator=reader["label_separator"],
      vocabulary=vocabulary,
    ),
  )
  return mark_unknown(parsed.values[_PART][good], rows.good[good], kind)


def mark_unknown(
  labels: np.ndarray, is_known: np.ndarray, kind: str
) -> tuple[np.ndarray, int]:
  """Returns labels with -1 or NaN where they are not known, and the number."""
  labels = labels.astype(np.float32 if kind == REGRESSION else np.int64)
  labels[~is_known] = np.nan if kind == REGRESSION else -1
  return labels, int((~is_known).sum())
