"""From Gin files to a run: parse, check, then one call."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

import gin

from hub_estimator import handles
from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config, model_dir, results_table

ROOT = "train"
# Whose import registers what configs name.
_PACKAGES = (
  "hub_estimator.inputs",
  "hub_estimator.models",
  "hub_estimator.optimization",
  "hub_estimator.recipes",
  "hub_estimator.training.run",
)
# What NVIDIA's driver makes, on Linux and on Linux within Windows.
_GPU_FILES = ("/dev/nvidiactl", "/dev/dxg")


def register_configurables() -> None:
  """Registers with Gin what configs name without importing it."""
  for name in _PACKAGES:
    importlib.import_module(name)


def look_for_devices() -> None:
  """Has TensorFlow look for GPUs now, unless there may be one.

  TensorFlow 2.21 complains, when it first looks, that CUDA finds none; a
  command does so while nothing is shown. Where there is one, what TensorFlow
  says of it may be why it is not used, and is shown with the first graph.
  """
  if not any(os.path.exists(path) for path in _GPU_FILES):
    tf.config.list_physical_devices()


def launch(
  gin_files: Sequence[str],
  gin_params: Sequence[str],
  run_dir: str,
  is_dry_run: bool = False,
  resume: bool = False,
  overwrite: bool = False,
) -> dict[str, Any]:
  """Runs what Gin files describe.

  `register_configurables` has to be called before.

  Args:
    gin_files: their paths.
    gin_params: further bindings, "NAME = value".
    run_dir: the run's folder.
    is_dry_run: build and describe the graphs only.
    resume: go on in a folder that holds a run with another config.
    overwrite: delete the run that is there, and start again.

  Returns:
    what `results.json` holds; nothing for a dry run.

  Raises:
    UserError: a mistake in the config, the data, the module or the folder.
  """
  run_dir = model_dir.check_path(run_dir)
  gin_config.parse_config(gin_files, gin_params)
  gin_config.check_config(ROOT)
  _pin_newest_export()
  holds_run = model_dir.holds_run(run_dir)
  if holds_run and not resume and not overwrite:
    model_dir.check_same_run(run_dir, _differences(run_dir))
  run = gin.get_configurable(ROOT)()
  if holds_run:
    # Before anything is deleted or written: the old run stays whole.
    if overwrite:
      run.check_overwrite(run_dir)
    run.check_graph(None if overwrite else run_dir)
  if is_dry_run:
    print(run.describe())
    return {}
  if holds_run and overwrite:
    model_dir.remove_run(run_dir)
  model_dir.write_config(run_dir, gin_config.operative_config_text(_HEADER))
  written = run.train(run_dir)
  print(_format_results(run_dir, written))
  return written


_HEADER = """The operative configuration of a run. It stands alone: running it
again, python -m hub_estimator.train --gin_file=FILE --model_dir=NEW_DIR,
repeats the run."""


def _pin_newest_export() -> None:
  """Binds MODULE_HANDLE to the module that an export folder means now.

  `config.gin` then names that module, and not whichever is the newest when it
  is run again.
  """
  handle = _bound("MODULE_HANDLE/macro.value")
  if isinstance(handle, str):
    pinned = handles.pinned(handle, _bound("ModuleEncoder.export_name"))
    if pinned != handle:
      gin.bind_parameter("MODULE_HANDLE/macro.value", pinned)


def _bound(name: str):
  try:
    return gin.query_parameter(name)
  except ValueError:  # Nothing is bound to it.
    return None


def _differences(run_dir: str):
  path = model_dir.config_path(run_dir)
  if not os.path.exists(path):
    return None
  return gin_config.config_differences(
    gin_config.effective_config_of_file(path, ROOT),
    gin_config.effective_config(ROOT),
  )


def _format_results(run_dir: str, written: dict[str, Any]) -> str:
  rows = [
    (name, "not finite" if value is None else f"{value:.4g}")
    for name, value in sorted(written["metrics"].items())
  ]
  rows += [
    ("global step", str(written["global_step"])),
    ("trained parameters", f"{written['num_trainable_parameters']:,}"),
    ("seconds in training", f"{written['train_seconds']:.1f}"),
  ]
  rows += [
    (f"export {name}", path) for name, path in written["exports"].items()
  ]
  rows.append(("results", os.path.join(run_dir, "results.json")))
  return results_table.format_table(rows, headers=("metric", "value"))
