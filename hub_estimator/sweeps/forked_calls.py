"""Calls in processes that are forked from this one."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Callable, Optional

from hub_estimator.sweeps.resources import Resources


def call_forked(
  function: Callable[[Any], Any],
  items: Sequence[Any],
  resources: Sequence[Resources],
) -> list[Optional[Any]]:
  """Calls a function with each item, some at a time.

  This process stays as it is: with TensorFlow imported and nothing made of it,
  so that it can fork again.

  Args:
    function: takes an item, gives what JSON can hold, and raises nothing.
    items: dealt out among the processes.
    resources: of each process.

  Returns:
    what the function gave for each; None where its process died twice.
  """
  found: list[Optional[Any]] = [None] * len(items)
  num_processes = min(len(resources), len(items))
  processes: list[_Process] = []
  tried: set[int] = set()
  try:
    for index in range(num_processes):
      numbers = range(index, len(items), num_processes)
      numbered = [(n, items[n]) for n in numbers]
      processes.append(_Process(function, numbered, resources[index]))
    while processes:
      # A process whose pipe is full waits until its turn comes.
      answers = processes[0].answers()
      found = [answers.get(n, value) for n, value in enumerate(found)]
      ended = processes.pop(0)
      ended.end()
      # It died of the first item without an answer, or was killed there: that
      # is tried once more; those behind it have had no turn.
      left = ended.numbered[len(answers) :]
      if left and left[0][0] in tried:
        left = left[1:]
      tried.update(number for number, _ in left[:1])
      if left:
        processes.insert(0, _Process(function, left, ended.resources))
  finally:
    for process in processes:
      process.kill()
  return found


class _Process:
  """Calls a function with some items."""

  def __init__(
    self,
    function: Callable[[Any], Any],
    numbered: Sequence[tuple[int, Any]],
    resources: Resources,
  ):
    self.numbered = numbered
    self.resources = resources
    self._reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    self._pid = os.fork()
    if self._pid:
      os.close(writing)
      return
    try:
      os.close(self._reading)
      resources.apply()
      with os.fdopen(writing, "wb") as file:
        for number, item in numbered:
          file.write(json.dumps([number, function(item)]).encode() + b"\n")
          file.flush()
    finally:
      os._exit(0)

  def answers(self) -> dict[int, Any]:
    """Returns number -> what the function gave; waits for the end."""
    with os.fdopen(os.dup(self._reading), "rb") as file:
      # It may have died in the middle of a line.
      return dict(json.loads(line) for line in file if line.endswith(b"\n"))

  def end(self) -> None:
    """Lets the system forget the process, which has ended."""
    os.close(self._reading)
    os.waitpid(self._pid, 0)

  def kill(self) -> None:
    """Ends the process."""
    os.kill(self._pid, signal.SIGKILL)
    self.end()
