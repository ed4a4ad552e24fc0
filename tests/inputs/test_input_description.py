"""What is saved of a pipeline."""

import json

import image_folders
import numpy as np
import pytest

from hub_estimator import errors, inputs
from hub_estimator.inputs import descriptions, pipeline
from hub_estimator.tf_compat import tf


class _Custom(inputs.InputPipeline):
  batch_size = 2
  num_classes = None
  class_names = None

  def input_fn(self, mode):
    raise NotImplementedError

  def feature_spec(self):
    return {"pixels": tf.TensorSpec([None, 4], tf.float32)}

  def label_spec(self):
    return tf.TensorSpec([None, 3], tf.float32)

  def num_examples(self, mode):
    return {"train": 3, "eval": 1}[pipeline.split_of_mode(mode)]

  def check_labels(self, num_classes):
    del num_classes


def test_description_of_texts(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text("t,sort,p\nx,red,1\ny,blue,2\nz,red,3\n")
  data = inputs.TextFileInput(
    path,
    path,
    label_column="sort",
    features={"text": "t", "price": ("p", "int32")},
    batch_size=2,
  )
  description = data.description()
  reader = description.pop("reader")
  assert description == {
    "input": "TextFileInput",
    "feature_spec": {"text": ["string", [None]], "price": ["int32", [None]]},
    "label_spec": ["int64", [None, 1]],
    "label_kind": "class",
    "num_classes": 2,
    "class_names": ["blue", "red"],
    "num_targets": None,
    "num_train_examples": 3,
    "class_counts": [1, 2],
    "splits": ["train", "eval"],
    "num_split_examples": {"train": 3, "eval": 3},
    "largest_label": 1,
    "batch_size": 2,
    "weight_key": None,
    "augmentations": [],
    "vocabularies": {"labels": ["blue", "red"]},
    "skipped_examples": {},
    "image": None,
    "own_receiver": False,
  }
  assert reader["kind"] == "text"
  assert reader["train_format"] == "csv"
  assert [f["columns"] for f in reader["features"]] == [["t"], ["p"]]


def test_descriptions_are_json(tmp_path):
  data = inputs.NumpyInput(
    {"features": np.ones([4, 2], np.float64), "labels": np.array([7, 9, 7, 9])},
    classes=tuple(np.array([9, 7])),
    eval_fraction=0.5,
    stratify=False,
  )
  description = data.description()
  assert json.loads(json.dumps(description)) == description
  assert description["reader"]["classes"] == [9, 7]
  assert description["class_names"] == ["9", "7"]


def test_description_of_images(tmp_path):
  folder = image_folders.write_folder(tmp_path)
  data = inputs.ImageFolderInput(
    folder,
    folder,
    image_size=(4, 6),
    num_channels=1,
    value_range=(-1, 1),
    resize_method="pad",
    mixup_alpha=0.5,
    flip_horizontally=True,
    feature_name="pictures",
  )
  description = data.description()
  assert description["image"] == {
    "image_size": [4, 6],
    "num_channels": 1,
    "value_range": [-1.0, 1.0],
    "resize_method": "pad",
    "antialias": False,
    "feature_name": "pictures",
    "mixup_alpha": 0.5,
  }
  assert description["feature_spec"] == {
    "pictures": ["float32", [None, 4, 6, 1]]
  }
  assert len(description["augmentations"]) == 2


def test_custom_pipelines_have_a_description_without_a_reader():
  description = _Custom().description()
  assert description["input"] == "_Custom"
  assert description["reader"] is None
  assert description["label_kind"] == "regression"
  assert description["num_targets"] == 3
  assert description["class_counts"] is None
  assert description["num_split_examples"] == {"train": 3, "eval": 1}


@pytest.mark.parametrize("wrong", [None, {}, {"input": "TextFileInput"}])
def test_something_else_than_a_description(wrong):
  with pytest.raises(
    errors.UserValueError, match=r"input\.json\) lacks .*'feature_spec'"
  ):
    descriptions.check_description(wrong)
