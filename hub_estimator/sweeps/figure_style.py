"""What all pictures of a study share: colours, layout, texts, names."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from hub_estimator.reports.html_text import format_number
from hub_estimator.reports.page_style import STYLE
from hub_estimator.sweeps.handle_names import shorten_handles
from hub_estimator.sweeps.records import Objective, StudyRecord, TrialRecord

if TYPE_CHECKING:
  import plotly.graph_objects as go

# The page's colours by name, as they are on light ground. The script of the
# page puts those of dark ground in their place, so no figure may have others
# but those that can be read on both.
COLOURS = dict(
  re.findall(r"--(\w+): (#[0-9a-f]{6});", STYLE.partition("@media")[0])
)
# From poor to good: both ends are told from the ground, light or dark.
_POOR, _GOOD = (200, 135, 0), (40, 140, 210)
NOT_SET = "not set"
NO_TRIAL = "No trial has finished yet."
# Of tick labels; longer ones lose their middle.
_MAX_CHARACTERS = 24
_LINE_CHARACTERS = 16


class Picture(NamedTuple):
  """A figure and what it says.

  Attributes:
    figure: None if there is nothing to draw.
    summary: what it shows in words and numbers, or why it is not there.
    min_width: in pixels; a narrower window scrolls.
  """

  figure: Optional[go.Figure]
  summary: str
  min_width: int = 0


def new_figure(height: int = 380) -> go.Figure:
  """Returns a figure without data, in the style of the page."""
  import plotly.graph_objects as go

  axis = {
    "automargin": True,
    "gridcolor": COLOURS["line"],
    "linecolor": COLOURS["line"],
    "zeroline": False,
    "title": {"standoff": 10},
  }
  figure = go.Figure()
  figure.update_layout(
    # The default would add 7 kB of colours that are not the page's.
    template=go.layout.Template(),
    height=height,
    paper_bgcolor="rgba(0,0,0,0)",
    plot_bgcolor="rgba(0,0,0,0)",
    font={
      "family": "system-ui, sans-serif",
      "size": 13,
      "color": COLOURS["soft"],
    },
    margin={"l": 50, "r": 15, "t": 15, "b": 45},
    modebar={
      "bgcolor": "rgba(0,0,0,0)",
      "color": COLOURS["soft"],
      "activecolor": COLOURS["text"],
    },
    hovermode="closest",
    hoverlabel={
      "bgcolor": COLOURS["card"],
      "bordercolor": COLOURS["line"],
      "font": {"color": COLOURS["text"]},
      "align": "left",
    },
    legend={
      "orientation": "h",
      "x": 0,
      "y": 1.02,
      "yanchor": "bottom",
      "bgcolor": "rgba(0,0,0,0)",
    },
    xaxis=axis,
    yaxis=axis,
  )
  return figure


def widened(values: Sequence[float]) -> Optional[list[float]]:
  """Returns the range of an axis of one value; None: plotly finds a good one.

  Left alone, it draws from one below it to one above it.
  """
  low, high = min(values), max(values)
  if high > low:
    return None
  margin = abs(low) / 10 or 1.0
  return [low - margin, high + margin]


def figure_text(value: Any) -> str:
  """Returns text that a figure shows as it is: tags in it are no tags."""
  return html.escape(str(value), quote=False)


def value_text(value: Any) -> str:
  """Returns a parameter's value as text."""
  if isinstance(value, float):
    return f"{value:.6g}"
  return str(value)


def is_number(value: Any) -> bool:
  """Whether it is a finite number, and not a bool."""
  return (
    isinstance(value, (int, float))
    and not isinstance(value, bool)
    and math.isfinite(value)
  )


def looks_logarithmic(values: Iterable[float]) -> bool:
  """Whether values span so much that only their factors can be told apart."""
  values = list(values)
  return bool(values) and min(values) > 0 and max(values) >= 30 * min(values)


