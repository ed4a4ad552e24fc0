import math
import re
import xml.dom.minidom

import pytest

from hub_estimator.reports.chart_axes import (
  format_tick,
  linear_axis,
  log_axis,
  step_axis,
)
from hub_estimator.reports.line_chart import (
  Series,
  line_chart,
  with_running_mean,
)


def polylines(chart):
  return [
    [tuple(map(float, pair.split(","))) for pair in text.split()]
    for text in re.findall(r'<polyline points="([^"]*)"', chart)
  ]


def test_axes_have_round_numbers():
  axis = linear_axis(0.13, 0.92)
  assert axis.ticks == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
  assert axis.place(0.5) == pytest.approx(0.5)
  assert step_axis(1, 1000).ticks == [200, 400, 600, 800, 1000]
  assert step_axis(3, 3).ticks == [3, 4]
  axis = log_axis(0.02, 30)
  assert axis.ticks == pytest.approx([0.01, 0.1, 1, 10, 100])
  assert axis.place(1) == pytest.approx(0.5)
  low, high = linear_axis(2, 2)[:2]
  assert low < 2 < high


@pytest.mark.parametrize(
  "value, text",
  [
    (0, "0"),
    (0.30000000000000004, "0.3"),
    (20000, "20k"),
    (3e6, "3M"),
    (1e-5, "1e-05"),
  ],
)
def test_ticks(value, text):
  assert format_tick(value) == text


def test_a_curve():
  chart = line_chart(
    "Loss", [Series("train", [(0, 0.0), (50, 1.0), (100, 0.5)])]
  )
  xml.dom.minidom.parseString(chart)
  # From 64 to 398 and, upwards, from 208 to 10.
  assert polylines(chart) == [[(64, 208), (231, 10), (398, 109)]]
  assert "<title>train, step 50: 1.0000</title>" in chart
  assert ">0.5000</span>" in chart  # The last value, in the legend.
  assert '<th scope="row">100</th><td class="n">0.5000</td>' in chart


def test_what_is_not_finite_makes_a_gap():
  points = [(0, 1.0), (1, 2.0), (2, math.nan), (3, 2.0), (4, 1.0)]
  chart = line_chart("Loss", [Series("train", points)])
  assert [len(line) for line in polylines(chart)] == [2, 2]
  assert line_chart("Loss", [Series("train", [(0, math.inf)])]) is None
  assert line_chart("Loss", []) is None


def test_a_value_that_hides_the_others():
  points = [(0, 1000.0), (1, 1.0), (2, 0.5), (3, 0.25)]
  chart = line_chart("Loss", [Series("train", points)])
  assert "Loss (log scale)" in chart
  assert "log scale" not in line_chart("Loss", [Series("train", points[1:])])


def test_long_curves_are_thinned_and_keep_their_peaks():
  points = [(step, 1.0 if step == 12_345 else 0.0) for step in range(20_000)]
  (line,) = polylines(line_chart("x", [Series("x", points)]))
  assert len(line) <= 400
  assert min(y for _, y in line) == 10
  assert "25 of 20,000 steps" in line_chart("x", [Series("x", points)])


def test_running_mean():
  short = [(0, 1.0), (1, 2.0)]
  assert with_running_mean("train", short) == [Series("train", short)]
  points = [(step, float(step % 2)) for step in range(80)]
  raw, mean = with_running_mean("train", points)
  assert raw == Series("train", points, is_faint=True)
  assert mean.name == "train (mean of 4)"
  assert mean.points[:3] == [(0, 0.0), (1, 0.5), (2, pytest.approx(1 / 3))]
  assert mean.points[-1] == (79, 0.5)
