"""The train op: gradients, update ops, the step of the variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.optimization import argument_checks
from hub_estimator.tf_compat import tf

# Names listed in a message; a module may have thousands.
_MAX_LISTED = 10


def create_train_op(
  loss: tf.Tensor,
  optimizer: tf.compat.v1.train.Optimizer,
  global_step: Optional[tf.Variable] = None,
  variables: Optional[Sequence[tf.Variable]] = None,
  update_ops: Optional[Iterable[Any]] = None,
  clip_norm: Optional[float] = None,
) -> tf.Operation:
  """Creates the op that does one training step.

  A step computes the gradients of the loss, clips them, runs the update ops
  (such as those of batch norm's moving averages), moves the variables and adds
  1 to the global step, in this order where it matters: the variables move after
  the update ops have run.

  For use inside a head's `train_op_fn`. The head's own `update_ops` argument is
  then left out.

  Graph collections of the default graph: reads TRAINABLE_VARIABLES and
  UPDATE_OPS where `variables` and `update_ops` are not given, and GLOBAL_STEP;
  adds the optimizer's slots to GLOBAL_VARIABLES, the op to TRAIN_OP, and the
  global step, if there is none yet, to GLOBAL_STEP and GLOBAL_VARIABLES.

  Args:
    loss: the total loss, a float scalar.
    optimizer: moves the variables; under a distribution strategy it also scales
      the loss by the number of replicas.
    global_step: the variable to count steps in; the graph's global step, made
      if there is none, by default.
    variables: the variables to move; all trainable ones by default.
    update_ops: ops or tensors to run in each step; what is in the collection
      UPDATE_OPS by default. Each runs once, also if it is listed twice.
    clip_norm: gradients are scaled down together so that their global norm, the
      square root of the sum of the squares of all their values, is at most
      this; not clipped if None. Pascanu et al., 2013,
      https://arxiv.org/abs/1211.5063, algorithm 1.

  Returns:
    The op, for `EstimatorSpec.train_op`.

  Raises:
    UserTypeError, UserValueError: `clip_norm` is not a number above 0.
    UserValueError: there is no variable to train, or the loss depends on none
      of them. If it depends on some only, the others are logged as a warning.
  """
  if clip_norm is not None:
    argument_checks.check_number(
      "Optimization.clip_norm", clip_norm, 0, without_low=True
    )
  if global_step is None:
    global_step = tf.compat.v1.train.get_or_create_global_step()
  if variables is None:
    variables = tf.compat.v1.trainable_variables()
  if update_ops is None:
    update_ops = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
  gradients = _compute_gradients(loss, optimizer, list(variables))
  if clip_norm is not None:
    gradients = _clip_by_global_norm(gradients, clip_norm)
  with tf.control_dependencies(_deduplicate(update_ops)):
    return optimizer.apply_gradients(gradients, global_step=global_step)


def _compute_gradients(
  loss: tf.Tensor,
  optimizer: tf.compat.v1.train.Optimizer,
  variables: list[tf.Variable],
) -> list[tuple[Any, tf.Variable]]:
  """Returns pairs of gradient and variable; without those that have none."""
  if not variables:
    raise errors.UserValueError(
      "There is nothing to train: the graph has no trainable variables. Set "
      "TRAINABLE = True if the module has any, or put a head with variables on "
      "top of it."
    )
  # Inside a block that depends on update ops, the gradient of a v1 while loop
  # over a ref variable never runs: the step is skipped, without any error, and
  # training goes on for ever.
  with tf.control_dependencies(None):
    gradients = optimizer.compute_gradients(loss, var_list=variables)
  without = [
    variable.name for gradient, variable in gradients if gradient is None
  ]
  if len(without) == len(variables):
    raise errors.UserValueError(
      f"The loss {loss.name!r} depends on none of the variables to train: "
      f"{_list_names(without)}. Compute it from the outputs of the model that "
      "has them, and see that no tf.stop_gradient, tf.argmax or cast to an "
      "integer lies in between."
    )
  if without:
    tf.get_logger().warning(
      "%d of %d variables to train get no gradient from the loss and stay as "
      "they are: %s.",
      len(without),
      len(variables),
      _list_names(without),
    )
  return [pair for pair in gradients if pair[0] is not None]


def _clip_by_global_norm(
  gradients: list[tuple[Any, tf.Variable]], clip_norm: float
) -> list[tuple[Any, tf.Variable]]:
  """Scales all gradients so that their global norm is at most `clip_norm`."""
  values, variables = zip(*gradients)
  clipped, _ = tf.clip_by_global_norm(values, clip_norm)
  return list(zip(clipped, variables))


def _deduplicate(update_ops: Iterable[Any]) -> list[tf.Operation]:
  """Returns the update ops, each once, in order."""
  # Tensors do not hash; their ops do.
  return list(dict.fromkeys(getattr(item, "op", item) for item in update_ops))


def _list_names(names: Sequence[str]) -> str:
  """Joins names, the first few of many."""
  listed = ", ".join(names[:_MAX_LISTED])
  more = len(names) - _MAX_LISTED
  return f"{listed} and {more} more" if more > 0 else listed
