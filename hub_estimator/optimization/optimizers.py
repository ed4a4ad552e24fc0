"""Optimizers: factories of functions of the learning rate.

A config holds factories, `Optimization.optimizer_fn =
@create_adam_optimizer_fn()`, and the optimizer is made later, inside the graph
it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

import gin

from hub_estimator import errors
from hub_estimator.optimization import argument_checks

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

  OptimizerFn = Callable[[Any], tf.compat.v1.train.Optimizer]

# TensorFlow is imported when an optimizer is made: a config is parsed, and its
# mistakes are reported, without waiting for that import.

# Names of what weight decay is commonly kept away from: the last part of a
# variable's name, or the scope of a normalization layer.
NOT_DECAYED = (
  r"(^|[/_])(b|bias|biases|beta|gamma|offset|scale)(_\d+)?$",
  r"(?i)(layer|batch|group|instance)_?norm",
  r"(^|/)(ln|bn)(_\w+|\d\w*)?/",
)


@gin.register(module="hub_estimator")
def create_sgd_optimizer_fn(
  momentum: float = 0.9, nesterov: bool = False
) -> OptimizerFn:
  """Creates a factory of gradient descent optimizers with momentum.

  With gradient g and learning rate r, each step does

      v <- momentum v + g
      w <- w - r v                      (plain)
      w <- w - r (g + momentum v)       (Nesterov)

  Polyak, "Some methods of speeding up the convergence of iteration methods",
  1964; Sutskever et al., "On the importance of initialization and momentum in
  deep learning", 2013.

  Args:
    momentum: from 0 to below 1; 0 is plain gradient descent, without slots. 0.9
      is what most published fine-tuning of image models uses (for example
      https://arxiv.org/abs/1912.11370).
    nesterov: whether to look ahead.

  Returns:
    A function `learning_rate -> tf.compat.v1.train.Optimizer`, from a float32
    scalar tensor or a number.

  Raises:
    UserTypeError, UserValueError: `momentum` is not a number or out of range.
    UserValueError: `nesterov` without momentum.
  """
  place = "create_sgd_optimizer_fn"
  argument_checks.check_number(
    f"{place}.momentum", momentum, 0, 1, without_high=True
  )
  if nesterov and not momentum:
    raise errors.UserValueError(
      f"`{place}.nesterov = True` looks ahead along the momentum, but "
      f"`{place}.momentum` is 0: set a momentum, such as 0.9, or nesterov to "
      "False."
    )

  def optimizer_fn(learning_rate: Any) -> tf.compat.v1.train.Optimizer:
    from hub_estimator.tf_compat import tf

    if not momentum:
      return tf.compat.v1.train.GradientDescentOptimizer(learning_rate)
    return tf.compat.v1.train.MomentumOptimizer(
      learning_rate, momentum, use_nesterov=nesterov
    )

  return optimizer_fn


@gin.register(module="hub_estimator")
def create_adam_optimizer_fn(
  beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> OptimizerFn:
  """Creates a factory of Adam optimizers.

  With gradient g, learning rate r and step t counted from 1, each step does

      m <- beta1 m + (1 - beta1) g
      v <- beta2 v + (1 - beta2) g^2
      w <- w - r sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)

  Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015,
  https://arxiv.org/abs/1412.6980; the form before its section 2.1, in which
  epsilon is not scaled by the correction.

  Args:
    beta1: decay of the first moment, from 0 to below 1; the paper's default.
    beta2: decay of the second moment, from 0 to below 1; the paper's default.
    epsilon: keeps the division finite, above 0; the paper's default.

  Returns:
    A function `learning_rate -> tf.compat.v1.train.Optimizer`, from a float32
    scalar tensor or a number.

  Raises:
    UserTypeError, UserValueError: an argument is not a number or out of range.
  """
  _check_adam_arguments("create_adam_optimizer_fn", beta1, beta2, epsilon)

  def optimizer_fn(learning_rate: Any) -> tf.compat.v1.train.Optimizer:
    from hub_estimator.tf_compat import tf

    return tf.compat.v1.train.AdamOptimizer(
      learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon
    )

  return optimizer_fn


@gin.register(module="hub_estimator")
def create_adamw_optimizer_fn(
  weight_decay: float = 0.01,
  beta1: float = 0.9,
  beta2: float = 0.999,
  epsilon: float = 1e-8,
  exclude: Sequence[str] = NOT_DECAYED,
) -> OptimizerFn:
  """Creates a factory of Adam optimizers with decoupled weight decay.

  With learning rate r and weight decay lambda, each step does Adam's step, see
  `create_adam_optimizer_fn`, and, with w before the step,

      w <- w - r lambda w

  so that the decay follows the schedule and is not scaled by Adam's moments, as
  that of an L2 penalty in the loss is. Loshchilov and Hutter, "Decoupled Weight
  Decay Regularization", 2019, https://arxiv.org/abs/1711.05101, algorithm 2, in
  which the rate is split into alpha and the schedule's factor eta: there the
  decay is eta lambda, here r lambda.

  Args:
    weight_decay: lambda, at least 0; 0.01 as BERT was trained with
      (https://arxiv.org/abs/1810.04805).
    beta1: decay of the first moment, from 0 to below 1.
    beta2: decay of the second moment, from 0 to below 1.
    epsilon: keeps the division finite, above 0.
    exclude: regular expressions, searched for in variables' names; what has one
      does not decay. By default biases and parameters of normalization layers,
      by the names that they commonly have.

  Returns:
    A function `learning_rate -> tf.compat.v1.train.Optimizer`, from a float32
    scalar tensor or a number.

  Raises:
    UserTypeError, UserValueError: a number is none or out of range, or
      `exclude` is no list of regular expressions.
  """
  place = "create_adamw_optimizer_fn"
  _check_decay_arguments(place, weight_decay, beta1, beta2, epsilon, exclude)

  def optimizer_fn(learning_rate: Any) -> tf.compat.v1.train.Optimizer:
    from hub_estimator.optimization import decaying_optimizers

    return decaying_optimizers.AdamWOptimizer(
      learning_rate, weight_decay, exclude, beta1, beta2, epsilon, "AdamW"
    )

  return optimizer_fn


@gin.register(module="hub_estimator")
def create_lamb_optimizer_fn(
  weight_decay: float = 0.01,
  beta1: float = 0.9,
  beta2: float = 0.999,
  epsilon: float = 1e-6,
  exclude: Sequence[str] = NOT_DECAYED,
) -> OptimizerFn:
  """Creates a factory of LAMB optimizers, for large batches.

  With gradient g, learning rate r, weight decay lambda and step t counted from
  1, each step does, for each variable as a layer,

      m <- beta1 m + (1 - beta1) g
      v <- beta2 v + (1 - beta2) g^2
      u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + lambda w
      w <- w - r |w| / |u| u

  with 1 for |w| / |u| if either norm is 0. You et al., "Large Batch
  Optimization for Deep Learning: Training BERT in 76 minutes", 2020,
  https://arxiv.org/abs/1904.00962, algorithm 2 with the identity as phi. Of a
  partitioned variable, each part is a layer.

  Args:
    weight_decay: lambda, at least 0; the paper's for BERT.
    beta1: decay of the first moment, from 0 to below 1; the paper's.
    beta2: decay of the second moment, from 0 to below 1; the paper's.
    epsilon: keeps the division finite, above 0; the paper's.
    exclude: regular expressions, searched for in variables' names; what has one
      does not decay, and its step is not scaled by |w| / |u|. By default biases
      and parameters of normalization layers, by the names that they commonly
      have.

  Returns:
    A function `learning_rate -> tf.compat.v1.train.Optimizer`, from a float32
    scalar tensor or a number.

  Raises:
    UserTypeError, UserValueError: a number is none or out of range, or
      `exclude` is no list of regular expressions.
  """
  place = "create_lamb_optimizer_fn"
  _check_decay_arguments(place, weight_decay, beta1, beta2, epsilon, exclude)

  def optimizer_fn(learning_rate: Any) -> tf.compat.v1.train.Optimizer:
    from hub_estimator.optimization import decaying_optimizers

    return decaying_optimizers.LambOptimizer(
      learning_rate, weight_decay, exclude, beta1, beta2, epsilon, "LAMB"
    )

  return optimizer_fn


@gin.register(module="hub_estimator")
def create_adagrad_optimizer_fn(
  initial_accumulator_value: float = 0.1,
) -> OptimizerFn:
  """Creates a factory of Adagrad optimizers.

  With gradient g and learning rate r, each step does

      a <- a + g^2
      w <- w - r g / sqrt(a)

  Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic
  Optimization", 2011, https://jmlr.org/papers/v12/duchi11a.html.

  Args:
    initial_accumulator_value: what a starts from, above 0: it bounds the first
      steps. TensorFlow's default.

  Returns:
    A function `learning_rate -> tf.compat.v1.train.Optimizer`, from a float32
    scalar tensor or a number.

  Raises:
    UserTypeError, UserValueError: the argument is not a number or out of range.
  """
  argument_checks.check_number(
    "create_adagrad_optimizer_fn.initial_accumulator_value",
    initial_accumulator_value,
    0,
    without_low=True,
  )

  def optimizer_fn(learning_rate: Any) -> tf.compat.v1.train.Optimizer:
    from hub_estimator.tf_compat import tf

    return tf.compat.v1.train.AdagradOptimizer(
      learning_rate, initial_accumulator_value=initial_accumulator_value
    )

  return optimizer_fn


def _check_adam_arguments(
  place: str, beta1: Any, beta2: Any, epsilon: Any
) -> None:
  """Checks the arguments of an optimizer with two moments."""
  for name, beta in (("beta1", beta1), ("beta2", beta2)):
    argument_checks.check_number(
      f"{place}.{name}", beta, 0, 1, without_high=True
    )
  argument_checks.check_number(f"{place}.epsilon", epsilon, 0, without_low=True)


def _check_decay_arguments(
  place: str,
  weight_decay: Any,
  beta1: Any,
  beta2: Any,
  epsilon: Any,
  exclude: Any,
) -> None:
  """Checks the arguments of an optimizer with two moments and decay."""
  argument_checks.check_number(f"{place}.weight_decay", weight_decay, 0)
  _check_adam_arguments(place, beta1, beta2, epsilon)
  argument_checks.check_patterns(f"{place}.exclude", exclude)
