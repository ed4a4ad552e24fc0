"""Progress of what comes before training: a bar on a terminal, or lines."""

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

_BAR_EVERY_SECS = 0.2


class PhaseProgress:
  """Reports what is done, the rate and the time left.

  On a terminal it is one bar; elsewhere a line every `every_secs` and one at
  the end. A phase with nothing to do says nothing. For use in a `with`.
  """

  def __init__(
    self,
    name: str,
    unit: str,
    stream: Optional[TextIO] = None,
    clock: Callable[[], float] = time.monotonic,
    every_secs: float = 10.0,
  ):
    """Starts a report; the time counts from here.

    Args:
      name: what the phase makes, such as "features".
      unit: what is counted, such as "examples".
      stream: where to write; None is `sys.stderr`.
      clock: gives seconds.
      every_secs: seconds between lines when `stream` is no terminal.
    """
    self._name, self._unit = name, unit
    self._stream = sys.stderr if stream is None else stream
    self._clock = clock
    self._start = clock()
    self._is_terminal = self._stream.isatty()
    self._every_secs = _BAR_EVERY_SECS if self._is_terminal else every_secs
    self._next_report = self._start + self._every_secs
    self._bar: Optional[Bar] = None
    self._last: Optional[str] = None
    self._is_shown = True

  def __enter__(self) -> PhaseProgress:
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def report(self, done: int, total: int) -> None:
    """Notes that `done` of `total` are done, and shows it if it is time."""
    now = self._clock()
    self._last = self._text(now - self._start, done, total)
    self._is_shown = False
    if now < self._next_report:
      return
    self._next_report = now + self._every_secs
    self._show(done, total)

  def close(self) -> None:
    """Shows the last state, if that is not done, and ends the bar."""
    if self._bar is not None:
      self._bar.close()
      self._bar = None
    if self._last is not None and not self._is_shown:
      print(self._last, file=self._stream, flush=True)
    self._last = None

  def _show(self, done: int, total: int) -> None:
    if not self._is_terminal:
      print(self._last, file=self._stream, flush=True)
      self._is_shown = True
      return
    if self._bar is None:
      self._bar = Bar(
        total=total,
        file=self._stream,
        bar_format="{percentage:3.0f}%|{bar}| {desc}",
        leave=False,
        **bar_size(self._stream),
      )
    self._bar.n = done
    self._bar.set_description_str(self._last)

  def _text(self, seconds: float, done: int, total: int) -> str:
    parts = [f"{self._name}: {done:,}/{total:,} {self._unit}"]
    if seconds > 0 and done:
      parts.append(f"{format_rate(done / seconds)} {self._unit}/s")
      if done < total:
        left = format_seconds(seconds * (total - done) / done)
        parts.append(f"{left} left")
    return "  ".join(parts)
