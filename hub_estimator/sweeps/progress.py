"""Live progress of a study: a status line on a terminal, lines elsewhere."""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import Callable, Optional, TextIO

from hub_estimator.sweeps import records
from hub_estimator.sweeps.records import StudyRecord, TrialRecord
from hub_estimator.sweeps.trial_text import TrialText, cut, number_text

_DEFAULT_COLUMNS = 80
_VALUE_WIDTH = 40
_REASON_WIDTH = 160


class SweepProgress:
  """Reports the trials that finish, and how far a study is.

  Each trial that finished since the last `update` is a line that stays. On a
  terminal, one line below them says how far the study is, and is written over;
  elsewhere such a line comes every `every_secs` if something changed. Trials
  that were finished at the first `update` are counted and not shown.

  There is no thread, and nothing is left in the stream's buffer: the process
  may fork between two calls.
  """

  def __init__(
    self,
    stream: Optional[TextIO] = None,
    clock: Callable[[], float] = time.monotonic,
    is_terminal: Optional[bool] = None,
    every_secs: float = 30.0,
  ):
    """Starts a report; nothing is shown before the first `update`.

    Args:
      stream: where to write; None is `sys.stderr`.
      clock: gives seconds.
      is_terminal: whether `stream` is one; None asks it.
      every_secs: seconds between summaries where it is none.
    """
    self._stream = sys.stderr if stream is None else stream
    self._clock = clock
    self._is_terminal = (
      self._stream.isatty() if is_terminal is None else is_terminal
    )
    self._every_secs = every_secs
    self._shown: Optional[set[int]] = None  # Numbers of finished trials.
    self._running_since: dict[int, float] = {}
    self._status = ""  # What the terminal's last line shows.
    # Elsewhere: what was shown last, and what is to be shown next, each
    # without the time left, and with it.
    self._summary: Optional[tuple[str, str]] = None
    self._pending: Optional[tuple[str, str]] = None
    self._next_summary = clock() + every_secs

  def update(self, study: StudyRecord) -> None:
    """Shows what is new.

    Args:
      study: the study so far.
    """
    now = self._clock()
    running = {trial.number for trial in study.of_state(records.RUNNING)}
    self._running_since = {
      number: self._running_since.get(number, now) for number in running
    }
    text = TrialText(study)
    self._show_finished(study, text)
    head, left = _head(study), self._time_left(study, now)
    details = _best(study, text)
    if self._is_terminal:
      columns = self._columns()
      lines = [_join([*head, best, left]) for best in details]
      fitting = [line for line in lines if len(line) < columns]
      self._draw(fitting[0] if fitting else cut(lines[-1], columns - 1))
      return
    summary = _join([*head, details[0]])
    if self._summary is not None and summary == self._summary[0]:
      self._pending = None
      return
    self._pending = (summary, _join([summary, left]))
    if now >= self._next_summary:
      self._next_summary = now + self._every_secs
      self._show_summary()

  def write(self, line: str) -> None:
    """Writes a line that stays, above the status line if there is one."""
    if self._status:
      status, self._status = self._status, ""
      self._put(f"\r{line.ljust(len(status))}\n{status}")
      self._status = status
    else:
      self._put(f"{line}\n")

  def close(self) -> None:
    """Shows the last state, if that is not done, and ends the status line."""
    if self._status:
      self._status = ""
      self._put("\n")
    if self._pending is not None:
      self._show_summary()

  def _show_finished(self, study: StudyRecord, text: TrialText) -> None:
    finished = study.of_state(*records.FINISHED)
    if self._shown is None:
      self._shown = {trial.number for trial in finished}
      if finished:
        wanted = f" of {study.num_wanted}" if study.num_wanted else ""
        verb = "trial is" if not wanted and len(finished) == 1 else "trials are"
        self.write(f"goes on: {len(finished)}{wanted} {verb} done")
      return
    for trial in finished:
      if trial.number not in self._shown:
        self.write(_trial_line(study, trial, text))
    # A trial that is run again may finish once more.
    self._shown = {trial.number for trial in finished}

  def _show_summary(self) -> None:
    self._put(f"{self._pending[1]}\n")
    self._summary, self._pending = self._pending, None

  def _time_left(self, study: StudyRecord, now: float) -> str:
    """Returns "about 3 min left"; "" if nothing is known yet, or left."""
    seconds = [
      found
      for trial in study.of_state(records.COMPLETE, records.PRUNED)
      if (found := _trial_seconds(trial)) is not None
    ]
    running = self._running_since.values()
    if not seconds or study.num_wanted is None or not running:
      return ""
    mean = statistics.mean(seconds)
    num_left = study.num_wanted - len(study.of_state(*records.FINISHED))
    if num_left <= 0:
      return ""
    begun = sum(max(0.0, mean - (now - since)) for since in running)
    to_begin = mean * max(0, num_left - len(running))
    left = (begun + to_begin) / min(len(running), num_left)
    return f"{_about(left)} left"

  def _draw(self, line: str) -> None:
    if line != self._status:
      before, self._status = self._status, line
      self._put(f"\r{line.ljust(len(before))}")

  def _put(self, text: str) -> None:
    self._stream.write(text)
    self._stream.flush()

  def _columns(self) -> int:
    try:
      columns = os.get_terminal_size(self._stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
      columns = 0
    return columns or _DEFAULT_COLUMNS


def _join(parts: list[str]) -> str:
  return "  ".join(part for part in parts if part)


def _head(study: StudyRecord) -> list[str]:
  """Returns how many trials are done, running, failed and pruned."""
  done = len(study.of_state(*records.FINISHED))
  wanted = "" if study.num_wanted is None else f"/{study.num_wanted}"
  parts = [f"{done}{wanted} trials"]
  for state in (records.RUNNING, records.FAILED, records.PRUNED):
    count = len(study.of_state(state))
    if count:
      parts.append(f"{count} {state}")
  return parts


def _best(study: StudyRecord, text: TrialText) -> list[str]:
  """Returns the best trial so far in words, the longest first."""
  trial = study.best()
  if trial is None:
    return [""]
  best = f"best {study.objectives[0].name} {number_text(trial.values[0])}"
  params = ", ".join(
    f"{'module' if name == study.handle_name else name} "
    f"{cut(value, _VALUE_WIDTH)}"
    for name, value in text.params(trial)
  )
  short = f"{best} (trial {trial.number})"
  return [*([f"{short[:-1]}: {params})"] if params else []), short, best]


def _trial_line(study: StudyRecord, trial: TrialRecord, text: TrialText) -> str:
  params = [
    f"{name} {cut(value, _VALUE_WIDTH)}" for name, value in text.params(trial)
  ]
  parts = [f"trial {trial.number}"]
  if trial.state == records.COMPLETE:
    seconds = trial.seconds
    parts.append(text.objectives(trial))
    parts.append("" if seconds is None else f"{seconds:.1f} s")
  elif trial.state == records.PRUNED:
    parts.append(_pruned(study, trial))
  else:
    reason = " ".join((trial.error or "no reason is known").split())
    if len(reason) > _REASON_WIDTH:
      reason = f"{reason[: _REASON_WIDTH - 1]}…"
    parts.append(f"failed: {reason}")
  return _join([*parts, *params])


def _pruned(study: StudyRecord, trial: TrialRecord) -> str:
  if not trial.curve:
    return "pruned"
  step = max(trial.curve)
  value = number_text(trial.curve[step])
  return f"pruned at step {step:,}: {study.objectives[0].name} {value}"


def _trial_seconds(trial: TrialRecord) -> Optional[float]:
  """Returns how long a trial took, all its runs together."""
  if trial.state == records.COMPLETE and trial.seeds:
    return sum(run.seconds for run in trial.seeds)
  if trial.started is None or trial.ended is None:
    return None
  return (trial.ended - trial.started).total_seconds()


def _about(seconds: float) -> str:
  """Returns "about 40 s", "about 3 min" or "about 2 h 05 min"."""
  if seconds < 55:
    return f"about {max(5, 5 * round(seconds / 5))} s"
  minutes = max(1, round(seconds / 60))
  if minutes < 60:
    return f"about {minutes} min"
  return f"about {minutes // 60} h {minutes % 60:02d} min"
