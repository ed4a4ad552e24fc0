"""What a sweep leaves in its folder for people and for the next program."""

from __future__ import annotations

import time
from typing import Callable, Union

from hub_estimator.sweeps import best, keeping, leaderboard, study_report
from hub_estimator.sweeps.forked_calls import call_forked
from hub_estimator.sweeps.records import StudyRecord
from hub_estimator.sweeps.resources import Resources

# Seconds between two reports while trials run.
_REPORT_SECS = 60.0


class OutcomeWriter:
  """Keeps table, best module and report up to date, and removes what is poor.

  Attributes:
    best: what `best.write_best` gave last.
  """

  def __init__(
    self,
    keep: Union[int, str],
    write: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
  ):
    """Writes nothing yet.

    Args:
      keep: of how many trials checkpoints and exports stay; see `keeping`.
      write: takes a line of text, for warnings.
      clock: gives seconds.
    """
    self.best = None
    self._keep = keep
    self._write = write
    self._clock = clock
    self._next_report = clock() + _REPORT_SECS

  def update(self, record: StudyRecord) -> None:
    """Writes what changed with a trial's end; the report now and then."""
    for what, step in (
      ("the table could not be written", leaderboard.write_leaderboard),
      ("the best trial's files could not be written", self._write_best),
      ("a trial's files could not be deleted", self._delete_poor),
    ):
      try:
        step(record)
      except OSError as error:  # The next trial may find room again.
        self._write(f"warning: {what}: {error}")
    if self._clock() >= self._next_report:
      self.write_report(record)
      self._next_report = self._clock() + _REPORT_SECS

  def _write_best(self, record: StudyRecord) -> None:
    self.best = best.write_best(record)

  def _delete_poor(self, record: StudyRecord) -> None:
    keeping.prune_folders(record, self._keep)

  def write_report(self, record: StudyRecord) -> None:
    """Writes the report, in another process.

    What works out importances starts threads, after which this process could
    not be forked.
    """

    def write(_) -> str:
      try:
        study_report.write_study_report(record)
        return ""
      except Exception as error:  # The report is no reason to lose a sweep.
        return f"{type(error).__name__}: {error}"

    (problem,) = call_forked(write, [None], [Resources()])
    if problem != "":
      self._write(
        f"warning: the report could not be written: {problem or 'it crashed'}"
      )
