"""Whether the worker of a running trial lives."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Callable

from hub_estimator.sweeps import worker_locks
from hub_estimator.sweeps.trial_attributes import TrialView

# Missed heartbeats that make a worker of another machine dead.
_NUM_MISSED = 6


class Liveness:
  """Tells dead workers from others.

  A worker of this machine has a kernel's lock, which ends with it: its death is
  seen at once. One of another machine changes its trial's heartbeat; it is dead
  when that has stayed the same for six intervals, by this machine's clock, in
  which the storage was there to be read. Clocks are not compared.
  """

  def __init__(
    self,
    study_dir: str,
    heartbeat_secs: float,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Starts with nothing seen.

    Args:
      study_dir: the study's folder.
      heartbeat_secs: seconds between two heartbeats of a worker.
      clock: gives seconds.
    """
    self._study_dir = study_dir
    self._heartbeat_secs = heartbeat_secs
    self._clock = clock
    self._machine = machine_of(study_dir)
    # Sign of life -> for how many seconds it has been the same.
    self._unchanged: dict[str, float] = {}
    self._observed_at = clock()

  def observe(self, trials: Sequence[TrialView]) -> None:
    """Takes the running trials as they are now.

    Args:
      trials: just read from the storage.
    """
    now = self._clock()
    # While the storage could not be read, nobody could write there either.
    passed = min(now - self._observed_at, self._heartbeat_secs)
    self._observed_at = now
    self._unchanged = {
      trial.sign_of_life: self._unchanged.get(trial.sign_of_life, -passed)
      + passed
      for trial in trials
    }

  def is_dead(self, trial: TrialView) -> bool:
    """Whether a running trial's worker is dead.

    Args:
      trial: as it is while no trial can be claimed.
    """
    if not trial.worker:
      return True
    if trial.worker["machine"] == self._machine:
      return not worker_locks.is_held(self._study_dir, trial.worker["id"])
    unchanged = self._unchanged.get(trial.sign_of_life, 0.0)
    return unchanged >= _NUM_MISSED * self._heartbeat_secs


def machine_of(study_dir: str) -> str:
  """Returns what workers have in common whose locks can be seen by each other.

  Args:
    study_dir: the study's folder.
  """
  return f"{worker_locks.machine_id()}:{os.path.realpath(study_dir)}"
