"""Reading new images, by the description of a run's pipeline."""

import io
import os
import sys

import image_folders
import input_batches
import numpy as np
import pytest
import tiny_images

from hub_estimator import errors
from hub_estimator.inputs.prediction import create_example_reader


@pytest.fixture
def data(tmp_path):
  return image_folders.create(
    image_folders.train_and_eval(tmp_path), value_range=(-1, 1)
  )


def _read(data, path, batch_size=3, **arguments):
  with create_example_reader(
    data.description(), path, batch_size, **arguments
  ) as reader:
    return list(reader), reader


def _write(path, value, damaged=False):
  content = image_folders.solid_png([value] * 3)
  # What is cut off is behind the header.
  tiny_images.write(path, content[:45] if damaged else content)
  return str(path)


def _values(batches):
  """Returns the grey value of each image, 0 to 255."""
  return [
    round(float(value))
    for batch in batches
    for value in (batch.features["images"][:, 0, 0, 0] + 1) * 127.5
  ]


def test_the_features_are_those_of_evaluation(data, tmp_path):
  batches, reader = _read(data, tmp_path / "eval", 3)
  expected = input_batches.batches(data, "infer")
  assert [len(batch) for batch in batches] == [3, 1]
  for batch, features in zip(batches, expected):
    assert batch.features["images"].dtype == np.float32
    np.testing.assert_array_equal(batch.features["images"], features["images"])
  assert reader.unit == "examples"
  assert reader.done == reader.total == 4


def test_a_folder_in_sorted_order_with_labels_by_folder(data, tmp_path):
  batches, reader = _read(data, tmp_path / "eval")
  names = [
    os.path.join(tmp_path, "eval", name)
    for name in ("cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png")
  ]
  assert [key for batch in batches for key in batch.keys] == names
  assert batches[1].echoes == [{"path": names[3]}]
  assert [batch.labels.tolist() for batch in batches] == [[0, 0, 1], [1]]


def test_a_folder_of_images_without_classes(data, tmp_path):
  folder = tmp_path / "new"
  for name, value in (("b/c/1.png", 7), ("a.png", 5), (".hidden.png", 9)):
    _write(folder / name, value)
  (folder / "notes.txt").write_text("none")
  batches, reader = _read(data, folder)
  assert _values(batches) == [5, 7]
  assert batches[0].labels is None
  assert reader.counts() == {"not an image": 1}


def test_one_image(data, tmp_path):
  batches, _ = _read(data, _write(tmp_path / "x.png", 8))
  assert _values(batches) == [8]


def test_a_table_of_paths(data, tmp_path):
  for value in (1, 2, 3):
    _write(tmp_path / "new" / f"{value}.png", value)
  path = tmp_path / "new" / "list.csv"
  path.write_text("id,path\n1,2.png\n2,3.png\n3,1.png\n4,2.png\n")
  batches, reader = _read(data, path)
  assert _values(batches) == [2, 3, 1, 2]
  assert batches[0].echoes[0] == {"path": "2.png"}
  assert batches[0].keys[0] == str(tmp_path / "new" / "2.png")
  assert batches[0].labels is None
  assert reader.unit == "bytes"
  assert reader.done == reader.total
  path.write_text("label,path\ndog,2.png\n,3.png\n")
  batches, reader = _read(data, path)
  assert batches[0].labels.tolist() == [1, -1]
  assert reader.counts() == {"label that is missing or not known": 1}


def test_a_path_in_each_line(data, tmp_path, monkeypatch):
  names = [_write(tmp_path / f"{value}.png", value) for value in (4, 6)]
  path = tmp_path / "list.txt"
  path.write_text("6.png\n4.png\n")
  assert _values(_read(data, path)[0]) == [6, 4]
  monkeypatch.setattr(
    sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(names).encode()))
  )
  batches, reader = _read(data, "-", 1)
  assert _values(batches) == [4, 6]
  assert reader.total is None


def test_many_images_in_order(data, tmp_path):
  names = [_write(tmp_path / f"{value}.png", value) for value in range(5)]
  path = tmp_path / "list.txt"
  path.write_text("\n".join(names * 50))
  batches, _ = _read(data, path, 7)
  assert _values(batches) == [0, 1, 2, 3, 4] * 50
  assert {len(batch) for batch in batches} == {7, 5}


@pytest.mark.parametrize("batch_size", [1, 9])
def test_images_that_cannot_be_read(data, tmp_path, batch_size):
  folder = tmp_path / "new"
  for value in range(4):
    _write(folder / f"{value}.png", value, damaged=value == 2)
  with pytest.raises(
    errors.UserValueError,
    match=r"1 bad example .*2\.png: .*on_bad_example = 'skip'",
  ):
    _read(data, folder, batch_size)
  batches, reader = _read(data, folder, batch_size, on_bad_example="skip")
  assert _values(batches) == [0, 1, 3]
  assert sum(reader.counts().values()) == 1
  assert "2.png" in reader.notes()[0]


def test_paths_that_are_none(data, tmp_path):
  path = tmp_path / "list.csv"
  _write(tmp_path / "1.png", 1)
  path.write_text("path,n\n1.png,1\n,2\nno.png,3\n")
  with pytest.raises(errors.UserValueError, match="line 3: expected the path"):
    _read(data, path)
  batches, reader = _read(data, path, on_bad_example="skip")
  assert _values(batches) == [1]
  assert sum(reader.counts().values()) == 2


def test_wrong_places(data, tmp_path):
  (tmp_path / "empty").mkdir()
  (tmp_path / "empty" / "a.doc").write_text("x")
  with pytest.raises(errors.UserValueError, match="has no image, .*1 other"):
    _read(data, tmp_path / "empty")
  with pytest.raises(
    errors.UserValueError, match=r"no image, and no list .*column 'path'"
  ):
    _read(data, tmp_path / "empty" / "a.doc")
  with pytest.raises(errors.UserOSError, match="'.*none' does not exist"):
    _read(data, tmp_path / "none")
  table = tmp_path / "list.csv"
  table.write_text("paths\nx.png\n")
  with pytest.raises(errors.UserKeyError, match="'path' of .*path_column"):
    _read(data, table)
  description = data.description()
  description["image"]["image_size"] = None
  with pytest.raises(errors.UserValueError, match="size of the images is not"):
    create_example_reader(description, tmp_path, 2)
