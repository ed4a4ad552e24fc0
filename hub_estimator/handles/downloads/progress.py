"""Progress of a download: one bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Optional, TextIO

from hub_estimator.handles import settings
from hub_estimator.terminal_progress import Bar, bar_size

_BAR_EVERY_SECS = 0.2


class DownloadProgress:
  """Reports the bytes that have come, and how many there are.

  On a terminal it is one bar; elsewhere a line every `every_secs`, none for a
  download that is done sooner. It goes to stderr, or to stdout with
  TFHUB_DOWNLOAD_PROGRESS.
  """

  def __init__(
    self,
    handle: str,
    stream: Optional[TextIO] = None,
    clock: Callable[[], float] = time.monotonic,
    every_secs: float = 15.0,
  ):
    """Starts a report; the time counts from here.

    Args:
      handle: what is downloaded.
      stream: where to write.
      clock: gives seconds.
      every_secs: seconds between lines when the stream is no terminal.
    """
    if stream is None:
      stream = sys.stdout if settings.prints_progress() else sys.stderr
    self._handle, self._stream, self._clock = handle, stream, clock
    self._is_terminal = stream.isatty()
    self._every_secs = _BAR_EVERY_SECS if self._is_terminal else every_secs
    self._start = clock()
    self._next_report = self._start + self._every_secs
    self._bar: Optional[Bar] = None

  def update(self, num_bytes: int, total: Optional[int]) -> None:
    """Notes how many bytes are there, of how many, and reports in time."""
    now = self._clock()
    if now < self._next_report:
      return
    self._next_report = now + self._every_secs
    if not self._is_terminal:
      print(self._line(num_bytes, total), file=self._stream, flush=True)
      return
    if self._bar is None:
      self._bar = Bar(
        total=total,
        initial=num_bytes,
        desc=self._handle,
        unit="B",
        unit_scale=True,
        leave=False,
        file=self._stream,
        **bar_size(self._stream),
      )
    else:
      self._bar.n = num_bytes
      self._bar.refresh()

  def close(self) -> None:
    """Ends the bar."""
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def _line(self, num_bytes: int, total: Optional[int]) -> str:
    seconds = self._clock() - self._start
    of_all = (
      f" of {total / 1e6:,.1f} MB ({100 * num_bytes // total} %)"
      if total
      else " MB"
    )
    rate = num_bytes / 1e6 / seconds if seconds > 0 else 0.0
    return (
      f"Downloading {self._handle}: {num_bytes / 1e6:,.1f}{of_all}, "
      f"{rate:,.1f} MB/s"
    )
