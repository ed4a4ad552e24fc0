"""Compares a frozen, a fine-tuned and a from-scratch text module on reviews.

python experiments/glove_module/compare.py --embedding_file=FILE --data_dir=DIR
    [--num_seeds=5] [--runs_dir=runs/glove_module] [--num_processes=2]

FILE holds GloVe vectors of 50 dimensions; DIR the sentences of film reviews in
train.tsv and test.tsv, with the columns `text` and `label`. Exports the module,
trains each way with each number of examples and seed (which draws examples,
head and order), and writes the table into README.md beside this file, between
its markers.
"""

import concurrent.futures
import csv
import json
import pathlib
import shutil
import statistics
import subprocess
import sys

import numpy as np
from absl import app, flags

from hub_estimator.training.results_table import format_markdown_table

_EMBEDDING_FILE = flags.DEFINE_string(
  "embedding_file", None, "GloVe vectors.", required=True
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of the reviews.", required=True
)
_NUM_SEEDS = flags.DEFINE_integer("num_seeds", 5, "Seeds of each row.")
_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs/glove_module", "For runs.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", 2, "Runs at a time.")

_HERE = pathlib.Path(__file__).resolve().parent
_BEGIN, _END = "<!-- table -->", "<!-- end -->"

# Of each class; None is all there are.
_NUM_EXAMPLES = (500, None)
# name -> (config, further bindings).
_WAYS = {
  "frozen": (
    "fine_tune.gin",
    [
      "TRAINABLE = False",
      "Optimization.optimizer_fn = @create_adam_optimizer_fn()",
      "LEARNING_RATE = 0.01",
    ],
  ),
  "fine-tuned": ("fine_tune.gin", []),
  "from scratch": ("from_scratch.gin", []),
}


def write_data(data_dir, path):
  arrays = {}
  for split, name in (("train", "train.tsv"), ("eval", "test.tsv")):
    with open(data_dir / name, encoding="utf-8", newline="") as file:
      rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    arrays[f"{split}_features"] = np.array([row["text"] for row in rows])
    arrays[f"{split}_labels"] = np.array([int(row["label"]) for row in rows])
  np.savez(path, **arrays)


def run(*arguments):
  command = [sys.executable, "-m", *map(str, arguments)]
  completed = subprocess.run(
    command, capture_output=True, text=True, check=False
  )
  if completed.returncode:
    raise RuntimeError(f"{command}\n{completed.stderr}")
  return completed.stdout


def train(config, model_dir, gin_params):
  """Runs the training command and returns its results."""
  run(
    "hub_estimator.train",
    f"--gin_file={_HERE / config}",
    *(f"--gin_param={param}" for param in gin_params),
    f"--model_dir={model_dir}",
    "--overwrite",
  )
  return json.loads((model_dir / "results.json").read_text())


def compare(runs_dir, module, num_seeds, num_processes):
  """Returns {(way, number of examples): results of each seed}."""
  found = {}
  with concurrent.futures.ThreadPoolExecutor(num_processes) as executor:
    for num_examples in _NUM_EXAMPLES:
      for way, (config, gin_params) in _WAYS.items():
        params = [*gin_params, f"SOURCE = '{runs_dir / 'reviews.npz'}'"]
        if num_examples:
          params.append(
            f"NumpyInput.num_train_examples_per_class = {num_examples}"
          )
        if config == "fine_tune.gin":
          params.append(f"MODULE_HANDLE = '{module}'")
        else:
          vocabulary = module / "assets" / "vocabulary.txt"
          params.append(f"VOCABULARY_FILE = '{vocabulary}'")
        name = f"{way.replace(' ', '_')}-{num_examples or 'all'}"
        found[way, num_examples] = [
          executor.submit(
            train,
            config,
            runs_dir / f"{name}-{seed}",
            [*params, f"SEED = {seed}"],
          )
          for seed in range(num_seeds)
        ]
    for key, futures in found.items():
      found[key] = [future.result() for future in futures]
      print(*key, accuracies(found[key]), flush=True)
  return found


def accuracies(results):
  return sorted(result["metrics"]["accuracy"] for result in results)


def format_table(found):
  rows = []
  for (way, num_examples), results in found.items():
    sorted_accuracies = accuracies(results)
    rows.append(
      [
        way,
        str(num_examples or "all"),
        f"{sorted_accuracies[0]:.3f}",
        f"{statistics.median(sorted_accuracies):.3f}",
        f"{sorted_accuracies[-1]:.3f}",
        f"{results[0]['num_trainable_parameters']:,}",
      ]
    )
  return format_markdown_table(
    rows,
    headers=(
      "module",
      "examples a class",
      "minimum accuracy",
      "median",
      "maximum",
      "trained parameters",
    ),
  )


def main(_):
  runs_dir = pathlib.Path(_RUNS_DIR.value).resolve()
  module = runs_dir / "module"
  runs_dir.mkdir(parents=True, exist_ok=True)
  shutil.rmtree(module, ignore_errors=True)
  write_data(pathlib.Path(_DATA_DIR.value), runs_dir / "reviews.npz")
  print(
    run(
      "hub_estimator.publishing.export_text_embedding_module",
      f"--embedding_file={_EMBEDDING_FILE.value}",
      f"--export_path={module}",
    )
  )
  table = format_table(
    compare(runs_dir, module, _NUM_SEEDS.value, _NUM_PROCESSES.value)
  )
  readme = _HERE / "README.md"
  before, rest = readme.read_text().split(_BEGIN)
  after = rest.split(_END, 1)[1]
  readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}")
  print(table)


if __name__ == "__main__":
  app.run(main)
