"""Progress of reading a file: one bar on a terminal, lines elsewhere."""

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


class ReadingProgress:
  """Reports words read, words per second and time left.

  On a terminal it is one bar; elsewhere a line every `every_secs`, none for a
  file that is read sooner.
  """

  def __init__(
    self,
    num_bytes: int,
    stream: Optional[TextIO] = None,
    clock: Callable[[], float] = time.monotonic,
    every_secs: float = 10.0,
  ):
    """Starts a report; the time counts from here.

    Args:
      num_bytes: The file's size; 0 if unknown.
      stream: Where to write; None is `sys.stderr`.
      clock: Gives seconds.
      every_secs: Seconds between lines when `stream` is no terminal.
    """
    self._num_bytes = num_bytes
    self._stream = sys.stderr if stream is None else stream
    self._clock = clock
    self._start = clock()
    self._is_terminal = self._stream.isatty()
    self._every_secs = _BAR_EVERY_SECS if self._is_terminal else every_secs
    self._next_report = self._start + self._every_secs
    self._bar: Optional[Bar] = None

  def update(self, bytes_read: int, num_words: int) -> None:
    """Notes what is read, and reports if it is time."""
    now = self._clock()
    if now < self._next_report:
      return
    self._next_report = now + self._every_secs
    text = self._text(now - self._start, bytes_read, num_words)
    if not self._is_terminal:
      percentage = (
        f"{100 * bytes_read // self._num_bytes}%  " if self._num_bytes else ""
      )
      print(percentage + text, file=self._stream, flush=True)
      return
    if self._bar is None:
      self._bar = Bar(
        total=self._num_bytes or None,
        file=self._stream,
        bar_format=(
          "{percentage:3.0f}%|{bar}| {desc}" if self._num_bytes else "{desc}"
        ),
        leave=False,
        **bar_size(self._stream),
      )
    self._bar.n = bytes_read
    self._bar.set_description_str(text)

  def close(self) -> None:
    """Ends the bar."""
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def _text(self, seconds: float, bytes_read: int, num_words: int) -> str:
    parts = [f"{num_words:,} words"]
    if seconds > 0:
      parts.append(f"{format_rate(num_words / seconds)} words/s")
    if 0 < bytes_read < self._num_bytes:
      left = seconds * (self._num_bytes - bytes_read) / bytes_read
      parts.append(f"{format_seconds(left)} left")
    return "  ".join(parts)
