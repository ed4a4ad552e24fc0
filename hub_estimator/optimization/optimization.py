"""How a model is optimized: the one value that a config injects."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

import gin

from hub_estimator import errors
from hub_estimator.optimization import (
  argument_checks,
  optimizers,
  schedules,
  step_schedules,
)
from hub_estimator.optimization.variable_groups import (
  VariableGroup,
  check_groups,
)

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

_SCHEDULE_FACTORIES = (
  schedules.create_constant_schedule_fn,
  schedules.create_cosine_schedule_fn,
  schedules.create_linear_schedule_fn,
  step_schedules.create_exponential_schedule_fn,
  step_schedules.create_slanted_triangular_schedule_fn,
  step_schedules.create_stair_schedule_fn,
)
_OPTIMIZER_FACTORIES = (
  optimizers.create_adagrad_optimizer_fn,
  optimizers.create_adam_optimizer_fn,
  optimizers.create_adamw_optimizer_fn,
  optimizers.create_lamb_optimizer_fn,
  optimizers.create_sgd_optimizer_fn,
)


@gin.register(module="hub_estimator")
@dataclasses.dataclass(frozen=True)
class Optimization:
  """All of how a model is optimized, but for which variables are.

  A model_fn uses it so, with a head `head`:

      head.create_estimator_spec(
        features, mode, logits, labels,
        train_op_fn=optimization.build_train_op,
        regularization_losses=optimization.create_regularization_losses())

  Attributes:
    schedule_fn: function `global_step -> learning rate`, such as
      `create_cosine_schedule_fn` returns.
    optimizer_fn: function `learning_rate -> tf.compat.v1.train.Optimizer`, such
      as `create_adam_optimizer_fn` returns.
    clip_norm: the greatest global norm of the gradients; not clipped if None.
    regularization_scale: factor on REGULARIZATION_LOSSES, at least 0; 1 adds
      them as the module's author weighed them, 0 drops them.
    accumulate_steps: the gradients of so many batches are averaged before each
      step, at least 1. The global step counts steps, so a run reads so many
      batches more. The result is that of batches so many times as large, but
      for layers that look at a batch as a whole, such as batch norm. The loss
      that is shown is one batch's.
    moving_average_decay: the decay of moving averages of the weights, above 0
      and below 1, such as 0.999; None for none. See
      `moving_averages.MovingAverages`.

  Raises:
    UserTypeError, UserValueError: an attribute is of the wrong kind or out of
      range.
  """

  schedule_fn: schedules.ScheduleFn
  optimizer_fn: optimizers.OptimizerFn
  clip_norm: Optional[float] = None
  regularization_scale: float = 1.0
  accumulate_steps: int = 1
  moving_average_decay: Optional[float] = None

  def __post_init__(self):
    _check_fn("schedule_fn", self.schedule_fn, _SCHEDULE_FACTORIES)
    _check_fn("optimizer_fn", self.optimizer_fn, _OPTIMIZER_FACTORIES)
    if self.clip_norm is not None:
      argument_checks.check_number(
        "Optimization.clip_norm", self.clip_norm, 0, without_low=True
      )
    argument_checks.check_number(
      "Optimization.regularization_scale", self.regularization_scale, 0
    )
    argument_checks.check_count(
      "Optimization.accumulate_steps", self.accumulate_steps, 1, "batches"
    )
    if self.moving_average_decay is not None:
      argument_checks.check_number(
        "Optimization.moving_average_decay",
        self.moving_average_decay,
        0,
        1,
        without_low=True,
        without_high=True,
      )

  def build_train_op(
    self,
    loss: tf.Tensor,
    groups: Optional[Sequence[VariableGroup]] = None,
    update_ops: Optional[Iterable[Any]] = None,
    averaged_variables: Optional[Sequence[tf.Variable]] = None,
  ) -> tf.Operation:
    """Builds the op that does one training step.

    Each group has an optimizer of its own, whose learning rate is the
    schedule's times the group's multiplier. Their slots have the same names
    whatever other groups there are, so that a run may go on from a checkpoint
    with more groups or fewer: see `growing_saver`.

    Graph collections: those of `train_op.create_train_op`; the summary
    "learning_rate" (the schedule's) is added to SUMMARIES, and with several
    groups "learning_rate/<group>" for each.

    Args:
      loss: the total loss, a float scalar.
      groups: the variables to move; one group of all trainable ones by default.
        A group without variables is left out.
      update_ops: ops to run before the variables move; the collection
        UPDATE_OPS by default.
      averaged_variables: what moving averages are kept of, if
        `moving_average_decay` is set; all variables to move by default.

    Returns:
      The op, for `EstimatorSpec.train_op`.

    Raises:
      UserValueError: there is no variable to train, or the loss depends on none
        of them; two groups share a name or a variable.
    """
    from hub_estimator.optimization import (
      moving_averages,
      summaries,
      train_op,
    )
    from hub_estimator.tf_compat import tf

    global_step = tf.compat.v1.train.get_or_create_global_step()
    learning_rate = self.schedule_fn(global_step)
    summaries.add_scalar_summary("learning_rate", learning_rate)
    if groups is None:
      optimizers = [
        train_op.GroupOptimizer(
          self.optimizer_fn(learning_rate),
          tuple(tf.compat.v1.trainable_variables()),
        )
      ]
    else:
      check_groups(groups)
      groups = [group for group in groups if group.variables]
      optimizers = []
      for group in groups:
        rate = learning_rate
        if group.learning_rate_multiplier != 1:
          rate = learning_rate * group.learning_rate_multiplier
        if len(groups) > 1:
          summaries.add_scalar_summary(f"learning_rate/{group.name}", rate)
        optimizers.append(
          train_op.GroupOptimizer.of_group(group, self.optimizer_fn(rate))
        )
    averages = None
    if self.moving_average_decay is not None:
      if averaged_variables is None:
        averaged_variables = [v for o in optimizers for v in o.variables]
      averages = moving_averages.MovingAverages(
        self.moving_average_decay, averaged_variables
      )
    return train_op.create_train_op(
      loss,
      optimizers,
      global_step=global_step,
      update_ops=update_ops,
      clip_norm=self.clip_norm,
      accumulate_steps=self.accumulate_steps,
      averages=averages,
    )

  def create_averaged_saver(
    self, averaged_variables: Optional[Sequence[tf.Variable]] = None
  ) -> Optional[tf.compat.v1.train.Saver]:
    """Creates what restores the moving averages in EVAL and PREDICT.

    To be called at the end of a model_fn, when all variables are there:

        spec._replace(scaffold=tf.compat.v1.train.Scaffold(
          saver=optimization.create_averaged_saver()))

    Args:
      averaged_variables: variables to take the averages for; by default all
        that a checkpoint has averages of. One without gets its own value.

    Returns:
      An `averaged_saver.AveragedSaver`; None, an Estimator's default, if
      `moving_average_decay` is None.
    """
    if self.moving_average_decay is None:
      return None
    from hub_estimator.optimization import averaged_saver

    return averaged_saver.AveragedSaver(averaged_variables)

  def create_regularization_losses(
    self, penalties: Optional[Mapping[str, tf.Tensor]] = None
  ) -> Optional[list[tf.Tensor]]:
    """Creates a head's `regularization_losses`, in TRAIN and in EVAL.

    See `total_loss.create_regularization_losses`, which gets this object's
    `regularization_scale`.

    Args:
      penalties: further losses by name, scalar tensors.

    Returns:
      float32 scalar tensors, None if there are none.
    """
    from hub_estimator.optimization import total_loss

    return total_loss.create_regularization_losses(
      penalties, self.regularization_scale
    )


def _check_fn(name: str, value: Any, factories: Sequence[Any]) -> None:
  """Raises unless a value can be what a factory returns."""
  factory_names = [factory.__name__ for factory in factories]
  # Gin wraps what it refers to.
  if callable(value) and inspect.unwrap(value) in factories:
    factory_name = inspect.unwrap(value).__name__
    raise errors.UserTypeError(
      f"`Optimization.{name}` is what `{factory_name}` returns, but the "
      f"factory itself was given: write `@{factory_name}()`, with brackets."
    )
  if not callable(value):
    raise errors.UserTypeError(
      f"`Optimization.{name}` is a function; got {value!r} "
      f"({type(value).__name__}). Factories of such functions: "
      f"{', '.join(f'@{factory_name}()' for factory_name in factory_names)}."
    )
