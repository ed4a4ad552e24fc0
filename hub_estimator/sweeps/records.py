"""What a study has found so far, as plain data.

Tables, pictures, progress and the choice of the best trial read these, and
nothing else of a study.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Optional

WAITING = "waiting"
RUNNING = "running"
COMPLETE = "complete"
PRUNED = "pruned"
FAILED = "failed"
FINISHED = (COMPLETE, PRUNED, FAILED)
STATES = (WAITING, RUNNING, *FINISHED)


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
    both by the first objective, and where that is equal by the second. Equal
    trials stand in the order of their numbers.
    """
    front = {trial.number for trial in self.front()}
    return tuple(
      sorted(
        self.of_state(COMPLETE),
        key=lambda trial: (
          trial.number not in front,
          *(-score for score in self._scores(trial)),
          trial.number,
        ),
      )
    )

  def best(self) -> Optional[TrialRecord]:
    """Returns the best complete trial, by the first objective.

    Of trials that are equal there, it is the best by the second.
    """
    return min(
      self.of_state(COMPLETE),
      key=lambda trial: (
        *(-score for score in self._scores(trial)),
        trial.number,
      ),
      default=None,
    )

  def front(self) -> tuple[TrialRecord, ...]:
    """Returns the trials that no other is better than in one objective and at
    least as good in the other: the Pareto front, in the order of numbers."""
    complete = self.of_state(COMPLETE)
    scores = {trial.number: self._scores(trial) for trial in complete}
    on_front = set()
    best_last = -math.inf
    # From the best by the first objective on, a trial has to be better by the
    # last one than all before it.
    for score in sorted(set(scores.values()), reverse=True):
      if not on_front or score[-1] > best_last:
        on_front.add(score)
        best_last = score[-1]
    return tuple(t for t in complete if scores[t.number] in on_front)

  def _scores(self, trial: TrialRecord) -> tuple[float, ...]:
    """Returns a complete trial's values, high ones being good."""
    return tuple(
      objective.sign * value
      for objective, value in zip(self.objectives, trial.values)
    )


def best_seed(
  trial: TrialRecord, objectives: Sequence[Objective]
) -> SeedResult:
  """Returns the run of a complete trial that is best by the first objective."""
  sign = objectives[0].sign
  return max(trial.seeds, key=lambda run: (sign * run.values[0], -run.seed))
