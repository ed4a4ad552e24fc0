"""Compares ways to train: chooses their settings, then writes tables.

An experiment's `compare.py` says what the ways are; this file has what all of
them do. Each way has a few choices, such as learning rates; each is tried with
two seeds, and the one with the best metric on the eval split is the way's. Then
each way is run with the seeds of the table. Both tables are written into the
README.md of the experiment, between their markers.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from experiments.trials import Trial, run_trials
from experiments.ways import Case, Way, run_name, short_text
from hub_estimator.training.results_table import format_markdown_table

# Those of the table count from 0.
_TUNING_SEEDS = (100, 101)
_COLUMNS = (
  "minimum accuracy",
  "median",
  "maximum",
  "seconds in training",
  "trained parameters",
)


@dataclasses.dataclass(frozen=True)
class Settings:
  """How an experiment is run, whichever it is.

  Attributes:
    folder: the experiment's, with its configs and README.md.
    runs_dir: where its runs go.
    num_seeds: seeds of each row of the table, from 0.
    num_processes: how many runs at a time.
    rerun: run again what was run with the same config.
  """

  folder: pathlib.Path
  runs_dir: pathlib.Path
  num_seeds: int = 5
  num_processes: int = 2
  rerun: bool = False


def train(settings: Settings, name: str, *gin_params: str) -> dict[str, Any]:
  """Runs one config of an experiment, and returns its results."""
  trial = Trial(
    str(settings.runs_dir / name),
    str(settings.folder / f"{name}.gin"),
    gin_params,
  )
  return run_trials([trial], 1, settings.rerun)[0]


def compare(
  settings: Settings,
  rows: Sequence[tuple[Case, Way]],
  case_header: str,
  test_split: str = "test_metrics",
) -> None:
  """Chooses, runs, and writes both tables.

  Args:
    settings: of the experiment.
    rows: of the table; cases have names of their own, and so have ways.
    case_header: the header of the cases' column.
    test_split: the key of `results.json` with the metrics for the table.
  """
  runs, tried = _choose(settings, rows)
  found = _run(settings, runs, range(settings.num_seeds), test_split)
  write_table(
    settings.folder,
    "table",
    [
      [run[1].name, run[0].name, *_cells(*found[run_name(*run)])]
      for run in runs
    ],
    ["way", case_header, *_COLUMNS],
  )
  if tried:
    headers = ["way", case_header, "mean accuracy on the eval split"]
    write_table(settings.folder, "tried", tried, headers)


def _choose(settings, rows):
  """Returns (case, way, choice) of each row, and a table of what was tried."""
  open_rows = [(case, way) for case, way in rows if len(way.choices) > 1]
  tried = _run(
    settings,
    [(*row, choice) for row in open_rows for choice in row[1].choices],
    _TUNING_SEEDS,
    "metrics",
    # A rate that is too high.
    may_fail=True,
  )
  runs, cells = [], []
  for row in rows:
    choices = row[1].choices
    if row not in open_rows:
      runs.append((*row, choices[0]))
      continue
    means = [statistics.mean(tried[run_name(*row, c)][0]) for c in choices]
    best = means.index(max(means))
    if not means[best]:
      raise RuntimeError(f"Each choice of {row[1].name} failed: see the logs.")
    runs.append((*row, choices[best]))
    texts = [f"{short_text(c)}: {mean:.3f}" for c, mean in zip(choices, means)]
    texts[best] = f"**{texts[best]}**"
    cells.append([row[1].name, row[0].name, "; ".join(texts)])
  return runs, cells


def _run(settings, runs, seeds, split, may_fail=False):
  """Returns id of (case, way, choice) -> (accuracies, results) of all seeds."""
  trials = [
    Trial(
      str(settings.runs_dir / f"{run_name(case, way, choice)}-{seed}"),
      str(settings.folder / way.gin_file),
      (*way.gin_params, *case.gin_params, *choice, f"SEED = {seed}"),
    )
    for case, way, choice in runs
    for seed in seeds
  ]
  cache = str(settings.runs_dir / "features")
  results = iter(
    run_trials(
      trials,
      settings.num_processes,
      settings.rerun,
      [("HUB_ESTIMATOR_FEATURE_CACHE", cache)],
      may_fail,
    )
  )
  found = {}
  for run in runs:
    of_seeds = list(itertools.islice(results, len(seeds)))
    accuracies = [r[split]["accuracy"] if r else 0.0 for r in of_seeds]
    found[run_name(*run)] = (accuracies, of_seeds)
  return found


def _cells(values, runs) -> list[str]:
  seconds = [r["train_seconds"] + r["feature_extraction_seconds"] for r in runs]
  return [
    f"{min(values):.3f}",
    f"{statistics.median(values):.3f}",
    f"{max(values):.3f}",
    f"{statistics.median(seconds):.1f}",
    f"{runs[0]['num_trainable_parameters']:,}",
  ]


def write_table(
  folder: pathlib.Path,
  name: str,
  rows: Sequence[Sequence[str]],
  headers: Sequence[str],
) -> None:
  """Puts a table between the README's markers of its name, and prints it."""
  table = format_markdown_table(rows, headers)
  readme = folder / "README.md"
  before, rest = readme.read_text().split(f"<!-- {name} -->")
  after = rest.split(f"<!-- end of {name} -->", 1)[1]
  readme.write_text(
    f"{before}<!-- {name} -->\n{table}\n<!-- end of {name} -->{after}"
  )
  print(table)
