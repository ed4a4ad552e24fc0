"""A worker: claims one trial after the other and has it run.

It has one thread, so that it can fork, and neither a session nor anything else
that grows: what a trial needs is its process's.
"""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import socket
import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import optuna

from hub_estimator.sweeps import objective_values
from hub_estimator.sweeps.claim import Claim, LostTrialError
from hub_estimator.sweeps.liveness import Liveness, machine_of
from hub_estimator.sweeps.resources import Resources
from hub_estimator.sweeps.stop_signals import STOP_SIGNALS
from hub_estimator.sweeps.storage import open_storage
from hub_estimator.sweeps.study import Study
from hub_estimator.sweeps.study_plan import StudyPlan
from hub_estimator.sweeps.trial_logs import last_lines
from hub_estimator.sweeps.trial_process import LOG_FILE, TrialProcess
from hub_estimator.sweeps.worker_locks import WorkerLock
from hub_estimator.training.report_values import ReportFn

# As commands report a run that can go on: see `hub_estimator.train`.
STOPPED_STATUS = 75
# A run that a signal stopped writes a checkpoint; then it is killed.
_STOP_SECS = 60
# The longest wait: what a signal asked for is looked at afterwards.
_WAIT_SECS = 0.5


@dataclasses.dataclass(frozen=True)
class WorkerSettings:
  """How a worker works.

  Attributes:
    plan: of the study.
    storage_url: of `open_storage`.
    num_workers: how many there are of the command, for `open_storage`.
    resources: for its trials.
    has_heartbeats: whether workers of other machines may have trials.
    heartbeat_secs: seconds between two heartbeats.
    deadline: when no more trials are begun, by the wall clock; None for never.
    max_failures: of trials, none having succeeded, after which none is begun.
    fail_fast: whether any failure counts, also beside successes.
    known_failures: how many had failed before the command began.
    report_fn: writes a run's report.
    life_fd: a pipe's end that is closed when whoever started the worker ends;
      None without one.
    close_fds: descriptors that the worker must not keep open.
  """

  plan: StudyPlan
  storage_url: Optional[str]
  num_workers: int
  resources: Resources
  has_heartbeats: bool = False
  heartbeat_secs: float = 5.0
  deadline: Optional[float] = None
  max_failures: Optional[int] = None
  fail_fast: bool = False
  known_failures: int = 0
  report_fn: Optional[ReportFn] = None
  life_fd: Optional[int] = None
  close_fds: tuple[int, ...] = ()


