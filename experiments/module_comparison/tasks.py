"""The tasks: few examples, cut once into train, validation and test splits.

The files of the sweep have no test split, so that no choice can see it. Those
of the final runs have train and validation in one, and the test split.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.model_selection import train_test_split

from experiments import digit_images

_HERE = pathlib.Path(__file__).resolve().parent
_CLASSES = (5, 6, 7, 8, 9)
_NUM_TEST_DIGITS = 446
TRAIN, VALIDATION, BOTH, TEST = "train", "validation", "both", "test"

Rows = Mapping[str, Sequence[int]]


@dataclasses.dataclass(frozen=True)
class Sizes:
  """How many examples are drawn, with the shares of the classes.

  Attributes:
    num_train: to train on in the sweep.
    num_validation: to choose by.
  """

  num_train: int
  num_validation: int


IMAGES = Sizes(100, 50)
TEXTS = Sizes(800, 200)


@dataclasses.dataclass(frozen=True)
class Task:
  """Data of two kinds of runs.

  Attributes:
    name: what the tables call it.
    gin_file: the path of the config.
    search_params: bindings of train and validation.
    final_params: bindings of both in one, and of test.
    counts: split -> number of examples.
  """

  name: str
  gin_file: pathlib.Path
  search_params: tuple[str, ...]
  final_params: tuple[str, ...]
  counts: Mapping[str, int]


def digits_task(folder: pathlib.Path, sizes: Sizes = IMAGES) -> Task:
  """Writes scikit-learn's digits 5 to 9.

  Args:
    folder: where the data of tasks goes.
    sizes: how many to draw.
  """
  images, labels = digit_images.load_digits()
  candidates = np.flatnonzero(np.isin(labels, _CLASSES))
  rest, test = train_test_split(
    candidates,
    test_size=_NUM_TEST_DIGITS,
    stratify=labels[candidates],
    random_state=0,
  )
  rows = {**_draw(rest, labels, sizes), TEST: test}
  files = {}
  for name, splits in (
    ("search", {"train": TRAIN, "eval": VALIDATION}),
    ("final", {"train": BOTH, "eval": VALIDATION, "test": TEST}),
  ):
    files[name] = _new_file(folder, "digits", f"{name}.npz")
    arrays = {}
    for split, part in splits.items():
      arrays[f"{split}_features"] = images[rows[part]]
      # As texts: these are names, and no numbers from 0.
      arrays[f"{split}_labels"] = labels[rows[part]].astype(str)
    np.savez(files[name], **arrays)
  return Task(
    "digits",
    _HERE / "digits.gin",
    (f"SOURCE = '{files['search']}'",),
    (f"SOURCE = '{files['final']}'",),
    _counts(rows),
  )


def signs_task(
  folder: pathlib.Path, data_dir: pathlib.Path, sizes: Sizes = IMAGES
) -> Task:
  """Writes lists of the photographs of the signs 5 to 9.

  Args:
    folder: where the data of tasks goes.
    data_dir: of the signs, with the folders train and test.
    sizes: how many to draw.
  """
  images = {
    split: [
      (path.resolve(), f"sign {label}")
      for label in _CLASSES
      for path in sorted((data_dir / split / str(label)).iterdir())
    ]
    for split in ("train", "test")
  }
  labels = np.array([label for _, label in images["train"]])
  rows = _draw(np.arange(len(labels)), labels, sizes)
  parts = {
    part: [images["train"][row] for row in drawn]
    for part, drawn in rows.items()
  }
  parts[TEST] = images["test"]
  files = {}
  for part, examples in parts.items():
    files[part] = _new_file(folder, "signs", f"{part}.csv")
    with open(files[part], "w", encoding="utf-8", newline="") as file:
      csv.writer(file).writerows([("path", "label"), *examples])
  return _task_of_files("signs", "signs.gin", files, "DIR", _counts(parts))


def trec_task(
  folder: pathlib.Path, data_dir: pathlib.Path, sizes: Sizes = TEXTS
) -> Task:
  """Writes questions by the kind of their answer.

  Args:
    folder: where the data of tasks goes.
    data_dir: with train.jsonl and test.jsonl.
    sizes: how many to draw.
  """

  def read(name):
    with open(data_dir / name, encoding="utf-8") as file:
      return [json.loads(line) for line in file]

  return _text_task(
    folder, "questions", read("train.jsonl"), read("test.jsonl"), sizes
  )


def reviews_task(
  folder: pathlib.Path, data_dir: pathlib.Path, sizes: Sizes = TEXTS
) -> Task:
  """Writes sentences of film reviews, positive or negative.

  Args:
    folder: where the data of tasks goes.
    data_dir: with train.tsv and test.tsv.
    sizes: how many to draw.
  """

  def read(name):
    with open(data_dir / name, encoding="utf-8", newline="") as file:
      rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
      return [{"text": row["text"], "label": row["label"]} for row in rows]

  return _text_task(
    folder, "reviews", read("train.tsv"), read("test.tsv"), sizes
  )


def _text_task(folder, name, examples, test, sizes) -> Task:
  labels = np.array([example["label"] for example in examples])
  rows = _draw(np.arange(len(labels)), labels, sizes)
  parts = {
    part: [examples[row] for row in drawn] for part, drawn in rows.items()
  }
  parts[TEST] = test
  files = {}
  for part, of_part in parts.items():
    files[part] = _new_file(folder, name, f"{part}.jsonl")
    lines = (json.dumps(example) + "\n" for example in of_part)
    files[part].write_text("".join(lines), encoding="utf-8")
  return _task_of_files(name, "texts.gin", files, "FILE", _counts(parts))


def _draw(rows: np.ndarray, labels: np.ndarray, sizes: Sizes) -> dict:
  """Returns part -> rows of train, validation and both, always the same."""
  train, validation = train_test_split(
    rows,
    train_size=sizes.num_train,
    test_size=sizes.num_validation,
    stratify=labels[rows],
    random_state=0,
  )
  both = np.sort(np.concatenate([train, validation]))
  return {TRAIN: np.sort(train), VALIDATION: np.sort(validation), BOTH: both}


def _task_of_files(name, gin_file, files, kind, counts) -> Task:
  validation = f"EVAL_{kind} = '{files[VALIDATION]}'"
  return Task(
    name,
    _HERE / gin_file,
    (f"TRAIN_{kind} = '{files[TRAIN]}'", validation),
    (
      f"TRAIN_{kind} = '{files[BOTH]}'",
      # Trained on: runs want an eval split, and nothing is chosen by this one.
      validation,
      f"TEST_{kind} = '{files[TEST]}'",
    ),
    counts,
  )


def _new_file(folder: pathlib.Path, task: str, name: str) -> pathlib.Path:
  (folder / task).mkdir(parents=True, exist_ok=True)
  return folder / task / name


def _counts(parts: Rows) -> dict[str, int]:
  return {part: len(rows) for part, rows in parts.items()}
