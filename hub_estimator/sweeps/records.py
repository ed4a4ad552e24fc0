"""What a study has found so far, as plain data.

Tables, pictures, progress and the choice of the best trial read these, and
nothing else of a study.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Optional

WAITING = "waiting"
RUNNING = "running"
COMPLETE = "complete"
PRUNED = "pruned"
FAILED = "failed"
STATES = (WAITING, RUNNING, COMPLETE, PRUNED, FAILED)


@dataclasses.dataclass(frozen=True)
class Objective:
  """What a study optimizes.

  Attributes:
    name: of a metric of the eval split, or of a number in `results.json`.
    is_max: whether high values are good.
  """

  name: str
  is_max: bool

  @property
  def sign(self) -> int:
    """1 if high values are good, -1 if low ones are."""
    return 1 if self.is_max else -1


@dataclasses.dataclass(frozen=True)
class SeedResult:
  """One finished run of a trial.

  Attributes:
    seed: that of the run.
    folder: its model_dir, relative to the study's folder.
    values: of the objectives.
    results: what `results.json` holds.
    seconds: from the start of the run's process to its end.
  """

  seed: int
  folder: str
  values: tuple[float, ...]
  results: Mapping[str, Any]
  seconds: float


@dataclasses.dataclass(frozen=True)
class TrialRecord:
  """One point of the search space, with all runs of it.

  Attributes:
    number: of the trial; its folder is `trials/<number>`.
    state: one of `STATES`.
    params: binding's name -> its value: a number, text, bool or None, as Optuna
      shows it; for what is no literal, its Gin text. Without those whose
      condition does not hold.
    bindings: "NAME = value" of each, as for `--gin_param`.
    values: of the objectives: means over the seeds; None if not complete.
    seeds: the finished runs.
    curve: global step -> the (first) objective of the first seed's evaluations.
    started, ended: as far as they are.
    error: why it failed, in one line.
    log_lines: the last lines of its log, if it failed.
    host: of the machine that ran it.
    num_attempts: how often it was begun.
  """

  number: int
  state: str
  params: Mapping[str, Any]
  bindings: tuple[str, ...] = ()
  values: Optional[tuple[float, ...]] = None
  seeds: tuple[SeedResult, ...] = ()
  curve: Mapping[int, float] = dataclasses.field(default_factory=dict)
  started: Optional[datetime.datetime] = None
  ended: Optional[datetime.datetime] = None
  error: Optional[str] = None
  log_lines: tuple[str, ...] = ()
  host: Optional[str] = None
  num_attempts: int = 1

  @property
  def folder(self) -> str:
    """Relative to the study's folder."""
    return os.path.join("trials", str(self.number))

  @property
  def seconds(self) -> Optional[float]:
    """The mean of the runs' seconds; None without any."""
    if not self.seeds:
      return None
    return statistics.mean(run.seconds for run in self.seeds)

  def spread(self, index: int = 0) -> Optional[float]:
    """Returns the sample standard deviation of an objective over the seeds.

    Args:
      index: of the objective.

    Returns:
      it; None with fewer than two seeds.
    """
    if len(self.seeds) < 2:
      return None
    return statistics.stdev(run.values[index] for run in self.seeds)


@dataclasses.dataclass(frozen=True)
class StudyRecord:
  """A study so far.

  Attributes:
    name: of the study.
    study_dir: its folder, absolute.
    objectives: one, or two.
    trials: in the order of their numbers.
    num_wanted: how many trials there are to be in the end; None if time says.
    repeats: runs of each trial.
    sampler: its name.
    pruner: its name.
    param_names: of the search space, in its order.
    handle_name: which of them is the module's handle, "MODULE_HANDLE"; None if
      handles are not varied.
    left_out: module handle -> why it does not fit the task.
  """

  name: str
  study_dir: str
  objectives: tuple[Objective, ...]
  trials: tuple[TrialRecord, ...]
  num_wanted: Optional[int] = None
  repeats: int = 1
  sampler: str = "tpe"
  pruner: str = "none"
  param_names: tuple[str, ...] = ()
  handle_name: Optional[str] = None
  left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)

  def of_state(self, *states: str) -> tuple[TrialRecord, ...]:
    """Returns the trials of some states, in the order of their numbers."""
    return tuple(trial for trial in self.trials if trial.state in states)

  def ranked(self) -> tuple[TrialRecord, ...]:
    """Returns the complete trials, the best first.

    With two objectives those of the Pareto front come first, then the others;
    both by the first objective. Equal trials stand in the order of their
    numbers.
    """
    complete = self.of_state(COMPLETE)
    front = set(trial.number for trial in self.front())
    sign = self.objectives[0].sign
    return tuple(
      sorted(
        complete,
        key=lambda t: (
          (t.number not in front, -sign * t.values[0], t.number)
          if len(self.objectives) > 1
          else (-sign * t.values[0], t.number)
        ),
      )
    )

  def best(self) -> Optional[TrialRecord]:
    """Returns the best complete trial, by the first objective."""
    complete = self.of_state(COMPLETE)
    if not complete:
      return None
    sign = self.objectives[0].sign
    return max(complete, key=lambda t: (sign * t.values[0], -t.number))

  def front(self) -> tuple[TrialRecord, ...]:
    """Returns the trials that no other is better than in one objective and at
    least as good in the others: the Pareto front, in the order of numbers."""
    complete = self.of_state(COMPLETE)
    return tuple(
      trial
      for trial in complete
      if not any(self._dominates(other, trial) for other in complete)
    )

  def _dominates(self, left: TrialRecord, right: TrialRecord) -> bool:
    pairs = [
      (objective.sign * a, objective.sign * b)
      for objective, a, b in zip(self.objectives, left.values, right.values)
    ]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def best_seed(
  trial: TrialRecord, objectives: Sequence[Objective]
) -> SeedResult:
  """Returns the run of a complete trial that is best by the first objective."""
  sign = objectives[0].sign
  return max(trial.seeds, key=lambda run: (sign * run.values[0], -run.seed))
