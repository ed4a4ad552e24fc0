"""The parts of a study's report that are no pictures: facts and tables."""

from __future__ import annotations

import datetime
import os
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from hub_estimator.reports.html_text import (
  Html,
  element,
  join,
  scrolling,
  table,
)
from hub_estimator.reports.report import REPORT_FILE
from hub_estimator.sweeps.figure_style import (
  count,
  names_of_params,
  short_names,
  value_text,
  with_spread,
)
from hub_estimator.sweeps.records import (
  COMPLETE,
  FAILED,
  PRUNED,
  RUNNING,
  WAITING,
  StudyRecord,
  TrialRecord,
)

_LOG_FILE = "log.txt"
# Of trials that failed for the same reason.
_MAX_LOGS = 10
# What the study's folder holds beside the report, when it is there.
_OUTCOMES = {
  "best.gin": "config of the best trial",
  "leaderboard.csv": "all trials as a table",
}
_TRAINABLE = "num_trainable_parameters"


def facts(study: StudyRecord) -> Html:
  """Returns the headline: the best value, and how far the study is."""
  parts = []
  best = study.best()
  if best is not None:
    for index, objective in enumerate(study.objectives):
      name = f"best {objective.name}" if index == 0 else objective.name
      parts.append(_fact(name, with_spread(best, index), "main wide"))
    parts.append(_fact("best trial", _links(study, best)))
    if study.handle_name in best.params:
      handle = value_text(best.params[study.handle_name])
      parts.append(_fact("module", handle, "wide"))
  parts += [
    _fact("trials", _progress(study)),
    _fact("sampler", study.sampler),
    _fact("pruner", study.pruner),
    _fact("runs of each trial", study.repeats),
    _fact("computing", _duration(computing_seconds(study))),
    _fact("first start", _time(_extreme(study, "started", min))),
    _fact("last end", _time(_extreme(study, "ended", max))),
  ]
  shown = [element("dl", *parts, class_="facts")]
  if best is not None:
    given = best.bindings or [
      f"{name} = {value_text(value)}" for name, value in best.params.items()
    ]
    if given:
      shown.append(element("h3", "Parameters of the best trial"))
      shown.append(
        scrolling(
          element("pre", "\n".join(given)), "Parameters of the best trial"
        )
      )
  links = [
    element("li", element("a", name, href=name), f": {what}")
    for name, what in _OUTCOMES.items()
    if os.path.exists(os.path.join(study.study_dir, name))
  ]
  if links:
    shown.append(element("ul", *links, class_="notes"))
  return join(shown)


def _fact(name: str, value: Any, kind: Optional[str] = None) -> Html:
  return element("div", element("dt", name), element("dd", value), class_=kind)


def _progress(study: StudyRecord) -> str:
  done = len(study.of_state(COMPLETE))
  text = f"{done:,} done"
  if study.num_wanted is not None:
    text = f"{done:,} of {study.num_wanted:,} done"
  for state in (RUNNING, FAILED, PRUNED, WAITING):
    number = len(study.of_state(state))
    if number:
      text += f", {number:,} {state}"
  return text


def computing_seconds(study: StudyRecord) -> float:
  """Returns the seconds of all runs together, also of those that failed."""
  total = 0.0
  for trial in study.trials:
    if trial.seeds:
      total += sum(run.seconds for run in trial.seeds)
    elif trial.started is not None and trial.ended is not None:
      total += (trial.ended - trial.started).total_seconds()
  return total


def _duration(seconds: float) -> str:
  if seconds >= 3600:
    return f"{seconds / 3600:,.1f} hours"
  return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.1f} s"


def _extreme(study: StudyRecord, name: str, which) -> Any:
  times = [getattr(t, name) for t in study.trials if getattr(t, name)]
  return which(times) if times else None


def _time(time: Optional[datetime.datetime]) -> str:
  if time is None:
    return "–"
  return time.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def trials_section(study: StudyRecord) -> Html:
  """Returns the table of all trials that were begun, the best first."""
  ranked = study.ranked()
  others = [
    trial
    for state in (RUNNING, PRUNED, FAILED)
    for trial in study.of_state(state)
  ]
  num_waiting = len(study.of_state(WAITING))
  if not ranked and not others:
    waiting = f"; {count(num_waiting, 'trial')} waiting" if num_waiting else ""
    return element("p", f"No trial has begun yet{waiting}.")
  params = names_of_params(study)
  names = {name: short_names(study, name) for name in params}
  headers = ["rank", "trial", "state", *(o.name for o in study.objectives)]
  headers += [*params, "seconds", "trainable parameters"]
  rows = []
  for rank, trial in [
    *enumerate(ranked, start=1),
    *((None, trial) for trial in others),
  ]:
    values = [
      None if trial.values is None else _whole(with_spread(trial, index))
      for index in range(len(study.objectives))
    ]
    rows.append(
      [
        rank,
        _links(study, trial),
        _state(trial),
        *values,
        *(_param(trial, name, names[name]) for name in params),
        None if trial.seconds is None else f"{trial.seconds:,.1f}",
        _trainable(trial),
      ]
    )
  parts = [table(headers, rows, "Trials", tall=len(rows) > 15)]
  if num_waiting:
    parts.append(
      element("p", f"{count(num_waiting, 'trial')} waiting.", class_="soft")
    )
  return join(parts)


