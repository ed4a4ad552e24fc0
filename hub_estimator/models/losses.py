"""Losses for heads: label smoothing, class weights, mixup.

A head of tensorflow-estimator takes `loss_fn(labels, logits, features)`, which
returns the loss of each example, float32 [batch_size, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable, Optional

from hub_estimator.inputs.pipeline import MIXUP_FRACTION, MIXUP_LABELS
from hub_estimator.tf_compat import tf

LossFn = Callable[[tf.Tensor, tf.Tensor, Mapping[str, tf.Tensor]], tf.Tensor]
_ExampleLoss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def create_softmax_loss_fn(
  label_smoothing: float = 0.0, class_weights: Optional[Sequence[float]] = None
) -> LossFn:
  """Softmax cross entropy over exclusive classes.

  With K classes, label y, smoothing s and class weights w, the loss is

      -w_y sum_k q_k log p_k,   q_k = (1 - s) [k = y] + s / K

  Label smoothing is that of Szegedy et al., "Rethinking the Inception
  Architecture for Computer Vision", 2016, https://arxiv.org/abs/1512.00567,
  section 7.

  Args:
    label_smoothing: s, from 0 to below 1.
    class_weights: a weight for each class; 1 for all if None.

  Returns:
    A function for `MultiClassHead`: labels int64 [batch_size, 1], logits
    float32 [batch_size, K] -> [batch_size, 1].
  """

  def example_loss(labels, logits):
    num_classes = logits.shape[-1]
    classes = tf.squeeze(labels, axis=1)
    targets = tf.one_hot(classes, num_classes, dtype=logits.dtype)
    if label_smoothing:
      targets = (1 - label_smoothing) * targets + label_smoothing / num_classes
    losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    losses = tf.expand_dims(losses, axis=1)
    if class_weights is None:
      return losses
    return losses * tf.gather(tf.constant(class_weights, losses.dtype), labels)

  return _with_mixup(example_loss)


def create_sigmoid_loss_fn(
  label_smoothing: float = 0.0, class_weights: Optional[Sequence[float]] = None
) -> LossFn:
  """Sigmoid cross entropy for two classes.

  With label y in {0, 1} and smoothing s, the target is (1 - s) y + s / 2.

  Args:
    label_smoothing: s, from 0 to below 1.
    class_weights: the weights of classes 0 and 1; 1 for both if None.

  Returns:
    A function for `BinaryClassHead`: labels and logits [batch_size, 1].
  """

  def example_loss(labels, logits):
    labels = tf.cast(labels, logits.dtype)
    losses = _smoothed_sigmoid_loss(labels, logits, label_smoothing)
    if class_weights is None:
      return losses
    negative, positive = class_weights
    return losses * (negative + (positive - negative) * labels)

  return _with_mixup(example_loss)


def create_multi_label_loss_fn(
  label_smoothing: float = 0.0, class_weights: Optional[Sequence[float]] = None
) -> LossFn:
  """Sigmoid cross entropy for each of K classes, averaged over them.

  With label y_k in {0, 1} and smoothing s, the target is (1 - s) y_k + s / 2.

  Args:
    label_smoothing: s, from 0 to below 1.
    class_weights: factors on the losses of the classes; 1 for all if None.

  Returns:
    A function for `MultiLabelHead`: labels and logits [batch_size, K] ->
    [batch_size, 1].
  """

  def example_loss(labels, logits):
    labels = tf.cast(labels, logits.dtype)
    losses = _smoothed_sigmoid_loss(labels, logits, label_smoothing)
    if class_weights is not None:
      losses *= tf.constant(class_weights, losses.dtype)
    return tf.reduce_mean(losses, axis=1, keepdims=True)

  return _with_mixup(example_loss)


def create_squared_loss_fn() -> LossFn:
  """Squared error of each target.

  Returns:
    A function for `RegressionHead`: labels and logits [batch_size, num_targets]
    -> the same shape.
  """

  def example_loss(labels, logits):
    return tf.math.squared_difference(tf.cast(labels, logits.dtype), logits)

  return _with_mixup(example_loss)


def _smoothed_sigmoid_loss(labels, logits, label_smoothing) -> tf.Tensor:
  if label_smoothing:
    labels = (1 - label_smoothing) * labels + label_smoothing / 2
  return tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)


def _with_mixup(example_loss: _ExampleLoss) -> LossFn:
  """Mixes the losses of both examples that a mixed one is made of.

  See `InputPipeline`; features without mixup give the plain loss.
  """

  def loss_fn(labels, logits, features):
    losses = example_loss(labels, logits)
    if MIXUP_FRACTION not in features:
      return losses
    fraction = tf.cast(features[MIXUP_FRACTION], losses.dtype)
    others = example_loss(features[MIXUP_LABELS], logits)
    return fraction * losses + (1 - fraction) * others

  return loss_fn
