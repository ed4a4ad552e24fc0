"""The tables of README.md, of what studies and final runs gave."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.comparison import Settings, write_table
from experiments.module_comparison import studies
from experiments.module_comparison.modules import Module
from experiments.module_comparison.studies import Point
from experiments.module_comparison.tasks import (
  BOTH,
  TEST,
  TRAIN,
  VALIDATION,
  Task,
)

# (task's name, module's name, way) -> `results.json` of each seed.
Finals = Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]]


def write_tables(
  settings: Settings,
  family: str,
  tasks: Sequence[Task],
  modules: Sequence[Module],
  points: Mapping[str, Sequence[Point]],
  finals: Finals,
) -> None:
  """Writes what was taken, the accuracies, and what was chosen.

  Args:
    settings: of the experiment.
    family: of tasks; the markers' names begin with it.
    tasks: the columns.
    modules: the rows, one for each way to train them.
    points: task's name -> the trials of its study.
    finals: the runs on the test split.
  """
  rows = [(m, way) for m in modules for way in studies.ways_of(m)]
  splits = (TRAIN, VALIDATION, BOTH, TEST)
  write_table(
    settings.folder,
    f"{family} data",
    [[t.name, *(f"{t.counts[split]:,}" for split in splits)] for t in tasks],
    ["task", "train", "validation", "train + validation", "test"],
  )
  write_table(
    settings.folder,
    f"{family} accuracy",
    [
      [
        module.name,
        way,
        *accuracy_cells([finals[t.name, module.name, way] for t in tasks]),
      ]
      for module, way in rows
    ],
    [
      "module",
      "trained",
      *(task.name for task in tasks),
      "mean",
      "trained parameters",
      "seconds",
    ],
  )
  settings_tried = sorted({p.setting for own in points.values() for p in own})
  write_table(
    settings.folder,
    f"{family} sweep",
    [
      [
        task.name,
        module.name,
        way,
        *sweep_cells(points[task.name], module, way, settings_tried),
      ]
      for task in tasks
      for module, way in rows
    ],
    [
      "task",
      "module",
      "trained",
      *(f"{rate}, {steps} steps" for rate, steps in settings_tried),
    ],
  )


def accuracy_cells(
  of_tasks: Sequence[Sequence[Mapping[str, Any]]],
) -> list[str]:
  """Returns accuracies on the test splits, sizes, and seconds.

  The mean is over tasks, seed by seed; "±" is the standard deviation over
  seeds.

  Args:
    of_tasks: of each task, `results.json` of each seed.
  """
  accuracies = [
    [run["test_metrics"]["accuracy"] for run in runs] for runs in of_tasks
  ]
  means = [statistics.mean(of_seed) for of_seed in zip(*accuracies)]
  runs = [run for of_task in of_tasks for run in of_task]
  sizes = sorted({run["num_trainable_parameters"] for run in runs})
  seconds = statistics.mean(
    run["train_seconds"] + run["feature_extraction_seconds"] for run in runs
  )
  return [
    *(_with_spread(values) for values in (*accuracies, means)),
    " to ".join(f"{size:,}" for size in dict.fromkeys((sizes[0], sizes[-1]))),
    f"{seconds:.1f}",
  ]


def sweep_cells(
  points: Sequence[Point],
  module: Module,
  way: str,
  settings_tried: Sequence[tuple[str, str]],
) -> list[str]:
  """Returns accuracies on the validation split, the chosen one in bold."""
  chosen = studies.choose(points, module, way)
  own = {p.setting: p for p in studies.points_of(points, module, way)}
  cells = []
  for setting in settings_tried:
    point = own.get(setting)
    text = "failed" if point is None else f"{point.accuracy:.3f}"
    cells.append(f"**{text}**" if point == chosen else text)
  return cells


def _with_spread(values: Sequence[float]) -> str:
  mean = f"{statistics.mean(values):.3f}"
  if len(values) < 2:
    return mean
  return f"{mean} ± {statistics.stdev(values):.3f}"
