"""Watches over the workers of a study until it is over."""

from __future__ import annotations

import collections
import signal
import time
from typing import Callable, Optional

from hub_estimator import errors
from hub_estimator.sweeps.local_workers import EndedWorker, Workers
from hub_estimator.sweeps.progress import SweepProgress
from hub_estimator.sweeps.records import FAILED, FINISHED, StudyRecord
from hub_estimator.sweeps.stop_signals import STOP_SIGNALS
from hub_estimator.sweeps.study import Study
from hub_estimator.sweeps.worker import STOPPED_STATUS

# How often a trial may take its worker with it.
_MAX_DEATHS = 5
# Workers that die one after the other without a trial ending in between.
_MAX_DEATHS_IN_A_ROW = 20
_POLL_SECS = 0.2
_LOOK_SECS = 1.0


class Supervisor:
  """Runs workers, restarts those that die, and shows progress.

  Attributes:
    is_stopped: whether a signal came.
  """

  def __init__(
    self,
    study: Study,
    workers: Workers,
    progress: SweepProgress,
    on_change: Callable[[StudyRecord], None],
    num_workers: int,
    deadline: Optional[float] = None,
  ):
    """Holds the parts.

    Args:
      study: what is worked on.
      workers: who works.
      progress: shows what happens.
      on_change: called when a trial has ended.
      num_workers: how many.
      deadline: see `WorkerSettings`.
    """
    self.is_stopped = False
    self._study = study
    self._workers = workers
    self._progress = progress
    self._on_change = on_change
    self._num_workers = num_workers
    self._deadline = deadline
    self._num_ended = -1
    self._deaths = 0
    self._num_signals = 0

  def run(self) -> StudyRecord:
    """Works until nothing is left, or a signal comes; returns what was found.

    Raises:
      UserRuntimeError: the storage is gone, workers die at once, or trials
        fail.
    """
    handlers = {
      number: signal.signal(number, self._take_signal)
      for number in STOP_SIGNALS
      if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
      return self._run()
    except BaseException:
      self._workers.kill()
      raise
    finally:
      while self._workers.num_running():
        self._workers.ended()
        time.sleep(0.01)
      for number, handler in handlers.items():
        signal.signal(number, handler)

  def _run(self) -> StudyRecord:
    record = self._look()
    if not self._has_work(record):
      return record
    for index in range(self._num_workers):
      self._workers.start(index)
    error = None
    looked_at = time.monotonic()
    while self._workers.num_running():
      time.sleep(_POLL_SECS)
      for ended in self._workers.ended():
        error = self._take_end(ended) or error
        looked_at = 0.0
      if time.monotonic() - looked_at >= _LOOK_SECS:
        looked_at = time.monotonic()
        record = self._look()
    record = self._look()
    if error is not None and not self.is_stopped:
      raise errors.UserRuntimeError(error)
    return record

  def _has_work(self, record: StudyRecord) -> bool:
    if self._deadline is not None and time.time() >= self._deadline:
      return False
    ended = record.of_state(*FINISHED)
    return record.num_wanted is None or len(ended) < record.num_wanted

  def _look(self) -> StudyRecord:
    """Shows how far the study is."""
    record = self._study.record()
    num_ended = len(record.of_state(*FINISHED))
    if num_ended != self._num_ended:
      self._num_ended = num_ended
      self._deaths = 0
      self._on_change(record)
    self._progress.update(record)
    return record

  def _take_end(self, ended: EndedWorker) -> Optional[str]:
    """Does what the end of a worker asks for; returns an error to end with."""
    if self.is_stopped or not ended.status:
      return None
    if not ended.has_died and ended.status != STOPPED_STATUS:
      return ended.error or f"A worker ended with status {ended.status}."
    how = f"failed ({ended.error or 'see workers.log'})"
    if ended.status < 0:
      how = f"was ended by {signal.Signals(-ended.status).name}"
    elif ended.status == STOPPED_STATUS:
      how = "was told to stop, and the sweep was not"
    self._study.note_death(
      ended.worker_id,
      _MAX_DEATHS,
      f"The worker of the trial died {_MAX_DEATHS + 1} times, the last time it "
      f"{how}. Memory may be too small for it: see --num_workers.",
    )
    self._deaths += 1
    if self._deaths > _MAX_DEATHS_IN_A_ROW:
      self._workers.stop()
      return (
        f"{self._deaths} workers died one after the other; the last one {how}. "
        "Start the same command again to go on."
      )
    self._progress.write(
      f"A worker {how}; another one takes its place, and its trial goes on "
      "from its newest checkpoint."
    )
    self._workers.start(ended.index)
    return None

  def _take_signal(self, number: int, _) -> None:
    self._num_signals += 1
    if self._num_signals > 1:
      self._workers.kill()
      return
    self.is_stopped = True
    self._progress.write(
      f"{signal.Signals(number).name}: the runs write a checkpoint and end; "
      "once more ends them at once."
    )
    self._workers.stop()


def common_cause(record: StudyRecord) -> str:
  """Returns the error that most of the failed trials have, in a sentence."""
  trials = record.of_state(FAILED)
  counts = collections.Counter(trial.error for trial in trials)
  if not counts:
    return ""
  error, count = counts.most_common(1)[0]
  numbers = ", ".join(
    str(trial.number) for trial in trials if trial.error == error
  )
  return f"{count} of {len(trials)} failed trials ({numbers}): {error}"
