"""From Gin files to a run: parse, check, then one call."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Optional

import gin

from hub_estimator import handles
from hub_estimator.tf_compat import tf
from hub_estimator.training import (
  checkpoint_care,
  failures,
  gin_config,
  model_dir,
  results,
  results_table,
)
from hub_estimator.training.evaluation_loop import EvaluationFn
from hub_estimator.training.report_values import ReportFn
from hub_estimator.training.run_lock import run_lock
from hub_estimator.training.stop_signals import Stopped, StopSignals

ROOT = "train"
# The "status" of a run that a signal stopped.
RESUMABLE = "resumable"
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
  report_fn: Optional[ReportFn] = None,
  evaluation_fn: Optional[EvaluationFn] = None,
  allow_unused: bool = False,
) -> dict[str, Any]:
  """Runs what Gin files describe.

  `register_configurables` has to be called before.

  This process alone works in the run's folder meanwhile. The run goes on from
  the newest checkpoint that is whole. In the main thread, SIGTERM and SIGINT
  stop it: see `stop_signals`.

  Args:
    gin_files: their paths.
    gin_params: further bindings, "NAME = value".
    run_dir: the run's folder.
    is_dry_run: build and describe the graphs only.
    resume: go on in a folder that holds a run with another config.
    overwrite: delete the run that is there, and start again.
    report_fn: called at the end of the run, with its folder, the evaluations of
      its splits and its hyperparameters; see `report_values`.
    evaluation_fn: called with the global step and the metrics of the eval split
      after each evaluation, which is written then; what it raises ends the run.
    allow_unused: whether the config may bind what this run does not use.

  Returns:
    what `results.json` holds; nothing for a dry run. If a signal stopped the
    run: "status", which is `RESUMABLE`, "signal", its name, "checkpoint", the
    newest, or None, and "global_step", that of the checkpoint.

  Raises:
    UserError: a mistake in the config, the data, the module or the folder; a
      folder that another process holds; a loss that is not finite; too little
      memory or room.
  """
  run_dir = model_dir.check_path(run_dir)
  gin_config.parse_config(gin_files, gin_params)
  gin_config.check_config(ROOT, allow_unused)
  pin_newest_export()
  if is_dry_run:
    run = _create_run(run_dir, resume, overwrite)
    if model_dir.holds_run(run_dir):
      run.check_graph(None if overwrite else run_dir)
    print(run.describe())
    return {}
  with run_lock(run_dir), StopSignals() as signals:
    try:
      return _run(run_dir, resume, overwrite, signals, report_fn, evaluation_fn)
    except Stopped as stopped:
      return _stopped(run_dir, stopped.signal_name)


def _create_run(run_dir: str, resume: bool, overwrite: bool):
  """Creates the run of the config, unless the folder holds another one."""
  holds_run = model_dir.holds_run(run_dir)
  if holds_run and not resume and not overwrite:
    model_dir.check_same_run(run_dir, _differences(run_dir))
  run = gin.get_configurable(ROOT)()
  if holds_run and overwrite:
    run.check_overwrite(run_dir)
  return run


def _run(
  run_dir: str,
  resume: bool,
  overwrite: bool,
  signals: StopSignals,
  report_fn: Optional[ReportFn],
  evaluation_fn: Optional[EvaluationFn],
) -> dict[str, Any]:
  """Trains; the folder is this process's."""
  run = _create_run(run_dir, resume, overwrite)
  if model_dir.holds_run(run_dir):
    if not overwrite:
      checkpoint_care.set_aside_damaged(run_dir, _write)
    # Before anything is deleted or written: the old run stays whole.
    run.check_graph(None if overwrite else run_dir)
    if overwrite:
      model_dir.remove_run(run_dir)
  model_dir.write_config(run_dir, gin_config.operative_config_text(_HEADER))
  with failures.explaining(lambda: _context(run, run_dir), _write):
    written = run.train(
      run_dir,
      signals=signals,
      report_fn=report_fn,
      evaluation_fn=evaluation_fn,
    )
  print(_format_results(run_dir, written))
  return written


def _context(run, run_dir: str) -> failures.Context:
  return failures.Context(
    run_dir,
    run.input_pipeline.batch_size,
    run.model.optimization.accumulate_steps,
  )


def _stopped(run_dir: str, signal_name: str) -> dict[str, Any]:
  """Says that a signal stopped the run, and how to go on."""
  checkpoint = checkpoint_care.newest_whole(run_dir)
  stopped = {
    "status": RESUMABLE,
    "signal": signal_name,
    "global_step": 0,
    "checkpoint": checkpoint,
  }
  if checkpoint is None:
    _write(
      f"Stopped by {signal_name} before the first checkpoint. Run the same "
      "command to begin again."
    )
    return stopped
  stopped["global_step"] = model_dir.newest_step(run_dir)
  # Beside what is there of an earlier end of the run.
  written = results.read_results(run_dir) or {}
  results.write_results(run_dir, {**written, "status": RESUMABLE})
  _write(
    f"Stopped at step {stopped['global_step']} by {signal_name}; checkpoint: "
    f"{checkpoint}. Run the same command to go on."
  )
  return stopped


def _write(line: str) -> None:
  print(line, file=sys.stderr, flush=True)


_HEADER = """The operative configuration of a run. It stands alone: running it
again, python -m hub_estimator.train --gin_file=FILE --model_dir=NEW_DIR,
repeats the run."""


def pin_newest_export() -> None:
  """Binds MODULE_HANDLE to the module that an export folder means now.

  `config.gin` then names that module, and not whichever is the newest when it
  is run again.
  """
  handle = bound_value("MODULE_HANDLE/macro.value")
  if isinstance(handle, str):
    pinned = handles.pinned(handle, bound_value("ModuleEncoder.export_name"))
    if pinned != handle:
      gin.bind_parameter("MODULE_HANDLE/macro.value", pinned)


def bound_value(name: str) -> Any:
  """Returns what a config binds to a parameter; None if nothing.

  Args:
    name: as `gin.query_parameter` takes it.
  """
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
