"""The protocol: a sweep for each task, final runs of what it chose, tables."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from experiments.comparison import Settings
from experiments.module_comparison import studies, tables
from experiments.module_comparison.modules import Module
from experiments.module_comparison.tasks import Task
from experiments.trials import Trial, run_trials

SWEEP_FILE = pathlib.Path(__file__).resolve().parent / "sweep.gin"


@dataclasses.dataclass(frozen=True)
class Family:
  """Modules and the tasks that all of them take.

  Attributes:
    name: the names of its tables begin with it.
    modules: to compare.
    tasks: to compare them on.
    gin_params: bindings of all runs.
  """

  name: str
  modules: Sequence[Module]
  tasks: Sequence[Task]
  gin_params: tuple[str, ...] = ()


def compare(
  settings: Settings, family: Family, sweep_file: pathlib.Path = SWEEP_FILE
) -> None:
  """Runs what was not run yet, and writes the family's tables.

  Args:
    settings: of the experiment.
    family: what is compared on what.
    sweep_file: the sweep, without the modules.
  """
  points = {
    task.name: studies.run_study(
      settings, task, family.modules, family.gin_params, sweep_file
    )
    for task in family.tasks
  }
  keys, trials = [], []
  for task in family.tasks:
    for module in family.modules:
      for way in studies.ways_of(module):
        chosen = studies.choose(points[task.name], module, way)
        keys.append((task.name, module.name, way))
        trials += [
          _final_trial(settings, family, task, module, way, chosen, seed)
          for seed in range(settings.num_seeds)
        ]
  results = run_trials(
    trials,
    settings.num_processes,
    settings.rerun,
    [studies.feature_cache(settings)],
  )
  size = settings.num_seeds
  finals = {
    key: results[index * size : (index + 1) * size]
    for index, key in enumerate(keys)
  }
  tables.write_tables(
    settings, family.name, family.tasks, family.modules, points, finals
  )


def _final_trial(settings, family, task, module, way, chosen, seed) -> Trial:
  return Trial(
    str(
      settings.runs_dir
      / "final"
      / "-".join([task.name, module.folder_name, way, str(seed)])
    ),
    str(task.gin_file),
    (
      *task.final_params,
      *family.gin_params,
      *chosen.gin_params,
      f"SEED = {seed}",
    ),
  )
