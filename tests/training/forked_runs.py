"""A program of its own: runs that are killed again and again until they end.

FOLDER MODE KILLS SEED: writes a config into FOLDER, trains it once undisturbed,
  and then in other folders, in processes that are forked from this one, which
  has imported TensorFlow, and killed as by kill -9 until KILLS were; each
  followed by the same command, until that ends. Prints what was found that must
  not be. MODE says when a process is killed: "files", at a random one of the
  changes to files that Python makes; "times", at a random moment.
"""

import contextlib
import importlib
import io
import json
import os
import pathlib
import random
import select
import signal
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import tiny_runs  # noqa: E402
from tensorflow.python.lib.io import file_io  # noqa: E402

from hub_estimator import hub  # noqa: E402
from hub_estimator.tf_compat import tf  # noqa: E402
from hub_estimator.training import checkpoint_care  # noqa: E402
from hub_estimator.training import launch as launching  # noqa: E402

STEPS = 12
TEXT = f"""
TRAIN_STEPS = {STEPS}
train.eval_every_steps = 3
train.keep_checkpoint_max = 2
train.exports_to_keep = 2
train.best_metric = 'loss'
train.verify_exports = False
train.early_stopping = @EarlyStopping()
EarlyStopping.metric = 'loss'
EarlyStopping.patience = 100
"""
KILLS_OF_A_RUN = 5
# What changes files, by way of TensorFlow.
_FILE_FUNCTIONS = (
  *("rename", "rename_v2", "delete_file", "delete_file_v2"),
  *("delete_recursively", "delete_recursively_v2"),
  *("recursive_create_dir", "recursive_create_dir_v2"),
  *("write_string_to_file", "copy_v2"),
)
_FILE_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")


def forked(function, *arguments, seconds=None):
  """Runs a function in a child process.

  Args:
    function: gives what JSON can hold.
    *arguments: of the function.
    seconds: after which the child is killed; never if None.

  Returns:
    what the function gave; None if the child was killed.
  """
  reading, writing = os.pipe()
  pid = os.fork()
  if pid == 0:
    status = 1
    try:
      os.close(reading)
      answer = json.dumps(function(*arguments)).encode()
      with os.fdopen(writing, "wb") as file:
        file.write(answer)
      status = 0
    finally:
      os._exit(status)
  os.close(writing)
  if not select.select([reading], [], [], seconds)[0]:
    os.kill(pid, signal.SIGKILL)
  with os.fdopen(reading, "rb") as file:
    content = file.read()
  status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
  if status == -signal.SIGKILL:
    return None
  assert status == 0, f"the process ended with {status}"
  return json.loads(content)


def count_changes(die_at):
  """Counts changes to files from now on, and dies at one of them."""
  changes = [0]

  def count():
    changes[0] += 1
    if changes[0] == die_at:
      os.kill(os.getpid(), signal.SIGKILL)

  def audit(event, arguments):
    is_change = event in _FILE_EVENTS
    if event == "open":
      mode, flags = arguments[1:3]
      writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
      is_change = set(mode or "") & set("wax+") or (flags or 0) & writes
    if is_change:
      count()

  sys.addaudithook(audit)

  def counted(function):
    def call(*arguments, **named):
      count()
      found = function(*arguments, **named)
      count()
      return found

    return call

  for name in _FILE_FUNCTIONS:
    original = getattr(file_io, name)
    replaced = counted(original)
    setattr(file_io, name, replaced)
    for public in dir(tf.io.gfile):
      if getattr(tf.io.gfile, public) is original:
        setattr(tf.io.gfile, public, replaced)
  return changes


def train(config, run, die_at=0):
  """Runs the config; returns the changes to files that it took."""
  changes = count_changes(die_at)
  with contextlib.redirect_stdout(io.StringIO()):
    written = tiny_runs.launch(config, run)
  assert written["status"] == "finished", written["status"]
  return changes[0]


