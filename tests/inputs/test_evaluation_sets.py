"""Further splits that are evaluated on by their names."""

import image_folders
import input_batches
import numpy as np
import pytest
from input_batches import expect
from record_writing import write_records

from hub_estimator import errors, inputs

ROWS = [("a", "red"), ("b", "blue"), ("c", "red"), ("d", "blue")]


def _texts(tmp_path, rows=ROWS, sets=None, **arguments):
  def write(name, of):
    path = tmp_path / f"{name}.csv"
    path.write_text("".join(f"{t},{v}\n" for t, v in [("text", "label"), *of]))
    return path

  return inputs.TextFileInput(
    write("train", rows),
    evaluation_sets={n: write(n, of) for n, of in (sets or {}).items()},
    **{"eval_fraction": 0.5, **arguments},
  )


def _records(tmp_path, rows=ROWS, sets=None, **arguments):
  def write(name, of):
    path = tmp_path / f"{name}.tfrecord"
    return write_records(path, [{"text": t, "label": v} for t, v in of])

  return inputs.TFRecordInput(
    write("train", rows),
    features={"text": ("string", ())},
    evaluation_sets={n: write(n, of) for n, of in (sets or {}).items()},
    **{"eval_fraction": 0.5, **arguments},
  )


def _arrays(tmp_path, rows=ROWS, sets=None, **arguments):
  def write(name, of):
    path = tmp_path / f"{name}.npz"
    texts, labels = zip(*of)
    np.savez(path, features=np.array(texts), labels=np.array(labels))
    return str(path)

  return inputs.NumpyInput(
    write("train", rows),
    feature_name="text",
    evaluation_sets={n: write(n, of) for n, of in (sets or {}).items()},
    **{"eval_fraction": 0.5, **arguments},
  )


CREATE = pytest.mark.parametrize(
  "create", [_texts, _records, _arrays], ids=["texts", "records", "arrays"]
)
SETS = {"hard": [("x", "red"), ("y", "red")], "new-1.0": [("z", "blue")]}


@CREATE
def test_sets_are_splits_in_their_order(create, tmp_path):
  data = create(tmp_path, sets=SETS)
  assert data.splits == ("train", "eval", "hard", "new-1.0")
  features, labels = input_batches.ordered(data, "hard")
  assert features["text"].tolist() == [b"x", b"y"]
  assert labels.tolist() == [[1], [1]]
  features, labels = input_batches.ordered(data, "new-1.0")
  assert features["text"].tolist() == [b"z"]
  assert labels.tolist() == [[0]]
  assert data.num_split_examples("hard") == 2
  assert data.num_split_examples("new-1.0") == 1
  assert data.num_examples("eval") == 2
  description = data.description()
  assert description["splits"] == list(data.splits)
  assert description["num_split_examples"]["hard"] == 2


@CREATE
def test_the_other_splits_stay_as_they_are(create, tmp_path):
  data, plain = create(tmp_path, sets=SETS), create(tmp_path)
  for split in ("train", "eval"):
    assert data.fingerprint(split) == plain.fingerprint(split)
  assert data.num_classes == plain.num_classes == 2
  prints = {data.fingerprint(split) for split in data.splits}
  assert len(prints) == 4
  assert data.fingerprint("hard") != create(
    tmp_path, sets={"hard": [("x", "red"), ("y", "blue")]}
  ).fingerprint("hard")


@CREATE
def test_a_class_without_an_example_is_noted(create, tmp_path):
  notes = " ".join(create(tmp_path, sets=SETS).notes())
  assert "The hard split of " in notes
  assert "no example of 1 of 2 classes: ['blue']" in notes


@CREATE
def test_labels_that_the_other_splits_lack(create, tmp_path):
  with expect(errors.UserValueError, "'blue', 'red'", "'green'") as caught:
    create(tmp_path, sets={"hard": [("x", "red"), ("y", "green")]})
  assert "hard." in str(caught.value)


@CREATE
def test_numbers_that_the_other_splits_lack(create, tmp_path):
  rows = [("a", 0), ("b", 3), ("c", 0), ("d", 3)]
  # A class between them is one.
  data = create(tmp_path, rows, {"hard": [("x", 1), ("y", 3)]})
  assert data.num_classes == 4
  assert input_batches.ordered(data, "hard")[1].tolist() == [[1], [3]]
  with expect(errors.UserValueError, "hard", "4"):
    create(tmp_path, rows, {"hard": [("x", 1), ("y", 4)]})


@CREATE
def test_classes_that_are_not_chosen_are_left_out(create, tmp_path):
  rows = [("a", "u"), ("b", "v"), ("c", "u"), ("d", "v"), ("e", "w")]
  data = create(
    tmp_path,
    rows,
    {"hard": [("x", "q"), ("y", "u"), ("z", "w")]},
    classes=("v", "u"),
  )
  features, labels = input_batches.ordered(data, "hard")
  assert features["text"].tolist() == [b"y"]
  assert labels.tolist() == [[1]]
  with expect(errors.UserValueError, "evaluation set 'hard' has zero examples"):
    create(tmp_path, rows, {"hard": [("x", "q")]}, classes=("v", "u"))


@CREATE
def test_examples_are_drawn_from_the_train_split_alone(create, tmp_path):
  data = create(
    tmp_path,
    [("a", 0), ("b", 2), ("c", 0), ("d", 2)],
    {"hard": [("x", 1)]},
    eval_fraction=None,
    num_train_examples_per_class=1,
  )
  assert data.num_split_examples("train") == 2
  assert data.num_split_examples("eval") == 2
  assert data.num_split_examples("hard") == 1


