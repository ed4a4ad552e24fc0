"""Curves over steps, as SVG in a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

from hub_estimator.reports.chart_axes import (
  Axis,
  format_tick,
  linear_axis,
  log_axis,
  step_axis,
)
from hub_estimator.reports.html_text import (
  Html,
  element,
  format_number,
  join,
  table,
)
from hub_estimator.reports.page_style import NUM_COLOURS

WIDTH, HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 22, 10, 42
# More points than pixels are not seen.
_MAX_POINTS = 400
_MAX_DOTS = 25
_MIN_SMOOTHED = 60
_MAX_ROWS = 25
_DASHES = (None, "7 3", "2 3")


class Series(NamedTuple):
  """A curve.

  Attributes:
    name: what it is.
    points: (step, value), by steps; values that are not finite make a gap.
    is_faint: whether it stands behind the others, without a name.
  """

  name: str
  points: Sequence[tuple[int, float]]
  is_faint: bool = False


def line_chart(
  title: str, series: Sequence[Series], is_log: Optional[bool] = None
) -> Optional[Html]:
  """Returns a chart with its legend and a table of its numbers.

  Args:
    title: what is shown.
    series: the curves.
    is_log: whether the axis of values is one of factors; if None, where the
      largest value would hide all others.

  Returns:
    a figure; None if there is no value to show.
  """
  finite = [p for s in series for p in s.points if math.isfinite(p[1])]
  if not finite:
    return None
  values = [value for _, value in finite]
  if is_log is None:
    is_log = _hides_others(values)
  if is_log:
    values = [value for value in values if value > 0]
    is_log = bool(values)
  axis = (
    log_axis(min(values), max(values))
    if is_log
    else linear_axis(*_limits(finite))
  )
  steps = [step for step, _ in finite]
  axis_x = step_axis(min(steps), max(steps))
  drawn, number = [], 0
  legend = []
  for curve in series:
    drawn.append(_curve(curve, number, axis_x, axis))
    if not curve.is_faint:
      legend.append(_legend_entry(curve, number))
      number += 1
  shown = [curve for curve in series if not curve.is_faint]
  picture = element(
    "svg",
    axes(axis_x, axis, "step"),
    *drawn,
    viewBox=f"0 0 {WIDTH} {HEIGHT}",
    class_="chart",
    role="img",
    aria_label=f"{title}: {', '.join(curve.name for curve in shown)}",
  )
  return element(
    "figure",
    element("figcaption", title, " (log scale)" if is_log else ""),
    element("ul", *legend, class_="legend"),
    picture,
    _numbers(title, shown),
  )


def _limits(finite) -> tuple[float, float]:
  values = [value for _, value in finite]
  low, high = min(values), max(values)
  # Small differences look small where 0 is near.
  return (0.0 if 0 < low < 0.4 * high else low), high


def _hides_others(values) -> bool:
  ordered = sorted(values)
  median = ordered[len(ordered) // 2]
  return ordered[0] > 0 and ordered[-1] > 20 * median


def place_x(axis: Axis, value: float) -> float:
  """Returns the place of a value in a chart's picture."""
  return _LEFT + axis.place(value) * (WIDTH - _LEFT - _RIGHT)


def place_y(axis: Axis, value: float) -> float:
  """Returns the place of a value in a chart's picture."""
  return HEIGHT - _BOTTOM - axis.place(value) * (HEIGHT - _TOP - _BOTTOM)


def axes(
  axis_x: Axis, axis_y: Axis, name_x: str, name_y: Optional[str] = None
) -> Html:
  """Returns rules, numbers and names of a chart's axes."""
  left, right = _LEFT, WIDTH - _RIGHT
  bottom = HEIGHT - _BOTTOM
  parts = []
  for tick in axis_y.ticks:
    y = place_y(axis_y, tick)
    parts.append(_line(left, y, right, y))
    parts.append(_label(left - 6, y + 4, format_tick(tick), "end"))
  for tick in axis_x.ticks:
    x = place_x(axis_x, tick)
    parts.append(_line(x, bottom, x, bottom + 4))
    parts.append(_label(x, bottom + 18, format_tick(tick), "middle"))
  parts.append(_label((left + right) / 2, HEIGHT - 6, name_x, "middle"))
  if name_y is not None:
    middle = (_TOP + bottom) / 2
    parts.append(
      element(
        "text",
        name_y,
        x=13,
        y=f"{middle:.1f}",
        text_anchor="middle",
        transform=f"rotate(-90 13 {middle:.1f})",
      )
    )
  return join(parts)


