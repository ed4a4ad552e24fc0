"""Compares sweeps with the same runs as commands of their own.

python experiments/benchmarks/sweep.py [--parts=digits,frozen,memory]
    [--runs_dir=runs/digits] [--num_uncached=8]

  digits   sixteen trials of experiments/digits/fine_tune.gin by
           `hub_estimator.sweep --num_workers=2`, against sixteen
           `hub_estimator.train` commands one after the other, half of them
           before the sweep and half after it; on the same cores. Asked for: at
           least 3 times the trials a minute. And what a worker does beside its
           trials' processes, of their time: asked for less than 2%.
  frozen   32 settings of a linear head on the frozen network of
           cached_features.py, in a sweep whose trials share cached features,
           against separate uncached `train` commands, of which only some are
           run: they do the same work. Asked for: at least 10 times.
  memory   the memory of one worker after 5 and after 100 trials, of two steps
           each. Asked for: at most 10% more.

The digits' module is that of experiments/digits/run.py, which is run before.
"""

import glob
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import optuna
from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from experiments.benchmarks import cached_features  # noqa: E402
from hub_estimator.sweeps import trial_attributes  # noqa: E402
from hub_estimator.training.results_table import (  # noqa: E402
  format_markdown_table,
)

_PARTS = flags.DEFINE_list("parts", "digits,frozen,memory", "What to measure.")
_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs/digits", "Of digits/run.py.")
_NUM_UNCACHED = flags.DEFINE_integer(
  "num_uncached", 8, "Uncached runs to measure."
)

_DIGITS = "experiments/digits/fine_tune.gin"
_DIGITS_SWEEP = """
sweep.search_space = {
  'LEARNING_RATE': [0.003, 0.01, 0.03, 0.1],
  'create_sgd_optimizer_fn.momentum': [0.0, 0.5, 0.9, 0.95],
}
sweep.objective = 'accuracy'
sweep.sampler = 'grid'
"""
_FROZEN = """
include 'fine_tuning.gin'

MODULE_HANDLE = '{module}'
INPUT_PIPELINE = @NumpyInput()
RECIPE = @feature_extraction()
TRAIN_STEPS = 320

NumpyInput.source = '{data}'
NumpyInput.feature_name = 'images'
NumpyInput.scale = 0.00392156862745098
NumpyInput.label_kind = 'class'
NumpyInput.batch_size = %BATCH_SIZE
NumpyInput.seed = %SEED
"""
_FROZEN_SWEEP = """
sweep.search_space = {
  'LEARNING_RATE': [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0],
  'create_sgd_optimizer_fn.momentum': [0.0, 0.9],
  'SEED': [0, 1],
}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
"""
_MEMORY_SWEEP = """
sweep.search_space = {'LEARNING_RATE': {'low': 0.01, 'high': 0.1}}
sweep.objective = 'average_loss'
sweep.sampler = 'random'
sweep.num_trials = 100
"""


def _run(module, *arguments, environment=None):
  """Runs a command; returns the seconds that it took."""
  started = time.monotonic()
  subprocess.run(
    [sys.executable, "-m", f"hub_estimator.{module}", *arguments],
    check=True,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    env={**os.environ, **(environment or {})},
  )
  return time.monotonic() - started


def _sweep_arguments(folder, config, sweep, *params, num_workers=2):
  path = folder / "sweep.gin"
  path.write_text(sweep)
  return [
    f"--gin_file={config}",
    *(f"--gin_param={param}" for param in params),
    f"--sweep_file={path}",
    f"--study_dir={folder / 'study'}",
    f"--num_workers={num_workers}",
  ]


def _study(folder):
  backend = optuna.storages.journal.JournalFileBackend(
    str(folder / "study" / "journal.log")
  )
  storage = optuna.storages.JournalStorage(backend)
  return optuna.load_study(study_name="study", storage=storage)


def _overhead(folder):
  """Returns what workers do beside trials' processes, of these' time."""
  spans = {}
  for trial in _study(folder).trials:
    worker = trial.user_attrs[trial_attributes.WORKER]["id"]
    seconds = sum(r["seconds"] for r in trial.user_attrs[trial_attributes.RUNS])
    spans.setdefault(worker, []).append(
      (trial.datetime_start, trial.datetime_complete, seconds)
    )
  outside = inside = 0.0
  for trials in spans.values():
    starts, ends, seconds = zip(*trials)
    inside += sum(seconds)
    outside += (max(ends) - min(starts)).total_seconds() - sum(seconds)
  return outside / inside


