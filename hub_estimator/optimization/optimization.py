"""How a model is optimized: the one value that a config injects."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

import gin

from hub_estimator import errors
from hub_estimator.optimization import argument_checks, optimizers, schedules

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

_SCHEDULE_FACTORIES = (
  schedules.create_constant_schedule_fn,
  schedules.create_cosine_schedule_fn,
  schedules.create_linear_schedule_fn,
)
_OPTIMIZER_FACTORIES = (
  optimizers.create_adagrad_optimizer_fn,
  optimizers.create_adam_optimizer_fn,
  optimizers.create_sgd_optimizer_fn,
)


@gin.register(module="hub_estimator")
@dataclasses.dataclass(frozen=True)
class Optimization:
  """Schedule, optimizer, clipping and the scale of the regularization losses.

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

  Raises:
    UserTypeError, UserValueError: an attribute is of the wrong kind or out of
      range.
  """

  schedule_fn: schedules.ScheduleFn
  optimizer_fn: optimizers.OptimizerFn
  clip_norm: Optional[float] = None
  regularization_scale: float = 1.0

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

  def build_train_op(
    self,
    loss: tf.Tensor,
    variables: Optional[Sequence[tf.Variable]] = None,
    update_ops: Optional[Iterable[Any]] = None,
  ) -> tf.Operation:
    """Builds the op that does one training step.

    Graph collections: those of `train_op.create_train_op`; the summary
    "learning_rate" is added to SUMMARIES.

    Args:
      loss: the total loss, a float scalar.
      variables: the variables to move; all trainable ones by default.
      update_ops: ops to run before the variables move; the collection
        UPDATE_OPS by default.

    Returns:
      The op, for `EstimatorSpec.train_op`.

    Raises:
      UserValueError: there is no variable to train, or the loss depends on none
        of them.
    """
    from hub_estimator.optimization import summaries, train_op
    from hub_estimator.tf_compat import tf

    global_step = tf.compat.v1.train.get_or_create_global_step()
    learning_rate = self.schedule_fn(global_step)
    summaries.add_scalar_summary("learning_rate", learning_rate)
    return train_op.create_train_op(
      loss,
      self.optimizer_fn(learning_rate),
      global_step=global_step,
      variables=variables,
      update_ops=update_ops,
      clip_norm=self.clip_norm,
    )

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
