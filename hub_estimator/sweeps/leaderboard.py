"""The table of a study's trials: a CSV file, and text for a terminal."""

from __future__ import annotations

import csv
import io
import math
import os
import statistics
from collections.abc import Sequence
from typing import Any, Callable, Optional

from hub_estimator.hub import folders
from hub_estimator.sweeps import records
from hub_estimator.sweeps.records import StudyRecord, TrialRecord
from hub_estimator.sweeps.trial_text import TrialText, cut_apart, number_text
from hub_estimator.training.results_table import format_table

LEADERBOARD_FILE = "leaderboard.csv"

# Of results.json, beside its metrics.
_RESULTS = (
  "num_trainable_parameters",
  "module_trainable_parameters",
  "global_step",
)
_STATES = (records.PRUNED, records.FAILED, records.RUNNING, records.WAITING)
_WIDTH = 120
# Characters of a parameter's value, the most that fit.
_CELL_WIDTHS = (64, 48, 40, 32, 26, 20, 16, 12)
_SHORTEST_NAME = 16
_LONGEST_REASON = 80

_Column = tuple[str, Callable[[TrialRecord], Any]]


def write_leaderboard(study: StudyRecord) -> str:
  """Writes `leaderboard.csv`, a row for each trial, whole or not at all.

  The complete trials come first, the best on top, then those that were pruned
  or failed, that run or wait. Numbers are means over the seeds; beside each
  objective stands its "spread", the sample standard deviation.

  Args:
    study: the study so far.

  Returns:
    the file's path.
  """
  ranked = study.ranked()
  ranks = {trial.number: rank for rank, trial in enumerate(ranked, start=1)}
  columns = _columns(study, ranks)
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow([name for name, _ in columns])
  others = [t for state in _STATES for t in study.of_state(state)]
  for trial in [*ranked, *others]:
    writer.writerow([_cell(value_of(trial)) for _, value_of in columns])
  path = os.path.join(study.study_dir, LEADERBOARD_FILE)
  folders.write_file(path, text.getvalue().encode())
  return path


def _columns(study: StudyRecord, ranks: dict[int, int]) -> list[_Column]:
  columns: list[_Column] = [
    ("rank", lambda trial: ranks.get(trial.number)),
    ("number", lambda trial: trial.number),
    ("state", lambda trial: trial.state),
  ]
  columns += [(name, _param(name)) for name in study.param_names]
  for index, objective in enumerate(study.objectives):
    columns += [
      (objective.name, _objective(index)),
      (f"{objective.name} spread", _spread(index)),
    ]
  objectives = {objective.name for objective in study.objectives}
  metrics = {
    name: None
    for trial in study.trials
    for run in trial.seeds
    for name, value in run.results.get("metrics", {}).items()
    if name not in objectives and (value is None or _is_number(value))
  }
  columns += [(name, _mean("metrics", name)) for name in metrics]
  columns.append(("seconds", lambda trial: trial.seconds))
  columns += [
    (name, _mean(name)) for name in _RESULTS if name not in objectives
  ]
  columns += [
    ("seeds", lambda trial: " ".join(str(run.seed) for run in trial.seeds)),
    ("status", _status),
    ("error", lambda trial: trial.error),
    ("folder", lambda trial: trial.folder),
  ]
  taken: set[str] = set()
  named = []
  for name, value_of in columns:
    # Two columns of one name would be one to most readers of CSV files.
    while name in taken:
      name += "_"
    taken.add(name)
    named.append((name, value_of))
  return named


def _param(name: str) -> Callable[[TrialRecord], Any]:
  def value_of(trial):
    # None may be a choice; no value at all is an empty cell.
    return str(trial.params[name]) if name in trial.params else None

  return value_of


def _objective(index: int) -> Callable[[TrialRecord], Any]:
  return lambda trial: trial.values[index] if trial.values else None


def _spread(index: int) -> Callable[[TrialRecord], Any]:
  return lambda trial: trial.spread(index) if trial.values else None


def _mean(*keys: str) -> Callable[[TrialRecord], Optional[float]]:
  return lambda trial: mean_result(trial, *keys)


def mean_result(trial: TrialRecord, *keys: str) -> Optional[float]:
  """Returns the mean over the seeds of a number of `results.json`.

  Args:
    trial: the trial.
    *keys: where the number stands, such as "metrics", "accuracy".

  Returns:
    it; None without runs, or if a run has not that number.
  """
  values = []
  for run in trial.seeds:
    value: Any = run.results
    for key in keys:
      value = value.get(key) if hasattr(value, "get") else None
    if not _is_number(value):
      return None
    values.append(value)
  if not values:
    return None
  mean = statistics.mean(values)
  return int(mean) if float(mean).is_integer() and _all_int(values) else mean


