"""Heads by task, as values for a config.

Each factory returns a function that a model calls with what the data says of
its classes; the heads themselves are tensorflow-estimator's. Example weights of
the data weigh losses and metrics, class weights and label smoothing the loss of
training alone: evaluation reports what the examples say.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Optional

import gin

from hub_estimator import errors, estimator
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import losses
from hub_estimator.models.class_weights import resolve_class_weights
from hub_estimator.optimization import argument_checks
from hub_estimator.tf_compat import tf

# A function of the number of classes of the data, None for regression. One that
# takes `input_pipeline` and `is_training` by name gets them, too.
HeadFn = Callable[..., estimator.Head]


@gin.register(module="hub_estimator")
def create_multi_class_head_fn(
  num_classes: Optional[int] = None,
  label_smoothing: float = 0.0,
  class_weights: Any = None,
) -> HeadFn:
  """Softmax cross entropy over exclusive classes.

  Labels: int [batch_size, 1] in 0..num_classes - 1. Two classes get a
  `BinaryClassHead`, which is what tensorflow-estimator offers for them.

  Args:
    num_classes: the number of classes; that of the data if None.
    label_smoothing: the part of a label that is spread over all classes; see
      `losses.create_softmax_loss_fn`.
    class_weights: factors on the loss of each class, in the order of the
      classes or as {class: factor}; "balanced" weighs each class by
      num_examples / (num_classes × its number of examples).
  """
  place = "create_multi_class_head_fn"
  _check_label_smoothing(place, label_smoothing)

  def head_fn(num_data_classes, input_pipeline=None, is_training=False):
    count = _num_classes(place, num_classes, num_data_classes)
    options = _options(input_pipeline)
    if is_training:
      create_loss_fn = (
        losses.create_sigmoid_loss_fn
        if count == 2
        else losses.create_softmax_loss_fn
      )
      options["loss_fn"] = create_loss_fn(
        label_smoothing,
        resolve_class_weights(place, class_weights, count, input_pipeline),
      )
    if count == 2:
      return estimator.BinaryClassHead(**options)
    return estimator.MultiClassHead(count, **options)

  return head_fn


@gin.register(module="hub_estimator")
def create_binary_head_fn(
  label_smoothing: float = 0.0, class_weights: Any = None
) -> HeadFn:
  """Sigmoid cross entropy for two classes.

  Labels: [batch_size, 1] of 0 or 1.

  Args:
    label_smoothing: see `losses.create_sigmoid_loss_fn`.
    class_weights: as for `create_multi_class_head_fn`.
  """
  place = "create_binary_head_fn"
  _check_label_smoothing(place, label_smoothing)

  def head_fn(num_data_classes, input_pipeline=None, is_training=False):
    count = _num_classes(place, None, num_data_classes)
    if count > 2:
      raise errors.UserValueError(
        f"A binary head takes 2 classes, and the data has {count}: "
        "use @create_multi_class_head_fn()."
      )
    options = _options(input_pipeline)
    if is_training:
      options["loss_fn"] = losses.create_sigmoid_loss_fn(
        label_smoothing,
        resolve_class_weights(place, class_weights, 2, input_pipeline),
      )
    return estimator.BinaryClassHead(**options)

  return head_fn


@gin.register(module="hub_estimator")
def create_multi_label_head_fn(
  num_classes: Optional[int] = None,
  label_smoothing: float = 0.0,
  class_weights: Any = None,
) -> HeadFn:
  """Sigmoid cross entropy for each of several classes, averaged over them.

  Labels: int [batch_size, num_classes] of 0 or 1.

  Args:
    num_classes: the number of classes; that of the data if None.
    label_smoothing: see `losses.create_multi_label_loss_fn`.
    class_weights: factors on the losses of the classes, in their order or as
      {class: factor}.
  """
  place = "create_multi_label_head_fn"
  _check_label_smoothing(place, label_smoothing)

  def head_fn(num_data_classes, input_pipeline=None, is_training=False):
    count = _num_classes(place, num_classes, num_data_classes)
    options = _options(input_pipeline)
    if is_training:
      options["loss_fn"] = losses.create_multi_label_loss_fn(
        label_smoothing,
        resolve_class_weights(place, class_weights, count, input_pipeline),
      )
    return estimator.MultiLabelHead(count, **options)

  return head_fn


@gin.register(module="hub_estimator")
def create_regression_head_fn(label_dimension: Optional[int] = None) -> HeadFn:
  """Mean squared error.

  Labels: float32 [batch_size, label_dimension].

  Args:
    label_dimension: how many numbers are predicted; as many as the data has if
      None.
  """

  def head_fn(num_data_classes, input_pipeline=None, is_training=False):
    if num_data_classes is not None:
      raise errors.UserValueError(
        f"A regression head takes float labels, and the data has "
        f"{num_data_classes} classes: use @create_multi_class_head_fn(), or "
        "make the labels floats."
      )
    dimension = label_dimension
    if dimension is None:
      dimension = input_pipeline.label_spec().shape[-1] if input_pipeline else 1
    _check_count("create_regression_head_fn.label_dimension", dimension, 1)
    options = _options(input_pipeline)
    if is_training:
      options["loss_fn"] = losses.create_squared_loss_fn()
    return estimator.RegressionHead(dimension, **options)

  return head_fn


def call_head_fn(
  head_fn: HeadFn, input_pipeline: InputPipeline, is_training: bool
) -> Any:
  """Calls a head_fn with what it takes.

  Args:
    head_fn: of a factory above, or any function of the number of classes.
    input_pipeline: the data.
    is_training: whether the head's loss is that of training.

  Raises:
    UserValueError: the data has example weights, which the function cannot
      give its head.
  """
  arguments = {"input_pipeline": input_pipeline, "is_training": is_training}
  parameters = inspect.signature(head_fn).parameters
  taken = {k: v for k, v in arguments.items() if k in parameters}
  if input_pipeline.weight_key and "input_pipeline" not in taken:
    raise errors.UserValueError(
      "The data has example weights, and ModuleModel.head_fn takes no argument "
      "`input_pipeline` to find their feature by: its head would ignore them."
    )
  return head_fn(input_pipeline.num_classes, **taken)


def _options(input_pipeline: Optional[InputPipeline]) -> dict[str, Any]:
  if input_pipeline is None:
    return {}
  return {"weight_column": input_pipeline.weight_key}


def _check_label_smoothing(place, value) -> None:
  argument_checks.check_number(
    f"{place}.label_smoothing", value, 0, 1, without_high=True
  )


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


def check_takes_mixup(head: estimator.Head) -> None:
  """Raises UserValueError if a head's loss ignores mixed labels.

  The loss of the heads that this module's factories make for training knows
  them; a head of another function has to bring a loss_fn that does.
  """
  if getattr(head, "_loss_fn", None) is None:
    raise errors.UserValueError(
      "The data has mixup, and the head's loss takes the labels of one example "
      "alone: make it with one of the factories, or give it a loss_fn of "
      "labels, logits and features that reads 'mixup_labels' and "
      "'mixup_fraction'."
    )
