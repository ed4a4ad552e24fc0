"""Learning rate schedules: factories of functions of the global step.

A config holds factories, `Optimization.schedule_fn =
@create_cosine_schedule_fn()`, and the graph's tensors are made later, when the
function that a factory returned is called inside a model_fn.

Step t counts from 0, so the first training step uses the rate at t = 0 and the
last one that at t = train_steps - 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable

import gin

from hub_estimator.optimization import argument_checks, schedule_parts

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

  ScheduleFn = Callable[[Any], tf.Tensor]

# TensorFlow is imported when a schedule is called: a config is parsed, and its
# mistakes are reported, without waiting for that import.


@gin.register(module="hub_estimator")
def create_constant_schedule_fn(
  learning_rate: float, warmup_steps: int = 0
) -> ScheduleFn:
  """Creates a schedule that stays at one learning rate, after a warm-up.

  With L = `learning_rate` and W = `warmup_steps`, the rate at step t is

      L (t + 1) / W   while t < W   (linear warm-up),
      L               from t = W on.

  The warm-up is that of Goyal et al., "Accurate, Large Minibatch SGD: Training
  ImageNet in 1 Hour", 2017, https://arxiv.org/abs/1706.02677, section 2.2. It
  starts at L / W rather than at 0, so that the first step is not lost.

  Args:
    learning_rate: the rate after the warm-up, at least 0.
    warmup_steps: length of the warm-up in training steps; 0 for none.

  Returns:
    A function `global_step -> learning rate`, from an integer scalar (tensor or
    variable) to a float32 scalar tensor.

  Raises:
    UserTypeError, UserValueError: an argument is not a number or out of range.
  """
  place = "create_constant_schedule_fn"
  argument_checks.check_number(f"{place}.learning_rate", learning_rate, 0)
  argument_checks.check_step_count(f"{place}.warmup_steps", warmup_steps, 0)

  def schedule_fn(global_step: Any) -> tf.Tensor:
    from hub_estimator.tf_compat import tf

    rate = tf.constant(learning_rate, tf.float32)
    return schedule_parts.with_warmup(
      global_step, rate, warmup_steps, learning_rate
    )

  return schedule_fn


@gin.register(module="hub_estimator")
def create_cosine_schedule_fn(
  learning_rate: float,
  train_steps: int,
  warmup_steps: int = 0,
  final_fraction: float = 0.0,
) -> ScheduleFn:
  """Creates a schedule of a linear warm-up and half a cosine wave.

  With L = `learning_rate`, T = `train_steps`, W = `warmup_steps`, f =
  `final_fraction` and progress p = min(1, (t - W) / (T - W)), the rate at step
  t is

      L (t + 1) / W                                   while t < W,
      L (f + (1 - f) (1 + cos(pi p)) / 2)             from t = W on.

  One cycle of Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with
  Warm Restarts", 2017, https://arxiv.org/abs/1608.03983, equation 5. For the
  warm-up see `create_constant_schedule_fn`.

  Args:
    learning_rate: the peak rate, reached at the end of the warm-up, at least 0.
    train_steps: the training steps of the run, warm-up included; the rate stays
      at its final value beyond them.
    warmup_steps: length of the warm-up in training steps, less than
      `train_steps`; 0 for none.
    final_fraction: the rate at `train_steps` as a fraction of the peak, from 0
      to 1; 0 as in the paper's runs.

  Returns:
    A function `global_step -> learning rate`, from an integer scalar (tensor or
    variable) to a float32 scalar tensor.

  Raises:
    UserTypeError, UserValueError: an argument is not a number or out of range.
  """
  schedule_parts.check_decay_arguments(
    "create_cosine_schedule_fn",
    learning_rate,
    train_steps,
    warmup_steps,
    final_fraction,
  )

  def schedule_fn(global_step: Any) -> tf.Tensor:
    from hub_estimator.tf_compat import tf

    progress = schedule_parts.progress_of(
      global_step, train_steps, warmup_steps
    )
    wave = 0.5 * (1.0 + tf.cos(math.pi * progress))
    rate = learning_rate * (final_fraction + (1.0 - final_fraction) * wave)
    return schedule_parts.with_warmup(
      global_step, rate, warmup_steps, learning_rate
    )

  return schedule_fn


@gin.register(module="hub_estimator")
def create_linear_schedule_fn(
  learning_rate: float,
  train_steps: int,
  warmup_steps: int = 0,
  final_fraction: float = 0.0,
) -> ScheduleFn:
  """Creates a schedule of a linear warm-up and a linear decay.

  With L = `learning_rate`, T = `train_steps`, W = `warmup_steps`, f =
  `final_fraction` and progress p = min(1, (t - W) / (T - W)), the rate at step
  t is

      L (t + 1) / W              while t < W,
      L (1 - (1 - f) p)          from t = W on.

  The schedule of BERT: Devlin et al., "BERT: Pre-training of Deep Bidirectional
  Transformers for Language Understanding", 2019,
  https://arxiv.org/abs/1810.04805, appendix A.2. For the warm-up see
  `create_constant_schedule_fn`.

  Args:
    learning_rate: the peak rate, reached at the end of the warm-up, at least 0.
    train_steps: the training steps of the run, warm-up included; the rate stays
      at its final value beyond them.
    warmup_steps: length of the warm-up in training steps, less than
      `train_steps`; 0 for none.
    final_fraction: the rate at `train_steps` as a fraction of the peak, from 0
      to 1; 0 as in the paper.

  Returns:
    A function `global_step -> learning rate`, from an integer scalar (tensor or
    variable) to a float32 scalar tensor.

  Raises:
    UserTypeError, UserValueError: an argument is not a number or out of range.
  """
  schedule_parts.check_decay_arguments(
    "create_linear_schedule_fn",
    learning_rate,
    train_steps,
    warmup_steps,
    final_fraction,
  )

  def schedule_fn(global_step: Any) -> tf.Tensor:
    progress = schedule_parts.progress_of(
      global_step, train_steps, warmup_steps
    )
    rate = learning_rate * (1.0 - (1.0 - final_fraction) * progress)
    return schedule_parts.with_warmup(
      global_step, rate, warmup_steps, learning_rate
    )

  return schedule_fn
