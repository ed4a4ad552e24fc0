"""Several features of a `NumpyInput`, and features that are not finite."""

import numpy as np
import pytest
from input_batches import expect, ordered

from hub_estimator import errors
from hub_estimator.inputs import NumpyInput
from hub_estimator.tf_compat import tf


def _create(**arguments):
  return NumpyInput(
    {
      "title": ["a", "b", "c", "d"],
      "image": np.arange(16).reshape(4, 4),
      "labels": [0, 1, 0, 1],
    },
    **{
      "feature_names": {"title": "text", "image": "pixels"},
      "eval_fraction": 0.5,
      **arguments,
    },
  )


def test_several_features():
  pipeline = _create(
    feature_shape={"pixels": (2, 2)},
    feature_dtype={"pixels": "float64"},
    scale={"pixels": 0.5},
  )
  assert pipeline.feature_spec() == {
    "text": tf.TensorSpec([None], tf.string, name="text"),
    "pixels": tf.TensorSpec([None, 2, 2], tf.float64, name="pixels"),
  }
  features, _ = ordered(pipeline, "eval")
  rows = ["abcd".index(text.decode()) for text in features["text"]]
  assert len(rows) == 2
  np.testing.assert_array_equal(
    features["pixels"], np.arange(16).reshape(4, 2, 2)[rows] / 2
  )
  assert features["pixels"].dtype == np.float64


def test_several_features_of_given_splits():
  arrays = {
    f"{split}_{key}": values
    for split in ("train", "eval")
    for key, values in {"a": [1, 2], "b": [3, 4], "labels": [0, 1]}.items()
  }
  names = {"a": "x", "b": "y"}
  features, _ = ordered(NumpyInput(arrays, feature_names=names), "eval")
  assert features["y"].tolist() == [3, 4]
  del arrays["eval_b"]
  with expect(
    errors.UserKeyError,
    "lacks `eval_b`: it needs `a`, `b` and `labels`, or, cut into splits "
    "already, `train_a`, `train_b`, `train_labels`, `eval_a`",
  ):
    NumpyInput(arrays, feature_names=names)


@pytest.mark.parametrize("names", [{}, "x", {"a": 1}, {"a": "x", "b": "x"}])
def test_names_of_features_that_are_wrong(names):
  with expect(errors.UserValueError, "`NumpyInput.feature_names` maps"):
    _create(feature_names=names)


def test_a_setting_of_a_feature_that_is_not_there():
  with expect(
    errors.UserKeyError,
    "`NumpyInput.scale` has a value for 'pixel', but features are 'text', "
    "'pixels'. Did you mean 'pixels'?",
  ):
    _create(scale={"pixel": 2.0})


def _with_nan(**arguments):
  features = np.arange(12.0).reshape(6, 2)
  features[1, 0] = np.nan
  features[4] = np.inf
  return NumpyInput(
    {
      "features": features,
      "labels": [0.0, 1.0, np.nan, 3.0, np.nan, 5.0],
      "weights": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    },
    feature_name="x",
    eval_fraction=1 / 3,
    **arguments,
  )


def test_examples_that_are_not_finite_are_skipped_and_counted():
  with expect(errors.UserValueError, "on_bad_example = 'skip'"):
    _with_nan()
  pipeline = _with_nan(on_bad_example="skip")
  assert pipeline.skipped_examples() == {
    "NaN or infinite x": 2,
    "NaN or infinite label": 1,
  }
  assert pipeline.notes() == [
    f"{number} examples of `features` and `labels` of the given mapping of "
    f"arrays were skipped: {reason}."
    for reason, number in pipeline.skipped_examples().items()
  ]
  found = [ordered(pipeline, split) for split in ("train", "eval")]
  rows = {
    (*features["x"][i].tolist(), labels[i, 0], features["example_weight"][i, 0])
    for features, labels in found
    for i in range(len(labels))
  }
  # Rows 0, 3 and 5, each with its own label and weight.
  assert rows == {(0, 1, 0, 1), (6, 7, 3, 4), (10, 11, 5, 6)}


def test_skipped_examples_do_not_shift_the_rows_in_messages():
  features = np.zeros([6, 1])
  features[0] = np.nan
  pipeline = NumpyInput(
    {
      "train_features": features,
      "train_labels": [0, 1, 2, 0, 1, 5],
      "eval_features": features[1:],
      "eval_labels": [0, 1, 0, 1, 0],
    },
    on_bad_example="skip",
  )
  with expect(
    errors.UserValueError,
    "example 1 of the train split (row 2 of `train_features`",
    "has the label 2, and 1 other",
  ):
    pipeline.check_labels(2)


def test_unknown_on_bad_example():
  with expect(
    errors.UserValueError,
    "no `NumpyInput.on_bad_example = 'ignore'`. There are 'error', 'skip'.",
  ):
    _create(on_bad_example="ignore")
