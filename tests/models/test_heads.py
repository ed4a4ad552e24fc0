"""Heads: which labels each takes, and that each trains."""

import pytest
import tiny_models

from hub_estimator import errors, estimator, models
from hub_estimator.models.heads import num_classes_of

MULTI_LABELS = [[1, 0, 1], [0, 1, 0], [1, 1, 1]]

binary = models.create_binary_head_fn
multi_class = models.create_multi_class_head_fn
multi_label = models.create_multi_label_head_fn
regression = models.create_regression_head_fn


@pytest.mark.parametrize(
  ("head_fn", "num_data_classes", "head_type", "dimension", "num_classes"),
  [
    (binary(), 2, estimator.BinaryClassHead, 1, 2),
    (multi_class(), 2, estimator.BinaryClassHead, 1, 2),
    (multi_class(), 3, estimator.MultiClassHead, 3, 3),
    (multi_class(num_classes=5), 3, estimator.MultiClassHead, 5, 5),
    (multi_label(), 3, estimator.MultiLabelHead, 3, 3),
    (regression(), None, estimator.RegressionHead, 1, None),
    (regression(label_dimension=2), None, estimator.RegressionHead, 2, None),
  ],
)
def test_heads(head_fn, num_data_classes, head_type, dimension, num_classes):
  head = head_fn(num_data_classes)
  assert isinstance(head, head_type)
  assert head.logits_dimension == dimension
  assert num_classes_of(head) == num_classes


@pytest.mark.parametrize(
  ("head_fn", "labels", "metrics"),
  [
    (binary(), [0, 1], {"accuracy", "auc"}),
    (multi_class(), [0, 1, 2], {"accuracy", "average_loss"}),
    (multi_label(), MULTI_LABELS, {"auc", "average_loss"}),
    (regression(), [0.5, 1.5], {"average_loss", "prediction/mean"}),
    (
      regression(label_dimension=2),
      [[0.5, 1.5], [1.0, 2.0]],
      {"average_loss", "prediction/mean"},
    ),
  ],
  ids=["binary", "multi_class", "multi_label", "regression", "regression_2"],
)
def test_each_head_trains_and_evaluates(tmp_path, head_fn, labels, metrics):
  data = tiny_models.create_input(labels)
  model = tiny_models.create_model(head_fn=head_fn)
  model.check(data)
  trained = estimator.Estimator(
    model.create_model_fn(data), model_dir=str(tmp_path)
  )
  trained.train(data.input_fn(estimator.ModeKeys.TRAIN), steps=2)
  found = trained.evaluate(data.input_fn(estimator.ModeKeys.EVAL))
  assert found["global_step"] == 2
  assert metrics <= set(found)


@pytest.mark.parametrize(
  ("head_fn", "labels", "message"),
  [
    (
      multi_class(),
      MULTI_LABELS,
      "The head takes one class for each example, and the labels are "
      "[batch_size, 3] int64, a column for each class: use "
      "@create_multi_label_head_fn().",
    ),
    (
      binary(),
      [[0, 1], [1, 0]],
      "The head takes one class for each example, and the labels are "
      "[batch_size, 2] int64, a column for each class: use "
      "@create_multi_label_head_fn().",
    ),
    (
      multi_label(),
      [0, 1, 2],
      "The head takes a 0 or 1 for each class, and the labels are "
      "[batch_size, 1] int64, one class for each example: use "
      "@create_multi_class_head_fn().",
    ),
    (
      multi_class(),
      [0.5, 1.5],
      "The data's labels are numbers, not classes: use "
      "@create_regression_head_fn(), or make the labels integers.",
    ),
    (
      multi_class(num_classes=3),
      [0.5, 1.5],
      "The head takes 3 classes, but the labels are regression targets: choose "
      "a regression head, or make the labels integers, or set "
      "NumpyInput.label_kind = 'class'.",
    ),
    (
      binary(),
      [0.5, 1.5],
      "The data's labels are numbers, not classes: use "
      "@create_regression_head_fn(), or make the labels integers.",
    ),
    (
      binary(),
      [0, 1, 2],
      "A binary head takes 2 classes, and the data has 3: use "
      "@create_multi_class_head_fn().",
    ),
    (
      multi_class(),
      [0],
      "The data has 1 class, and a classifier needs at least 2: look at its "
      "labels.",
    ),
    (
      multi_class(num_classes=1),
      [0, 1, 2],
      "create_multi_class_head_fn.num_classes = 1: it is a whole number of at "
      "least 2.",
    ),
    (
      multi_label(num_classes="3"),
      MULTI_LABELS,
      "create_multi_label_head_fn.num_classes = '3': it is a whole number of "
      "at least 2.",
    ),
    (
      multi_label(num_classes=4),
      MULTI_LABELS,
      "The head takes 4 classes, but each example has labels for 3: give the "
      "head num_classes = 3.",
    ),
    (
      regression(),
      [0, 1, 2],
      "A regression head takes float labels, and the data has 3 classes: use "
      "@create_multi_class_head_fn(), or make the labels floats.",
    ),
    (
      regression(label_dimension=1),
      [[0.5, 1.5], [1.0, 2.0]],
      "The head predicts 1 numbers for each example, and the labels are "
      "[batch_size, 2] float32: set create_regression_head_fn.label_dimension "
      "= 2.",
    ),
    (
      regression(label_dimension=0),
      [0.5],
      "create_regression_head_fn.label_dimension = 0: it is a whole number of "
      "at least 1.",
    ),
  ],
)
def test_labels_that_do_not_fit_the_head(head_fn, labels, message):
  model = tiny_models.create_model(head_fn=head_fn)
  with pytest.raises(errors.UserValueError) as caught:
    model.check(tiny_models.create_input(labels))
  assert str(caught.value) == message


def test_labels_outside_of_the_classes():
  # 20 examples 0 1 2 0 1 2 …: row 2 is the first of class 2; which example of
  # the split that is depends on the draw.
  model = tiny_models.create_model(head_fn=multi_class(num_classes=2))
  with pytest.raises(errors.UserValueError) as caught:
    model.check(tiny_models.create_input([0, 1, 2]))
  message = str(caught.value)
  assert message.startswith("The head's labels are 0 to 1, but example ")
  assert " has the label 2, and " in message
  assert message.endswith(
    "Give the head num_classes = 3, or pick classes with NumpyInput.classes."
  )