def _all_int(values: Sequence[Any]) -> bool:
  return all(isinstance(value, int) for value in values)


def _is_number(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool)


def _status(trial: TrialRecord) -> str:
  found = dict.fromkeys(run.results.get("status") for run in trial.seeds)
  return " ".join(filter(None, found))


def _cell(value: Any) -> Any:
  if value is None or (isinstance(value, float) and math.isnan(value)):
    return ""
  return " ".join(value.split()) if isinstance(value, str) else value


def format_leaderboard(study: StudyRecord, max_rows: int = 20) -> str:
  """Returns the best trials as a table for a terminal, 120 columns wide.

  Handles are short names that differ, see `shorten_handles`; the whole ones are
  in `leaderboard.csv`. With two objectives, trials of the Pareto front have a
  mark. Below stands how many trials were pruned and failed.

  Args:
    study: the study so far.
    max_rows: how many trials at most.
  """
  ranked = study.ranked()
  lines = []
  if ranked:
    lines.append(_table(study, ranked[:max_rows]))
    if len(study.objectives) > 1:
      names = " and ".join(objective.name for objective in study.objectives)
      lines.append(f"* on the Pareto front of {names}")
    if len(ranked) > max_rows:
      lines.append(
        f"and {len(ranked) - max_rows} more in "
        f"{os.path.join(study.study_dir, LEADERBOARD_FILE)}"
      )
  else:
    lines.append("No trial is complete.")
  lines += _others(study)
  return "\n".join(lines)


def _table(study: StudyRecord, trials: Sequence[TrialRecord]) -> str:
  text = TrialText(study)
  front = {trial.number for trial in study.front()}
  is_pareto = len(study.objectives) > 1
  params = sorted(study.param_names, key=lambda name: name != study.handle_name)
  objectives = {objective.name for objective in study.objectives}
  with_size = _RESULTS[0] not in objectives

  values = {
    name: [text.param(trial, name) or "" for trial in trials] for name in params
  }

  def table(width):
    shown = {name: cut_apart(values[name], width) for name in params}
    rows = []
    for index, trial in enumerate(trials):
      cells = [str(index + 1), str(trial.number)]
      if is_pareto:
        cells.append("*" if trial.number in front else "")
      cells += [shown[name][values[name][index]] for name in params]
      cells += [text.objective(trial, i) for i in range(len(study.objectives))]
      seconds = trial.seconds
      cells.append("" if seconds is None else f"{seconds:.1f}")
      if with_size:
        size = mean_result(trial, _RESULTS[0])
        cells.append("" if size is None else number_text(size))
      rows.append(cells)
    names = cut_apart(params, max(width, _SHORTEST_NAME))
    headers = [
      "rank",
      "trial",
      *(["front"] if is_pareto else []),
      *(names[name] for name in params),
      *(objective.name for objective in study.objectives),
      "seconds",
      *(["trainable"] if with_size else []),
    ]
    return format_table(rows, headers)

  for width in _CELL_WIDTHS:
    found = table(width)
    if max(map(len, found.splitlines())) <= _WIDTH:
      break
  return found


def _others(study: StudyRecord) -> list[str]:
  """Returns lines on the trials in no table, and on what is left out."""
  lines = []
  counts = [
    f"{len(study.of_state(state))} {state}"
    for state in _STATES
    if study.of_state(state)
  ]
  if counts:
    lines.append(f"trials: {', '.join(counts)}")
  reasons: dict[str, list[int]] = {}
  for trial in study.of_state(records.FAILED):
    reasons.setdefault(trial.error or "", []).append(trial.number)
  for reason, numbers in reasons.items():
    which = "trial" if len(numbers) == 1 else "trials"
    shown = ", ".join(map(str, numbers[:8])) + (
      ", …" if len(numbers) > 8 else ""
    )
    # Of an error, the end is often a path; its beginning says what is wrong.
    reason = " ".join(reason.split()) or "no reason is known"
    if len(reason) > _LONGEST_REASON:
      reason = f"{reason[: _LONGEST_REASON - 1]}…"
    lines.append(f"failed: {which} {shown}: {reason}")
  lines += [
    f"left out: {handle}: {reason}" for handle, reason in study.left_out.items()
  ]
  return lines
