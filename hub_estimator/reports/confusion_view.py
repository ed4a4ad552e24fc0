"""The confusion matrix in a report: a table that is a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator.evaluation.metrics_table import format_weight
from hub_estimator.reports.confusion_image import confusion_pixels
from hub_estimator.reports.html_text import (
  Html,
  element,
  join,
  scrolling,
  table,
)
from hub_estimator.reports.png_files import data_uri, encode_png

_MAX_TABLE_CLASSES = 30
_MANY_CLASSES = 12
_LONGEST_UPRIGHT = 4
_LONGEST_NAME = 24
# Text of either scheme stays readable on it.
_STRONGEST = 0.8


def confusion_view(metrics: Mapping[str, Any]) -> Optional[Html]:
  """Returns the confusion matrix, or what there is in its place.

  Up to 30 classes it is a table; up to 100 a picture; above, and below the
  picture, the most frequent mistakes.

  Args:
    metrics: of `evaluation.compute_metrics`.

  Returns:
    None if the labels are no classes.
  """
  matrix = metrics.get("confusion_matrix")
  if matrix and len(matrix) <= _MAX_TABLE_CLASSES:
    return _matrix_table(matrix, [row["class"] for row in metrics["per_class"]])
  parts = []
  if matrix:
    parts.append(_picture(matrix))
  if metrics.get("confusions"):
    rows = [
      [c["label"], c["prediction"], format_weight(c["num_examples"])]
      for c in metrics["confusions"]
    ]
    parts.append(element("h3", "The most frequent mistakes"))
    parts.append(
      table(["label", "prediction", "examples"], rows, "Frequent mistakes")
    )
  return join(parts) if parts else None


def _picture(matrix) -> Html:
  pixels = confusion_pixels(np.array(matrix), cell_size=6)
  return element(
    "figure",
    Html(
      f'<img alt="Confusion matrix" src="{data_uri(encode_png(pixels))}" '
      'style="max-width: 100%">'
    ),
    element(
      "p",
      "Rows are labels, columns predictions, from the first class in the upper "
      "left corner; the darker, the larger the share of the label's examples.",
      class_="soft",
    ),
  )


def _matrix_table(matrix, names) -> Html:
  is_long = max(len(name) for name in names) > _LONGEST_UPRIGHT
  head = element(
    "tr",
    element("th", "label \N{RIGHTWARDS ARROW WITH HOOK}", scope="col"),
    *(
      element(
        "th",
        element("span", _short(name)),
        scope="col",
        title=name,
        class_="up" if is_long else None,
      )
      for name in names
    ),
  )
  rows = []
  for number, (name, counts) in enumerate(zip(names, matrix)):
    total = sum(counts) or 1
    cells = [
      _cell(count, count / total, column == number, name, names[column])
      for column, count in enumerate(counts)
    ]
    header = element("th", _short(name), scope="row", title=name)
    rows.append(element("tr", header, *cells))
  content = element(
    "table",
    element("thead", head),
    element("tbody", *rows),
    class_="matrix many" if len(names) > _MANY_CLASSES else "matrix",
  )
  return join(
    [
      element(
        "p",
        "Rows are labels, columns predictions; the stronger the colour, the "
        "larger the share of the label's examples: blue where the prediction "
        "is right, orange where it is wrong.",
        class_="soft",
      ),
      scrolling(content, "Confusion matrix"),
    ]
  )


def _cell(count, share: float, is_right: bool, label, prediction) -> Html:
  if not count:
    return element("td", element("span", "0", class_="soft"))
  return element(
    "td",
    format_weight(count),
    class_="r" if is_right else "w",
    # A single mistake among many stays visible.
    style=f"--a: {0.08 + share * (_STRONGEST - 0.08):.2f}",
    title=f"{label} taken for {prediction}: {share:.1%} of {label}",
  )


def _short(name: str) -> str:
  if len(name) <= _LONGEST_NAME:
    return name
  return f"{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
