import json

import numpy as np
import pytest

from hub_estimator.evaluation import Outcomes, compute_metrics
from hub_estimator.evaluation import class_metrics as class_metrics_module
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL

pytestmark = pytest.mark.filterwarnings("error")


def classes(labels, scores, **arguments):
  return Outcomes(
    CLASS, np.array(labels), np.array(scores, np.float32), **arguments
  )


def multi_label(labels, scores, **arguments):
  return Outcomes(
    MULTI_LABEL, np.array(labels), np.array(scores, np.float32), **arguments
  )


# Labels 0 0 1 1 2, predictions 0 1 1 1 0.
THREE = (
  [0, 0, 1, 1, 2],
  [
    [0.5, 0.25, 0.25],
    [0.25, 0.5, 0.25],
    [0.125, 0.75, 0.125],
    [0.125, 0.625, 0.25],
    [0.5, 0.125, 0.375],
  ],
)


def assert_rows(rows, names, values):
  assert [row["class"] for row in rows] == [value[0] for value in values]
  for row, (_, *expected) in zip(rows, values):
    assert [row[name] for name in names] == pytest.approx(expected)


def test_three_classes():
  metrics = compute_metrics(
    classes(*THREE, class_names=["a", "b", "c"]), (1, 2)
  )
  assert metrics["num_examples"] == 5
  assert metrics["accuracy"] == pytest.approx(3 / 5)
  assert metrics["top_1_accuracy"] == pytest.approx(3 / 5)
  # Of the second example the label's 1/4 comes before the other 1/4.
  assert metrics["top_2_accuracy"] == pytest.approx(5 / 5)
  expected = -np.log([0.5, 0.25, 0.75, 0.625, 0.375]).mean()
  assert metrics["loss"] == pytest.approx(expected)
  assert metrics["confusion_matrix"] == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
  assert_rows(
    metrics["per_class"],
    ("precision", "recall", "f1", "num_examples"),
    [
      ("a", 1 / 2, 1 / 2, 1 / 2, 2),
      ("b", 2 / 3, 1, 4 / 5, 2),
      ("c", 0, 0, 0, 1),  # Never predicted, and no warning.
    ],
  )
  assert metrics["macro_precision"] == pytest.approx((1 / 2 + 2 / 3) / 3)
  assert metrics["macro_recall"] == pytest.approx((1 / 2 + 1) / 3)
  assert metrics["macro_f1"] == pytest.approx((1 / 2 + 4 / 5) / 3)
  assert metrics["confusions"] == [
    {"label": "a", "prediction": "b", "num_examples": 1},
    {"label": "c", "prediction": "a", "num_examples": 1},
  ]
  assert metrics["notes"] == []
  assert "auc" not in metrics


def test_weights_count_examples_several_times():
  weighted = compute_metrics(
    classes(*THREE, weights=np.array([2, 1, 0, 3, 1], np.float32)), (2,)
  )
  labels, scores = THREE
  rows = [0, 0, 1, 3, 3, 3, 4]
  repeated = compute_metrics(
    classes([labels[r] for r in rows], [scores[r] for r in rows]), (2,)
  )
  assert weighted["confusion_matrix"] == [[2, 1, 0], [0, 3, 0], [1, 0, 0]]
  assert weighted["num_examples"] == 4
  assert [row["num_examples"] for row in weighted["per_class"]] == [2, 1, 1]
  for name, value in repeated.items():
    if isinstance(value, float):
      assert weighted[name] == pytest.approx(value), name
  for row, other in zip(weighted["per_class"], repeated["per_class"]):
    assert row["f1"] == pytest.approx(other["f1"])


def test_weights_of_one_count_whole_examples():
  metrics = compute_metrics(classes(*THREE, weights=np.ones(5, np.float32)))
  assert json.dumps(metrics["confusion_matrix"]) == (
    "[[1, 1, 0], [0, 2, 0], [1, 0, 0]]"
  )


