"""Parallel coordinates: each trial a line across its parameters.

plotly's own need WebGL, which many a browser on a remote machine lacks, and
show nothing without; these are plain lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from hub_estimator.reports.chart_axes import linear_axis, log_axis
from hub_estimator.reports.html_text import format_number
from hub_estimator.sweeps.curve_figures import thinned
from hub_estimator.sweeps.figure_style import (
  COLOURS,
  NO_TRIAL,
  NOT_SET,
  Picture,
  broken,
  finite_trials,
  goodness_colour,
  is_number,
  looks_logarithmic,
  names_of_params,
  new_figure,
  short_names,
  tick_labels,
  trial_text,
  value_text,
)
from hub_estimator.sweeps.records import StudyRecord, TrialRecord

_MAX_LINES = 300
_MOST_TICKS = 6
# Where the values of numbers begin if some trials have none.
_ABOVE_NOT_SET = 0.16
_AXIS_PIXELS = 140


class ParallelAxis(NamedTuple):
  """An axis of parallel coordinates.

  Attributes:
    name: of the parameter or objective.
    places: of each trial, 0 at the bottom and 1 at the top.
    ticks: places of what is written at it.
    labels: what is written there.
    is_log: whether equal distances are equal factors.
  """

  name: str
  places: list[float]
  ticks: list[float]
  labels: list[str]
  is_log: bool = False


def parallel_figure(study: StudyRecord) -> Picture:
  """Returns each complete trial as a line across parameters and objectives.

  Names stand at the axes of values that are no numbers, that of the best trial
  on top; numbers that span factors of 30 have logarithmic axes; a parameter
  that a trial does not have has a tick of its own. Lines go from amber, poor,
  to blue, good.
  """
  import plotly.graph_objects as go

  ranked = finite_trials(study)
  if not ranked:
    return Picture(None, NO_TRIAL)
  trials = thinned(ranked, _MAX_LINES)
  axes = [
    _param_axis(study, name, trials)
    for name in names_of_params(study)
    if _varies([t.params.get(name, _MISSING) for t in trials])
  ]
  if not axes:
    return Picture(None, "The finished trials do not differ in any parameter.")
  axes += [
    _number_axis(objective.name, [t.values[index] for t in trials])
    for index, objective in enumerate(study.objectives)
  ]
  figure = new_figure(height=460)
  values = [trial.values[0] for trial in trials]
  # The best are drawn last, over the others.
  for place in reversed(range(len(trials))):
    trial = trials[place]
    figure.add_trace(
      go.Scatter(
        x=list(range(len(axes))),
        y=[axis.places[place] for axis in axes],
        mode="lines+markers",
        name=f"trial {trial.number}",
        line={
          "color": goodness_colour(values[place], values, study.objectives[0]),
          "width": 4 if place == 0 else 1.5,
        },
        marker={"size": 5},
        opacity=1 if place == 0 else 0.8,
        hovertext=[trial_text(study, trial)] * len(axes),
        hoverinfo="text",
        showlegend=False,
      )
    )
  _draw_axes(figure, axes)
  best = ranked[0]
  given = ", ".join(
    f"{name} = {short_names(study, name)[value_text(value)]}"
    for name, value in best.params.items()
  )
  lines = (
    f"{len(trials):,} of {len(ranked):,} trials as lines"
    if len(trials) < len(ranked)
    else "A line for each trial"
  )
  summary = (
    f"{lines}, from amber (poor) to blue (good); the thick one is trial "
    f"{best.number}: {given}; {study.objectives[0].name} "
    f"{format_number(best.values[0])}."
  )
  return Picture(figure, summary, min_width=_AXIS_PIXELS * (len(axes) + 1))


class _Missing:
  """Stands for a parameter that a trial does not have."""


_MISSING: Any = _Missing()


def _varies(values: Sequence[Any]) -> bool:
  texts = {NOT_SET if v is _MISSING else value_text(v) for v in values}
  return len(texts) > 1


def _param_axis(
  study: StudyRecord, name: str, trials: Sequence[TrialRecord]
) -> ParallelAxis:
  values = [trial.params.get(name, _MISSING) for trial in trials]
  found = [value for value in values if value is not _MISSING]
  if all(map(is_number, found)):
    return _number_axis(
      name, [None if value is _MISSING else value for value in values]
    )
  names = short_names(study, name)
  # Trials come best first, so the value that is good at its best is on top.
  texts = list(dict.fromkeys(value_text(value) for value in found))[::-1]
  # At the bottom, as for numbers.
  order = ([_MISSING] if len(found) < len(values) else []) + texts
  step = 1 / max(1, len(order) - 1)
  places = [
    step * order.index(v if v is _MISSING else value_text(v)) for v in values
  ]
  ticks = [step * place for place in range(len(order))]
  labels = tick_labels([names.get(text, text) for text in texts])
  if len(order) > len(texts):
    labels.insert(0, NOT_SET)
  return ParallelAxis(name, places, ticks, labels)


def _number_axis(name: str, values: Sequence[Optional[float]]) -> ParallelAxis:
  found = sorted({value for value in values if value is not None})
  is_log = looks_logarithmic(found)
  axis = log_axis(found[0], found[-1]) if is_log else None
  if axis is None:
    axis = linear_axis(found[0], found[-1])
  low = _ABOVE_NOT_SET if None in values else 0.0
  is_whole = all(isinstance(value, int) for value in found)
  wanted = axis.ticks
  if _stand_apart([axis.place(value) for value in found]):
    wanted = found
  if is_whole:
    wanted = [tick for tick in wanted if float(tick).is_integer()]

  def place(value: float) -> float:
    return low + (1 - low) * axis.place(value)

  ticks = [place(tick) for tick in wanted]
  labels = [_tick_text(tick) for tick in wanted]
  if None in values:
    ticks, labels = [0.0, *ticks], [NOT_SET, *labels]
  places = [0.0 if value is None else place(value) for value in values]
  return ParallelAxis(name, places, ticks, labels, is_log)


def _stand_apart(places: Sequence[float]) -> bool:
  """Whether so few values are so far apart that each can have its tick."""
  return len(places) <= _MOST_TICKS and all(
    after - before > 0.08 for before, after in zip(places, places[1:])
  )


def _tick_text(value: float) -> str:
  return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _draw_axes(figure, axes: Sequence[ParallelAxis]) -> None:
  last = len(axes) - 1
  shapes, notes = [], []
  for x, axis in enumerate(axes):
    shapes.append(
      {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "line": {"color": COLOURS["soft"], "width": 1},
        "layer": "below",
      }
    )
    title = broken(axis.name)
    notes.append(
      {
        "x": x,
        "y": 1.04,
        "yanchor": "bottom",
        "text": f"{title}<br>(log)" if axis.is_log else title,
        "font": {"color": COLOURS["text"], "size": 12},
        "showarrow": False,
      }
    )
    for tick, label in zip(axis.ticks, axis.labels):
      notes.append(
        {
          "x": x,
          "y": tick,
          # Outside of the lines at both ends, beside the axis elsewhere.
          "xanchor": "right" if x == 0 and last > 0 else "left",
          "xshift": -8 if x == 0 and last > 0 else 8,
          "text": label,
          "font": {"size": 11, "color": COLOURS["text"]},
          "bgcolor": COLOURS["card"],
          "borderpad": 1,
          "showarrow": False,
        }
      )
  longest = max(len(_plain(label)) for label in axes[0].labels)
  figure.update_layout(
    shapes=shapes,
    annotations=notes,
    margin={"l": 20 + 7 * longest, "r": 80, "t": 80, "b": 20},
  )
  figure.update_xaxes(visible=False, range=[-0.02, last + 0.02])
  figure.update_yaxes(visible=False, range=[-0.04, 1.04])


def _plain(label: str) -> str:
  return label.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
