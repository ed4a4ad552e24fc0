"""A run of a trial in a process of its own, forked from a worker.

The worker has imported TensorFlow and never used it, so a fork has all it needs
and takes milliseconds. Whatever the run does, leak or crash, ends with its
process. It tells the worker by a pipe what comes of it, a JSON text a line; and
it ends as soon as the worker does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any, Callable, Optional

from hub_estimator import errors
from hub_estimator.sweeps import stop_signals
from hub_estimator.sweeps.process_output import append_output_to
from hub_estimator.sweeps.records import PRUNED
from hub_estimator.sweeps.resources import Resources
from hub_estimator.training import launch, results
from hub_estimator.training.report_values import ReportFn

LOG_FILE = "log.txt"


class Pruned(BaseException):
  """The worker wants the run to end; as KeyboardInterrupt, it is no error."""


class TrialProcess:
  """A run, while it goes on.

  Attributes:
    pid: of its process.
    started: when, by the monotonic clock.
  """

  def __init__(
    self,
    gin_file: str,
    gin_params: Sequence[str],
    folder: str,
    resources: Resources,
    report_fn: Optional[ReportFn] = None,
    asks: bool = False,
    close_fds: Sequence[int] = (),
  ):
    """Starts the run.

    Args:
      gin_file: the config that trials share.
      gin_params: the trial's bindings, "NAME = value".
      folder: the run's model_dir; its log goes there.
      resources: cores and devices for it.
      report_fn: see `launch.launch`.
      asks: whether the run waits at each evaluation for `answer`.
      close_fds: descriptors of the worker that the run must not keep open.
    """
    os.makedirs(folder, exist_ok=True)
    self._reading, child_writing = os.pipe()
    child_reading, self._writing = os.pipe()
    self._buffer = b""
    self.started = time.monotonic()
    self.pid = stop_signals.fork()
    if self.pid:
      os.close(child_writing)
      os.close(child_reading)
      return
    try:
      for descriptor in (self._reading, self._writing, *close_fds):
        os.close(descriptor)
      channel = _Channel(child_reading, child_writing, asks)
      _run(channel, gin_file, gin_params, folder, resources, report_fn)
    finally:
      # Nothing of the worker's must be finished here: no buffers of its, no
      # connection to a database, no exit handlers.
      os._exit(0)

  def fileno(self) -> int:
    """Returns the descriptor to wait on for messages."""
    return self._reading

  def read(self) -> Optional[list[dict[str, Any]]]:
    """Returns the messages that came; None at the end of all.

    Waits if there is nothing to read.
    """
    content = os.read(self._reading, 1 << 16)
    if not content:
      return None
    *lines, self._buffer = (self._buffer + content).split(b"\n")
    return [json.loads(line) for line in lines]

  def answer(self, prune: bool) -> None:
    """Answers a run that asks after an evaluation.

    Args:
      prune: whether it is to end.
    """
    with contextlib.suppress(BrokenPipeError):
      os.write(self._writing, b"p" if prune else b"c")

  def signal(self, number: int) -> None:
    """Sends the run a signal."""
    with contextlib.suppress(ProcessLookupError):
      os.kill(self.pid, number)

  def wait(self) -> int:
    """Waits for the end of the process; returns its exit status.

    Returns:
      as `subprocess` has it: minus the number of a signal that ended it.
    """
    os.close(self._reading)
    os.close(self._writing)
    return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class _Channel:
  """The run's ends of the pipes."""

  def __init__(self, reading: int, writing: int, asks: bool):
    self._reading = reading
    self._writing = writing
    self._asks = asks
    self._answers: list[bytes] = []
    self._has_answer = threading.Condition()

  def watch(self) -> None:
    """Starts to take answers, and ends the process with its worker."""
    threading.Thread(target=self._read, name="worker", daemon=True).start()

  def _read(self) -> None:
    while True:
      content = os.read(self._reading, 1)
      if not content:
        os._exit(1)
      with self._has_answer:
        self._answers.append(content)
        self._has_answer.notify()

  def send(self, **message: Any) -> None:
    """Tells the worker something."""
    content = memoryview(json.dumps(message).encode() + b"\n")
    while content:
      content = content[os.write(self._writing, content) :]

  def evaluated(self, step: int, metrics: dict[str, Any]) -> None:
    """Tells of an evaluation; raises Pruned if the run is to end."""
    self.send(step=step, metrics=metrics)
    if not self._asks:
      return
    with self._has_answer:
      while not self._answers:
        self._has_answer.wait()
      if self._answers.pop(0) == b"p":
        raise Pruned


def _run(
  channel: _Channel,
  gin_file: str,
  gin_params: Sequence[str],
  folder: str,
  resources: Resources,
  report_fn: Optional[ReportFn],
) -> None:
  """Runs it, and says how it ended."""
  channel.watch()
  append_output_to(os.path.join(folder, LOG_FILE))
  _close_input()
  # A crash shows in the log where it was.
  faulthandler.enable()
  resources.apply()
  _volunteer_for_memory()
  last: dict[str, Any] = {}

  def evaluated(step, metrics):
    last.update(step=step, metrics=metrics)
    channel.evaluated(step, metrics)

  outcome = _outcome(
    lambda: launch.launch(
      [gin_file],
      gin_params,
      folder,
      report_fn=report_fn,
      evaluation_fn=evaluated,
      allow_unused=True,
    ),
    last,
    folder,
  )
  _flush()
  channel.send(**outcome)


def _outcome(
  run: Callable[[], dict[str, Any]], last: dict[str, Any], folder: str
) -> dict[str, Any]:
  try:
    found = run()
    is_stopped = found.get("status") == launch.RESUMABLE
    return {"stopped": True} if is_stopped else {"results": found}
  except Pruned:
    results.write_results(
      folder,
      {
        "status": PRUNED,
        "global_step": last["step"],
        "metrics": last["metrics"],
      },
    )
    return {"pruned": last["step"]}
  except errors.UserError as error:
    message = errors.one_line(error)
    print(f"error: {message}", file=sys.stderr)
    return {"error": message}
  except BaseException as error:
    traceback.print_exc()
    message = errors.one_line(error)
    return {"error": f"{type(error).__name__}: {message}".rstrip(": ")}


def _close_input() -> None:
  empty = os.open(os.devnull, os.O_RDONLY)
  os.dup2(empty, 0)
  os.close(empty)


def _flush() -> None:
  for stream in (sys.stdout, sys.stderr):
    with contextlib.suppress(OSError):
      stream.flush()


def _volunteer_for_memory() -> None:
  """Has Linux end this process, and not its worker, when memory runs out."""
  with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as f:
    f.write("500")
