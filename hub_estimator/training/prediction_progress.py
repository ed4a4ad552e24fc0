"""Progress of predicting: a bar on a terminal, lines elsewhere."""

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


class PredictionProgress:
  """Reports how many examples are done, the rate and the time left.

  On a terminal it is one bar; elsewhere a line every `every_secs`, and none for
  what takes less. For use in a `with`.
  """

  def __init__(
    self,
    stream: Optional[TextIO] = None,
    clock: Callable[[], float] = time.monotonic,
    every_secs: float = 10.0,
  ):
    """Starts a report; the time counts from here.

    Args:
      stream: where to write; None is `sys.stderr`.
      clock: gives seconds.
      every_secs: seconds between lines where `stream` is no terminal.
    """
    self._stream = sys.stderr if stream is None else stream
    self._clock = clock
    self._start = clock()
    self._is_terminal = self._stream.isatty()
    self._every_secs = _BAR_EVERY_SECS if self._is_terminal else every_secs
    self._next_report = self._start + self._every_secs
    self._bar: Optional[Bar] = None

  def __enter__(self) -> PredictionProgress:
    return self

  def __exit__(self, *unused) -> None:
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def report(self, num_examples: int, done: int, total: Optional[int]) -> None:
    """Shows a state, if it is time.

    Args:
      num_examples: how many have predictions.
      done: how much of the input is read.
      total: how much it is; None if that is not known.
    """
    now = self._clock()
    if now < self._next_report:
      return
    self._next_report = now + self._every_secs
    text = self._text(now - self._start, num_examples, done, total)
    if not self._is_terminal:
      print(text, file=self._stream, flush=True)
      return
    if self._bar is None:
      self._bar = Bar(
        total=total,
        file=self._stream,
        bar_format="{percentage:3.0f}%|{bar}| {desc}" if total else "{desc}",
        leave=False,
        **bar_size(self._stream),
      )
    self._bar.n = done
    self._bar.set_description_str(text)

  def _text(self, seconds, num_examples, done, total) -> str:
    parts = [f"predicted {num_examples:,} examples"]
    if total and not self._is_terminal:
      parts[0] += f" ({min(100, 100 * done // total)}%)"
    if seconds > 0:
      parts.append(f"{format_rate(num_examples / seconds)} examples/s")
      if total and 0 < done < total:
        left = format_seconds(seconds * (total - done) / done)
        parts.append(f"{left} left")
    return "  ".join(parts)
