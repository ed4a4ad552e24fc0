"""Signals around a fork: none is lost, and none does what the parent does."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def held_signals() -> Iterator[None]:
  """Holds `STOP_SIGNALS` back, in the child of a fork inside, too.

  The child sets its handlers before it leaves the context: what comes before
  that would otherwise be the matter of the parent's handlers, in the child.
  """
  before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
