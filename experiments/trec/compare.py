"""Compares recipes on questions, by the kind of their answer.

python -m experiments.trec.compare --embedding_file=FILE --data_dir=DIR
    [--num_seeds=5] [--num_processes=2] [--runs_dir=runs] [--rerun]

FILE holds GloVe vectors of 50 dimensions; DIR has train.jsonl and test.jsonl
with the keys `text` and `label`. Exports the module, chooses each way's
settings by a tenth of the train file, which is not trained on, runs each with
each seed, and writes the tables of README.md beside this file. Runs that are
there are not repeated.
"""

import itertools
import pathlib

from absl import app

from experiments import command_flags, comparison, text_modules
from experiments.ways import Case

_HERE = pathlib.Path(__file__).resolve().parent


def main(_):
  settings = command_flags.settings_of(_HERE)
  module = text_modules.export_module(settings.runs_dir)
  files = [
    f"TRAIN_FILE = '{text_modules.data_file('train.jsonl')}'",
    f"TEST_FILE = '{text_modules.data_file('test.jsonl')}'",
  ]
  few = "TextFileInput.num_train_examples_per_class = 10"
  cases = [
    Case("all", files),
    Case("10", [*files, few, "TRAIN_STEPS = 200"]),
  ]
  ways = text_modules.create_ways(module)
  comparison.compare(
    settings, list(itertools.product(cases, ways)), "examples a class"
  )


if __name__ == "__main__":
  app.run(main)
