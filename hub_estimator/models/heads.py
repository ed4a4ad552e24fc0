"""Heads by task, as values for a config.

Each factory returns a function that a model calls with what the data says of
its classes; the heads themselves are tensorflow-estimator's.
"""

from __future__ import annotations

from typing import Callable, Optional

import gin

from hub_estimator import errors, estimator

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
    if num_data_classes not in (None, 2):
      raise errors.UserValueError(
        f"A binary head takes 2 classes, and the data has {num_data_classes}: "
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
        f"{num_data_classes} classes: use @create_multi_class_head_fn()."
      )
    return estimator.RegressionHead(label_dimension)

  return head_fn


def _num_classes(name, num_classes, num_data_classes) -> int:
  count = num_data_classes if num_classes is None else num_classes
  if count is None:
    raise errors.UserValueError(
      "The data's labels are numbers, not classes: use "
      f"@create_regression_head_fn(), or set {name}.num_classes."
    )
  if count < 2:
    raise errors.UserValueError(
      f"{name}.num_classes = {count}: a classifier needs at least 2 classes."
    )
  return count


def num_classes_of(head: estimator.Head) -> Optional[int]:
  """Returns how many classes a head's labels may have; None for regression."""
  if isinstance(head, estimator.BinaryClassHead):
    return 2
  if isinstance(head, (estimator.MultiClassHead, estimator.MultiLabelHead)):
    return head.logits_dimension
  return None