def test_other_labels_may_be_skipped(tmp_path):
  for create in (_texts, _records):
    data = create(
      tmp_path,
      sets={"hard": [("x", "green"), ("y", "red")]},
      on_bad_example="skip",
    )
    assert input_batches.texts(data, "hard") == ["y"]
    assert data.skipped_examples() == {"label outside the vocabulary": 1}


def test_regression_and_multi_label_sets(tmp_path):
  data = _texts(
    tmp_path, [("a", 0.5), ("b", 2), ("c", 1)], {"hard": [("x", 7)]}
  )
  assert input_batches.ordered(data, "hard")[1].tolist() == [[7.0]]
  data = _texts(
    tmp_path,
    [("a", "u|v"), ("b", "v"), ("c", "u")],
    {"hard": [("x", "v"), ("y", "")]},
    label_kind="multi_label",
  )
  assert input_batches.ordered(data, "hard")[1].tolist() == [[0, 1], [0, 0]]
  with expect(errors.UserValueError, "hard.csv line 2", "'u', 'v'", "'w'"):
    _texts(
      tmp_path,
      [("a", "u|v"), ("b", "v"), ("c", "u")],
      {"hard": [("x", "w|u")]},
      label_kind="multi_label",
    )


def _images(tmp_path, **arguments):
  folders = image_folders.train_and_eval(tmp_path)
  return image_folders.create(folders, **arguments)


def test_folders_of_images(tmp_path):
  hard = image_folders.write_folder(
    tmp_path / "hard", 1, classes=("dog",), first=50
  )
  data = _images(tmp_path, evaluation_sets={"hard": hard})
  assert data.splits == ("train", "eval", "hard")
  features, labels = input_batches.ordered(data, "hard")
  assert features["images"][:, 0, 0, 0].tolist() == [50.0]
  assert labels.tolist() == [[1]]
  assert data.fingerprint("train") == _images(tmp_path).fingerprint("train")
  assert any("hard split" in note for note in data.notes())


def test_a_table_of_images(tmp_path):
  folder = image_folders.write_folder(tmp_path / "hard", 2, first=50)
  (tmp_path / "list.csv").write_text(
    "path,label\nhard/cat/001.png,dog\nhard/dog/000.png,cat\n"
  )
  data = _images(
    tmp_path,
    evaluation_sets={"table": tmp_path / "list.csv", "folder": folder},
    cache_decoded=True,
  )
  features, labels = input_batches.ordered(data, "table")
  assert features["images"][:, 0, 0, 0].tolist() == [51.0, 60.0]
  assert labels.tolist() == [[1], [0]]
  assert data.num_split_examples("folder") == 4


def test_a_folder_of_a_class_that_the_other_splits_lack(tmp_path):
  hard = image_folders.write_folder(
    tmp_path / "hard", 1, classes=("cow", "dog")
  )
  with expect(errors.UserValueError, "000.png", "'cat', 'dog'", "'cow'"):
    _images(tmp_path, evaluation_sets={"hard": hard})
  data = _images(
    tmp_path, evaluation_sets={"hard": hard}, on_bad_example="skip"
  )
  assert data.class_names == ["cat", "dog"]
  assert data.num_split_examples("hard") == 1


@CREATE
@pytest.mark.parametrize("name", ["train", "eval", "test", "whole"])
def test_names_that_are_taken(create, tmp_path, name):
  sets = {name: [("x", "red")]}
  with expect(
    errors.UserValueError, "evaluation_sets` has the name", name, "are taken"
  ):
    create(tmp_path, sets=sets)


@pytest.mark.parametrize("name", ["", ".a", "a b", "a/b"])
def test_names_that_are_none(tmp_path, name):
  path = tmp_path / "a.csv"
  path.write_text("text,label\nx,0\ny,1\n")
  with expect(errors.UserValueError, "TextFileInput.evaluation_sets` has the"):
    inputs.TextFileInput(path, path, evaluation_sets={name: path})


def test_wrong_arguments(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text("text,label\nx,0\ny,1\n")
  for wrong in ("a.csv", {1: path}):
    with expect(errors.UserTypeError, "is a dict from names to paths"):
      inputs.TextFileInput(path, path, evaluation_sets=wrong)
  none = tmp_path / "none"
  with expect(
    errors.UserOSError, "TextFileInput.evaluation_sets['hard']", "none.csv' do"
  ):
    sets = {"hard": tmp_path / "none.csv"}
    inputs.TextFileInput(path, path, evaluation_sets=sets)
  with expect(
    errors.UserOSError, "TFRecordInput.evaluation_sets['hard']", "no file for"
  ):
    _records(tmp_path)
    inputs.TFRecordInput(
      tmp_path / "train.tfrecord",
      features={"text": ("string", ())},
      eval_fraction=0.5,
      evaluation_sets={"hard": none},
    )
  with expect(
    errors.UserOSError, "NumpyInput.evaluation_sets['hard']", "does not exist"
  ):
    inputs.NumpyInput(
      "sklearn:iris", eval_fraction=0.5, evaluation_sets={"hard": none}
    )
  with expect(
    errors.UserValueError,
    "`NumpyInput.evaluation_sets['hard']` is one set of examples",
    "cut into splits: 'train', 'eval'",
  ):
    x, y = np.zeros([2, 4]), np.array([0, 1])
    inputs.NumpyInput(
      "sklearn:iris",
      eval_fraction=0.5,
      evaluation_sets={
        "hard": {
          "train_features": x,
          "train_labels": y,
          "eval_features": x,
          "eval_labels": y,
        }
      },
    )
  with expect(
    errors.UserOSError, "ImageFolderInput.evaluation_sets['hard']", "not exist"
  ):
    _images(tmp_path, evaluation_sets={"hard": none})
