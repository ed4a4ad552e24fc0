"""Workers in a Ray cluster."""

from __future__ import annotations

import base64
import os
import pickle
import sys
import time
from typing import Any, Callable, Optional

import hub_estimator
from hub_estimator.handles import settings as handle_settings
from hub_estimator.sweeps import study_identity
from hub_estimator.sweeps.liveness import machine_of
from hub_estimator.sweeps.local_workers import LOG_FILE, EndedWorker
from hub_estimator.sweeps.ray_connection import RayConnection
from hub_estimator.sweeps.ray_shares import Share, share
from hub_estimator.sweeps.worker import WorkerSettings, new_worker_id

# How long killed workers may take to be reported.
_KILL_SECS = 20.0
# Settings that hold for a run wherever it is. TF_CONFIG is a machine's own.
_PREFIXES = ("TFHUB_", "TF_")
_OWN_VARIABLES = ("TF_CONFIG",)
# As commands end with an error that one line explains.
_ERROR_STATUS = 2


class RayWorkers:
  """Has workers started on the nodes of a cluster, by Ray; see `Workers`.

  Each is an actor with a share of the cluster's cores and GPUs, whose program,
  `worker_program`, works as a local worker does. One whose node, or process of
  Ray's there, is no more has died; the next start is on whatever node has
  room. All end with this process.
  """

  def __init__(
    self,
    connection: RayConnection,
    create_settings: Callable[[int, Optional[int], tuple], WorkerSettings],
    num_workers: int,
    storage: str,
    write: Callable[[str], None],
  ):
    """Starts none yet.

    Args:
      connection: with the cluster.
      create_settings: (index, life_fd, close_fds) -> a worker's settings; their
        resources are left to the node.
      num_workers: how many there will be.
      storage: describes where the study is kept.
      write: takes a line of text.

    Raises:
      UserValueError: the cluster has no cores.
    """
    self._connection = connection
    self._create_settings = create_settings
    self._storage = storage
    self._write = write
    self._share: Share = share(connection.nodes, num_workers)
    self._study_dir = ""
    # Index -> the worker's id.
    self._running: dict[int, str] = {}
    self._has_refused = False
    self._kill_at: Optional[float] = None

  def start(self, index: int) -> None:
    """Asks for a worker; it may have to wait for cores."""
    settings = self._create_settings(index, None, ())
    self._study_dir = settings.plan.study_dir
    worker_id = new_worker_id()
    self._running[index] = worker_id
    self._connection.send(
      start={
        "index": index,
        "worker_id": worker_id,
        **self._share._asdict(),
        "job": self._job(settings, worker_id),
      }
    )

  def _job(self, settings: WorkerSettings, worker_id: str) -> dict[str, Any]:
    study_dir = settings.plan.study_dir
    found = study_identity.read_key(study_dir)
    return {
      **self._share._asdict(),
      "worker_id": worker_id,
      "settings": base64.b64encode(pickle.dumps(settings)).decode(),
      "study_dir": study_dir,
      "key": None if found is None else found[1],
      # Workers of a study in a file see each other's locks.
      "machine": None if settings.has_heartbeats else machine_of(study_dir),
      "storage": self._storage,
      "version": hub_estimator.__version__,
      "folder": os.getcwd(),
      "sys_path": [os.path.abspath(path) for path in sys.path],
      "environment": _environment(),
    }

  def ended(self) -> list[EndedWorker]:
    """Returns workers that ended; see `Workers`.

    Raises:
      UserRuntimeError: the cluster is gone, and all workers with it.
    """
    try:
      messages = self._connection.receive()
    except BaseException:
      self._running.clear()
      raise
    found = []
    for message in messages:
      if "waiting" in message:
        self._write(
          f"{message['waiting']} of {len(self._running)} workers wait: the Ray "
          "cluster has no free node for them now."
        )
      if "ended" in message:
        found.append(self._take_end(**message["ended"]))
    if self._kill_at is not None and time.monotonic() > self._kill_at:
      # Without its connection Ray ends them.
      self._running.clear()
      self._connection.close()
    return found

  def _take_end(self, index, worker_id, status, error, began) -> EndedWorker:
    self._running.pop(index, None)
    if error is not None:
      self._log(f"worker {worker_id}: {error}")
    if self._has_refused and status != _ERROR_STATUS:
      status = 0  # It ended because another could not start.
    if status == _ERROR_STATUS and not began and not self._has_refused:
      # It is the same on the next start, and may be so on other nodes: better
      # told now than when the others have done all.
      self._has_refused = True
      self.stop()
    return EndedWorker(index, worker_id, status, error)

  def _log(self, line: str) -> None:
    path = os.path.join(self._study_dir, LOG_FILE)
    with open(path, "a", encoding="utf-8") as file:
      file.write(f"{line}\n")

  def num_running(self) -> int:
    """Returns how many run or wait."""
    return len(self._running)

  def stop(self) -> None:
    """Has all end; see `Workers`."""
    self._connection.send(stop=True)

  def kill(self) -> None:
    """Ends all at once; their runs end with them."""
    self._connection.send(kill=True)
    self._kill_at = time.monotonic() + _KILL_SECS


def _environment() -> dict[str, str]:
  """Returns the variables of this process that runs on nodes have, too."""
  found = {
    name: value
    for name, value in os.environ.items()
    if name.startswith(_PREFIXES) and name not in _OWN_VARIABLES
  }
  # The flags of the command say the same as these.
  found["TFHUB_MODEL_LOAD_FORMAT"] = handle_settings.load_format()
  cache = handle_settings.cache_dir()
  if cache is not None:
    is_url = "://" in cache
    found["TFHUB_CACHE_DIR"] = cache if is_url else os.path.abspath(cache)
  return found
