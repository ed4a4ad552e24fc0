"""Pictures of a study: its progress, and its modules side by side."""

from __future__ import annotations

import datetime
import itertools
import statistics
from collections.abc import Sequence
from typing import Optional

from hub_estimator.reports.html_text import format_number
from hub_estimator.sweeps.figure_style import (
  COLOURS,
  NO_TRIAL,
  NOT_SET,
  Picture,
  axis_title,
  count,
  figure_text,
  finite_trials,
  is_number,
  names_of_params,
  new_figure,
  short_names,
  tick_labels,
  trial_text,
  value_text,
  widened,
  with_spread,
)
from hub_estimator.sweeps.records import StudyRecord, TrialRecord


def progress_figure(study: StudyRecord, index: int = 0) -> Picture:
  """Returns the finished trials over time, and the best so far.

  Args:
    study: a study.
    index: of the objective.
  """
  import plotly.graph_objects as go

  objective = study.objectives[index]
  trials = finite_trials(study)
  if not trials:
    return Picture(None, NO_TRIAL)
  has_times = all(trial.ended is not None for trial in trials)
  place = _local_time if has_times else (lambda trial: trial.number)
  trials = sorted(trials, key=lambda trial: (place(trial), trial.number))
  places = [place(trial) for trial in trials]
  values = [trial.values[index] for trial in trials]
  bests = list(itertools.accumulate(values, max if objective.is_max else min))
  figure = new_figure()
  figure.add_trace(
    go.Scatter(
      x=places,
      y=values,
      mode="markers",
      name="trials",
      marker={"color": COLOURS["c0"], "size": 8, "opacity": 0.7},
      hovertext=[trial_text(study, trial) for trial in trials],
      hoverinfo="text",
    )
  )
  figure.add_trace(
    go.Scatter(
      x=places,
      y=bests,
      mode="lines",
      name="best so far",
      line={"color": COLOURS["c1"], "shape": "hv", "width": 2},
      hoverinfo="skip",
    )
  )
  figure.update_xaxes(title_text=_time_title(trials) if has_times else "trial")
  if has_times:
    figure.update_xaxes(type="date", nticks=4, range=_time_range(places))
  figure.update_yaxes(title_text=axis_title(objective), range=widened(values))
  first, best = trials[0], trials[values.index(bests[-1])]
  summary = f"{count(len(trials), 'finished trial')}. "
  if best is first:
    summary += (
      f"The first to end, trial {first.number}, is the best: "
      f"{objective.name} {with_spread(first, index)}."
    )
  else:
    summary += (
      f"The best {objective.name} went from {format_number(values[0])} "
      f"(trial {first.number}) to {with_spread(best, index)} "
      f"(trial {best.number})."
    )
  return Picture(figure, summary)


def _local_time(trial: TrialRecord) -> datetime.datetime:
  # plotly's axes know no zones: it would draw all times as they are written.
  if trial.ended.tzinfo is None:
    return trial.ended
  return trial.ended.astimezone().replace(tzinfo=None)


def _time_range(
  times: Sequence[datetime.datetime],
) -> Optional[list[datetime.datetime]]:
  if times[-1] > times[0]:
    return None
  margin = datetime.timedelta(minutes=1)
  return [times[0] - margin, times[0] + margin]


def _time_title(trials: Sequence[TrialRecord]) -> str:
  zone = trials[-1].ended.astimezone().strftime("%Z")
  return f"end of the trial ({figure_text(zone)})"


def group_name(study: StudyRecord) -> Optional[str]:
  """Returns the parameter by whose values trials are compared.

  It is the module's handle, or else the first parameter that is not a number;
  None if there is none.
  """
  if study.handle_name is not None:
    return study.handle_name
  for name in names_of_params(study):
    found = [t.params[name] for t in study.trials if name in t.params]
    if found and not all(map(is_number, found)):
      return name
  return None


def group_figure(study: StudyRecord, index: int = 0) -> Picture:
  """Returns an objective by module handle: boxes, and each run as a point.

  Without handles the first categorical parameter takes their place, see
  `group_name`. The best median is on top.

  Args:
    study: a study.
    index: of the objective.
  """
  import plotly.graph_objects as go

  objective = study.objectives[index]
  name = group_name(study)
  if name is None:
    return Picture(
      None, "All parameters are numbers: there is nothing to group by."
    )
  groups: dict[str, list[tuple[float, str]]] = {}
  for trial in finite_trials(study):
    text = value_text(trial.params[name]) if name in trial.params else NOT_SET
    groups.setdefault(text, []).extend(_runs(study, trial, index))
  if not groups:
    return Picture(None, NO_TRIAL)
  medians = {
    text: statistics.median(value for value, _ in runs)
    for text, runs in groups.items()
  }
  # The axis begins at the bottom.
  order = sorted(groups, key=lambda text: objective.sign * medians[text])
  names = short_names(study, name)
  shown = [names.get(text, text) for text in order]
  figure = new_figure(height=max(260, 110 + 58 * len(order)))
  for place, text in enumerate(order):
    runs = groups[text]
    figure.add_trace(
      go.Box(
        x=[value for value, _ in runs],
        y=[place] * len(runs),
        name=figure_text(text),
        orientation="h",
        boxpoints="all",
        pointpos=0,
        jitter=0.5,
        width=0.6,
        marker={"color": COLOURS["c0"], "size": 7, "opacity": 0.75},
        line={"color": COLOURS["soft"], "width": 1.5},
        fillcolor="rgba(128, 128, 128, 0.15)",
        hovertext=[f"{figure_text(text)}<br>{said}" for _, said in runs],
        hoverinfo="text",
        hoveron="points",
        showlegend=False,
      )
    )
  figure.update_yaxes(
    tickvals=list(range(len(order))),
    ticktext=tick_labels(shown, lines=3),
    range=[-0.6, len(order) - 0.4],
    showgrid=False,
  )
  figure.update_xaxes(
    title_text=axis_title(objective),
    nticks=6,
    range=widened([value for runs in groups.values() for value, _ in runs]),
  )
  listed = [
    f"{short} {format_number(medians[text])}"
    for short, text in zip(reversed(shown), reversed(order))
  ]
  if len(listed) > 8:
    listed = [*listed[:5], f"… {len(listed) - 6} more …", listed[-1]]
  summary = f"Medians of {objective.name} by {name}: {'; '.join(listed)}."
  return Picture(figure, summary)


def _runs(
  study: StudyRecord, trial: TrialRecord, index: int
) -> list[tuple[float, str]]:
  """Returns an objective of each run, and what is said of the run."""
  about = trial_text(study, trial)
  if len(trial.seeds) < 2:
    return [(trial.values[index], about)]
  return [
    (
      run.values[index],
      f"seed {run.seed}: {format_number(run.values[index])}<br>{about}",
    )
    for run in trial.seeds
  ]
