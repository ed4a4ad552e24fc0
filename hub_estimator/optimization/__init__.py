"""Optimization: schedules, optimizers, the total loss, the train op.

What configs name is imported here, without importing TensorFlow. Inside a
model_fn, `total_loss.create_regularization_losses` and
`train_op.create_train_op` do the work of `Optimization`'s methods, and
`growing_saver.GrowingSaver` and `averaged_saver.AveragedSaver` restore graphs
whose variables are not those of the checkpoint.
"""

from hub_estimator.optimization.optimization import Optimization
from hub_estimator.optimization.optimizers import (
  create_adagrad_optimizer_fn,
  create_adam_optimizer_fn,
  create_adamw_optimizer_fn,
  create_lamb_optimizer_fn,
  create_sgd_optimizer_fn,
)
from hub_estimator.optimization.schedules import (
  create_constant_schedule_fn,
  create_cosine_schedule_fn,
  create_linear_schedule_fn,
)
from hub_estimator.optimization.step_schedules import (
  create_exponential_schedule_fn,
  create_slanted_triangular_schedule_fn,
  create_stair_schedule_fn,
)
from hub_estimator.optimization.variable_groups import VariableGroup

__all__ = [
  "Optimization",
  "VariableGroup",
  "create_adagrad_optimizer_fn",
  "create_adam_optimizer_fn",
  "create_adamw_optimizer_fn",
  "create_constant_schedule_fn",
  "create_cosine_schedule_fn",
  "create_exponential_schedule_fn",
  "create_lamb_optimizer_fn",
  "create_linear_schedule_fn",
  "create_sgd_optimizer_fn",
  "create_slanted_triangular_schedule_fn",
  "create_stair_schedule_fn",
]
