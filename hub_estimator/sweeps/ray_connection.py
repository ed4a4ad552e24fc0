"""The sweep's end of its connection with a Ray cluster."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.sweeps import storage_places, worker_program
from hub_estimator.sweeps.ray_shares import Node

_DRIVER = "hub_estimator.sweeps.ray_driver"
# Ray starts a cluster in 30 s, or says that it cannot.
_CONNECT_SECS = 90.0
_CLOSE_SECS = 20.0
_SETTINGS = {
  "RAY_USAGE_STATS_ENABLED": "0",
  # Said on each start: what Ray will do with CUDA_VISIBLE_DEVICES one day.
  "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def check_package() -> None:
  """Raises UserImportError if Ray is not installed."""
  if importlib.util.find_spec("ray") is None:
    raise errors.UserImportError(
      "--executor=ray needs the package ray, which is not installed. Install "
      "it, here and on all nodes of the cluster: pip install "
      "'hub_estimator[ray]'."
    )


def check_storage(place: storage_places.Place, nodes: Sequence[Node]) -> None:
  """Raises UserValueError if workers on all nodes could not share a study.

  Args:
    place: where it is kept.
    nodes: of the cluster.
  """
  others = sorted({node.host for node in nodes} - {socket.gethostname()})
  if others and place.kind != storage_places.POSTGRESQL:
    raise errors.UserValueError(
      worker_program.one_machine_only(place.description, others)
    )


class RayConnection:
  """A process that speaks with Ray for this one: see `ray_driver`.

  This process stays as it is, with one thread, so that it can fork.

  Attributes:
    nodes: of the cluster, as they were at the start.
    pid: of the process.
  """

  def __init__(self):
    """Starts it, and waits for the cluster.

    Raises:
      UserImportError: Ray is not installed.
      UserRuntimeError: there is no cluster at RAY_ADDRESS, or none can be
        started.
    """
    check_package()
    self._owner = os.getpid()
    self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it.
    self._process = subprocess.Popen(
      [sys.executable, "-m", _DRIVER],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._log,
      env={**os.environ, **_SETTINGS},
      # A Ctrl-C at the terminal comes to the sweep alone.
      start_new_session=True,
    )
    self.pid = self._process.pid
    self._buffer = b""
    try:
      self.nodes = self._connect()
    except BaseException:
      self.close()
      raise

  def _connect(self) -> list[Node]:
    messages = self.receive(_CONNECT_SECS)
    silence = {"error": f"it gave no answer within {_CONNECT_SECS:.0f} s"}
    answer = messages[0] if messages else silence
    if "error" not in answer:
      return [Node(**node) for node in answer["nodes"]]
    address = os.environ.get("RAY_ADDRESS")
    what = (
      f"The Ray cluster at RAY_ADDRESS={address} cannot be reached"
      if address not in (None, "", "local")
      else "Ray cannot be started on this machine"
    )
    raise errors.UserRuntimeError(
      f"{what}: {answer['error'].rstrip('.')}. Set RAY_ADDRESS to the "
      "HOST:PORT that `ray start --head` printed, on a machine that has joined "
      "the cluster with `ray start --address=HOST:PORT`; unset, it is the "
      "cluster that was started on this machine, or a new one."
    )

  def send(self, **message: Any) -> None:
    """Tells the process something; see `ray_driver`."""
    # That it has ended, `receive` says.
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.write(json.dumps(message).encode() + b"\n")
      self._process.stdin.flush()

  def receive(self, timeout_secs: float = 0.0) -> list[dict[str, Any]]:
    """Returns what the process has told.

    Args:
      timeout_secs: how long to wait for something.

    Raises:
      UserRuntimeError: it has ended, as it does when the cluster does.
    """
    reading = self._process.stdout.fileno()
    messages: list[dict[str, Any]] = []
    while select.select([reading], [], [], 0 if messages else timeout_secs)[0]:
      content = os.read(reading, 1 << 16)
      if not content:
        if messages:
          break
        raise errors.UserRuntimeError(
          f"The connection with the Ray cluster has ended: {self._last_line()} "
          "Start the same command again to go on."
        )
      *lines, self._buffer = (self._buffer + content).split(b"\n")
      messages += [json.loads(line) for line in lines]
    return messages

  def close(self) -> None:
    """Ends the process, and with it all workers."""
    if os.getpid() != self._owner:
      return
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.close()
    try:
      self._process.wait(_CLOSE_SECS)
    except subprocess.TimeoutExpired:
      self._process.kill()
      self._process.wait()
    self._process.stdout.close()
    self._log.close()

  def _last_line(self) -> str:
    self._log.seek(0)
    lines = self._log.read().decode(errors="replace").strip().splitlines()
    status: Optional[int] = self._process.poll()
    last = lines[-1] if lines else f"its process ended with status {status}"
    return f"{last.strip().rstrip('.')}."
