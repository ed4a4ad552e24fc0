"""Sweeps for `forked_sweeps`: each function runs some in a folder."""

import os
import pathlib
import signal
import time

import forked_sweeps
import misbehaving
import tiny_models
import tiny_runs
from forked_sweeps import Forked, sweep, wait_for

from hub_estimator.sweeps import worker
from hub_estimator.sweeps.resources import Resources
from hub_estimator.sweeps.trial_process import TrialProcess

GRID = """
sweep.search_space = {
  'LEARNING_RATE': [0.01, 0.3],
  'TRAINABLE': [True, False],
}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
"""
# Numbers, of which some are there only with one of the recipes.
TPE = """
sweep.search_space = {
  'RECIPE': [@feature_extraction(), @discriminative_learning_rates()],
  'LEARNING_RATE': {'low': 0.001, 'high': 0.3, 'log': True},
  'discriminative_learning_rates.factor': {
    'low': 1.5,
    'high': 3.0,
    'when': {'RECIPE': @discriminative_learning_rates()},
  },
}
sweep.objective = 'average_loss'
sweep.sampler = 'tpe'
sweep.num_trials = 2
sweep.repeats = 2
sweep.startup_trials = 2
"""
RATES = "{'LEARNING_RATE': {'low': 0.001, 'high': 0.3}}"
CMAES = f"""
sweep.search_space = {RATES}
sweep.objective = 'average_loss'
sweep.sampler = 'cmaes'
sweep.num_trials = 2
sweep.startup_trials = 1
"""
FRONT = """
sweep.search_space = {'TRAINABLE': [True, False], 'LEARNING_RATE': [0.01]}
sweep.objective = ['average_loss', 'num_trainable_parameters']
sweep.direction = ['min', 'min']
sweep.sampler = 'random'
sweep.num_trials = 5
"""
# The second diverges.
PRUNED = """
sweep.search_space = {'LEARNING_RATE': [0.01, 3.0]}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
sweep.pruner = 'median'
sweep.startup_trials = 1
"""
PRUNED_CONFIG = "TRAIN_STEPS = 6\ntrain.eval_every_steps = 2\n"


def modules_sweep(folder, unfit):
  return f"""
sweep.search_space = {{
  'MODULE_HANDLE': ['{folder}/module', '{folder}/wide', '{folder}/exports'],
}}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
sweep.unfit_modules = '{unfit}'
"""


CACHED = """
sweep.search_space = {'LEARNING_RATE': [0.1, 0.2]}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
"""
CACHED_CONFIG = """
RECIPE = @feature_extraction()
feature_extraction.cache_features = True
"""


def export_modules(folder):
  from hub_estimator import hub
  from hub_estimator.tf_compat import tf

  def wide_module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
    hub.add_signature("default", {"x": x}, {"default": 2.0 * x})

  tiny_models.export_module(folder / "module")
  tiny_models.export_module(folder / "wide", wide_module_fn)
  tiny_models.export_module(folder / "exports" / "1700000000" / "module")


def grid_and_tpe(folder):
  """Sweeps that nothing happens to."""
  found = {"grid": sweep(folder, "grid", GRID, num_workers=2)}
  found["grid again"] = sweep(folder, "grid", GRID, run=2, num_workers=2)
  found["best"] = Forked(
    lambda: (
      tiny_runs.launch(folder / "grid" / "best.gin", folder / "best_run") and 0
    ),
    folder / "best_run",
  ).wait()
  found["tpe"] = sweep(folder, "tpe", TPE, num_workers=2)
  found["tpe more"] = sweep(
    folder, "tpe", TPE, run=2, num_workers=2, num_trials=3
  )
  return found


def samplers_and_modules(folder):
  """Further sweeps that nothing happens to."""
  os.environ["HUB_ESTIMATOR_FEATURE_CACHE"] = str(folder / "cache")
  exported = Forked(lambda: export_modules(folder), folder / "x").wait()
  assert exported["status"] == 0, exported["err"]
  found = {}
  found["cmaes"] = sweep(folder, "cmaes", CMAES)
  found["front"] = sweep(folder, "front", FRONT)
  found["pruned"] = sweep(folder, "pruned", PRUNED, text=PRUNED_CONFIG, keep=1)
  found["refused"] = sweep(folder, "refused", modules_sweep(folder, "refuse"))
  leave_out = modules_sweep(folder, "leave_out")
  found["left out"] = sweep(folder, "left_out", leave_out)
  found["left out again"] = sweep(folder, "left_out", leave_out, run=2)
  found["cached"] = sweep(
    folder,
    "cached",
    CACHED,
    f"MODULE_HANDLE = '{folder}/module'",
    text=CACHED_CONFIG,
    num_workers=2,
  )
  return found


CRASHES = """
sweep.search_space = {
  'HOW': ['error', 'SIGSEGV', 'SIGKILL', 'exit', '', 'user error'],
}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
"""
ERRORS = """
sweep.search_space = {'LEARNING_RATE': [0.1, 0.2, 0.3, 0.4]}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
sweep.max_failures = 2
"""
# The second run of them works.
ONE = """
sweep.search_space = {'LEARNING_RATE': [0.1, 0.2]}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
"""
RANDOM = f"""
sweep.search_space = {RATES}
sweep.objective = 'average_loss'
sweep.sampler = 'random'
"""
STEPS = """
TRAIN_STEPS = 6
train.eval_every_steps = 2
"""


