"""Every mistake in the data of a `NumpyInput` and what is said about it."""

import re
import sys

import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.inputs import NumpyInput

_FEATURES = np.zeros([6, 4])
_LABELS = np.array([0, 1, 2, 0, 1, 2])


def _expect(error_type, *parts):
  return pytest.raises(error_type, match=".*".join(map(re.escape, parts)))


def _create(features=_FEATURES, labels=_LABELS, **arguments):
  arguments = {"eval_fraction": 0.5, **arguments}
  return NumpyInput({"features": features, "labels": labels}, **arguments)


def test_file_missing(tmp_path):
  path = str(tmp_path / "no.npz")
  with _expect(
    errors.UserOSError, "no.npz' does not exist", "'sklearn:digits'"
  ):
    NumpyInput(path)
  with _expect(errors.UserOSError, "is a folder"):
    NumpyInput(tmp_path)


def test_not_an_npz_file(tmp_path):
  path = tmp_path / "data.npz"
  path.write_text("features,labels")
  with _expect(errors.UserValueError, "is not an .npz file", "numpy.savez"):
    NumpyInput(path)


def test_python_objects_in_the_file(tmp_path):
  path = tmp_path / "data.npz"
  np.savez(path, features=np.array([None, {}], dtype=object), labels=[0, 1])
  with _expect(
    errors.UserValueError,
    "array 'features' of",
    "cannot be read",
    "astype(str)",
  ):
    NumpyInput(path)


def test_key_missing(tmp_path):
  path = tmp_path / "data.npz"
  np.savez(path, features=_FEATURES, y=_LABELS)
  with _expect(
    errors.UserKeyError,
    "data.npz' lacks `labels`",
    "Keys there are: features, y",
  ):
    NumpyInput(path)
  with _expect(
    errors.UserKeyError, "lacks `train_labels`, `eval_features`, `eval_labels`"
  ):
    NumpyInput({"train_features": _FEATURES})
  with _expect(errors.UserKeyError, "Keys there are: none"):
    NumpyInput({})


def test_unknown_bundled_set():
  with _expect(
    errors.UserKeyError,
    "no bundled data set 'sklearn:digit'",
    "'sklearn:breast_cancer', 'sklearn:diabetes', 'sklearn:digits', "
    "'sklearn:iris', 'sklearn:wine'",
  ):
    NumpyInput("sklearn:digit")


def test_scikit_learn_is_not_installed(monkeypatch):
  monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
  with _expect(
    errors.UserRuntimeError,
    "'sklearn:digits' comes with scikit-learn, which is not installed",
    "pip install scikit-learn",
  ):
    NumpyInput("sklearn:digits")


@pytest.mark.parametrize("source", [3, None])
def test_source_of_a_wrong_kind(source):
  with _expect(
    errors.UserTypeError, "`NumpyInput.source` is", f"got {source!r}"
  ):
    NumpyInput(source)


def test_lengths_that_differ():
  with _expect(
    errors.UserValueError, "`features` has 6 rows and `labels` has 5"
  ):
    _create(labels=_LABELS[:5])


def test_a_single_value():
  with _expect(
    errors.UserValueError, "`labels` of", "one row for each example"
  ):
    _create(labels=np.float64(3.0))


def test_classes_not_in_the_data():
  with _expect(
    errors.UserValueError,
    "`NumpyInput.classes` names [7, '1']",
    "Labels there are: [0, 1, 2]",
  ):
    _create(classes=(0, 7, "1"))


def test_long_lists_of_classes_are_cut():
  with _expect(errors.UserValueError, "17, 18, 19, and 10 more]"):
    _create(np.zeros([30, 1]), np.arange(30), classes=[0, 99])


@pytest.mark.parametrize("classes", [(), (1,), "01"])
def test_too_few_classes(classes):
  with _expect(errors.UserValueError, "at least two labels", "[0, 1, 2]"):
    _create(classes=classes)


