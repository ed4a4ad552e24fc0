"""The sweep of a task: run by the project's command, read from its table."""

from __future__ import annotations

import ast
import csv
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from experiments.comparison import Settings
from experiments.module_comparison.modules import Module
from experiments.module_comparison.tasks import Task

# Way to train -> the recipe, as the study's table has it.
FROZEN, FINE_TUNED = "frozen", "fine-tuned"
_RECIPES = {
  FROZEN: "@feature_extraction()",
  FINE_TUNED: "@full_fine_tuning()",
}
CACHE_VARIABLE = "HUB_ESTIMATOR_FEATURE_CACHE"


@dataclasses.dataclass(frozen=True)
class Point:
  """A trial of a study.

  Attributes:
    params: binding's name -> its value, as text, without those that the trial
      does not bind.
    accuracy, loss: on the validation split.
  """

  params: Mapping[str, str]
  accuracy: float
  loss: float

  @property
  def setting(self) -> tuple[str, str]:
    """The learning rate and the number of steps, which are chosen."""
    return self.params["LEARNING_RATE"], self.params["TRAIN_STEPS"]

  @property
  def gin_params(self) -> tuple[str, ...]:
    """All that the trial binds."""
    return tuple(f"{n} = {_gin_text(v)}" for n, v in self.params.items())


def ways_of(module: Module) -> tuple[str, ...]:
  """Returns how a module is trained: without weights it cannot be frozen."""
  return (FROZEN, FINE_TUNED) if module.is_published else (FINE_TUNED,)


def feature_cache(settings: Settings) -> tuple[str, str]:
  """Returns the environment variable of the cache that all runs share."""
  return CACHE_VARIABLE, str(settings.runs_dir.resolve() / "features")


def run_study(
  settings: Settings,
  task: Task,
  modules: Sequence[Module],
  gin_params: Sequence[str],
  sweep_file: pathlib.Path,
) -> list[Point]:
  """Runs the sweep of a task, or what of it is missing; returns its trials.

  Args:
    settings: of the experiment.
    task: the data.
    modules: to compare.
    gin_params: further bindings.
    sweep_file: the sweep, without the modules.
  """
  study = settings.runs_dir / "studies" / task.name
  if settings.rerun:
    shutil.rmtree(study, ignore_errors=True)
  own_sweep_file = _write_sweep_file(
    study.with_suffix(".gin"), sweep_file, modules
  )
  completed = subprocess.run(
    [
      *(sys.executable, "-m", "hub_estimator.sweep"),
      f"--gin_file={task.gin_file}",
      *(f"--gin_param={p}" for p in (*task.search_params, *gin_params)),
      f"--sweep_file={own_sweep_file}",
      f"--study_dir={study}",
      f"--num_workers={settings.num_processes}",
      "--keep=1",
    ],
    env={**os.environ, **dict([feature_cache(settings)])},
    check=False,
  )
  if completed.returncode:
    # It has said why.
    sys.exit(completed.returncode)
  return _read_points(study / "leaderboard.csv")


def choose(points: Sequence[Point], module: Module, way: str) -> Point:
  """Returns a module's best trial: by accuracy, and of equal ones by loss.

  Raises:
    RuntimeError: all trials of it failed.
  """
  own = points_of(points, module, way)
  if not own:
    raise RuntimeError(f"Each trial of {module.name}, {way}, failed.")
  return min(own, key=lambda point: (-point.accuracy, point.loss))


def points_of(points: Sequence[Point], module: Module, way: str) -> list[Point]:
  """Returns the trials of a module that is trained in one way."""
  recipe = _RECIPES[way] if module.is_published else None
  return [
    point
    for point in points
    if point.params["MODULE_HANDLE"] == module.handle
    and point.params.get("RECIPE") == recipe
  ]


def _gin_text(value: str) -> str:
  """Returns a value of the study's table as Gin writes it."""
  if value.startswith("@"):
    return value
  try:
    ast.literal_eval(value)
  except (SyntaxError, ValueError):
    return repr(value)
  return value


def _write_sweep_file(
  path: pathlib.Path, sweep_file: pathlib.Path, modules: Sequence[Module]
) -> pathlib.Path:
  handles = {module: _gin_text(module.handle) for module in modules}
  published = [handles[m] for m in modules if m.is_published]
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(
    f"include '{sweep_file.resolve()}'\n\n"
    f"MODULES = [{', '.join(handles.values())}]\n"
    f"PUBLISHED = [{', '.join(published)}]\n"
  )
  return path


def _read_points(leaderboard: pathlib.Path) -> list[Point]:
  with open(leaderboard, encoding="utf-8", newline="") as file:
    table = csv.DictReader(file)
    columns = list(table.fieldnames)
    # What the trials bind stands between these.
    names = columns[columns.index("state") + 1 : columns.index("accuracy")]
    return [
      Point(
        {name: row[name] for name in names if row[name]},
        float(row["accuracy"]),
        float(row["average_loss"]),
      )
      for row in table
      if row["state"] == "complete"
    ]
