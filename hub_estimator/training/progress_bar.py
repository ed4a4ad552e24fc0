"""Progress of a training run: one bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Callable, Optional, TextIO

from hub_estimator.terminal_progress import (
  Bar,
  bar_size,
  format_rate,
  format_seconds,
)

_BAR_FORMAT = "{percentage:3.0f}%|{bar}| {desc}"
_BAR_EVERY_SECS = 0.2


class Progress:
  """Reports step, loss, examples per second and time left.

  On a terminal it is one bar; elsewhere a line every `every_secs`, always for
  the first and the last step. The rate is that of the last `every_secs` to
  twice that; it leaves out what came before the first step, which is spent
  building graphs.
  """

  def __init__(
    self,
    total_steps: int,
    batch_size: int,
    initial_step: int = 0,
    stream: Optional[TextIO] = None,
    clock: Callable[[], float] = time.monotonic,
    every_secs: float = 10.0,
  ):
    """Starts a report; nothing is shown before the first step.

    Args:
      total_steps: The step at which training ends.
      batch_size: Examples in a step.
      initial_step: The step from which training goes on.
      stream: Where to write; None is `sys.stderr`.
      clock: Gives seconds.
      every_secs: Seconds between lines when `stream` is no terminal.
    """
    self._total_steps = total_steps
    self._batch_size = batch_size
    self._stream = sys.stderr if stream is None else stream
    self._clock = clock
    self._window_secs = every_secs
    self._is_terminal = self._stream.isatty()
    self._every_secs = _BAR_EVERY_SECS if self._is_terminal else every_secs
    self._bar: Optional[Bar] = None  # Drawn with the first step.
    self._step = initial_step
    self._loss: Optional[float] = None
    self._reported_step = initial_step
    self._next_report = float("-inf")
    # Two (seconds, step) marks: the rate is measured from the older one.
    self._older_mark: Optional[tuple[float, int]] = None
    self._newer_mark: Optional[tuple[float, int]] = None

  def update(self, step: int, loss: float) -> None:
    """Notes that `step` is done with this loss, and reports if it is time."""
    self._step = step
    self._loss = loss
    now = self._clock()
    if now >= self._next_report or step >= self._total_steps:
      self._report(now)

  def pause(self) -> None:
    """Leaves the time until the next step out of the rate (an evaluation)."""
    self._older_mark = self._newer_mark = None

  def write(self, line: str) -> None:
    """Writes a line, above the bar if there is one."""
    if self._bar is None:
      print(line, file=self._stream, flush=True)
    else:
      self._bar.write(line, file=self._stream)

  def close(self) -> None:
    """Reports the last step, if that is not done, and ends the bar."""
    if self._step != self._reported_step:
      self._report(self._clock())
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def _report(self, now: float) -> None:
    text = self._text(now)
    self._reported_step = self._step
    self._next_report = now + self._every_secs
    if not self._is_terminal:
      print(text, file=self._stream, flush=True)
      return
    if self._bar is None:
      self._bar = Bar(
        total=self._total_steps,
        initial=self._step,
        desc=text,
        file=self._stream,
        bar_format=_BAR_FORMAT,
        **bar_size(self._stream),
      )
    else:
      self._bar.n = self._step
      self._bar.set_description_str(text)

  def _text(self, now: float) -> str:
    parts = [
      f"step {self._step:,}/{self._total_steps:,}",
      f"loss {float(self._loss):.4g}",
    ]
    steps_per_second = self._steps_per_second(now)
    if steps_per_second:
      num_examples = steps_per_second * self._batch_size
      parts.append(f"{format_rate(num_examples)} examples/s")
      steps_left = self._total_steps - self._step
      if steps_left > 0:
        left = format_seconds(steps_left / steps_per_second)
        parts.append(f"{left} left")
    return "  ".join(parts)

  def _steps_per_second(self, now: float) -> float:
    """Returns the rate; 0 as long as there is nothing to measure."""
    mark = (now, self._step)
    if self._older_mark is None or self._newer_mark is None:
      self._older_mark = self._newer_mark = mark
    elif now - self._newer_mark[0] >= self._window_secs:
      self._older_mark, self._newer_mark = self._newer_mark, mark
    seconds = now - self._older_mark[0]
    return (self._step - self._older_mark[1]) / seconds if seconds > 0 else 0.0
