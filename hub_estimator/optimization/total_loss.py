"""What is added to a head's loss, in one place.

A module's regularization losses are easy to lose: they reach the graph through
the collection REGULARIZATION_LOSSES, and heads do not look there. So every
model_fn asks the function below, in TRAIN and in EVAL, and hands the result to
its head, which computes

    total loss = head's training loss + sum of regularization losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from hub_estimator import errors
from hub_estimator.optimization import argument_checks, summaries
from hub_estimator.tf_compat import tf


def create_regularization_losses(
  penalties: Optional[Mapping[str, tf.Tensor]] = None,
  regularization_scale: float = 1.0,
) -> Optional[list[tf.Tensor]]:
  """Creates the losses to hand to a head as its `regularization_losses`.

  The same losses are handed over in TRAIN and in EVAL, so that both report the
  same total. The head itself reports their sum as `regularization_loss`: a
  summary in TRAIN, a metric in EVAL. The summaries here are its parts and have
  the prefix "penalty/", so that no tag is taken twice.

  Graph collections of the default graph: reads REGULARIZATION_LOSSES (all of
  it, whatever put it there: the module, if it is trainable, or layers of the
  head), adds to SUMMARIES "penalty/regularization_losses" for their scaled sum
  and "penalty/<name>" for each further penalty.

  Args:
    penalties: further losses, by name: scalar tensors, added as they are,
      without the scale.
    regularization_scale: factor on the sum of REGULARIZATION_LOSSES, at least
      0; 1 adds them as the module's author weighed them, 0 drops them.

  Returns:
    float32 scalar tensors: the scaled sum of REGULARIZATION_LOSSES, if there
    are any and the scale is not 0, then the penalties in their order. None if
    there is nothing to add: heads do not take an empty list.

  Raises:
    UserTypeError, UserValueError: the scale is not a number or is negative.
    UserValueError: a loss is not a scalar.
  """
  argument_checks.check_number(
    "Optimization.regularization_scale", regularization_scale, 0
  )
  losses = {}
  collected = tf.compat.v1.losses.get_regularization_losses()
  if collected and regularization_scale:
    for loss in collected:
      _check_scalar("a loss of the collection REGULARIZATION_LOSSES", loss)
    total = tf.add_n([tf.cast(loss, tf.float32) for loss in collected])
    losses["regularization_losses"] = regularization_scale * total
  for name, penalty in (penalties or {}).items():
    penalty = tf.convert_to_tensor(penalty)
    _check_scalar(f"the penalty {name!r}", penalty)
    losses[name] = tf.cast(penalty, tf.float32)
  for name, loss in losses.items():
    summaries.add_scalar_summary(f"penalty/{name}", loss)
  return list(losses.values()) or None


def _check_scalar(what: str, loss: tf.Tensor) -> None:
  """Raises if a loss is known not to be a scalar."""
  if not loss.shape.is_compatible_with([]):
    raise errors.UserValueError(
      f"What is added to a head's loss is a scalar, but {what}, the tensor "
      f"{loss.name!r}, has shape {loss.shape}: reduce it to a scalar, for "
      "example with tf.reduce_sum, where it is made."
    )
