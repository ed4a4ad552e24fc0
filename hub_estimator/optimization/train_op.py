"""The train op: gradients, update ops, the step of the variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.optimization import (
  accumulation,
  argument_checks,
  slot_variables,
)
from hub_estimator.optimization.accumulation import Gradients
from hub_estimator.optimization.moving_averages import MovingAverages
from hub_estimator.optimization.name_lists import list_names
from hub_estimator.optimization.variable_groups import VariableGroup
from hub_estimator.tf_compat import tf


@dataclasses.dataclass(frozen=True)
class GroupOptimizer:
  """An optimizer and what it moves.

  Attributes:
    optimizer: moves the variables; under a distribution strategy it also scales
      the loss by the number of replicas.
    variables: the variables to move.
    group_name: enters the names of the optimizer's variables that belong to the
      whole group; None keeps TensorFlow's names, for a graph with one group.
  """

  optimizer: tf.compat.v1.train.Optimizer
  variables: tuple[tf.Variable, ...]
  group_name: Optional[str] = None

  @classmethod
  def of_group(
    cls, group: VariableGroup, optimizer: tf.compat.v1.train.Optimizer
  ) -> GroupOptimizer:
    """Returns the optimizer of a variable group."""
    return cls(optimizer, group.variables, group.name)


def create_train_op(
  loss: tf.Tensor,
  optimizers: Sequence[GroupOptimizer],
  global_step: Optional[tf.Variable] = None,
  update_ops: Optional[Iterable[Any]] = None,
  clip_norm: Optional[float] = None,
  accumulate_steps: int = 1,
  averages: Optional[MovingAverages] = None,
) -> tf.Operation:
  """Creates the op that does one training step.

  A step computes the gradients of the loss for all groups together, clips them,
  runs the update ops (such as those of batch norm's moving averages), moves the
  variables and adds 1 to the global step, in this order where it matters: the
  variables move after the update ops have run, and the global step comes last.

  For use inside a head's `train_op_fn`. The head's own `update_ops` argument is
  then left out.

  Graph collections of the default graph: reads UPDATE_OPS where `update_ops` is
  not given, and GLOBAL_STEP; adds the optimizers' variables to GLOBAL_VARIABLES
  and to those that `slot_variables` returns, the op to TRAIN_OP, and the global
  step, if there is none yet, to GLOBAL_STEP and GLOBAL_VARIABLES.

  Args:
    loss: the total loss, a float scalar.
    optimizers: what moves what; no variable is in two of them.
    global_step: the variable to count steps in; the graph's global step, made
      if there is none, by default.
    update_ops: ops or tensors to run in each step; what is in the collection
      UPDATE_OPS by default. Each runs once, also if it is listed twice.
    clip_norm: gradients of all groups are scaled down together so that their
      global norm, the square root of the sum of the squares of all their
      values, is at most this; not clipped if None. Pascanu et al., 2013,
      https://arxiv.org/abs/1211.5063, algorithm 1.
    accumulate_steps: so many runs of the op make one step, with the mean of
      their gradients; see `accumulation.create_accumulated_step`. Update ops
      run every time.
    averages: the moving averages to update after each step.

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
  if update_ops is None:
    update_ops = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
  update_ops = _deduplicate(update_ops)
  gradients = _compute_gradients(loss, optimizers)

  def take_step(gradients: Gradients) -> tf.Operation:
    step = _apply_gradients(gradients, optimizers, global_step)
    return averages.update_after(step, global_step) if averages else step

  if accumulate_steps == 1:
    gradients = _clip_by_global_norm(gradients, clip_norm)
    with tf.control_dependencies(update_ops):
      step = take_step(gradients)
  else:
    step = accumulation.create_accumulated_step(
      gradients,
      accumulate_steps,
      update_ops,
      lambda means: take_step(_clip_by_global_norm(means, clip_norm)),
    )
  if step not in tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.TRAIN_OP):
    tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.TRAIN_OP, step)
  return step


def _compute_gradients(
  loss: tf.Tensor, optimizers: Sequence[GroupOptimizer]
) -> Gradients:
  """Returns pairs of gradient and variable; without those that have none."""
  variables = [v for optimizer in optimizers for v in optimizer.variables]
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
    # All groups in one call: a call each would run the backward pass again.
    gradients = optimizers[0].optimizer.compute_gradients(
      loss, var_list=variables
    )
  without = [
    variable.name for gradient, variable in gradients if gradient is None
  ]
  if len(without) == len(variables):
    raise errors.UserValueError(
      f"The loss {loss.name!r} depends on none of the variables to train: "
      f"{list_names(without)}. Compute it from the outputs of the model that "
      "has them, and see that no tf.stop_gradient, tf.argmax or cast to an "
      "integer lies in between."
    )
  if without:
    tf.get_logger().warning(
      "%d of %d variables to train get no gradient from the loss and stay as "
      "they are: %s.",
      len(without),
      len(variables),
      list_names(without),
    )
  return [pair for pair in gradients if pair[0] is not None]


def _apply_gradients(
  gradients: Gradients,
  optimizers: Sequence[GroupOptimizer],
  global_step: tf.Variable,
) -> tf.Operation:
  """Returns the op that moves the variables, and then counts the step."""
  pair_of = {
    id(variable): (gradient, variable) for gradient, variable in gradients
  }
  steps = []
  for optimizer in optimizers:
    pairs = [pair_of[id(v)] for v in optimizer.variables if id(v) in pair_of]
    if pairs:
      steps.append((optimizer, pairs))
  # Each call of apply_gradients adds to it.
  train_ops = tf.compat.v1.get_collection_ref(tf.compat.v1.GraphKeys.TRAIN_OP)
  kept = list(train_ops)
  done = []
  for optimizer, pairs in steps:
    is_last = optimizer is steps[-1][0]
    with slot_variables.names_of_group(optimizer.group_name):
      # The last one counts the step: after all others.
      with tf.control_dependencies(done if is_last else []):
        done.append(
          optimizer.optimizer.apply_gradients(
            pairs, global_step=global_step if is_last else None
          )
        )
    slot_variables.register(optimizer.optimizer.variables())
  train_ops[:] = kept
  return done[-1]


def _clip_by_global_norm(
  gradients: Gradients, clip_norm: Optional[float]
) -> Gradients:
  """Scales all gradients so that their global norm is at most `clip_norm`."""
  if clip_norm is None:
    return gradients
  values, variables = zip(*gradients)
  clipped, _ = tf.clip_by_global_norm(values, clip_norm)
  return list(zip(clipped, variables))


def _deduplicate(update_ops: Iterable[Any]) -> list[tf.Operation]:
  """Returns the update ops, each once, in order."""
  # Tensors do not hash; their ops do.
  return list(dict.fromkeys(getattr(item, "op", item) for item in update_ops))
