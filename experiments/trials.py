"""Runs trials of the training command, many in each of a few processes.

A trial is a Gin file with bindings; what it gives is the `results.json` of its
run. A process imports TensorFlow once, for all trials that it runs. What a run
prints goes to a file beside its folder.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import multiprocessing
import os
import pathlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Optional


@dataclasses.dataclass(frozen=True)
class Trial:
  """One run.

  Attributes:
    folder: the run's folder; `<folder>.log` gets what it prints.
    gin_file: the path of its config.
    gin_params: bindings after those of the file, "NAME = value".
  """

  folder: str
  gin_file: str
  gin_params: tuple[str, ...] = ()


def run_trials(
  trials: Sequence[Trial],
  num_processes: int,
  rerun: bool = False,
  environment: Sequence[tuple[str, str]] = (),
  may_fail: bool = False,
) -> list[Optional[dict[str, Any]]]:
  """Runs trials that were not run yet, some at a time.

  Args:
    trials: with folders of their own.
    num_processes: how many run at a time, each on one thread for the work
      within an op, so that times of runs beside each other can be compared.
    rerun: run again what was run, and delete it.
    environment: (name, value) of environment variables for the processes.
    may_fail: whether a trial may fail, such as one whose loss becomes NaN.

  Returns:
    `results.json` of each trial; None for one that failed.

  Raises:
    RuntimeError: trials that must not fail failed; all others are run first.
  """
  # Not forked: TensorFlow does not survive it.
  context = multiprocessing.get_context("spawn")
  with concurrent.futures.ProcessPoolExecutor(
    num_processes, context, _start_process, [tuple(environment)]
  ) as executor:
    futures = [executor.submit(run_trial, t, rerun) for t in trials]
    for done, _ in enumerate(concurrent.futures.as_completed(futures), start=1):
      print(f"\r{done} of {len(trials)} runs", end="", file=sys.stderr)
    print(file=sys.stderr)
  outcomes = [future.result() for future in futures]
  failed = [
    f"{trial.folder}.log" for trial, got in zip(trials, outcomes) if got is None
  ]
  if failed and not may_fail:
    raise RuntimeError(f"{len(failed)} runs failed: see {', '.join(failed)}")
  return outcomes


def run_trial(trial: Trial, rerun: bool = False) -> Optional[dict]:
  """Runs a trial in this process, unless it was run with the same config.

  Returns:
    its `results.json`; None if it failed, and the log says why.
  """
  from hub_estimator.training import launch

  if not rerun:
    found = _finished_results(trial)
    if found:
      return found
  pathlib.Path(trial.folder).parent.mkdir(parents=True, exist_ok=True)
  with _output_in(f"{trial.folder}.log"):
    try:
      launch.launch(
        [trial.gin_file], list(trial.gin_params), trial.folder, overwrite=True
      )
    except Exception:
      traceback.print_exc()
      return None
  return _finished_results(trial)


def _finished_results(trial: Trial) -> Optional[dict]:
  """Returns the results of a run that ended, with the trial's config."""
  from hub_estimator.training import gin_config, launch, model_dir

  results = pathlib.Path(trial.folder, "results.json")
  config = pathlib.Path(model_dir.config_path(trial.folder))
  if not (results.exists() and config.exists()):
    return None
  # The config is written when a run starts, the results when it ends.
  if results.stat().st_mtime < config.stat().st_mtime:
    return None
  gin_config.parse_config([trial.gin_file], list(trial.gin_params))
  differences = gin_config.config_differences(
    gin_config.effective_config_of_file(str(config), launch.ROOT),
    gin_config.effective_config(launch.ROOT),
  )
  return None if differences else json.loads(results.read_text())


def _start_process(environment: Sequence[tuple[str, str]]) -> None:
  """Imports TensorFlow, and registers what configs name."""
  os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
  os.environ.update(environment)
  from hub_estimator.quiet_import import quiet_import

  with quiet_import():
    from hub_estimator.training import launch

    launch.register_configurables()
    launch.look_for_devices()


@contextlib.contextmanager
def _output_in(path: str) -> Iterator[None]:
  """Sends all that the process prints, TensorFlow's C++ too, to a file."""
  saved = {stream: os.dup(stream.fileno()) for stream in _streams()}
  with open(path, "w", encoding="utf-8") as file:
    try:
      for stream in saved:
        stream.flush()
        os.dup2(file.fileno(), stream.fileno())
      yield
    finally:
      for stream, descriptor in saved.items():
        stream.flush()
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)


def _streams():
  return (sys.stdout, sys.stderr)