def late_imports(config, run):
  """Returns the names of modules that are imported by a run only."""
  before = set(sys.modules)
  with contextlib.redirect_stdout(io.StringIO()):
    tiny_runs.launch(config, run, is_dry_run=True)
  return sorted(set(sys.modules) - before)


def exports(run):
  """Returns the folders of exports, by what is visible of them."""
  found = []
  for exporter in sorted(pathlib.Path(run, "export").glob("*")):
    names = [name for name in os.listdir(exporter) if name.isdigit()]
    found += [str(exporter / name) for name in sorted(names, key=int)]
  return found


def examine(run, checked):
  """Returns the newest whole checkpoint's step, and what is wrong."""
  wrong = []
  for export in exports(run):
    if export in checked:
      continue
    try:
      hub.verify_module(f"{export}/module")
    except Exception as error:  # Anything is wrong here.
      wrong.append(f"{export}: {error!r}")
  newest = checkpoint_care.newest_whole(str(run))
  return int(newest.rpartition("-")[2]) if newest else -1, wrong


def outcome(run):
  """Returns what a run gave that an interruption must not change."""
  run = pathlib.Path(run)
  reader = tf.train.load_checkpoint(str(run))
  found = {
    "weights": {
      name: reader.get_tensor(name).tobytes().hex()
      for name in sorted(reader.get_variable_to_shape_map())
    },
    "evaluations": json.loads((run / "evaluations.json").read_text()),
    "metrics": json.loads((run / "results.json").read_text())["metrics"],
  }
  for exporter in sorted((run / "export").iterdir()):
    newest = max(filter(str.isdigit, os.listdir(exporter)), key=int)
    found[exporter.name] = {
      name: value.tobytes().hex()
      for name, value in tiny_runs.exported_weights(
        str(exporter / newest / "module")
      ).items()
    }
  best = run / "best" / "best.json"
  if best.exists():
    content = json.loads(best.read_text())
    found["best.json"] = {
      name: content[name] for name in ("value", "global_step")
    }
  found["unknown"] = sorted(
    str(path.relative_to(run))
    for path in run.rglob("*")
    if "temp" in path.name or ".tmp" in path.name
  )
  return found


def killed(folder, mode, num_kills, seed):
  folder = pathlib.Path(folder)
  launching.register_configurables()
  config = tiny_runs.write_config(folder, TEXT)
  for name in forked(late_imports, config, folder / "undisturbed"):
    # What is imported once is not by each process. No more than that: graphs
    # start threads, which a fork does not copy.
    with contextlib.suppress(Exception):
      importlib.import_module(name)
  started = time.monotonic()
  num_changes = forked(train, config, folder / "undisturbed")
  seconds = time.monotonic() - started
  expected = forked(outcome, folder / "undisturbed")
  rng = random.Random(int(seed))
  found = {
    "kills": 0,
    "runs": 0,
    "changes": num_changes,
    "seconds": round(seconds, 2),
    "wrong": [],
    "steps": [],
  }
  while found["kills"] < int(num_kills):
    found["runs"] += 1
    run = folder / f"run{found['runs']}"
    newest, checked = -1, []
    for _ in range(min(KILLS_OF_A_RUN, int(num_kills) - found["kills"])):
      if mode == "files":
        ended = forked(train, config, run, rng.randint(1, num_changes))
      else:
        ended = forked(train, config, run, seconds=rng.uniform(0.0, seconds))
      step, wrong = forked(examine, run, checked)
      checked = exports(run)
      found["steps"].append(step)
      found["wrong"] += wrong
      if step < newest:
        found["wrong"].append(f"step {newest} is lost, {step} is the newest")
      newest = step
      if ended is not None:
        break
      found["kills"] += 1
    else:
      forked(train, config, run)
    last = forked(outcome, run)
    found["wrong"] += [
      f"{run}: {name}: {last.get(name)} instead of {value}"
      for name, value in expected.items()
      if last.get(name) != value
    ]
  return found


if __name__ == "__main__":
  print("FOUND" + json.dumps(killed(*sys.argv[1:])))
