"""Weights of classes, however they are given."""

import types

import pytest

from hub_estimator import errors
from hub_estimator.models.class_weights import resolve_class_weights

DATA = types.SimpleNamespace(
  class_names=["cat", "dog", "fox"], class_counts=lambda: [1, 2, 3]
)


def resolve(value, data=DATA):
  return resolve_class_weights("create_x_fn", value, 3, data)


def test_lists_and_names():
  assert resolve(None) is None
  assert resolve([1, 2, 0]) == [1.0, 2.0, 0.0]
  assert resolve({"dog": 4, 2: 5}) == [1.0, 4.0, 5.0]


def test_balanced():
  # 6 / (3 n_k).
  assert resolve("balanced") == pytest.approx([2.0, 1.0, 2 / 3])


def test_balanced_without_examples():
  data = types.SimpleNamespace(
    class_names=["cat", "dog", "fox"], class_counts=lambda: [1, 2]
  )
  with pytest.raises(errors.UserValueError, match="of the class 'fox'"):
    resolve("balanced", data)


@pytest.mark.parametrize(
  ("value", "message"),
  [
    ([1, 2], "has 2 weights, and there are 3 classes"),
    ([1, 2, -1], "at least 0"),
    ({"bird": 1}, "names the class 'bird'; there are 'cat', 'dog', 'fox'"),
    ("even", "create_x_fn.class_weights = 'even'"),
    (2.0, "a list with a weight for each class"),
  ],
)
def test_wrong_weights(value, message):
  with pytest.raises((errors.UserValueError, errors.UserTypeError)) as caught:
    resolve(value)
  assert message in str(caught.value)