class Worker:
  """Runs trials until there are none, or it is told to stop."""

  def __init__(self, settings: WorkerSettings, worker_id: Optional[str] = None):
    """Takes the worker's lock, and opens the storage for this process.

    Args:
      settings: how it works.
      worker_id: of its own if None.
    """
    self._settings = settings
    self._plan = settings.plan
    self._id = worker_id or new_worker_id()
    self._lock = WorkerLock(self._plan.study_dir, self._id)
    self._storage = open_storage(
      self._plan.study_dir, settings.storage_url, settings.num_workers
    )
    self._storage.lock_name = self._plan.name
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    self._study = Study(self._storage, self._plan)
    self._liveness = Liveness(self._plan.study_dir, settings.heartbeat_secs)
    self._is_stopping = False
    self._num_beats = 0
    self._beat_at = time.monotonic()

  def run(self) -> int:
    """Works; returns the exit status: 0, or `STOPPED_STATUS`."""
    for number in STOP_SIGNALS:
      signal.signal(number, self._stop)
    while not self._is_stopping:
      claim = None if self._has_to_end() else self._next()
      if claim is not None:
        self._work(claim)
      elif self._has_to_end() or self._study.is_over():
        return 0
      else:
        # Others run the last trials: one of theirs may have to be run again.
        self._wait([])
    return STOPPED_STATUS

  def _stop(self, *_) -> None:
    self._is_stopping = True

  def _has_to_end(self) -> bool:
    deadline, limit = self._settings.deadline, self._settings.max_failures
    if deadline is not None and time.time() >= deadline:
      return True
    if limit is None:
      return False
    failures = self._study.num_failures(self._settings.fail_fast)
    if failures is None:
      return False
    return failures - self._settings.known_failures >= limit

  def _next(self) -> Optional[Claim]:
    self._liveness.observe(self._study.running())
    self._study.put_back(self._liveness.is_dead)
    return self._study.claim(self._description())

  def _description(self) -> dict[str, str]:
    return {
      "id": self._id,
      "machine": machine_of(self._plan.study_dir),
      "host": socket.gethostname(),
    }

  def _work(self, claim: Claim) -> None:
    """Runs a trial with each seed, and finishes it."""
    runs = list(claim.runs)
    done = {run["seed"] for run in runs}
    try:
      for seed in self._plan.seeds:
        if (seed or 0) in done:
          continue
        run = self._run(claim, seed, is_first=seed == self._plan.seeds[0])
        if run is None:
          return
        runs.append(run)
        self._study.note_run(claim, runs)
      columns = zip(*(run["values"] for run in runs))
      self._study.complete(claim, [statistics.mean(c) for c in columns])
    except LostTrialError:
      pass

  def _run(
    self, claim: Claim, seed: Optional[int], is_first: bool
  ) -> Optional[dict[str, Any]]:
    """Runs a trial with one seed.

    Returns:
      the fields of a `SeedResult`; None if there is nothing more to be done for
      the trial.
    """
    folder = self._plan.run_folder(claim.number, seed)
    path = os.path.join(self._plan.study_dir, folder)
    process = TrialProcess(
      self._plan.config_path,
      self._plan.run_bindings(claim.params, seed),
      path,
      self._settings.resources,
      self._settings.report_fn,
      asks=is_first and self._plan.allows_pruning,
      close_fds=[fd for fd in (self._settings.life_fd,) if fd is not None],
    )
    try:
      outcome = self._follow(claim, process, is_first)
    except BaseException:
      process.signal(signal.SIGKILL)
      process.wait()
      raise
    status = process.wait()
    seconds = time.monotonic() - process.started
    if outcome is None:
      outcome = {"error": _end_of_process(status)}
    if "stopped" in outcome:
      self._study.release(claim)
    elif "pruned" in outcome:
      self._study.prune(claim)
    elif "error" in outcome:
      self._fail(claim, outcome["error"], path)
    else:
      found = {**outcome["results"], "seconds": seconds}
      values, problem = objective_values.values_of(
        self._plan.settings.objectives, found
      )
      if problem is None:
        return {
          "seed": 0 if seed is None else seed,
          "folder": folder,
          "values": values,
          "results": outcome["results"],
          "seconds": seconds,
        }
      self._fail(claim, problem, path)
    return None

  def _fail(self, claim: Claim, error: str, path: str) -> None:
    lines = last_lines(os.path.join(path, LOG_FILE))
    self._study.fail(claim, error, lines)

  def _follow(
    self, claim: Claim, process: TrialProcess, is_first: bool
  ) -> Optional[Mapping[str, Any]]:
    """Takes a run's messages until its end.

    Returns:
      the last message; None if it ended without one that says how.
    """
    is_told = False
    kill_at = None
    while True:
      ready = self._wait([process])
      if self._is_stopping and not is_told:
        process.signal(signal.SIGTERM)
        is_told = True
        kill_at = time.monotonic() + _STOP_SECS
      if kill_at is not None and time.monotonic() > kill_at:
        # Its newest checkpoint is there: nothing but steps are lost.
        process.signal(signal.SIGKILL)
        return {"stopped": True}
      self._beat(claim)
      if not ready:
        continue
      messages = process.read()
      if messages is None:
        return {"stopped": True} if is_told else None
      for message in messages:
        if "step" not in message:
          return message
        self._take_evaluation(claim, process, message, is_first)

  def _take_evaluation(self, claim, process, message, is_first) -> None:
    if not is_first:
      return
    objective = self._plan.settings.objectives[0]
    value = message["metrics"].get(objective.name)
    prune = self._study.report(claim, message["step"], value)
    process.answer(prune)

  def _beat(self, claim: Claim) -> None:
    if not self._settings.has_heartbeats:
      return
    now = time.monotonic()
    if now - self._beat_at < self._settings.heartbeat_secs:
      return
    self._beat_at = now
    self._num_beats += 1
    self._study.beat(claim, self._num_beats)

  def _wait(self, waited_for: Sequence[Any]) -> list[Any]:
    """Waits a little; ends the process if whoever started it has ended."""
    life = self._settings.life_fd
    sources = [*waited_for, *([] if life is None else [life])]
    ready = select.select(sources, [], [], _WAIT_SECS)[0]
    if life is not None and life in ready:
      # A run ends with its worker.
      os._exit(STOPPED_STATUS)
    return ready


def new_worker_id() -> str:
  """Returns an id that no other worker has or had."""
  return f"{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _end_of_process(status: int) -> str:
  if status >= 0:
    return (
      f"The run's process ended with status {status}, without a word. Its log "
      "may say why."
    )
  name = signal.Signals(-status).name
  text = f"The run's process was ended by {name}"
  if name == "SIGKILL":
    return f"{text}, as the system does when memory runs out."
  return f"{text}: a crash of the process. Its log may say where."