class TimeThatEnds:
  """The clock of workers: it is late as soon as there is a file."""

  monotonic = time.monotonic

  def __init__(self, path):
    self._path = path

  def time(self):
    return float("inf") if self._path.exists() else 0.0


def interruptions(folder):
  """Sweeps to which something happens."""
  text = misbehaving.TEXT
  place = folder / "place"
  at_place = f"PLACE = '{place}'"
  found = {
    "crashes": sweep(folder, "crashes", CRASHES, text=text, num_workers=2),
    "fail fast": sweep(folder, "fail_fast", CRASHES, text=text, fail_fast=True),
  }
  how = "HOW = 'error'"
  found["all fail"] = sweep(folder, "all_fail", ERRORS, how, text=text)
  found["all fail again"] = sweep(
    folder, "all_fail", ERRORS, how, run=2, text=text, retry_failed=True
  )
  # As by `kill`, while a run evaluates.
  stopped = forked_sweeps.start(
    folder,
    "stopped",
    ONE,
    at_place,
    "HOW = 'evaluation: stop'",
    text=STEPS + text,
    num_workers=2,
  )
  place.write_text(str(stopped.pid))
  found["stopped"] = stopped.wait()
  found["stopped again"] = sweep(
    folder,
    "stopped",
    ONE,
    at_place,
    "HOW = 'evaluation: stop'",
    run=2,
    text=STEPS + text,
    num_workers=2,
  )
  place.unlink(missing_ok=True)
  touch = "HOW = 'touch'"
  found["timeout 0"] = sweep(
    folder, "timeout", RANDOM, at_place, touch, text=text, timeout_secs=0.0
  )
  worker.time = TimeThatEnds(place)
  found["timeout"] = sweep(
    folder,
    "timeout",
    RANDOM,
    at_place,
    touch,
    run=2,
    text=text,
    timeout_secs=1000.0,
  )
  worker.time = time
  return found


class Run:
  """A run of `TrialProcess`, to its end."""

  def __init__(self, folder, name, *gin_params, text="", **options):
    path = folder / f"{name}.gin"
    path.write_text(f"include '{folder}/run.gin'\n{misbehaving.TEXT}{text}")
    self.folder = folder / name
    self.process = TrialProcess(
      str(path), gin_params, str(self.folder), Resources(), **options
    )
    self.messages = []

  def read(self):
    """Takes what the run says next; returns whether it may say more."""
    messages = self.process.read()
    self.messages += messages or []
    return messages is not None

  def finish(self):
    """Returns what came of it."""
    while self.read():
      pass
    return {
      "status": self.process.wait(),
      "messages": self.messages,
      "log": (self.folder / "log.txt").read_text(),
    }


def num_megabytes():
  """Returns the memory of this process that is its own."""
  for line in pathlib.Path("/proc/self/status").read_text().splitlines():
    if line.startswith("RssAnon:"):
      return int(line.split()[1]) // 1024
  raise AssertionError("Linux says nothing of memory.")


def is_gone(pid):
  """Whether a process has ended, even if nobody has asked for its status."""
  try:
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except FileNotFoundError:
    return True
  return stat.rpartition(")")[2].split()[0] == "Z"


def trial_processes(folder):
  """Runs that are no part of a study."""
  found = {"process": os.getpid()}
  found["finished"] = Run(folder, "finished", "TRAIN_STEPS = 3").finish()
  for how in ("user error", "error", "exit", "SIGSEGV", "SIGKILL"):
    found[how] = Run(folder, how, f"HOW = '{how}'").finish()
  before = num_megabytes()
  found["leak"] = Run(folder, "leak", "HOW = 'leak'").finish()
  found["leaked"] = num_megabytes() - before
  pruned = Run(folder, "pruned", text=STEPS, asks=True)
  for prune in (False, True):
    while not pruned.messages or len(pruned.messages) < 1 + prune:
      pruned.read()
    pruned.process.answer(prune)
  found["pruned"] = pruned.finish()
  place = folder / "place"
  hangs = (f"PLACE = '{place}'", "HOW = 'evaluation: hang'")
  stopped = Run(folder, "stopped", *hangs, text=STEPS)
  wait_for(place.read_text)
  stopped.process.signal(signal.SIGTERM)
  found["stopped"] = stopped.finish()
  found["stopped again"] = Run(folder, "stopped", *hangs, text=STEPS).finish()
  place.unlink()

  def work():
    # The worker waits for the run, which goes on for ever.
    Run(folder, "orphan", *hangs, text=STEPS).finish()

  worker_process = Forked(work, folder / "worker")
  pid = int(wait_for(place.read_text))
  found["orphan ran"] = not is_gone(pid)
  os.kill(worker_process.pid, signal.SIGKILL)
  worker_process.wait()
  found["orphan ended"] = wait_for(lambda: is_gone(pid))
  return found
