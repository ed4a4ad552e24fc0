"""Heads by task, as values for a config.

Each factory returns a function that a model calls with what the data says of
its classes; the heads themselves are tensorflow-estimator's.
"""

from __future__ import annotations

from typing import Callable, Optional

import gin

from hub_estimator import errors, estimator
from hub_estimator.tf_compat import tf

HeadFn = Callable[[Optional[int]], estimator.Head]


@gin.register(module="hub_estimator")
def create_multi_class_head_fn(num_classes: Optional[int] = None) -> HeadFn:
  """Softmax cross entropy over exclusive classes.

  Labels: int [batch_size, 1] in 0..num_classes - 1. Two classes get a
  `BinaryClassHead`, which is what tensorflow-estimator offers for them.

  Args:
    num_classes: the number of classes; that of the data if None.
  """

  def head_fn(num_data_classes):
    count = _num_classes(
      "create_multi_class_head_fn", num_classes, num_data_classes
    )
    if count == 2:
      return estimator.BinaryClassHead()
    return estimator.MultiClassHead(count)

  return head_fn


@gin.register(module="hub_estimator")
def create_binary_head_fn() -> HeadFn:
  """Sigmoid cross entropy for two classes.

  Labels: [batch_size, 1] of 0 or 1.
  """

  def head_fn(num_data_classes):
    count = _num_classes("create_binary_head_fn", None, num_data_classes)
    if count > 2:
      raise errors.UserValueError(
        f"A binary head takes 2 classes, and the data has {count}: "
        "use @create_multi_class_head_fn()."
      )
    return estimator.BinaryClassHead()

  return head_fn


@gin.register(module="hub_estimator")
def create_multi_label_head_fn(num_classes: Optional[int] = None) -> HeadFn:
  """Sigmoid cross entropy for each of several classes, averaged over them.

  Labels: int [batch_size, num_classes] of 0 or 1.

  Args:
    num_classes: the number of classes; that of the data if None.
  """

  def head_fn(num_data_classes):
    return estimator.MultiLabelHead(
      _num_classes("create_multi_label_head_fn", num_classes, num_data_classes)
    )

  return head_fn


@gin.register(module="hub_estimator")
def create_regression_head_fn(label_dimension: int = 1) -> HeadFn:
  """Mean squared error.

  Labels: float32 [batch_size, label_dimension].

  Args:
    label_dimension: how many numbers are predicted.
  """

  def head_fn(num_data_classes):
    if num_data_classes is not None:
      raise errors.UserValueError(
        f"A regression head takes float labels, and the data has "
        f"{num_data_classes} classes: use @create_multi_class_head_fn(), or "
        "make the labels floats."
      )
    _check_count(
      "create_regression_head_fn.label_dimension", label_dimension, 1
    )
    return estimator.RegressionHead(label_dimension)

  return head_fn


def _num_classes(name, num_classes, num_data_classes) -> int:
  if num_classes is not None:
    _check_count(f"{name}.num_classes", num_classes, 2)
    return num_classes
  if num_data_classes is None:
    raise errors.UserValueError(
      "The data's labels are numbers, not classes: use "
      "@create_regression_head_fn(), or make the labels integers."
    )
  if num_data_classes < 2:
    raise errors.UserValueError(
      f"The data has {num_data_classes} class, and a classifier needs at least "
      "2: look at its labels."
    )
  return num_data_classes


def _check_count(name, value, low) -> None:
  if not isinstance(value, int) or isinstance(value, bool) or value < low:
    raise errors.UserValueError(
      f"{name} = {value!r}: it is a whole number of at least {low}."
    )


def num_classes_of(head: estimator.Head) -> Optional[int]:
  """Returns how many classes a head's labels may have; None for regression."""
  if isinstance(head, estimator.BinaryClassHead):
    return 2
  if isinstance(head, (estimator.MultiClassHead, estimator.MultiLabelHead)):
    return head.logits_dimension
  return None


def check_label_kind(head: estimator.Head, label_spec: tf.TensorSpec) -> None:
  """Raises UserValueError if a head takes labels of another kind.

  Which values classes may have is not looked at, and heads other than those
  that this module creates take what they like.

  Args:
    head: the head.
    label_spec: of the labels, [None, num_columns].
  """
  num_columns = label_spec.shape[-1]
  labels = f"[batch_size, {num_columns}] {label_spec.dtype.name}"
  if isinstance(head, (estimator.BinaryClassHead, estimator.MultiClassHead)):
    if num_columns != 1:
      raise errors.UserValueError(
        f"The head takes one class for each example, and the labels are "
        f"{labels}, a column for each class: use @create_multi_label_head_fn()."
      )
  elif isinstance(head, estimator.MultiLabelHead):
    if num_columns == 1:
      raise errors.UserValueError(
        f"The head takes a 0 or 1 for each class, and the labels are {labels}, "
        "one class for each example: use @create_multi_class_head_fn()."
      )
  elif (
    isinstance(head, estimator.RegressionHead)
    and num_columns != head.logits_dimension
  ):
    raise errors.UserValueError(
      f"The head predicts {head.logits_dimension} numbers for each example, "
      f"and the labels are {labels}: set "
      f"create_regression_head_fn.label_dimension = {num_columns}."
    )
