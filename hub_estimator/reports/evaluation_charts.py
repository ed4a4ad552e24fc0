"""Charts of an evaluation: how sure and how right, labels and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hub_estimator.evaluation import Outcomes
from hub_estimator.reports.chart_axes import Axis, linear_axis
from hub_estimator.reports.html_text import (
  Html,
  element,
  format_number,
  table,
)
from hub_estimator.reports.line_chart import (
  HEIGHT,
  WIDTH,
  axes,
  place_x,
  place_y,
)

_MAX_DOTS = 1500
_SHARES = Axis(0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> Html:
  """Returns a chart of how often predictions of each confidence are right.

  Args:
    bins: "calibration_bins" of `evaluation.compute_metrics`.
  """
  used = [item for item in bins if item["num_predictions"]]
  parts = [axes(_SHARES, _SHARES, "confidence", "share that is right")]
  for item in used:
    title = (
      f"confidence {item['low']:.2f} to {item['high']:.2f}: mean "
      f"{item['confidence']:.3f}, right {item['accuracy']:.3f}, "
      f"{item['num_predictions']:,} predictions"
    )
    parts.append(_bar(item, item["accuracy"], "bar", title))
    parts.append(_bar(item, item["weight"] * 0.25, "share", title))
  parts.append(_diagonal(_SHARES, _SHARES))
  rows = [
    [
      f"{item['low']:.2f} to {item['high']:.2f}",
      item["confidence"],
      item["accuracy"],
      item["num_predictions"],
    ]
    for item in used
  ]
  return element(
    "figure",
    element("figcaption", "Calibration"),
    element(
      "p",
      "Blue: the share of predictions of a confidence that is right; where the "
      "dashed line is, it is as large as the confidence. Orange: how many "
      "predictions there are, a quarter of the height for all of them.",
      class_="soft",
    ),
    _picture("Share of right predictions by confidence", parts),
    element(
      "details",
      element("summary", "Numbers"),
      table(
        ["confidence", "mean", "right", "predictions"], rows, "Calibration"
      ),
    ),
  )


def _bar(item, height: float, kind: str, title: str) -> Html:
  left, right = place_x(_SHARES, item["low"]), place_x(_SHARES, item["high"])
  top, bottom = place_y(_SHARES, height), place_y(_SHARES, 0)
  return element(
    "rect",
    element("title", title),
    x=f"{left + 1:.1f}",
    y=f"{top:.1f}",
    width=f"{right - left - 2:.1f}",
    height=f"{bottom - top:.1f}",
    class_=kind,
  )


def _diagonal(axis_x: Axis, axis_y: Axis) -> Html:
  low = max(axis_x.low, axis_y.low)
  high = min(axis_x.high, axis_y.high)
  if low >= high:  # Predictions far away from all labels.
    return Html("")
  return element(
    "line",
    x1=f"{place_x(axis_x, low):.1f}",
    y1=f"{place_y(axis_y, low):.1f}",
    x2=f"{place_x(axis_x, high):.1f}",
    y2=f"{place_y(axis_y, high):.1f}",
    class_="ideal",
  )


def regression_scatter(outcomes: Outcomes, target: int) -> Html:
  """Returns a chart of predictions over labels.

  Args:
    outcomes: of the kind regression.
    target: the number of the target.
  """
  labels = outcomes.labels[:, target].astype(float)
  scores = outcomes.scores[:, target].astype(float)
  stride = -(-len(labels) // _MAX_DOTS)
  shown = np.stack([labels, scores], axis=1)[::stride]
  axis_x = linear_axis(labels.min(), labels.max())
  axis_y = linear_axis(scores.min(), scores.max())
  parts = [axes(axis_x, axis_y, "label", "prediction")]
  for label, score in shown.tolist():
    parts.append(
      element(
        "circle",
        element(
          "title",
          f"label {format_number(label)}, prediction {format_number(score)}",
        ),
        cx=f"{place_x(axis_x, label):.1f}",
        cy=f"{place_y(axis_y, score):.1f}",
        r=3,
        class_="cloud",
      )
    )
  parts.append(_diagonal(axis_x, axis_y))
  name = "Predictions"
  if outcomes.num_columns > 1:
    name = f"Predictions of target {target}"
  note = "The dashed line is where they are right."
  if stride > 1:
    note += f" {len(shown):,} of {len(labels):,} examples."
  return element(
    "figure",
    element("figcaption", name),
    element("p", note, class_="soft"),
    _picture(f"{name} over labels", parts),
  )


def _picture(label: str, parts) -> Html:
  return element(
    "svg",
    *parts,
    viewBox=f"0 0 {WIDTH} {HEIGHT}",
    class_="chart",
    role="img",
    aria_label=label,
  )