def names_of_params(study: StudyRecord) -> list[str]:
  """Returns the parameters: the search space's, then what else trials have."""
  names = dict.fromkeys(study.param_names)
  for trial in study.trials:
    names.update(dict.fromkeys(trial.params))
  return list(names)


def finite_trials(study: StudyRecord) -> tuple[TrialRecord, ...]:
  """Returns the complete trials whose objectives are finite, best first."""
  return tuple(
    trial for trial in study.ranked() if all(map(math.isfinite, trial.values))
  )


def short_names(study: StudyRecord, name: str) -> dict[str, str]:
  """Returns the values of a parameter as text -> a short name of each.

  Args:
    study: a study.
    name: of the parameter; handles are shortened by what they share.
  """
  texts = list(
    dict.fromkeys(
      value_text(trial.params[name])
      for trial in study.trials
      if name in trial.params
    )
  )
  if name == study.handle_name:
    return shorten_handles(texts)
  return {text: text for text in texts}


def tick_labels(texts: Sequence[str], lines: int = 1) -> list[str]:
  """Returns labels that fit an axis, all different if the texts are.

  Args:
    texts: what they stand for.
    lines: of each label, at most.
  """
  most = _MAX_CHARACTERS if lines == 1 else _LINE_CHARACTERS * lines
  labels: list[str] = []
  for text in texts:
    label = without_middle(text, most)
    number = 2
    while label in labels:
      end = f" ({number})"
      label = without_middle(text, most - len(end)) + end
      number += 1
    labels.append(label)
  if lines == 1:
    return [figure_text(label) for label in labels]
  return [broken(label) for label in labels]


def without_middle(text: str, most: int) -> str:
  """Returns text of at most so many characters."""
  if len(text) <= most:
    return text
  end = (most - 1) // 2
  return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


def broken(text: str) -> str:
  """Returns text for a figure in lines, broken where names have joints."""
  lines = [""]
  for piece in re.findall(r"[^/._\s-]*[/._\s-]?", text):
    while len(piece) > _LINE_CHARACTERS:
      lines.append(piece[:_LINE_CHARACTERS])
      piece = piece[_LINE_CHARACTERS:]
    if len(lines[-1]) + len(piece) > _LINE_CHARACTERS:
      lines.append("")
    lines[-1] += piece
  return "<br>".join(figure_text(line) for line in lines if line)


def trial_text(study: StudyRecord, trial: TrialRecord) -> str:
  """Returns what a figure says of a trial that is pointed at."""
  lines = [f"trial {trial.number}"]
  for index, objective in enumerate(study.objectives):
    if trial.values is not None:
      lines.append(f"{objective.name}: {with_spread(trial, index)}")
  lines += [
    f"{name} = {without_middle(value_text(value), 60)}"
    for name, value in trial.params.items()
  ]
  return "<br>".join(figure_text(line) for line in lines)


def with_spread(trial: TrialRecord, index: int = 0) -> str:
  """Returns an objective's value, with its spread if there are seeds."""
  text = format_number(trial.values[index])
  spread = trial.spread(index)
  return text if spread is None else f"{text} ± {format_number(spread)}"


def goodness_colour(
  value: float, values: Sequence[float], objective: Objective
) -> str:
  """Returns the colour of a value among others: from amber to blue."""
  low, high = min(values), max(values)
  share = (value - low) / (high - low) if high > low else 1.0
  if not objective.is_max and high > low:
    share = 1 - share
  mixed = (round(a + share * (b - a)) for a, b in zip(_POOR, _GOOD))
  return f"rgb({', '.join(map(str, mixed))})"


def axis_title(objective: Objective) -> str:
  """Returns an objective's name, and which way is good."""
  arrow = "higher" if objective.is_max else "lower"
  return f"{figure_text(objective.name)} ({arrow} is better)"


def count(number: int, noun: str) -> str:
  """Returns a number of things: "1 trial", "2 trials"."""
  return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
