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
    what the function gave for each; None where its process died.
  """
  found: list[Optional[Any]] = [None] * len(items)
  num_processes = min(len(resources), len(items))
  processes: list[tuple[int, int]] = []
  try:
    for index in range(num_processes):
      numbers = range(index, len(items), num_processes)
      processes.append(
        _fork(function, [(n, items[n]) for n in numbers], resources[index])
      )
    while processes:
      pid, reading = processes[0]
      # A process whose pipe is full waits until its turn comes.
      with os.fdopen(os.dup(reading), "rb") as file:
        for line in file:
          number, value = json.loads(line)
          found[number] = value
      _end(*processes.pop(0))
  finally:
    for pid, reading in processes:
      os.kill(pid, signal.SIGKILL)
      _end(pid, reading)
  return found


def _fork(function, numbered, resources: Resources) -> tuple[int, int]:
  reading, writing = os.pipe()
  sys.stdout.flush()
  sys.stderr.flush()
  pid = os.fork()
  if pid:
    os.close(writing)
    return pid, reading
  try:
    os.close(reading)
    resources.apply()
    with os.fdopen(writing, "wb") as file:
      for number, item in numbered:
        file.write(json.dumps([number, function(item)]).encode() + b"\n")
        file.flush()
  finally:
    os._exit(0)


def _end(pid: int, reading: int) -> None:
  os.close(reading)
  os.waitpid(pid, 0)
