"""Ray's driver, in a process beside the sweep's.

python -m hub_estimator.sweeps.ray_driver

Ray starts threads in the process that uses it, and the sweep's forks. So this
one speaks with Ray, and by its stdin and stdout with the sweep, a JSON text a
line: {"start": {…}}, {"stop": true} and {"kill": true} come in; {"nodes": …} or
{"error": …} goes out first, then {"placed": …}, {"waiting": …}, {"ended": …}.
It ends, with all workers, when its stdin does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import select
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any, Callable

# Ray imports it if it is there, and fails if it cannot be used.
sys.modules.setdefault("pyarrow", None)

import ray  # noqa: E402

from hub_estimator.sweeps import ray_host  # noqa: E402

_NAMESPACE = "hub_estimator"
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_POLL_SECS = 0.1
_REACH_SECS = 10.0
# Longer than Ray takes to start a process for a worker.
_WAITING_SECS = 30.0
# Of a cluster that is started for the sweep: next to nothing is stored in it.
_OBJECT_STORE_BYTES = 80_000_000
_STOPPED_STATUS, _KILLED_STATUS = 75, -9


@dataclasses.dataclass
class _Worker:
  """A worker: Ray's actor for it, and what it was asked."""

  worker_id: str
  actor: Any
  where: Any
  run: Any
  asked_at: float
  is_placed: bool = False


class Driver:
  """Starts workers in a cluster, and tells of them."""

  def __init__(self, tell: Callable[..., None]):
    """Starts nothing yet.

    Args:
      tell: takes a message to the sweep.
    """
    self._tell = tell
    self._workers: dict[int, _Worker] = {}
    self._is_stopping = False
    self._is_over = False
    self._told_waiting = 0

  def do(self, command: Mapping[str, Any]) -> None:
    """Does what the sweep wants."""
    if "start" in command:
      self._start(**command["start"])
    elif "stop" in command:
      self._is_stopping = True
      self.poll()
      for worker in self._workers.values():
        if worker.is_placed:
          worker.actor.stop.remote()
    else:
      for index in list(self._workers):
        self._end(index, _KILLED_STATUS)

  def _start(self, index, worker_id, num_cpus, num_gpus, job) -> None:
    actor = (
      ray.remote(ray_host.WorkerHost)
      .options(
        num_cpus=num_cpus,
        num_gpus=num_gpus,
        max_restarts=0,
        # `stop` and `where` are answered while `run` runs.
        max_concurrency=3,
      )
      .remote()
    )
    self._workers[index] = _Worker(
      worker_id,
      actor,
      actor.where.remote(),
      actor.run.remote(job),
      time.monotonic(),
    )

  def poll(self) -> None:
    """Tells what has happened."""
    for index, worker in list(self._workers.items()):
      if not worker.is_placed and _is_done(worker.where):
        with contextlib.suppress(ray.exceptions.RayError):
          ray.get(worker.where)
          worker.is_placed = True
      if _is_done(worker.run):
        self._take_end(index, worker)
    for index, worker in list(self._workers.items()):
      if worker.is_placed:
        continue
      if self._is_stopping:
        self._end(index, _STOPPED_STATUS)
      elif self._is_over:
        # One found that nothing is left to be done.
        self._end(index, 0)
    self._tell_waiting()

  def _take_end(self, index: int, worker: _Worker) -> None:
    try:
      found = ray.get(worker.run)
    except ray.exceptions.RayError as error:
      # Its node, or Ray's process there, is no more.
      status = _STOPPED_STATUS if self._is_stopping else 1
      found = {"status": status, "error": _text(error), "began": True}
    self._is_over |= found["status"] == 0
    self._end(index, **found)

  def _end(self, index, status, error=None, began=True) -> None:
    worker = self._workers.pop(index)
    # Its cores are free from now on.
    ray.kill(worker.actor)
    self._tell(
      ended={
        "index": index,
        "worker_id": worker.worker_id,
        "status": status,
        "error": error,
        "began": began,
      }
    )

  def _tell_waiting(self) -> None:
    now = time.monotonic()
    count = sum(
      not worker.is_placed and now - worker.asked_at > _WAITING_SECS
      for worker in self._workers.values()
    )
    if count > self._told_waiting:
      self._tell(waiting=count)
    self._told_waiting = count


def connect() -> list[dict[str, Any]]:
  """Connects with a cluster, or starts one; returns its nodes.

  The cluster is that of RAY_ADDRESS, or the one that `ray start` has started on
  this machine. Without either, one of this machine is started, which ends with
  this process.
  """
  options = {
    "namespace": _NAMESPACE,
    "log_to_driver": False,
    "logging_level": logging.ERROR,
  }
  address = os.environ.get("RAY_ADDRESS")
  if address and address != "local":
    _check_address(address)
    ray.init(address=address, **options)
  elif address == "local":
    _start_cluster(options)
  else:
    try:
      ray.init(address="auto", **options)
    except ConnectionError:
      _start_cluster(options)
  return [
    {
      "host": node["NodeManagerHostname"],
      "num_cpus": node["Resources"].get("CPU", 0.0),
      "num_gpus": node["Resources"].get("GPU", 0.0),
    }
    for node in ray.nodes()
    if node["Alive"]
  ]


def _check_address(address: str) -> None:
  """Raises OSError if nobody is there: Ray itself takes minutes to see it."""
  host, _, port = address.rpartition(":")
  if host and port.isdigit():
    socket.create_connection((host, int(port)), _REACH_SECS).close()


def _start_cluster(options: Mapping[str, Any]) -> None:
  has_affinity = hasattr(os, "sched_getaffinity")
  ray.init(
    address="local",
    num_cpus=len(os.sched_getaffinity(0)) if has_affinity else None,
    object_store_memory=_OBJECT_STORE_BYTES,
    include_dashboard=False,
    **options,
  )


def main() -> None:
  """Serves the sweep until its end of stdin is closed."""
  writing = os.dup(_STDOUT)
  # What Ray prints is no message.
  os.dup2(_STDERR, _STDOUT)

  def tell(**message: Any) -> None:
    # The sweep may have ended; stdin says so, too.
    with contextlib.suppress(BrokenPipeError):
      content = memoryview(json.dumps(message).encode() + b"\n")
      while content:
        content = content[os.write(writing, content) :]

  try:
    nodes = connect()
  except Exception as error:
    tell(error=_text(error))
    return
  # Nodes need the package for the worker's program, and say so if it is not
  # there; for this class alone Ray would fail with a word of its own.
  ray.cloudpickle.register_pickle_by_value(ray_host)
  tell(nodes=nodes)
  driver = Driver(tell)
  buffer = b""
  while True:
    if select.select([_STDIN], [], [], _POLL_SECS)[0]:
      content = os.read(_STDIN, 1 << 16)
      if not content:
        break
      *lines, buffer = (buffer + content).split(b"\n")
      for line in lines:
        driver.do(json.loads(line))
    driver.poll()
  driver.do({"kill": True})
  ray.shutdown()


def _is_done(reference: Any) -> bool:
  return bool(ray.wait([reference], timeout=0)[0])


def _text(error: BaseException) -> str:
  return " ".join(str(error).split())


if __name__ == "__main__":
  main()
