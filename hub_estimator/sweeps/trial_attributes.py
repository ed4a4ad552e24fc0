"""What a study notes of a trial beside what Optuna does.

All is in the trial's user attributes, where optuna-dashboard shows it: Optuna
has no place for the values of single runs, or for why a trial failed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Optional

import optuna
from optuna.trial import TrialState

from hub_estimator.sweeps.records import (
  COMPLETE,
  FAILED,
  PRUNED,
  RUNNING,
  WAITING,
  SeedResult,
  TrialRecord,
)
from hub_estimator.sweeps.study_plan import StudyPlan

# "id", "machine" and "host" of its worker.
WORKER = "worker"
# Changes while the worker lives.
HEARTBEAT = "heartbeat"
# How often it was claimed.
ATTEMPTS = "attempts"
# How often its worker died.
DEATHS = "worker_deaths"
# The fields of a `SeedResult` of each finished run.
RUNS = "runs"
# The number of the failed trial in whose stead this one is run.
RETRY_OF = "retry_of"
ERROR = "error"
LOG_LINES = "log_lines"

_STATES = {
  TrialState.WAITING: WAITING,
  TrialState.RUNNING: RUNNING,
  TrialState.COMPLETE: COMPLETE,
  TrialState.PRUNED: PRUNED,
  TrialState.FAIL: FAILED,
}


@dataclasses.dataclass(frozen=True)
class TrialView:
  """What says whether a running trial's worker lives.

  Attributes:
    number: of the trial.
    worker: "id", "machine" and "host" of its worker; empty if that died as it
      claimed the trial.
    heartbeat: changes while the worker lives, if it is to be told from other
      machines.
    attempt: how often it was claimed.
  """

  number: int
  worker: Mapping[str, str]
  heartbeat: int
  attempt: int

  @property
  def sign_of_life(self) -> str:
    """Text that stays the same if its worker is dead."""
    return json.dumps([self.worker, self.heartbeat, self.attempt])


def worker_id_of(trial: optuna.trial.FrozenTrial) -> Optional[str]:
  """Returns the id of the worker that has or had a trial; None without one."""
  return trial.user_attrs.get(WORKER, {}).get("id")


def view_of(trial: optuna.trial.FrozenTrial) -> TrialView:
  """Returns what says whether a running trial's worker lives."""
  attrs = trial.user_attrs
  return TrialView(
    trial.number,
    attrs.get(WORKER, {}),
    attrs.get(HEARTBEAT, 0),
    attrs.get(ATTEMPTS, 0),
  )


def without_retried(
  trials: Sequence[optuna.trial.FrozenTrial],
) -> list[optuna.trial.FrozenTrial]:
  """Returns trials without those in whose stead others are run."""
  retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
  return [trial for trial in trials if trial.number not in retried]


def record_of(trial: optuna.trial.FrozenTrial, plan: StudyPlan) -> TrialRecord:
  """Returns all that is known of a trial."""
  attrs = trial.user_attrs
  # A trial that waits with fixed parameters has them in this attribute.
  fixed = trial.system_attrs.get("fixed_params", {})
  params = trial.params or fixed
  is_complete = trial.state == TrialState.COMPLETE
  return TrialRecord(
    number=trial.number,
    state=_STATES[trial.state],
    params=params,
    bindings=plan.bindings(params),
    values=tuple(trial.values) if is_complete else None,
    seeds=tuple(
      SeedResult(**{**run, "values": tuple(run["values"])})
      for run in attrs.get(RUNS, ())
    ),
    curve=dict(trial.intermediate_values),
    started=trial.datetime_start,
    ended=trial.datetime_complete,
    error=attrs.get(ERROR),
    log_lines=tuple(attrs.get(LOG_LINES, ())),
    host=attrs.get(WORKER, {}).get("host"),
    num_attempts=attrs.get(ATTEMPTS, 0),
  )
