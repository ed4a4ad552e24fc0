"""What schedules have in common: the warm-up, how far a decay has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub_estimator import errors
from hub_estimator.optimization import argument_checks

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


def check_decay_arguments(
  place: str,
  learning_rate: Any,
  train_steps: Any,
  warmup_steps: Any,
  final_fraction: Any,
) -> None:
  """Checks the arguments of a schedule that decays until `train_steps`."""
  argument_checks.check_number(f"{place}.learning_rate", learning_rate, 0)
  argument_checks.check_step_count(f"{place}.train_steps", train_steps, 1)
  argument_checks.check_step_count(f"{place}.warmup_steps", warmup_steps, 0)
  argument_checks.check_number(f"{place}.final_fraction", final_fraction, 0, 1)
  if warmup_steps >= train_steps:
    raise errors.UserValueError(
      f"`{place}.warmup_steps` is less than `{place}.train_steps`, so that "
      f"steps are left to decay over; got {warmup_steps} and {train_steps}."
    )


def progress_of(
  global_step: Any, train_steps: int, warmup_steps: int
) -> tf.Tensor:
  """Returns how far the decay has come: a float32 scalar from 0 to 1."""
  from hub_estimator.tf_compat import tf

  step = tf.cast(global_step, tf.float32)
  progress = (step - warmup_steps) / (train_steps - warmup_steps)
  return tf.clip_by_value(progress, 0.0, 1.0)


def with_warmup(
  global_step: Any, rate: tf.Tensor, warmup_steps: int, peak: float
) -> tf.Tensor:
  """Returns the warm-up's rate during the warm-up, and `rate` after it.

  Args:
    global_step: integer scalar.
    rate: the rate after the warm-up, float32 scalar.
    warmup_steps: length of the warm-up; 0 returns `rate`.
    peak: the rate that the warm-up leads to.
  """
  from hub_estimator.tf_compat import tf

  if not warmup_steps:
    return rate
  step = tf.cast(global_step, tf.float32)
  warmup_rate = peak * (step + 1.0) / warmup_steps
  return tf.where(step < warmup_steps, warmup_rate, rate)