def test_a_class_twice():
  with _expect(errors.UserValueError, "names each label once; [1] is there"):
    _create(classes=(0, 1, 1))


def test_classes_of_regression():
  with _expect(errors.UserValueError, "`NumpyInput.classes`", "'regression'"):
    _create(labels=_LABELS * 1.0, classes=(0, 1))


def test_negative_class():
  with _expect(
    errors.UserValueError,
    "count from 0, but row 1 of",
    "has the label -1",
    "NumpyInput.classes = [-1, 1]",
  ):
    _create(labels=[1, -1, 1, -1, 1, -1])


def test_more_labels_than_names():
  with _expect(
    errors.UserValueError, "names 2 classes", "0 to 1; there is a label 2"
  ):
    NumpyInput(
      {"features": _FEATURES, "labels": _LABELS, "class_names": ["a", "b"]},
      eval_fraction=0.5,
    )


def test_more_examples_per_class_than_there_are():
  with _expect(
    errors.UserValueError,
    "num_train_examples_per_class = 3` is more than there are",
    "{'0': 2, '1': 2, '2': 2}",
  ):
    _create(eval_fraction=None, num_train_examples_per_class=3)


def test_train_split_of_zero_examples():
  with _expect(
    errors.UserValueError, "train split has zero", "eval_fraction = 1.0"
  ):
    _create(eval_fraction=1.0)
  with _expect(
    errors.UserValueError,
    "train split has zero",
    "num_train_examples_per_class = 0",
  ):
    _create(eval_fraction=None, num_train_examples_per_class=0)


def test_eval_split_of_zero_examples():
  with _expect(
    errors.UserValueError, "eval split has zero", "eval_fraction = 0.1"
  ):
    _create(eval_fraction=0.1)
  with _expect(
    errors.UserValueError,
    "eval split has zero",
    "num_train_examples_per_class = 2",
  ):
    _create(eval_fraction=None, num_train_examples_per_class=2)


def test_no_examples_at_all():
  with _expect(errors.UserValueError, "train split has zero", "'whole': 0"):
    _create(np.zeros([0, 4]), np.zeros([0], np.int64))


def test_empty_given_split():
  with _expect(errors.UserValueError, "eval split has zero", "'eval': 0"):
    NumpyInput(
      {
        "train_features": _FEATURES,
        "train_labels": _LABELS,
        "eval_features": _FEATURES[:0],
        "eval_labels": _LABELS[:0],
      }
    )


def test_not_cut_and_not_said_how():
  with _expect(errors.UserValueError, "not cut into splits: say how"):
    _create(eval_fraction=None)


def test_fraction_of_given_splits():
  with _expect(errors.UserValueError, "comes with an eval split: leave it out"):
    NumpyInput(_given_splits(), eval_fraction=0.2)


@pytest.mark.parametrize("eval_fraction", [-0.1, 1.5, "0.2", True])
def test_fraction_out_of_range(eval_fraction):
  with _expect(
    errors.UserValueError, "eval_fraction` is a number", f"{eval_fraction!r}"
  ):
    _create(eval_fraction=eval_fraction)


@pytest.mark.parametrize("number", [-1, 2.5, True])
def test_examples_per_class_out_of_range(number):
  with _expect(errors.UserValueError, "is a whole number; got", f"{number!r}"):
    _create(num_train_examples_per_class=number)


def test_examples_per_class_of_regression():
  with _expect(
    errors.UserValueError, "needs one class", "'regression'", "eval_fraction"
  ):
    _create(labels=_LABELS * 0.5, num_train_examples_per_class=1)