def _line(x1, y1, x2, y2) -> Html:
  return element(
    "line",
    x1=f"{x1:.1f}",
    y1=f"{y1:.1f}",
    x2=f"{x2:.1f}",
    y2=f"{y2:.1f}",
    class_="rule",
  )


def _label(x, y, text, anchor) -> Html:
  return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _curve(curve: Series, number: int, axis_x: Axis, axis_y: Axis) -> Html:
  style = f"stroke: var(--c{number % NUM_COLOURS})"
  pieces: list[list[str]] = [[]]
  dots = []
  points = _thinned(curve.points)
  for step, value in points:
    if not math.isfinite(value) or axis_y.is_log and value <= 0:
      pieces.append([])
      continue
    x, y = place_x(axis_x, step), place_y(axis_y, value)
    pieces[-1].append(f"{x:.1f},{y:.1f}")
    if len(points) <= _MAX_DOTS and not curve.is_faint:
      text = f"{curve.name}, step {step:,}: {format_number(value)}"
      dots.append(
        element(
          "circle",
          element("title", text),
          cx=f"{x:.1f}",
          cy=f"{y:.1f}",
          r="4",
          class_="dot",
          style=f"fill: var(--c{number % NUM_COLOURS})",
        )
      )
  return join(
    [
      *(
        element(
          "polyline",
          points=" ".join(piece),
          class_="curve faint" if curve.is_faint else "curve",
          style=style,
          stroke_dasharray=_dash(number),
        )
        for piece in pieces
        if len(piece) > 1
      ),
      *dots,
    ]
  )


def _dash(number: int) -> Optional[str]:
  return _DASHES[number // NUM_COLOURS % len(_DASHES)]


def _legend_entry(curve: Series, number: int) -> Html:
  sample = element(
    "svg",
    element(
      "line",
      x1=0,
      y1=5,
      x2=26,
      y2=5,
      stroke_width=3,
      style=f"stroke: var(--c{number % NUM_COLOURS})",
      stroke_dasharray=_dash(number),
    ),
    viewBox="0 0 26 10",
    aria_hidden="true",
  )
  last = curve.points[-1][1] if curve.points else None
  return element("li", sample, curve.name, " ", _soft(format_number(last)))


def _soft(text) -> Html:
  return element("span", text, class_="soft")


def _thinned(points, most: int = _MAX_POINTS):
  """Returns points of which neighbours are the least and largest of some."""
  if len(points) <= most:
    return points
  size = -(-2 * len(points) // most)
  kept = []
  for start in range(0, len(points), size):
    part = points[start : start + size]
    ends = {min(part, key=_by_value), max(part, key=_by_value)}
    kept += sorted(ends)
  return kept


def _by_value(point):
  return point[1]


def _numbers(title: str, series: Sequence[Series]) -> Html:
  by_step: dict[int, list] = {}
  for column, curve in enumerate(series):
    for step, value in curve.points:
      by_step.setdefault(step, [None] * len(series))[column] = value
  rows = [[step, *values] for step, values in sorted(by_step.items())]
  num_rows = len(rows)
  if num_rows > _MAX_ROWS:
    stride = (num_rows - 1) / (_MAX_ROWS - 1)
    rows = [rows[round(i * stride)] for i in range(_MAX_ROWS)]
  more = f", {_MAX_ROWS} of {num_rows:,} steps" if num_rows > _MAX_ROWS else ""
  return element(
    "details",
    element("summary", f"Numbers{more}"),
    table(["step", *(curve.name for curve in series)], rows, title, tall=True),
  )


def with_running_mean(name: str, points) -> list[Series]:
  """Returns a curve; a long one faintly, before its running mean.

  Args:
    name: of the curve.
    points: (step, value), by steps.
  """
  if len(points) < _MIN_SMOOTHED:
    return [Series(name, points)]
  size = len(points) // 20
  finite = [point for point in points if math.isfinite(point[1])]
  total, mean = 0.0, []
  for number, (step, value) in enumerate(finite):
    total += value
    if number >= size:
      total -= finite[number - size][1]
    mean.append((step, total / min(number + 1, size)))
  return [
    Series(name, points, is_faint=True),
    Series(f"{name} (mean of {size})", mean),
  ]
