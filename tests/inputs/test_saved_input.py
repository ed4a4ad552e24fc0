"""A pipeline made of what a run saved."""

import json

import image_folders
import numpy as np
import pytest

from hub_estimator import errors, inputs
from hub_estimator.tf_compat import tf


def _saved(data):
  """Returns the pipeline as it comes back from a file."""
  return inputs.SavedInput(json.loads(json.dumps(data.description())))


@pytest.fixture
def texts(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text("text,label,w\nx,red,1\ny,blue,2\nz,red,3\n")
  return inputs.TextFileInput(path, path, weight_column="w", batch_size=2)


@pytest.fixture
def images(tmp_path):
  folder = image_folders.write_folder(tmp_path / "images")
  return inputs.ImageFolderInput(
    folder, folder, image_size=(4, 6), value_range=(-1, 1), mixup_alpha=0.5
  )


def test_what_heads_and_recipes_take_is_that_of_the_pipeline(texts):
  saved = _saved(texts)
  assert saved.feature_spec() == texts.feature_spec()
  assert saved.label_spec() == texts.label_spec()
  assert saved.num_classes == 2
  assert saved.class_names == ["blue", "red"]
  assert saved.class_counts() == [1, 2]
  assert saved.num_examples("train") == 3
  assert saved.num_examples("infer") == 3
  assert saved.num_split_examples("eval") == 3
  assert saved.splits == ("train", "eval")
  assert saved.weight_key == texts.weight_key is not None
  assert saved.vocabularies() == texts.vocabularies()
  assert saved.notes() == []
  assert saved.description() == texts.description()


def test_counts_are_the_callers_own(texts):
  saved = _saved(texts)
  saved.class_counts().append(7)
  assert saved.class_counts() == [1, 2]


def test_settings_that_recipes_choose(texts, images):
  saved = _saved(texts).with_settings(batch_size=7)
  assert saved.batch_size == saved.description()["batch_size"] == 7
  assert _saved(images).with_settings(mixup_alpha=0.25).mixup_alpha == 0.25
  assert _saved(images).with_settings(batch_size=3).mixup_alpha == 0.5
  with pytest.raises(errors.UserValueError, match="has no mixup"):
    saved.with_settings(mixup_alpha=0.1)


def test_labels_fit_a_head_as_in_training(texts):
  saved = _saved(texts)
  saved.check_labels(2)
  saved.check_labels(5)
  with pytest.raises(
    errors.UserValueError, match="labels are 0 to 0, .*has the label 1"
  ):
    saved.check_labels(1)


def test_there_are_no_examples(texts):
  saved = _saved(texts)
  for call in (
    lambda: saved.input_fn("train"),
    lambda: saved.ordered_input_fn("train"),
    lambda: saved.fingerprint("train"),
  ):
    with pytest.raises(
      errors.UserRuntimeError,
      match=r"train split .*saved of TextFileInput .*@TextFileInput\(\)",
    ):
      call()
  with pytest.raises(errors.UserValueError, match="no split 'test'"):
    saved.ordered_input_fn("test")


def test_receives_what_the_pipeline_receives(texts):
  with tf.Graph().as_default():
    receiver = _saved(texts).serving_input_receiver_fn()()
    assert receiver.features["text"].dtype == tf.string
    assert receiver.receiver_tensors["text"].shape.as_list() == [None]


def test_encoded_images_become_the_same_features(images):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    content = session.run(
      tf.io.encode_png(
        tf.constant(np.arange(105, dtype=np.uint8).reshape([5, 7, 3]))
      )
    )
  values = []
  for data in (images, _saved(images)):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      receiver = data.encoded_serving_input_receiver_fn()()
      (tensor,) = receiver.receiver_tensors.values()
      values.append(session.run(receiver.features, {tensor: [content]}))
  assert values[0]["images"].shape == (1, 4, 6, 3)
  assert values[0]["images"].min() < -0.9
  np.testing.assert_array_equal(values[0]["images"], values[1]["images"])


def test_has_what_images_have_only_for_images(texts, images):
  names = (
    "image_size",
    "num_channels",
    "mixup_alpha",
    "with_image_size",
    "encoded_serving_input_receiver_fn",
  )
  assert not any(hasattr(_saved(texts), name) for name in names)
  saved = _saved(images)
  assert all(hasattr(saved, name) for name in names)
  assert saved.image_size == (4, 6)
  larger = saved.with_image_size(8, 9)
  assert larger.image_size == (8, 9)
  assert larger.feature_spec()["images"].shape.as_list() == [None, 8, 9, 3]


def test_a_receiver_of_its_own_is_not_replaced():
  class Own(inputs.NumpyInput):
    def serving_input_receiver_fn(self):
      raise NotImplementedError

  data = Own(
    {"features": np.ones([4, 2]), "labels": np.array([0, 1, 0, 1])},
    eval_fraction=0.5,
  )
  with pytest.raises(
    errors.UserRuntimeError, match="Own defines its own serving_input_receiver"
  ):
    _saved(data).serving_input_receiver_fn()


def test_regression_has_no_classes():
  data = inputs.NumpyInput(
    {"features": np.ones([4, 2]), "labels": np.array([0.5, 1, 0, 1])},
    eval_fraction=0.5,
  )
  saved = _saved(data)
  assert saved.num_classes is None
  assert saved.label_spec().shape.as_list() == [None, 1]
  with pytest.raises(errors.UserValueError, match="choose a regression head"):
    saved.check_labels(3)
  with pytest.raises(errors.UserRuntimeError, match="does not count"):
    saved.class_counts()
