import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.evaluation import Outcomes, compute_metrics, example_losses
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL, REGRESSION

NAN = float("nan")


def problems(kind, labels, scores, **arguments):
  with pytest.raises(errors.UserValueError) as raised:
    compute_metrics(
      Outcomes(kind, np.array(labels), np.array(scores), **arguments)
    )
  first, *found = str(raised.value).split("\n  - ")
  assert first == "These predictions cannot be evaluated:"
  return found


def test_nan_scores_and_wrong_labels_are_counted():
  assert problems(
    CLASS, [0, 5, -1, 1], [[0.5, 0.5], [NAN, 0.5], [NAN, NAN], [4, -3]]
  ) == [
    "NaN or infinite scores (weights that became so, or features that are) of "
    "2 of 4 examples, first in example 1 (counted from 0).",
    "scores that are no probabilities from 0 to 1 (logits?) of 1 of 4 "
    "examples, first in example 3 (counted from 0).",
    "labels that are not from 0 to 1 of 2 of 4 examples, first in example 1 "
    "(counted from 0).",
  ]


def test_regression_labels_are_finite():
  assert problems(REGRESSION, [[1.0], [NAN]], [[1.0], [1e9]]) == [
    "NaN or infinite labels of 1 of 2 examples, first in example 1 (counted "
    "from 0)."
  ]


def test_multi_label_labels_are_zeros_and_ones():
  assert problems(MULTI_LABEL, [[0, 2]], [[0.5, 0.5]]) == [
    "labels that are not from 0 to 1 of 1 of 1 examples, first in example 0 "
    "(counted from 0)."
  ]


def test_all_weights_zero():
  assert problems(
    CLASS, [0, 1], [[0.5, 0.5]] * 2, weights=np.zeros(2, np.float32)
  ) == [
    "the weights of all 2 examples are 0: nothing is left to measure. Give at "
    "least one a weight above 0."
  ]


@pytest.mark.parametrize("weight", [-1, NAN, np.inf])
def test_wrong_weights(weight):
  found = problems(
    CLASS, [0, 1], [[0.5, 0.5]] * 2, weights=np.array([1, weight])
  )
  assert found == [
    "weights that are negative or not finite of 1 of 2 examples, first in "
    "example 1 (counted from 0)."
  ]


def test_shapes():
  assert problems(
    CLASS,
    [[0], [1]],
    [[0.5]] * 2,
    weights=np.ones(3),
    class_names=["a", "b"],
  ) == [
    "scores have one column: there is one for each class, two for binary "
    "labels, [1 - p, p].",
    "labels have the shape [2, 1], but with scores [2, 1] of the kind 'class' "
    "it is [2].",
    "weights have the shape [3], but there are 2 examples: it is [2].",
    "there are 2 class names for 1 classes.",
  ]
  assert problems(REGRESSION, [1.0], [1.0]) == [
    "scores have the shape [1]: it is [num_examples, num_targets]."
  ]


def test_unknown_kind():
  assert problems("ranking", [0], [[1.0, 0.0]]) == [
    "kind is 'ranking': it is one of 'class', 'multi_label', 'regression'."
  ]


def test_no_example():
  assert problems(CLASS, np.zeros(0, int), np.zeros([0, 2])) == [
    "there is no example: the split is empty."
  ]


def test_predictions():
  scores = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
  for kind, expected in (
    (CLASS, [0, 1]),
    (MULTI_LABEL, [[0, 0], [0, 1]]),
    (REGRESSION, scores),
  ):
    found = Outcomes(kind, np.zeros(2, int), scores).predictions()
    np.testing.assert_array_equal(found, expected)


def test_losses():
  scores = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
  for labels in ([1, 0], [[1], [0]]):
    np.testing.assert_allclose(
      example_losses(CLASS, np.array(labels), scores), -np.log([0.5, 0.25])
    )
  np.testing.assert_allclose(
    example_losses(MULTI_LABEL, np.array([[1, 0], [1, 0]]), scores),
    [-np.log(0.5), -np.log(0.25)],
  )
  np.testing.assert_allclose(
    example_losses(REGRESSION, np.array([[0.5, 1.5], [0.25, 0.75]]), scores),
    [0.5, 0],
  )
