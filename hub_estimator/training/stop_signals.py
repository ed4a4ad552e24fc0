"""SIGTERM and SIGINT end a run so that the same command goes on with it.

While steps are trained, a signal lets the step finish, and a checkpoint is
written. Anywhere else — while features are cached, in an evaluation, in an
export — it ends what is being done at once: whatever has to be whole is written
beside its place and renamed, and the newest checkpoint is there. A second
signal ends the process at once, wherever it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Optional

from hub_estimator import estimator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_END = b"\0"  # The number of no signal.


class Stopped(BaseException):
  """A signal ended the run; as KeyboardInterrupt, it is no error.

  Attributes:
    signal_name: "SIGTERM" or "SIGINT".
  """

  def __init__(self, signal_name: str):
    super().__init__(f"stopped by {signal_name}")
    self.signal_name = signal_name


class StopSignals:
  """Handles SIGTERM and SIGINT while entered, if this is the main thread.

  In other threads nothing is changed: Python delivers signals to the main one.
  Handlers that were there before are there again afterwards. The first signal
  is noticed when the main thread comes back from TensorFlow to Python; a second
  one ends the process without that.

  Attributes:
    received: the name of the signal that came; None before.
  """

  def __init__(self):
    """Starts with nothing received."""
    self.received: Optional[str] = None
    self._num_deferring = 0
    self._handlers = {}
    self._watch: Optional[_SecondSignalWatch] = None

  def __enter__(self) -> StopSignals:
    if threading.current_thread() is threading.main_thread():
      for number in _SIGNALS:
        # What the parent process had ignored (nohup and such) stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
          self._handlers[number] = signal.signal(number, self._handle)
      self._watch = _SecondSignalWatch(set(self._handlers))
    return self

  def __exit__(self, *_) -> None:
    if self._watch is not None:
      self._watch.close()
      self._watch = None
    for number, handler in self._handlers.items():
      # A handler that is not Python's own cannot be set again from here.
      signal.signal(number, signal.SIG_DFL if handler is None else handler)
    self._handlers = {}

  @contextlib.contextmanager
  def deferred(self) -> Iterator[None]:
    """Lets a signal wait, for `StopOnSignal` or `immediate` to act on it."""
    self._num_deferring += 1
    try:
      yield
    finally:
      self._num_deferring -= 1

  @contextlib.contextmanager
  def immediate(self) -> Iterator[None]:
    """Has a signal end its body at once, within `deferred`, too.

    Raises:
      Stopped: a signal came, in the body or while it was deferred before.
    """
    deferring, self._num_deferring = self._num_deferring, 0
    try:
      self.check()
      yield
    finally:
      self._num_deferring = deferring

  def check(self) -> None:
    """Raises Stopped if a signal came."""
    if self.received is not None:
      raise Stopped(self.received)

  def _handle(self, number: int, frame) -> None:
    del frame
    # The next one ends the process, as signals do that nobody handles.
    for handled in self._handlers:
      signal.signal(handled, signal.SIG_DFL)
    self.received = signal.Signals(number).name
    if not self._num_deferring:
      self.check()


class StopOnSignal(estimator.SessionRunHook):
  """Ends training after the step in which a signal came.

  It stands before hooks that train in `before_run`, as `TrainingBursts` does,
  and is asked at least as often as they come back.
  """

  def __init__(self, signals: StopSignals, monitor):
    """Configures the hook.

    Args:
      signals: those to act on.
      monitor: a `TrainingMonitor`, which stands before this hook, and knows
        when all batches of a step were seen.
    """
    self._signals = signals
    self._monitor = monitor

  def after_run(self, run_context, run_values):
    """Asks for no more runs if a signal came and the step is complete."""
    del run_values
    if self._signals.received is not None and self._monitor.is_between_steps:
      run_context.request_stop()


class _SecondSignalWatch:
  """Ends the process at a second signal while Python's handlers cannot run.

  They run in the main thread, between two instructions of Python: a step that
  hangs within TensorFlow keeps them off. The number of each signal that Python
  has a handler for comes through a pipe as well, which a thread reads.
  """

  num_open = 0

  def __init__(self, numbers: set[int]):
    self._numbers = numbers
    self._reading, self._writing = os.pipe()
    os.set_blocking(self._writing, False)
    self._previous = signal.set_wakeup_fd(
      self._writing, warn_on_full_buffer=False
    )
    self._thread = threading.Thread(
      target=self._read, name="second_signal", daemon=True
    )
    self._thread.start()
    _SecondSignalWatch.num_open += 1

  def close(self) -> None:
    """Ends the watch."""
    _SecondSignalWatch.num_open -= 1
    signal.set_wakeup_fd(self._previous)
    os.set_blocking(self._writing, True)
    # Not its closing: a process that was forked may have it, too.
    os.write(self._writing, _END)
    self._thread.join()
    os.close(self._writing)
    os.close(self._reading)

  def _read(self) -> None:
    num_received = 0
    while True:
      received = os.read(self._reading, 1)
      if received == _END:
        return
      if received[0] in self._numbers:
        num_received += 1
      if num_received > 1:
        # As a shell reports a process that the signal ended.
        os._exit(128 + received[0])


def _forget_watch() -> None:
  # The pipe of a process that is forked is its parent's: a Ctrl-C, which comes
  # to both, would count twice.
  if _SecondSignalWatch.num_open:
    signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_watch)
