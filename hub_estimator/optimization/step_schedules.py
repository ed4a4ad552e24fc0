"""More schedules: exponential decay, stairs, the slanted triangle.

As in `schedules`: factories of functions of the global step, which counts from
0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

import gin

from hub_estimator import errors
from hub_estimator.optimization import argument_checks, schedule_parts

if TYPE_CHECKING:
  from hub_estimator.optimization.schedules import ScheduleFn
  from hub_estimator.tf_compat import tf


@gin.register(module="hub_estimator")
def create_exponential_schedule_fn(
  learning_rate: float,
  decay_steps: int,
  decay_factor: float = 0.96,
  warmup_steps: int = 0,
  staircase: bool = False,
) -> ScheduleFn:
  """Creates a schedule of a linear warm-up and an exponential decay.

  With L = `learning_rate`, W = `warmup_steps`, D = `decay_steps` and f =
  `decay_factor`, the rate at step t is

      L (t + 1) / W                      while t < W,
      L f^((t - W) / D)                  from t = W on,
      L f^floor((t - W) / D)             if `staircase`.

  As tf.compat.v1.train.exponential_decay, after a warm-up, for which see
  `create_constant_schedule_fn`. There is no end: the rate goes on falling.

  Args:
    learning_rate: the peak rate, reached at the end of the warm-up, at least 0.
    decay_steps: training steps in which the rate falls by `decay_factor`.
    decay_factor: above 0 and at most 1; 0.96 as in TensorFlow's documentation.
    warmup_steps: length of the warm-up in training steps; 0 for none.
    staircase: whether the rate falls all at once, after each `decay_steps`.

  Returns:
    A function `global_step -> learning rate`, from an integer scalar (tensor or
    variable) to a float32 scalar tensor.

  Raises:
    UserTypeError, UserValueError: an argument is not a number or out of range.
  """
  place = "create_exponential_schedule_fn"
  argument_checks.check_number(f"{place}.learning_rate", learning_rate, 0)
  argument_checks.check_step_count(f"{place}.decay_steps", decay_steps, 1)
  argument_checks.check_number(
    f"{place}.decay_factor", decay_factor, 0, 1, without_low=True
  )
  argument_checks.check_step_count(f"{place}.warmup_steps", warmup_steps, 0)

  def schedule_fn(global_step: Any) -> tf.Tensor:
    from hub_estimator.tf_compat import tf

    step = tf.cast(global_step, tf.int64)
    # During the warm-up it is not used; below 0 it would be large.
    step = tf.maximum(step - warmup_steps, 0)
    if staircase:
      exponent = tf.cast(step // decay_steps, tf.float32)
    else:
      exponent = tf.cast(step, tf.float32) / decay_steps
    rate = learning_rate * tf.pow(
      tf.constant(decay_factor, tf.float32), exponent
    )
    return schedule_parts.with_warmup(
      global_step, rate, warmup_steps, learning_rate
    )

  return schedule_fn


@gin.register(module="hub_estimator")
def create_stair_schedule_fn(
  learning_rate: float,
  boundaries: Sequence[float] = (0.3, 0.6, 0.9),
  train_steps: Optional[int] = None,
  factor: float = 0.1,
  warmup_steps: int = 0,
) -> ScheduleFn:
  """Creates a schedule of a linear warm-up and stairs.

  With L = `learning_rate`, W = `warmup_steps`, f = `factor` and n(t) the number
  of boundaries b with b <= t, the rate at step t is

      L (t + 1) / W   while t < W,
      L f^n(t)        from t = W on.

  With the defaults, the schedule of BiT: Kolesnikov et al., "Big Transfer
  (BiT): General Visual Representation Learning", 2020,
  https://arxiv.org/abs/1912.11370, section 3.3: a tenth after 30%, 60% and 90%
  of the training steps. For the warm-up see `create_constant_schedule_fn`.

  Args:
    learning_rate: the peak rate, at least 0.
    boundaries: where the rate falls, in rising order: all of them steps (whole
      numbers of at least 1), or all fractions of `train_steps` (written with a
      point, above 0 and below 1), rounded to the nearest step from 1 on.
    train_steps: the training steps of the run, warm-up included; needed for
      fractions only.
    factor: what the rate is multiplied by at each boundary, above 0 and at most
      1.
    warmup_steps: length of the warm-up in training steps, at most the first
      boundary; 0 for none.

  Returns:
    A function `global_step -> learning rate`, from an integer scalar (tensor or
    variable) to a float32 scalar tensor.

  Raises:
    UserTypeError, UserValueError: an argument is of the wrong kind or out of
      range.
  """
  place = "create_stair_schedule_fn"
  argument_checks.check_number(f"{place}.learning_rate", learning_rate, 0)
  argument_checks.check_number(
    f"{place}.factor", factor, 0, 1, without_low=True
  )
  argument_checks.check_step_count(f"{place}.warmup_steps", warmup_steps, 0)
  steps = _boundary_steps(place, boundaries, train_steps)
  if steps and warmup_steps > steps[0]:
    raise errors.UserValueError(
      f"`{place}.warmup_steps` is at most the first of `{place}.boundaries`; "
      f"got {warmup_steps}, and the first boundary is step {steps[0]}."
    )

  def schedule_fn(global_step: Any) -> tf.Tensor:
    from hub_estimator.tf_compat import tf

    step = tf.cast(global_step, tf.int64)
    reached = tf.cast(step >= tf.constant(steps, tf.int64), tf.float32)
    rate = learning_rate * tf.pow(
      tf.constant(factor, tf.float32), tf.reduce_sum(reached)
    )
    return schedule_parts.with_warmup(
      global_step, rate, warmup_steps, learning_rate
    )

  return schedule_fn


@gin.register(module="hub_estimator")
def create_slanted_triangular_schedule_fn(
  learning_rate: float,
  train_steps: int,
  cut_frac: float = 0.1,
  ratio: float = 32.0,
) -> ScheduleFn:
  """Creates the slanted triangular schedule of ULMFiT.

  With L = `learning_rate` and T = `train_steps`, the rate at step t is

      cut = floor(T cut_frac)
      p = t / cut                                      while t < cut,
      p = 1 - (t - cut) / (cut (1 / cut_frac - 1))     from t = cut on,
      L (1 + p (ratio - 1)) / ratio.

  Howard and Ruder, "Universal Language Model Fine-tuning for Text
  Classification", 2018, https://arxiv.org/abs/1801.06146, equation 3. Beyond T,
  and where the rounding of `cut` would make p negative, p is 0.

  Args:
    learning_rate: the peak rate, reached at step `cut`, at least 0; 0.01 in the
      paper.
    train_steps: the training steps of the run.
    cut_frac: the fraction of steps in which the rate rises, above 0 and below
      1; the paper's. `train_steps` times this is at least 1.
    ratio: the peak rate is so many times the rate at the start and at the end,
      at least 1; the paper's.

  Returns:
    A function `global_step -> learning rate`, from an integer scalar (tensor or
    variable) to a float32 scalar tensor.

  Raises:
    UserTypeError, UserValueError: an argument is not a number or out of range.
  """
  place = "create_slanted_triangular_schedule_fn"
  argument_checks.check_number(f"{place}.learning_rate", learning_rate, 0)
  argument_checks.check_step_count(f"{place}.train_steps", train_steps, 1)
  argument_checks.check_number(
    f"{place}.cut_frac", cut_frac, 0, 1, without_low=True, without_high=True
  )
  argument_checks.check_number(f"{place}.ratio", ratio, 1)
  # 0.1 * 30 is a little more than 3, and 0.29 * 100 a little less than 29.
  cut = int(train_steps * cut_frac + 1e-9)
  if cut < 1:
    raise errors.UserValueError(
      f"`{place}.cut_frac` of `{place}.train_steps` is at least one step; got "
      f"{cut_frac} of {train_steps}."
    )

  def schedule_fn(global_step: Any) -> tf.Tensor:
    from hub_estimator.tf_compat import tf

    step = tf.cast(global_step, tf.float32)
    rising = step / cut
    falling = 1.0 - (step - cut) / (cut * (1.0 / cut_frac - 1.0))
    p = tf.maximum(tf.where(step < cut, rising, falling), 0.0)
    return learning_rate * (1.0 + p * (ratio - 1.0)) / ratio

  return schedule_fn


def _boundary_steps(
  place: str, boundaries: Any, train_steps: Optional[int]
) -> list[int]:
  """Returns boundaries as steps, checked."""
  name = f"{place}.boundaries"
  if not isinstance(boundaries, (list, tuple)):
    raise errors.UserTypeError(
      f"`{name}` is a list of steps or fractions; got {boundaries!r}."
    )
  are_fractions = any(isinstance(b, float) for b in boundaries)
  for boundary in boundaries:
    if are_fractions:
      argument_checks.check_number(
        name, boundary, 0, 1, without_low=True, without_high=True
      )
    else:
      argument_checks.check_step_count(name, boundary, 1)
  if any(b <= a for a, b in zip(boundaries, boundaries[1:])):
    raise errors.UserValueError(f"`{name}` rise; got {list(boundaries)}.")
  if not are_fractions:
    return list(boundaries)
  if train_steps is None:
    raise errors.UserValueError(
      f"`{name}` = {list(boundaries)} are fractions of `{place}.train_steps`: "
      "set it, or give whole steps."
    )
  argument_checks.check_step_count(f"{place}.train_steps", train_steps, 1)
  return [max(1, round(boundary * train_steps)) for boundary in boundaries]
