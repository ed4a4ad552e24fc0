"""Compares the recipes on the digits 5 to 9.

python -m experiments.digits.compare [--num_seeds=5] [--num_processes=2]
    [--runs_dir=runs] [--rerun]

Pre-trains the module once, cuts a test set off that is the same for all runs,
chooses each way's settings by an eval split, runs each with each seed (which
draws the training examples, the head and the order) and each number of steps,
and writes the tables of README.md beside this file. Runs that are there are not
repeated.
"""

import pathlib

import numpy as np
from absl import app
from sklearn import datasets

from experiments import command_flags, comparison, image_modules
from experiments.ways import Case

_HERE = pathlib.Path(__file__).resolve().parent
_STEPS = (15, 200)
# Of the digits 5 to 9, of which 896 are there.
_NUM_TEST = 446


def write_data(path):
  """Writes the digits 5 to 9 with a test set that no run draws from."""
  bunch = datasets.load_digits()
  rows = np.flatnonzero(bunch.target >= 5)
  rows = np.random.RandomState(0).permutation(rows)
  test, rest = np.sort(rows[:_NUM_TEST]), np.sort(rows[_NUM_TEST:])
  path.parent.mkdir(parents=True, exist_ok=True)
  np.savez(
    path,
    features=bunch.data[rest],
    labels=bunch.target[rest],
    test_features=bunch.data[test],
    test_labels=bunch.target[test],
  )


def main(_):
  settings = command_flags.settings_of(_HERE)
  data = settings.runs_dir / "digits_5_to_9.npz"
  write_data(data)
  pretrained = comparison.train(settings, "pretrain")
  print(f"pre-trained on 0 to 4: {pretrained['metrics']['accuracy']:.4f}")
  handle = pretrained["exports"]["tf_hub"]
  # A third of the 450 to choose by; training examples are drawn of the others.
  source = [f"NumpyInput.source = '{data}'", "NumpyInput.eval_fraction = 0.333"]
  ways = [
    *image_modules.create_ways(handle),
    image_modules.create_way_from_scratch(),
  ]
  rows = [
    (Case(str(n), [*source, f"TRAIN_STEPS = {n}"]), way)
    for n in _STEPS
    for way in ways
  ]
  auto = image_modules.create_auto_way(handle)
  rows.append((Case("500", source), auto))
  comparison.compare(settings, rows, "steps")


if __name__ == "__main__":
  app.run(main)
