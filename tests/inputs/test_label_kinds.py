"""Kinds of labels, and whether a head can take them."""

import re

import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.inputs import NumpyInput

_LABELS = np.array([0, 1, 2, 0, 1, 2])


def _expect(error_type, *parts):
  return pytest.raises(error_type, match=".*".join(map(re.escape, parts)))


def _create(labels=_LABELS, **arguments):
  return NumpyInput(
    {"features": np.zeros([6, 4]), "labels": labels},
    eval_fraction=0.5,
    **arguments,
  )


def test_label_kind():
  assert _create(label_kind="regression").num_classes is None
  assert _create(labels=_LABELS * 1.0, label_kind="class").num_classes == 3
  both = _create(labels=[[1.0, 0.0]] * 6, label_kind="multi_label")
  assert both.num_classes == 2
  with _expect(errors.UserValueError, "no `NumpyInput.label_kind = 'classes'"):
    _create(label_kind="classes")
  with _expect(
    errors.UserValueError, "whole number or a string", "0.5 of row 1"
  ):
    _create(labels=[0.0, 0.5, 1.0] * 2, label_kind="class")
  with _expect(errors.UserValueError, "<U1 with 1 for each example"):
    _create(labels=list("abcabc"), label_kind="regression")
  with _expect(errors.UserValueError, "<U1 with 1 for each example"):
    _create(labels=list("abcabc"), label_kind="multi_label")
  with _expect(errors.UserValueError, "int64 with 2 for each example"):
    _create(labels=[[0, 1]] * 6, label_kind="class")


def test_check_labels_of_classes():
  pipeline = NumpyInput(
    {
      "train_features": np.zeros([6, 4]),
      "train_labels": _LABELS,
      "eval_features": np.zeros([6, 4]),
      "eval_labels": [0, 1, 1, 3, 4, 0],
    }
  )
  pipeline.check_labels(5)
  # Label 2 is in the train split already, at index 2.
  with _expect(
    errors.UserValueError,
    "labels are 0 to 1, but example 2 of the train split (row 2 of ",
    "has the label 2, and 1 other",
    "num_classes = 5",
  ):
    pipeline.check_labels(2)
  with _expect(
    errors.UserValueError,
    "labels are 0 to 2, but example 3 of the eval split (row 3 of "
    "`eval_features` and `eval_labels` of the given mapping",
    "has the label 3, and 1 other",
  ):
    pipeline.check_labels(3)


def test_check_labels_of_other_kinds():
  with _expect(errors.UserValueError, "takes 3 classes", "regression"):
    _create(labels=_LABELS * 0.5).check_labels(3)
  multi_label = _create(labels=[[0, 1]] * 6)
  multi_label.check_labels(2)
  with _expect(errors.UserValueError, "takes 3 classes", "for 2: give"):
    multi_label.check_labels(3)
