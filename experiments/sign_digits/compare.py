"""Compares the recipes on photographs of the hand signs 5 to 9.

python -m experiments.sign_digits.compare --data_dir=DIR [--num_seeds=5]
    [--num_processes=2] [--runs_dir=runs] [--rerun]

DIR has the folders train and test, each with one folder a sign, 0 to 9.
Pre-trains one module on the signs 0 to 4 and one on handwritten digits, chooses
each way's settings by half of the train folder, runs each with each seed (which
draws the training examples, the head and the order), and writes the tables of
README.md beside this file. Runs that are there are not repeated.
"""

import pathlib

import numpy as np
from absl import app, flags

from experiments import (
  command_flags,
  comparison,
  digit_images,
  image_modules,
)
from experiments.ways import Case

_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of the signs.", required=True
)

_HERE = pathlib.Path(__file__).resolve().parent
_DIGITS_WAYS = ("feature_extraction", "all at one rate", "full_fine_tuning")


def write_digits(path):
  """Writes scikit-learn's digits, each pixel as 4×4 pixels."""
  images, labels = digit_images.load_digits()
  path.parent.mkdir(parents=True, exist_ok=True)
  np.savez(path, features=images, labels=labels)


def main(_):
  settings = command_flags.settings_of(_HERE)
  digits = settings.runs_dir / "digits_32x32.npz"
  write_digits(digits)
  train_dir = f"TRAIN_DIR = '{_DATA_DIR.value}/train'"
  data = [train_dir, f"TEST_DIR = '{_DATA_DIR.value}/test'"]
  on_signs = comparison.train(settings, "pretrain", train_dir)
  on_digits = comparison.train(
    settings, "pretrain_on_digits", f"SOURCE = '{digits}'"
  )
  for name, run in (("signs", on_signs), ("digits", on_digits)):
    print(f"pre-trained on {name}: {run['metrics']['accuracy']:.4f}")
  handle = on_signs["exports"]["tf_hub"]
  ways = image_modules.create_ways(handle)
  ways.append(image_modules.create_auto_way(handle))
  rows = [(Case("signs 0 to 4", data), way) for way in ways]
  rows += [
    (Case("digits", data), way)
    for way in image_modules.create_ways(on_digits["exports"]["tf_hub"])
    if way.name in _DIGITS_WAYS
  ]
  rows.append((Case("nothing", data), image_modules.create_way_from_scratch()))
  comparison.compare(settings, rows, "pre-trained on")


if __name__ == "__main__":
  app.run(main)
