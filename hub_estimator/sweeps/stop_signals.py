"""Forks, and signals around them: none is lost or does what it did before."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
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


def fork() -> int:
  """Forks; `STOP_SIGNALS` end the child, whatever this process does with them.

  Nothing that this process has printed is printed by the child once more.

  Returns:
    as `os.fork`.
  """
  sys.stdout.flush()
  sys.stderr.flush()
  with held_signals():
    pid = os.fork()
    if not pid:
      for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
  return pid
