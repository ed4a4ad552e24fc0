"""Gradient accumulation: several batches make one step.

The train op is one op that is run for every batch, as without accumulation, and
moves the variables in every k-th run. What is conditional is not put into a
`tf.cond`: its branches are graphs of their own, into which ref variables, as
modules have them, cannot go. Instead the ops of the step depend on one output
of a Switch, which does not run them in the other runs, as `tf.cond` of
TensorFlow 1 did it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from hub_estimator import errors
from hub_estimator.tf_compat import tf

# Pairs of gradient (a tensor or IndexedSlices) and variable.
Gradients = list[tuple[Any, tf.Variable]]


def create_accumulated_step(
  gradients: Gradients,
  num_batches: int,
  update_ops: Sequence[tf.Operation],
  step_fn: Callable[[Gradients], tf.Operation],
) -> tf.Operation:
  """Creates the op that takes a step for every `num_batches`-th run of it.

  The step's gradients are the means over the batches, g = (1/k) (g_1 + … +
  g_k): those of the large batch, if the loss is a mean over examples and all k
  batches have the same size. Gradients that are IndexedSlices stay so, with the
  rows of all batches one after the other.

  Graph collections of the default graph: adds the sums and the count of batches
  to LOCAL_VARIABLES. They are in no checkpoint: a session that goes on from one
  begins with the first of `num_batches` batches. Outside of an Estimator, run
  `tf.compat.v1.local_variables_initializer()`.

  Args:
    gradients: pairs of a batch's gradient and its variable.
    num_batches: k, at least 2.
    update_ops: ops to run with every batch, before the variables move.
    step_fn: function from the mean gradients to the op that moves the
      variables. It is called with a control dependency, which everything that
      it adds to the graph has to keep.

  Returns:
    The op.

  Raises:
    UserValueError: under a distribution strategy.
  """
  if tf.distribute.has_strategy():
    raise errors.UserValueError(
      f"`Optimization.accumulate_steps` = {num_batches} does not go together "
      f"with {type(tf.distribute.get_strategy()).__name__}: take larger "
      "batches or more replicas instead."
    )
  sums = [_create_sum(gradient, variable) for gradient, variable in gradients]
  count = _local_variable(lambda: tf.zeros([], tf.int64), "num_batches")
  with tf.control_dependencies([*update_ops, *(add for add, _, _ in sums)]):
    is_last = tf.equal(count.assign_add(1) % num_batches, 0)
  skipped, taken = tf.raw_ops.Switch(data=is_last, pred=is_last)
  # Only the outputs of a Switch say which branch it is, not the op itself.
  skipped, taken = tf.identity(skipped), tf.identity(taken)
  with tf.control_dependencies([taken]):
    step = step_fn(
      [
        (read_mean(num_batches), variable)
        for (_, read_mean, _), (_, variable) in zip(sums, gradients)
      ]
    )
    with tf.control_dependencies([step]):
      cleared = [clear() for _, _, clear in sums]
      with tf.control_dependencies(cleared):
        done = tf.identity(taken)
  # Runs in both cases, so that whatever depends on the train op does.
  return tf.raw_ops.Merge(inputs=[done, skipped]).output.op


def _create_sum(gradient: Any, variable: tf.Variable):
  """Returns (op that adds a batch, num_batches -> mean, () -> clearing op)."""
  if isinstance(gradient, tf.IndexedSlices):
    return _create_sparse_sum(gradient, variable)
  total = _local_variable(
    lambda: tf.zeros(variable.shape, gradient.dtype), "gradient_sum"
  )

  def read_mean(num_batches):
    return total.read_value() / num_batches

  def clear():
    return total.assign(tf.zeros_like(total), read_value=False)

  return total.assign_add(gradient, read_value=False), read_mean, clear


def _create_sparse_sum(gradient: tf.IndexedSlices, variable: tf.Variable):
  """As `_create_sum`, for rows, which are kept as they come.

  Summed up by row, their global norm would be another than the large batch's.
  """
  row_shape = variable.shape[1:]
  values = _local_variable(
    lambda: tf.zeros([0, *row_shape], gradient.values.dtype),
    "gradient_rows",
    [None, *row_shape],
  )
  indices = _local_variable(
    lambda: tf.zeros([0], gradient.indices.dtype), "gradient_indices", [None]
  )

  def add(rows, new_rows):
    return rows.assign(
      tf.concat([rows.read_value(), new_rows], 0), read_value=False
    )

  def read_mean(num_batches):
    return tf.IndexedSlices(
      values.read_value() / num_batches,
      indices.read_value(),
      gradient.dense_shape,
    )

  def clear():
    return tf.group(
      values.assign(tf.zeros([0, *row_shape], values.dtype), read_value=False),
      indices.assign(tf.zeros([0], indices.dtype), read_value=False),
    )

  new_values = tf.reshape(gradient.values, [-1, *row_shape])
  added = tf.group(
    add(values, new_values), add(indices, tf.reshape(gradient.indices, [-1]))
  )
  return added, read_mean, clear


def _local_variable(initial_value, name, shape=None) -> tf.Variable:
  """Creates a variable that no checkpoint holds."""
  return tf.compat.v1.Variable(
    initial_value,
    trainable=False,
    collections=[tf.compat.v1.GraphKeys.LOCAL_VARIABLES],
    validate_shape=shape is None,
    use_resource=True,
    name=name,
    shape=shape,
  )