def _state(trial: TrialRecord) -> str:
  if trial.num_attempts < 2:
    return trial.state
  return f"{trial.state}, attempt {trial.num_attempts}"


def _whole(*content: Any) -> Html:
  """Returns content that stays in one line."""
  return element("span", *content, class_="whole")


def _param(trial: TrialRecord, name: str, text_to_short: Mapping[str, str]):
  if name not in trial.params:
    return None
  value = trial.params[name]
  text = value_text(value)
  short = text_to_short.get(text, text)
  if short != text:
    return element("span", short, title=text)
  return text


def _trainable(trial: TrialRecord) -> Optional[int]:
  for run in trial.seeds:
    number = run.results.get(_TRAINABLE)
    if isinstance(number, (int, float)):
      return int(number)
  return None


def _links(study: StudyRecord, trial: TrialRecord) -> Html:
  """Returns a trial's number, with links to the reports there are of it."""
  number = _link(study, os.path.join(trial.folder, REPORT_FILE), trial.number)
  if number is not None:
    return number
  seeds = [
    link
    for run in trial.seeds
    for link in [
      _link(study, os.path.join(run.folder, REPORT_FILE), f"seed {run.seed}")
    ]
    if link is not None
  ]
  if not seeds:
    return element("span", trial.number)
  return _whole(f"{trial.number}: ", join(seeds, ", "))


def _link(study: StudyRecord, path: str, text: Any) -> Optional[Html]:
  if not os.path.exists(os.path.join(study.study_dir, path)):
    return None
  # "./": a folder's name with a colon is no protocol.
  parts = path.replace(os.sep, "/")
  return element("a", text, href=f"./{urllib.parse.quote(parts)}")


def failures_section(study: StudyRecord) -> Optional[Html]:
  """Returns the errors of failed trials, equal ones together."""
  causes: dict[str, list[TrialRecord]] = {}
  for trial in study.of_state(FAILED):
    causes.setdefault(trial.error or "no error was seen", []).append(trial)
  if not causes:
    return None
  parts = []
  for error, trials in sorted(causes.items(), key=lambda c: -len(c[1])):
    parts.append(
      element(
        "h3",
        f"{count(len(trials), 'trial')}: {error}",
      )
    )
    parts += [_log(study, trial) for trial in trials[:_MAX_LOGS]]
    if len(trials) > _MAX_LOGS:
      parts.append(
        element("p", f"… {len(trials) - _MAX_LOGS} more", class_="soft")
      )
  return join(parts)


def _log(study: StudyRecord, trial: TrialRecord) -> Html:
  log = _link(
    study, os.path.join(trial.folder, _LOG_FILE), "the whole log"
  ) or _link(study, os.path.join(trial.folder, REPORT_FILE), "its report")
  where = f" on {trial.host}" if trial.host else ""
  if not trial.log_lines:
    return element(
      "p", f"Trial {trial.number}{where}: no log. ", log or "", class_="soft"
    )
  return element(
    "details",
    element("summary", f"Trial {trial.number}{where}: last lines of its log"),
    scrolling(
      element("pre", "\n".join(trial.log_lines)), f"Log of trial {trial.number}"
    ),
    element("p", log) if log else "",
  )


def handles_section(study: StudyRecord) -> Optional[Html]:
  """Returns short names and whole handles, where those differ."""
  if study.handle_name is None:
    return None
  names = short_names(study, study.handle_name)
  rows = [(short, handle) for handle, short in names.items() if short != handle]
  return table(["name", "module handle"], rows, "Modules") if rows else None


def left_out_section(study: StudyRecord) -> Optional[Html]:
  """Returns the modules that were left out, and why."""
  if not study.left_out:
    return None
  rows: Sequence[Any] = list(study.left_out.items())
  return table(["module handle", "why"], rows, "Modules left out")
