"""Pictures of a study: its learning curves, and its Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub_estimator.reports.html_text import format_number
from hub_estimator.sweeps.figure_style import (
  COLOURS,
  NO_TRIAL,
  Picture,
  axis_title,
  count,
  finite_trials,
  is_number,
  new_figure,
  trial_text,
)
from hub_estimator.sweeps.records import COMPLETE, StudyRecord, TrialRecord

_NUM_BEST_CURVES = 5
_MAX_CURVES = 60
_MAX_POINTS = 200


def curves_figure(study: StudyRecord) -> Picture:
  """Returns the learning curves of the trials, the best ones in colour.

  Of many trials the others are thinned out evenly, from good to poor.
  """
  import plotly.graph_objects as go

  objective = study.objectives[0]
  ranked = [trial for trial in study.ranked() if trial.curve]
  best = ranked[:_NUM_BEST_CURVES]
  others = ranked[_NUM_BEST_CURVES:] + [
    t for t in study.trials if t.curve and t.state != COMPLETE
  ]
  if not best and not others:
    return Picture(None, "No trial has been evaluated while it trained.")
  shown = thinned(others, _MAX_CURVES)
  figure = new_figure(height=420)
  x: list[Any] = []
  y: list[Any] = []
  texts: list[Any] = []
  for trial in shown:
    points = _curve(trial)
    # A gap between the curves: hundreds of traces would be slow.
    x += [step for step, _ in points] + [None]
    y += [value for _, value in points] + [None]
    texts += [f"{trial_text(study, trial)}<br>{trial.state}"] * len(points)
    texts.append("")
  if shown:
    figure.add_trace(
      go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name="other trials",
        line={"color": COLOURS["soft"], "width": 1},
        marker={"size": 3},
        opacity=0.4,
        hovertext=texts,
        hoverinfo="text",
      )
    )
  for place, trial in reversed(list(enumerate(best))):
    points = _curve(trial)
    figure.add_trace(
      go.Scatter(
        x=[step for step, _ in points],
        y=[value for _, value in points],
        mode="lines+markers",
        name=f"trial {trial.number}",
        line={"color": COLOURS[f"c{place}"], "width": 2.5},
        marker={"size": 5},
        hovertext=[trial_text(study, trial)] * len(points),
        hoverinfo="text",
        legendrank=place,
      )
    )
  figure.update_xaxes(title_text="global step", rangemode="tozero", nticks=6)
  figure.update_yaxes(title_text=axis_title(objective))
  summary = count(len(best) + len(others), "curve")
  if len(shown) < len(others):
    summary += f", {len(best) + len(shown)} of them drawn"
  if best:
    step, value = _curve(best[0])[-1]
    summary += (
      f". The best trial, {best[0].number}, has {objective.name} "
      f"{format_number(value)} at step {step:,}"
    )
  return Picture(figure, f"{summary}.")


def _curve(trial: TrialRecord) -> list[tuple[int, float]]:
  points = [(s, v) for s, v in sorted(trial.curve.items()) if is_number(v)]
  return thinned(points, _MAX_POINTS)


def thinned(things: Sequence[Any], most: int) -> list[Any]:
  """Returns at most so many of them, evenly, with the first and the last."""
  if len(things) <= most:
    return list(things)
  last = len(things) - 1
  return [things[round(i * last / (most - 1))] for i in range(most)]


def front_figure(study: StudyRecord) -> Picture:
  """Returns the trials of a study of two objectives, and their Pareto front."""
  import plotly.graph_objects as go

  trials = finite_trials(study)
  if not trials:
    return Picture(None, NO_TRIAL)
  numbers = {trial.number for trial in study.front()}
  front = sorted(
    (t for t in trials if t.number in numbers), key=lambda t: t.values
  )
  if not front:
    # Only a trial whose values are no numbers is better than all others.
    return Picture(None, "The Pareto front has no finite values.")
  others = [t for t in trials if t.number not in numbers]
  figure = new_figure(height=420)
  looks = (
    (others, "other trials", "soft", {"mode": "markers", "opacity": 0.5}),
    (front, "Pareto front", "c1", {"mode": "lines+markers"}),
  )
  for found, name, colour, look in looks:
    figure.add_trace(
      go.Scatter(
        x=[trial.values[0] for trial in found],
        y=[trial.values[1] for trial in found],
        name=name,
        line={"color": COLOURS[colour], "width": 2},
        marker={"color": COLOURS[colour], "size": 9},
        hovertext=[trial_text(study, trial) for trial in found],
        hoverinfo="text",
        **look,
      )
    )
  figure.update_xaxes(title_text=axis_title(study.objectives[0]), nticks=6)
  figure.update_yaxes(title_text=axis_title(study.objectives[1]))
  first, second = study.objectives
  listed = [
    f"trial {t.number} with {first.name} {format_number(t.values[0])} and "
    f"{second.name} {format_number(t.values[1])}"
    for t in (front if len(front) < 2 else (front[0], front[-1]))
  ]
  summary = (
    f"No trial is better in both than the {len(front)} of {len(trials)} on the "
    f"front: {' to '.join(listed)}."
  )
  return Picture(figure, summary)
