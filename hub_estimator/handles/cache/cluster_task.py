"""The task of a cluster that this process is, as TF_CONFIG says."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.handles import settings

_POLL_SECS = 0.2


class Task(NamedTuple):
  """A task of a cluster of several.

  Attributes:
    name: "worker 1", for messages.
    is_chief: whether it is the one that writes checkpoints.
  """

  name: str
  is_chief: bool


def current_task() -> Optional[Task]:
  """Returns this process's task, None outside of a cluster of several."""
  try:
    config = json.loads(os.environ.get("TF_CONFIG") or "{}")
    cluster, task = config.get("cluster") or {}, config.get("task") or {}
    kind, index = str(task["type"]), int(task.get("index", 0))
    num_tasks = sum(len(addresses) for addresses in cluster.values())
  except (AttributeError, KeyError, TypeError, ValueError):
    return None  # Whoever trains with it says what is wrong with it.
  if num_tasks < 2:
    return None
  chiefs = [name for name in ("chief", "master") if name in cluster]
  is_chief = (kind, index) == (chiefs[0] if chiefs else "worker", 0)
  return Task(f"{kind} {index}", is_chief)


def wait_for_chief(
  find: Callable[[], Optional[str]],
  handle: str,
  cache: str,
  sleep: Callable[[float], None] = time.sleep,
  clock: Callable[[], float] = time.monotonic,
) -> Optional[str]:
  """Waits, in a task that is not the chief, until a module is in the cache.

  Args:
    find: returns the module's folder, None as long as it is not there.
    handle: its handle, for messages.
    cache: the cache's folder, for messages.
    sleep: waits so many seconds.
    clock: returns seconds.

  Returns:
    the module's folder; None at once in the chief, and outside of clusters.

  Raises:
    OSError: it is not there within TFHUB_LOCK_TIMEOUT_SECS.
  """
  task = current_task()
  if task is None or task.is_chief:
    return None
  timeout_secs = settings.lock_timeout_secs()
  end = clock() + timeout_secs
  while True:
    found = find()
    if found:
      return found
    if clock() >= end:
      raise errors.UserOSError(
        f"{task.name} does not see {handle} in the cache {cache} after "
        f"{timeout_secs:g} s: the cluster's chief downloads it, and "
        "TFHUB_CACHE_DIR must be a folder that all tasks see. Set "
        "TFHUB_CHIEF_DOWNLOADS=0 if each task has a cache of its own, or raise "
        "TFHUB_LOCK_TIMEOUT_SECS."
      )
    sleep(_POLL_SECS)
