"""Compares a frozen, a fine-tuned and a from-scratch module on the digits 5–9.

python experiments/digits/compare.py [--num_seeds=5] [--runs_dir=runs/digits]
    [--num_processes=2]

Pretrains the module once, then trains each way with each seed (which draws the
training examples, the head and the order) and each number of steps, with the
same command and config but for what the table's first column says. Writes the
table into README.md beside this file, between its markers.
"""

import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys

from absl import app, flags

from hub_estimator.training.results_table import format_markdown_table

_NUM_SEEDS = flags.DEFINE_integer("num_seeds", 5, "Seeds of each row.")
_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs/digits", "Where runs go.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", 2, "Runs at a time.")

_HERE = pathlib.Path(__file__).resolve().parent
_BEGIN, _END = "<!-- table -->", "<!-- end -->"

_NUM_STEPS = (15, 40, 200)
# name -> (config, further bindings). A frozen module trains 1,285 parameters
# and takes a higher rate; the other two were best at that of the config.
_WAYS = {
  "frozen": ("fine_tune.gin", ["TRAINABLE = False", "LEARNING_RATE = 0.3"]),
  "fine-tuned": ("fine_tune.gin", []),
  "from scratch": ("from_scratch.gin", []),
}


def train(config, model_dir, gin_params):
  """Runs the training command and returns its results."""
  command = [
    sys.executable,
    "-m",
    "hub_estimator.train",
    f"--gin_file={_HERE / config}",
    *(f"--gin_param={param}" for param in gin_params),
    f"--model_dir={model_dir}",
    "--overwrite",
  ]
  completed = subprocess.run(
    command, capture_output=True, text=True, check=False
  )
  if completed.returncode:
    raise RuntimeError(f"{command}\n{completed.stderr}")
  return json.loads((model_dir / "results.json").read_text())


def compare(runs_dir, num_seeds, num_processes):
  """Returns {(way, number of steps): results of each seed}."""
  pretrained = runs_dir / "pretrain"
  results = train("pretrain.gin", pretrained, [])
  accuracy = results["metrics"]["accuracy"]
  print(f"pretrained on 0 to 4: accuracy {accuracy:.4f}", flush=True)
  handle = pretrained / "export" / "tf_hub"
  found = {}
  with concurrent.futures.ThreadPoolExecutor(num_processes) as executor:
    for num_steps in _NUM_STEPS:
      for way, (config, gin_params) in _WAYS.items():
        params = [*gin_params, f"TRAIN_STEPS = {num_steps}"]
        if config == "fine_tune.gin":
          params.append(f"MODULE_HANDLE = '{handle}'")
        found[way, num_steps] = [
          executor.submit(
            train,
            config,
            runs_dir / f"{way.replace(' ', '_')}-{num_steps}-{seed}",
            [*params, f"SEED = {seed}"],
          )
          for seed in range(num_seeds)
        ]
    for key, futures in found.items():
      found[key] = [future.result() for future in futures]
      print(*key, _accuracies(found[key]), flush=True)
  return found


def _accuracies(runs):
  return sorted(run["metrics"]["accuracy"] for run in runs)


def format_table(found):
  rows = []
  for (way, num_steps), runs in found.items():
    accuracies = _accuracies(runs)
    rows.append(
      [
        way,
        str(num_steps),
        f"{accuracies[0]:.3f}",
        f"{statistics.median(accuracies):.3f}",
        f"{accuracies[-1]:.3f}",
        f"{statistics.median(r['train_seconds'] for r in runs):.1f}",
        f"{runs[0]['num_trainable_parameters']:,}",
      ]
    )
  return format_markdown_table(
    rows,
    headers=(
      "module",
      "steps",
      "minimum accuracy",
      "median",
      "maximum",
      "seconds in training",
      "trained parameters",
    ),
  )


def main(_):
  runs_dir = pathlib.Path(_RUNS_DIR.value)
  os.makedirs(runs_dir, exist_ok=True)
  table = format_table(
    compare(runs_dir, _NUM_SEEDS.value, _NUM_PROCESSES.value)
  )
  readme = _HERE / "README.md"
  text = readme.read_text()
  before, rest = text.split(_BEGIN)
  after = rest.split(_END, 1)[1]
  readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}")
  print(table)


if __name__ == "__main__":
  app.run(main)