def test_two_classes_have_an_auc():
  # Positives 0.9 and 0.4, negatives 0.6 and 0.1: 3 of 4 pairs are in order.
  scores = np.array([0.9, 0.4, 0.6, 0.1])
  metrics = compute_metrics(
    classes([1, 1, 0, 0], np.stack([1 - scores, scores], axis=1))
  )
  assert metrics["auc"] == pytest.approx(3 / 4)
  # Precision 1 at the first positive, 2 of 3 at the second.
  assert metrics["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
  assert metrics["accuracy"] == pytest.approx(1 / 2)
  weighted = compute_metrics(
    classes(
      [1, 1, 0, 0],
      np.stack([1 - scores, scores], axis=1),
      weights=np.array([1, 3, 1, 1], np.float32),
    )
  )
  # Pairs of weights 1, 1, 3 (out of order), 3.
  assert weighted["auc"] == pytest.approx(5 / 8)


@pytest.mark.parametrize("num_examples", [1, 3])
def test_one_class_only_has_no_auc(num_examples):
  metrics = compute_metrics(
    classes(
      [1] * num_examples, [[0.25, 0.75]] * num_examples, class_names=["n", "y"]
    )
  )
  assert metrics["auc"] is None
  assert metrics["average_precision"] is None
  assert metrics["accuracy"] == 1
  assert metrics["macro_f1"] == 1  # Over the class that occurs.
  assert metrics["per_class"][0] == {
    "class": "n",
    "precision": 0,
    "recall": None,
    "f1": None,
    "num_examples": 0,
  }
  assert metrics["notes"] == [
    "recall and f1 are not defined for the classes without an example: n.",
    "auc and average_precision are not defined: all labels are of the class "
    "'y'.",
  ]
  json.dumps(metrics, allow_nan=False)


def test_equal_scores_are_not_right_for_all():
  metrics = compute_metrics(classes([0, 1, 2], np.full([3, 3], 1 / 3)), (1, 2))
  assert metrics["accuracy"] == pytest.approx(1 / 3)
  assert metrics["top_1_accuracy"] == pytest.approx(1 / 3)
  assert metrics["top_2_accuracy"] == pytest.approx(2 / 3)


def test_top_k_is_of_fewer_than_all_classes():
  metrics = compute_metrics(classes(*THREE), (2, 3, 5))
  assert [name for name in metrics if name.startswith("top")] == [
    "top_2_accuracy"
  ]


def test_a_probability_of_zero_has_a_loss_that_json_has():
  metrics = compute_metrics(classes([0], [[0, 1]]))
  assert metrics["loss"] == pytest.approx(-np.log(2.0**-23))


def test_many_classes_have_no_matrix():
  num_classes = 101
  scores = np.eye(num_classes)[[1, 1, 2]]
  metrics = compute_metrics(classes([1, 3, 3], scores))
  assert "confusion_matrix" not in metrics
  assert metrics["confusions"] == [
    {"label": "3", "prediction": "1", "num_examples": 1},
    {"label": "3", "prediction": "2", "num_examples": 1},
  ]
  missing, matrix = metrics["notes"]
  assert missing.endswith(": 0, 2, 4, 5, 6, 7, 8, 9, 10, 11 and 89 more.")
  assert matrix == (
    "confusion_matrix is left out, for there are 101 classes: see confusions."
  )


def test_confusions_start_with_the_most_frequent(monkeypatch):
  monkeypatch.setattr(class_metrics_module, "_MAX_CONFUSIONS", 2)
  scores = np.eye(3)[[1, 2, 2, 2, 0, 0]]
  metrics = compute_metrics(classes([0, 0, 1, 1, 2, 2], scores))
  found = [(c["label"], c["prediction"]) for c in metrics["confusions"]]
  assert found == [("1", "2"), ("2", "0")]
  assert metrics["confusions"][0]["num_examples"] == 2


def test_multi_label():
  metrics = compute_metrics(
    multi_label(
      [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]],
      [
        [0.75, 0.25, 0.25],
        [0.25, 0.75, 0.75],
        [0.5, 0.875, 0.25],
        [0.125, 0.375, 0.25],
      ],
      class_names=["a", "b", "c"],
    )
  )
  # Wrong: a and c of the second example.
  assert metrics["accuracy"] == pytest.approx(10 / 12)
  assert metrics["exact_match"] == pytest.approx(3 / 4)
  # True positives 3, false ones 1, missed 1.
  assert metrics["micro_f1"] == pytest.approx(6 / 8)
  assert_rows(
    metrics["per_class"],
    ("precision", "recall", "f1", "num_examples", "auc"),
    [
      ("a", 1, 1 / 2, 2 / 3, 2, 3 / 4),
      ("b", 1, 1, 1, 2, 1),
      ("c", 0, None, None, 0, None),
    ],
  )
  # c is predicted, so it counts.
  assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1) / 3)
  assert metrics["auc"] == pytest.approx((3 / 4 + 1) / 2)
  right = [0.75, 0.75, 0.75, 0.25, 0.75, 0.25, 0.5, 0.875, 0.75]
  right += [0.875, 0.625, 0.75]
  assert metrics["loss"] == pytest.approx(-np.log(right).mean())
  assert metrics["notes"] == [
    "recall and f1 are not defined for the classes without an example: c.",
    "auc and average_precision leave out the classes that no example has or "
    "that all have: c.",
  ]
  assert "confusion_matrix" not in metrics
  json.dumps(metrics, allow_nan=False)


def test_multi_label_of_one_class():
  metrics = compute_metrics(multi_label([[1], [0]], [[0.75], [0.75]]))
  assert metrics["micro_f1"] == metrics["macro_f1"] == pytest.approx(2 / 3)
  assert metrics["per_class"][0]["precision"] == pytest.approx(1 / 2)
  assert len(metrics["per_class"]) == 1


def test_multi_label_weights():
  metrics = compute_metrics(
    multi_label(
      [[1, 0], [0, 1]],
      [[0.75, 0.75], [0.25, 0.75]],
      weights=np.array([1, 3], np.float32),
    )
  )
  assert metrics["accuracy"] == pytest.approx((1 * 1 / 2 + 3 * 1) / 4)
  assert metrics["exact_match"] == pytest.approx(3 / 4)
  # True positives 1 + 3, a false one of weight 1.
  assert metrics["micro_f1"] == pytest.approx(8 / 9)
  assert metrics["per_class"][1]["precision"] == pytest.approx(3 / 4)


def test_multi_label_without_any_positive():
  metrics = compute_metrics(multi_label([[0, 0]], [[0.25, 0.25]]))
  assert metrics["macro_f1"] is None
  assert metrics["auc"] is None
  assert metrics["micro_f1"] == 0
  assert metrics["accuracy"] == 1
