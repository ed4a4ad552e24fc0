"""What Ray runs on a node for a worker: an actor that starts its program.

A worker forks its trials, which Ray's own process with its threads must not;
the program is a process of its own, and ends with this one. Ray brings the
code of this file to the node, so it imports nothing of the package.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any, Optional

_PROGRAM = "hub_estimator.sweeps.worker_program"
# See `hub_estimator.sweeps.worker` and `hub_estimator.sweeps.local_workers`.
_STOPPED_STATUS, _ERROR_STATUS = 75, 2
_NUM_LENGTH_BYTES = 8
_LOOK_SECS = 0.5


class WorkerHost:
  """Starts a worker's program, tells it to stop, and sees how it ends.

  Its methods run at the same time, in threads of the actor.
  """

  def __init__(self):
    """Starts nothing yet."""
    # Ray imports it where it is installed, and fails where it cannot be used,
    # as a new one beside an old NumPy. Nothing here needs it.
    sys.modules.setdefault("pyarrow", None)
    self._lock = threading.Lock()
    self._program: Optional[subprocess.Popen] = None
    self._is_stopping = False

  def where(self) -> dict[str, str]:
    """Returns the node's id and its host's name."""
    import ray

    return {
      "node": ray.get_runtime_context().get_node_id(),
      "host": socket.gethostname(),
    }

  def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a worker until it ends.

    Args:
      job: for the program, as JSON has it; its "environment" has variables
        for it, and "folder" is what it works in.

    Returns:
      "status" and "error" of `EndedWorker`, and whether the worker "began".
    """
    host = socket.gethostname()
    if not os.path.isdir(job["folder"]):
      return _refusal(
        f"the node {host} of the Ray cluster has no folder {job['folder']}, in "
        "which the command was started. Start it in a folder that all nodes "
        "share under this name."
      )
    with (
      tempfile.TemporaryFile() as report,
      tempfile.TemporaryFile() as log,
    ):
      with self._lock:
        if self._is_stopping:
          return {"status": _STOPPED_STATUS, "error": None, "began": False}
        self._program = subprocess.Popen(
          [sys.executable, "-m", _PROGRAM],
          stdin=subprocess.PIPE,
          stdout=report,
          stderr=log,
          cwd=job["folder"],
          env={**os.environ, **job["environment"]},
          start_new_session=True,
        )
      program = self._program
      content = json.dumps({**job, **self.where()}).encode()
      try:
        # The pipe stays open: the program's life hangs on it.
        program.stdin.write(len(content).to_bytes(_NUM_LENGTH_BYTES, "big"))
        program.stdin.write(content)
        program.stdin.flush()
      except BrokenPipeError:
        pass  # It has ended, and its status says how.
      status = _wait(program)
      return self._outcome(status, _read(report), _read(log), host)

  def stop(self) -> None:
    """Has the worker end; its run writes a checkpoint first."""
    with self._lock:
      self._is_stopping = True
      if self._program is not None:
        self._program.terminate()

  def _outcome(
    self, status: int, report: str, log: str, host: str
  ) -> dict[str, Any]:
    said: dict[str, Any] = {"began": False, "error": None}
    for line in report.splitlines():
      said.update(json.loads(line))
    if self._is_stopping and status:
      status = _STOPPED_STATUS
    elif status > 0 and not said["began"] and not said["error"]:
      # It would be the same the next time.
      last = (log.strip().splitlines() or ["it wrote nothing"])[-1]
      return _refusal(
        f"a worker could not start on the node {host} of the Ray cluster, with "
        f"{sys.executable}: {last}"
      )
    return {**said, "status": status}


def _wait(program: subprocess.Popen) -> int:
  """Returns the exit status; ends this process when its node is no more."""
  # Ray's daemon of the node. Without it Ray ends this process only when the
  # method that runs has returned.
  starter = os.getppid()
  while True:
    try:
      return program.wait(_LOOK_SECS)
    except subprocess.TimeoutExpired:
      if os.getppid() != starter:
        program.kill()
        os._exit(1)


def _refusal(error: str) -> dict[str, Any]:
  return {"status": _ERROR_STATUS, "error": error, "began": False}


def _read(file) -> str:
  file.seek(0)
  return file.read().decode(errors="replace")