@pytest.mark.parametrize(
  ("labels", "parts"),
  [
    (np.zeros([6], complex), ["complex128", "such as 0j"]),
    ([["a", "b"]] * 6, ["<U1 with 2 for each example", "such as 'a'"]),
    ([None] * 6, ["object with 1 for each example", "such as None"]),
    (np.zeros([6, 1, 2]), ["[num_examples, num_columns]", "[6, 1, 2]"]),
    ([[0, 1]] * 5 + [[0, 3]], ["row 5 of", "has 3 in column 1", "regression"]),
    (
      [0.5, 1.0, np.nan, 1.0, np.inf, 2.0],
      ["2 of 6 rows", "not, the first is row 2: [nan]"],
    ),
  ],
)
def test_labels_of_a_wrong_kind(labels, parts):
  with _expect(errors.UserValueError, *parts):
    _create(labels=labels)


def _given_splits(**replaced):
  arrays = {
    "train_features": _FEATURES,
    "train_labels": _LABELS,
    "eval_features": _FEATURES,
    "eval_labels": _LABELS,
  }
  return {**arrays, **replaced}


@pytest.mark.parametrize(
  ("replaced", "parts"),
  [
    (
      dict(eval_labels=_LABELS * 1.0),
      ["labels of different kinds", "'train': 'class', 'eval': 'regression'"],
    ),
    (
      dict(train_labels=[[0, 1]] * 6, eval_labels=[[0, 1, 1]] * 6),
      ["labels of different shapes", "(6, 2)", "(6, 3)"],
    ),
    (dict(eval_features=np.zeros([6, 5])), ["one shape", "(4,)", "(5,)"]),
    (
      dict(eval_features=np.full([6, 4], "a")),
      ["strings in one split and numbers in the other"],
    ),
  ],
)
def test_splits_that_do_not_go_together(replaced, parts):
  with _expect(errors.UserValueError, *parts):
    NumpyInput(_given_splits(**replaced))


def test_nan_features():
  features = np.zeros([6, 2, 3])
  features[4, 1, 2] = np.nan
  features[2, 0, 1] = np.inf
  with _expect(
    errors.UserValueError,
    "2 of 36 values",
    "NaN or infinite, the first is at index [2, 0, 1]",
  ):
    _create(features)


def test_nan_features_far_into_a_large_array(monkeypatch):
  monkeypatch.setattr("hub_estimator.inputs.feature_arrays._CHECKED_AT_ONCE", 8)
  features = np.zeros([6, 4])
  features[3:, 1] = np.nan
  with _expect(errors.UserValueError, "3 of 24 values", "index [3, 1]"):
    _create(features)


@pytest.mark.parametrize(
  ("features", "parts"),
  [
    (np.zeros([6], complex), ["numbers or strings", "complex128"]),
    (np.array([None] * 6), ["Python objects, such as None (NoneType)"]),
  ],
)
def test_features_of_a_wrong_kind(features, parts):
  with _expect(errors.UserValueError, *parts):
    _create(features)


@pytest.mark.parametrize("shape", [(2, 3), (-1, 4), ()])
def test_feature_shape_that_does_not_fit(shape):
  with _expect(
    errors.UserValueError, "`NumpyInput.feature_shape` is", "has 4", "[4]"
  ):
    _create(feature_shape=shape)


def test_feature_dtype_and_scale():
  with _expect(errors.UserValueError, "feature_dtype = 'float'", "'float32'"):
    _create(feature_dtype="float")
  with _expect(errors.UserValueError, "scale = 0.5` makes floats", "int32"):
    _create(feature_dtype="int32", scale=0.5)
  with _expect(errors.UserValueError, "makes floats", "of type string"):
    _create(np.full([6], "a"), scale=0.5)
  with _expect(errors.UserTypeError, "scale` is a number; got '1/255'"):
    _create(scale="1/255")


@pytest.mark.parametrize(
  "arguments",
  [dict(batch_size=0), dict(batch_size=2.5), dict(seed=-1), dict(seed=2**32)],
)
def test_counts_out_of_range(arguments):
  ((name, value),) = arguments.items()
  with _expect(
    errors.UserValueError, f"`NumpyInput.{name}` is a whole", f"got {value}"
  ):
    _create(**arguments)
