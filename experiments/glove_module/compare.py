"""Compares a frozen, a fine-tuned and a from-scratch text module on reviews.

python -m experiments.glove_module.compare --embedding_file=FILE --data_dir=DIR
    [--num_seeds=5] [--num_processes=2] [--runs_dir=runs] [--rerun]

FILE holds GloVe vectors of 50 dimensions; DIR the sentences of film reviews in
train.tsv and test.tsv, with the columns `text` and `label`. Exports the module,
trains each way with each number of examples and seed (which draws examples,
head and order), and writes the table of README.md beside this file. Runs that
are there are not repeated.
"""

import csv
import itertools
import pathlib

import numpy as np
from absl import app

from experiments import command_flags, comparison, text_modules
from experiments.ways import Case, Way

_HERE = pathlib.Path(__file__).resolve().parent


def write_data(path):
  """Writes the texts and labels of both files as one .npz file."""
  arrays = {}
  for split, name in (("train", "train.tsv"), ("eval", "test.tsv")):
    file_path = text_modules.data_file(name)
    with open(file_path, encoding="utf-8", newline="") as file:
      rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    arrays[f"{split}_features"] = np.array([row["text"] for row in rows])
    arrays[f"{split}_labels"] = np.array([int(row["label"]) for row in rows])
  np.savez(path, **arrays)


def main(_):
  settings = command_flags.settings_of(_HERE)
  module = text_modules.export_module(settings.runs_dir, num_oov_buckets=1)
  write_data(settings.runs_dir / "reviews.npz")
  pretrained = f"MODULE_HANDLE = '{module}'"
  adam = "Optimization.optimizer_fn = @create_adam_optimizer_fn()"
  ways = [
    Way(
      "frozen",
      "fine_tune.gin",
      [pretrained, "TRAINABLE = False", adam, "LEARNING_RATE = 0.01"],
    ),
    Way("fine-tuned", "fine_tune.gin", [pretrained]),
    Way(
      "from scratch",
      "from_scratch.gin",
      [f"VOCABULARY_FILE = '{text_modules.vocabulary_file(module)}'"],
    ),
  ]
  source = f"SOURCE = '{settings.runs_dir / 'reviews.npz'}'"
  some = "NumpyInput.num_train_examples_per_class = 500"
  comparison.compare(
    settings,
    list(
      itertools.product(
        [Case("500", [source, some]), Case("all", [source])], ways
      )
    ),
    "examples a class",
    # The eval split is the test file.
    test_split="metrics",
  )


if __name__ == "__main__":
  app.run(main)
