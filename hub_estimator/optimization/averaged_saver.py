"""A Saver that reads moving averages of weights in place of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.optimization import checkpoint_names, moving_averages
from hub_estimator.tf_compat import tf


class AveragedSaver(tf.compat.v1.train.Saver):
  """Restores the moving averages in place of the variables they are of.

  For the graphs of EVAL and PREDICT, which do not have the averages: variables
  get the values of their averages where the checkpoint has them, and their own
  values elsewhere (statistics of batch norm, what is not trained). It saves
  under the variables' names.
  """

  def __init__(
    self,
    averaged_variables: Optional[Sequence[tf.Variable]] = None,
    **saver_arguments: Any,
  ):
    """Creates the saver of all variables of the default graph.

    Args:
      averaged_variables: those to take averages for; all by default.
      **saver_arguments: further arguments of `tf.compat.v1.train.Saver`.
    """
    self._averaged = None
    if averaged_variables is not None:
      self._averaged = set(map(checkpoint_names.name_of, averaged_variables))
    super().__init__(**saver_arguments)

  def build(self) -> None:
    """Adds the ops to the default graph; called by the constructor."""
    super().build()
    variables = tf.compat.v1.global_variables()
    self._op_names = [variable.op.name for variable in variables]
    self._variable_names = list(map(checkpoint_names.name_of, variables))
    with tf.device("/cpu:0"), tf.name_scope("restore_averages"):
      self._prefix = tf.compat.v1.placeholder(tf.string, [], "prefix")
      # Which names to read is known when there is a checkpoint, and then the
      # graph is finalized.
      self._names = tf.compat.v1.placeholder(
        tf.string, [len(variables)], "tensor_names"
      )
      values = tf.raw_ops.RestoreV2(
        prefix=self._prefix,
        tensor_names=self._names,
        shape_and_slices=list(map(checkpoint_names.slice_of, variables)),
        dtypes=[variable.dtype.base_dtype for variable in variables],
      )
    self._restore_op = tf.group(
      [
        variable.assign(tf.ensure_shape(value, variable.shape)).op
        for variable, value in zip(variables, values)
      ]
    )
    others = tf.compat.v1.get_collection(
      tf.compat.v1.GraphKeys.SAVEABLE_OBJECTS
    )
    self._saver_of_others = tf.compat.v1.train.Saver(others) if others else None

  def restore(self, sess: tf.compat.v1.Session, save_path: str) -> None:
    """Restores the variables.

    No op is added: the graph may be finalized.

    Args:
      sess: the session.
      save_path: the checkpoint's prefix.

    Raises:
      UserValueError: the checkpoint has no moving averages.
      ValueError: there is no such checkpoint.
    """
    if not tf.compat.v1.train.checkpoint_exists(save_path):
      super().restore(sess, save_path)
      return
    names = self._names_to_read(save_path)
    sess.run(self._restore_op, {self._prefix: save_path, self._names: names})
    if self._saver_of_others is not None:
      self._saver_of_others.restore(sess, save_path)

  def names_in_checkpoint(self, save_path: str) -> dict[str, str]:
    """Returns where `restore` reads the variables.

    Exporters copy modules from the checkpoint by it.

    Args:
      save_path: the checkpoint's prefix.

    Returns:
      name of a variable's op -> name in the checkpoint.

    Raises:
      UserValueError: the checkpoint has no moving averages.
    """
    return dict(zip(self._op_names, self._names_to_read(save_path)))

  def _names_to_read(self, save_path: str) -> list[str]:
    reader = tf.train.load_checkpoint(save_path)
    names = [self._name_to_read(reader, name) for name in self._variable_names]
    if names == self._variable_names:
      raise errors.UserValueError(
        f"Checkpoint {save_path} has no moving averages of weights: it was "
        "trained with `Optimization.moving_average_decay = None`. Set it so, "
        "or train with averages first."
      )
    return names

  def _name_to_read(self, reader: Any, name: str) -> str:
    if self._averaged is not None and name not in self._averaged:
      return name
    average = f"{name}/{moving_averages.NAME}"
    return average if reader.has_tensor(average) else name