def measure_digits(folder):
  """Returns rows of the table."""
  module = f"MODULE_HANDLE = '{_RUNS_DIR.value}/pretrain/export/tf_hub'"

  def train(number):
    return _run(
      "train",
      f"--gin_file={_DIGITS}",
      f"--gin_param={module}",
      f"--model_dir={folder / f'run{number}'}",
    )

  seconds = [train(number) for number in range(8)]
  sweep = _run(
    "sweep", *_sweep_arguments(folder, _DIGITS, _DIGITS_SWEEP, module)
  )
  seconds += [train(number) for number in range(8, 16)]
  commands = sum(seconds)
  return [
    ["digits: 16 `train` commands, seconds", f"{commands:.1f}", ""],
    ["digits: a sweep of 16 trials, seconds", f"{sweep:.1f}", ""],
    ["digits: trials a minute, ratio", f"{commands / sweep:.2f}", "≥ 3"],
    ["digits: a worker beside its trials", f"{_overhead(folder):.2%}", "< 2%"],
  ]


def measure_frozen(folder):
  """Returns rows of the table."""
  module, data = folder / "module", folder / "data.npz"
  cached_features.write_module(str(module))
  np.savez(data, **cached_features.create_arrays())
  config = folder / "frozen.gin"
  config.write_text(_FROZEN.format(module=module, data=data))
  seconds = [
    _run("train", f"--gin_file={config}", f"--model_dir={folder / f'run{n}'}")
    for n in range(_NUM_UNCACHED.value)
  ]
  cache = {"HUB_ESTIMATOR_FEATURE_CACHE": str(folder / "features")}
  sweep = _run(
    "sweep",
    *_sweep_arguments(
      folder,
      config,
      _FROZEN_SWEEP,
      "feature_extraction.cache_features = True",
    ),
    environment=cache,
  )
  uncached = 32 * statistics.mean(seconds)
  return [
    [
      f"frozen: an uncached run, mean of {len(seconds)}, seconds",
      f"{statistics.mean(seconds):.1f}",
      "",
    ],
    ["frozen: a sweep of 32 trials, seconds", f"{sweep:.1f}", ""],
    ["frozen: 32 uncached runs / the sweep", f"{uncached / sweep:.1f}", "≥ 10"],
  ]


def measure_memory(folder):
  """Returns rows of the table."""
  module = f"MODULE_HANDLE = '{_RUNS_DIR.value}/pretrain/export/tf_hub'"
  arguments = _sweep_arguments(
    folder, _DIGITS, _MEMORY_SWEEP, module, "TRAIN_STEPS = 2", num_workers=1
  )
  process = subprocess.Popen(
    [sys.executable, "-m", "hub_estimator.sweep", *arguments],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )
  found = {}
  while process.poll() is None:
    time.sleep(0.1)
    count = len(glob.glob(str(folder / "study/trials/*/results.json")))
    memory = _memory_of_worker(process.pid)
    if memory is not None:
      found[count] = memory
  after = [found[count] for count in (5, max(found))]
  return [
    ["memory: after 5 trials, MiB", f"{after[0]:.0f}", ""],
    [f"memory: after {max(found)} trials, MiB", f"{after[1]:.0f}", ""],
    ["memory: ratio", f"{after[1] / after[0]:.3f}", "≤ 1.1"],
  ]


def _memory_of_worker(pid):
  """Returns the MiB that the one child of a sweep has; None without one."""
  try:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    (worker,) = children.split()
    status = pathlib.Path(f"/proc/{worker}/status").read_text()
    (line,) = [x for x in status.splitlines() if x.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
  except (OSError, ValueError):
    return None


def main(_):
  measures = {
    "digits": measure_digits,
    "frozen": measure_frozen,
    "memory": measure_memory,
  }
  rows = []
  for part in _PARTS.value:
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
      rows += measures[part](folder)
    finally:
      shutil.rmtree(folder)
  print(format_markdown_table(rows, ["what", "measured", "asked for"]))


if __name__ == "__main__":
  app.run(main)
