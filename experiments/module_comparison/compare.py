"""Compares modules, frozen and fine-tuned, on several tasks, VTAB's way.

python -m experiments.module_comparison.compare [--signs_dir=DIR]
    [--embedding_file=FILE [--trec_dir=DIR] [--reviews_dir=DIR]]
    [--num_seeds=3] [--num_processes=2] [--runs_dir=runs] [--rerun]

--signs_dir has the folders train and test, each with one folder a hand sign, 0
to 9; --embedding_file GloVe vectors of 50 dimensions; --trec_dir train.jsonl
and test.jsonl; --reviews_dir train.tsv and test.tsv. What is not given is left
out, and so are its tables.

Publishes the modules, once. Then, for each task, sweeps over all modules, ways
to train and settings with `hub_estimator.sweep`; chooses the settings of each
module and way by the validation split; trains with them on train and
validation, with each seed; and tests on the test split, once. Writes the tables
of README.md beside this file. Runs that are there are not repeated.
"""

import pathlib

from absl import app, flags

from experiments import command_flags
from experiments.comparison import Settings
from experiments.module_comparison import modules, tasks
from experiments.module_comparison.protocol import Family, compare

_SIGNS_DIR = flags.DEFINE_string("signs_dir", None, "Folder of the signs.")
_EMBEDDING_FILE = flags.DEFINE_string(
  "embedding_file", None, "GloVe vectors of 50 dimensions."
)
_TREC_DIR = flags.DEFINE_string("trec_dir", None, "Folder of the questions.")
_REVIEWS_DIR = flags.DEFINE_string("reviews_dir", None, "Folder of reviews.")
flags.FLAGS.set_default("num_seeds", 3)

_HERE = pathlib.Path(__file__).resolve().parent


def _image_family(settings: Settings) -> Family:
  signs_dir = pathlib.Path(_SIGNS_DIR.value)
  folder = settings.runs_dir / "data"
  return Family(
    "images",
    modules.publish_image_modules(settings, signs_dir),
    [tasks.digits_task(folder), tasks.signs_task(folder, signs_dir)],
  )


def _text_family(settings: Settings) -> Family:
  folder = settings.runs_dir / "data"
  published = modules.publish_text_modules(
    settings, pathlib.Path(_EMBEDDING_FILE.value)
  )
  return Family(
    "texts",
    published,
    [
      create(folder, pathlib.Path(flag.value))
      for create, flag in (
        (tasks.trec_task, _TREC_DIR),
        (tasks.reviews_task, _REVIEWS_DIR),
      )
      if flag.value
    ],
    (f"VOCABULARY_FILE = '{modules.vocabulary_file(published)}'",),
  )


def main(_):
  settings = command_flags.settings_of(_HERE)
  if _SIGNS_DIR.value:
    compare(settings, _image_family(settings))
  else:
    print("left out: images, which need --signs_dir")
  for flag in (_TREC_DIR, _REVIEWS_DIR):
    if not flag.value:
      print(f"left out: a task of texts, which needs --{flag.name}")
  if not _EMBEDDING_FILE.value:
    print("left out: texts, which need --embedding_file")
  elif _TREC_DIR.value or _REVIEWS_DIR.value:
    compare(settings, _text_family(settings))


if __name__ == "__main__":
  app.run(main)
