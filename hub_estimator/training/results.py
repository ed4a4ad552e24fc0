"""results.json: what a run gave."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from typing import Any, Optional

from hub_estimator.hub import folders
from hub_estimator.training.training_hooks import TrainingMonitor

RESULTS_FILE = "results.json"

_PACKAGES = (
  "tensorflow",
  "tensorflow-estimator",
  "tf-keras",
  "gin-config",
  "numpy",
  "protobuf",
)


def versions() -> dict[str, str]:
  """Returns the versions of Python and of the packages a run depends on."""
  from hub_estimator import __version__

  found = {"python": platform.python_version(), "hub_estimator": __version__}
  for name in _PACKAGES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      # tensorflow-cpu and other builds carry another distribution name.
      found[name] = "not installed as a package"
  return found


def write_results(model_dir: str, results: dict[str, Any]) -> dict[str, Any]:
  """Writes `results.json` into a run's folder, whole or not at all.

  Args:
    model_dir: the run's folder.
    results: what to write; numpy scalars become numbers, and numbers that JSON
      does not have (NaN, infinities) become null.

  Returns:
    what the file holds.
  """
  written = _plain(results)
  text = json.dumps(written, indent=2, allow_nan=False)
  folders.write_file(
    os.path.join(model_dir, RESULTS_FILE), f"{text}\n".encode()
  )
  return written


def read_results(model_dir: str) -> Optional[dict[str, Any]]:
  """Returns a run's results, None if it has none yet."""
  path = os.path.join(model_dir, RESULTS_FILE)
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    return json.load(file)


def speed(
  model_dir: str,
  monitor: TrainingMonitor,
  global_step: int,
  examples_per_step: int,
) -> tuple[float, Optional[float]]:
  """Returns seconds in training and examples per second.

  They are those of this process's steps; if it had none to do, of the process
  that did the last ones, None if that is not known.

  Args:
    model_dir: the run's folder.
    monitor: what counted the steps.
    global_step: at the end.
    examples_per_step: examples in a step.
  """
  if monitor.num_steps:
    num_examples = monitor.num_steps * examples_per_step
    return monitor.train_seconds, num_examples / monitor.train_seconds
  written = read_results(model_dir) or {}
  if written.get("global_step") != global_step:
    return 0.0, None
  return written["train_seconds"], written["examples_per_second"]


def _plain(value):
  if isinstance(value, dict):
    return {str(key): _plain(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_plain(item) for item in value]
  if hasattr(value, "item"):
    value = value.item()
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
