"""A worker in a process of its own, on a node of a Ray cluster.

python -m hub_estimator.sweeps.worker_program

`ray_host.WorkerHost` starts it and writes what it is to do to its stdin, which
stays open: the program ends, with its trial, when whoever started it does. To
stdout it writes JSON: {"began": true} when it works, {"error": "…"} if it
cannot. What it imports once, all its trials have.
"""

from __future__ import annotations

import base64
import ctypes
import dataclasses
import json
import os
import pickle
import select
import signal
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Callable

import hub_estimator
from hub_estimator import errors

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_NUM_LENGTH_BYTES = 8
# As commands end with an error that one line explains.
_ERROR_STATUS = 2
_STOPPED_STATUS = 75
_PR_SET_PDEATHSIG = 1


def main() -> int:
  """Works; returns the exit status, which is that of `Worker.run` at best."""
  life, report = os.dup(_STDIN), os.dup(_STDOUT)
  _end_with_starter()
  job = _read_job(life)
  empty = os.open(os.devnull, os.O_RDONLY)
  os.dup2(empty, _STDIN)
  os.close(empty)
  os.dup2(_STDERR, _STDOUT)

  def tell(**message: Any) -> None:
    os.write(report, json.dumps(message).encode() + b"\n")

  try:
    return _work(job, life, tell)
  except errors.UserError as error:
    text = errors.one_line(error)
    print(f"error: {text}", file=sys.stderr)
    tell(error=text)
    return _ERROR_STATUS
  except BaseException:
    traceback.print_exc()
    return 1


def _work(job: Mapping[str, Any], life: int, tell: Callable[..., None]) -> int:
  sys.path += [path for path in job["sys_path"] if path not in sys.path]
  check_version(job)
  # TensorFlow. What imports write, and their errors, the host reads.
  from hub_estimator.sweeps import early_imports, local_workers
  from hub_estimator.sweeps.node_cores import HeldCores
  from hub_estimator.sweeps.process_output import append_output_to
  from hub_estimator.sweeps.resources import Resources
  from hub_estimator.sweeps.worker import Worker
  from hub_estimator.training import gin_config, launch

  launch.register_configurables()
  launch.look_for_devices()
  early_imports.import_early()
  check_folder(job)
  settings = pickle.loads(base64.b64decode(job["settings"]))
  # Its imports are made once; and a node that lacks one says so now.
  gin_config.parse_config([settings.plan.config_path], [])
  held = HeldCores(max(1, int(job["num_cpus"])))
  settings = dataclasses.replace(
    settings,
    resources=Resources(held.cores, None, 0 < job["num_gpus"] < 1),
    life_fd=life,
    close_fds=(),
  )
  append_output_to(
    os.path.join(settings.plan.study_dir, local_workers.LOG_FILE)
  )
  print(
    f"worker {job['worker_id']}: node {job['node']} on {job['host']}, process "
    f"{os.getpid()}, cores {', '.join(map(str, held.cores)) or 'any'}",
    flush=True,
  )
  if select.select([life], [], [], 0)[0]:
    return _STOPPED_STATUS  # Nobody waits for it any more.
  worker = Worker(settings, job["worker_id"])
  tell(began=True)
  return worker.run()


def check_version(job: Mapping[str, Any]) -> None:
  """Raises UserRuntimeError if the node has another version of the package.

  Args:
    job: what the worker is to do.
  """
  own = hub_estimator.__version__
  if job["version"] != own:
    raise errors.UserRuntimeError(
      f"The node {job['host']} of the Ray cluster has hub_estimator {own}, and "
      f"the command is of {job['version']}: all nodes need the same. Install "
      f"it there for {sys.executable}."
    )


def check_folder(job: Mapping[str, Any]) -> None:
  """Raises a UserError if a node has not the study's own folder.

  Args:
    job: what the worker is to do.
  """
  from hub_estimator.sweeps import study_identity
  from hub_estimator.sweeps.liveness import machine_of

  folder, host = job["study_dir"], job["host"]
  found = study_identity.read_key(folder)
  if found is None or found[1] != job["key"]:
    what = "has no study" if found is None else f"is of the study {found[0]!r}"
    raise errors.UserOSError(
      f"--study_dir={folder} {what} on the node {host} of the Ray cluster: "
      "each node has to reach the study's folder under the same path. Give one "
      "on a file system that all nodes share."
    )
  if job["machine"] is not None and job["machine"] != machine_of(folder):
    raise errors.UserValueError(one_machine_only(job["storage"], [host]))


def one_machine_only(storage: str, others: list[str]) -> str:
  """Returns why a study in a file cannot have workers on other machines.

  Args:
    storage: describes where the study is kept.
    others: names of other machines.
  """
  return (
    f"The study is kept in {storage}, which serves one machine: its locks do "
    "not reach others, and the Ray cluster has nodes on "
    f"{', '.join(others)}. Give --storage=postgresql://USER:PASSWORD@HOST/"
    "DATABASE (and a new --study_dir if the study has been begun), or a "
    "cluster of this machine alone."
  )


def _read_job(descriptor: int) -> dict[str, Any]:
  # Unbuffered: nothing behind it is taken away.
  length = int.from_bytes(_read(descriptor, _NUM_LENGTH_BYTES), "big")
  return json.loads(_read(descriptor, length))


def _read(descriptor: int, length: int) -> bytes:
  content = b""
  while len(content) < length:
    piece = os.read(descriptor, length - len(content))
    if not piece:
      os._exit(_STOPPED_STATUS)  # Whoever started it has ended.
    content += piece
  return content


def _end_with_starter() -> None:
  """Has Linux end this process at once with the one that started it.

  The worker looks at its stdin when it waits; it may be waiting for a database.
  """
  if sys.platform == "linux":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
  exit_status = main()
  sys.stdout.flush()
  sys.stderr.flush()
  # Nothing of TensorFlow's or a database's has to be finished.
  os._exit(exit_status)
