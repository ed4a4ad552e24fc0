"""Moving averages of weights: their updates, and a Saver that reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.optimization import slot_variables
from hub_estimator.tf_compat import tf

# What tf.train.ExponentialMovingAverage calls them.
_SUFFIX = "ExponentialMovingAverage"


class MovingAverages(tf.compat.v1.train.Optimizer):
  """The moving averages of some variables of a graph.

  After each step that moves a variable w, its average a is moved by

      d = min(decay, (1 + t) / (10 + t))
      a <- a - (1 - d) (a - w)

  where t is the global step after the step, so 1 after the first one; a starts
  from w's initial value. Polyak and Juditsky, "Acceleration of Stochastic
  Approximation by Averaging", 1992, average with equal weights; with weights
  that decay, and with the smaller decay at first, as in
  tf.train.ExponentialMovingAverage.

  An average is a variable "<w>/ExponentialMovingAverage" beside its w. It is an
  optimizer's slot, so that parts of partitioned variables are handled, hence
  the base class.
  """

  def __init__(self, decay: float, variables: Iterable[tf.Variable]):
    """Creates the variables, in GLOBAL_VARIABLES.

    Args:
      decay: above 0 and below 1.
      variables: what is averaged.

    Raises:
      UserValueError: under a distribution strategy.
    """
    super().__init__(use_locking=False, name=_SUFFIX)
    if tf.distribute.has_strategy():
      raise errors.UserValueError(
        f"`Optimization.moving_average_decay` = {decay} does not go together "
        f"with {type(tf.distribute.get_strategy()).__name__}: set it to None."
      )
    self._decay = decay
    self._pairs = []
    with tf.init_scope():
      for variable in variables:
        average = self._get_or_make_slot(
          variable, _initial_value(variable), "average", _SUFFIX
        )
        self._pairs.append((variable, average))
      slot_variables.register(
        [average for _, average in self._pairs],
        [
          # What was restored, if a run begins to average in the midst of it.
          average.assign(variable.read_value()).op
          for variable, average in self._pairs
        ],
      )

  def update_after(
    self, step: tf.Operation, global_step: tf.Variable
  ) -> tf.Operation:
    """Returns the op that takes a step and updates the averages after it."""
    with tf.control_dependencies([step]):
      t = tf.cast(global_step.read_value(), tf.float32)
      rate = 1.0 - tf.minimum(self._decay, (1.0 + t) / (10.0 + t))
      return tf.group(
        [
          average.assign_sub(
            tf.cast(rate, average.dtype.base_dtype)
            * (average.read_value() - variable.read_value())
          )
          for variable, average in self._pairs
        ]
      )


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
      self._averaged = {_checkpoint_name(v) for v in averaged_variables}
    super().__init__(**saver_arguments)

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
    reader = tf.train.load_checkpoint(save_path)
    filename = self.saver_def.filename_tensor_name
    feeds = {filename: save_path}
    num_averages = 0
    for op in sess.graph.get_tensor_by_name(filename).consumers():
      if op.type != "RestoreV2":
        continue
      # The names to read are a constant: it is fed with those of averages.
      names = [
        name.decode() for name in tf.get_static_value(op.inputs[1]).tolist()
      ]
      feeds[op.inputs[1]] = [self._name_to_read(reader, n) for n in names]
      num_averages += sum(
        new != old for new, old in zip(feeds[op.inputs[1]], names)
      )
    if not num_averages:
      raise errors.UserValueError(
        f"Checkpoint {save_path} has no moving averages of weights: it was "
        "trained with `Optimization.moving_average_decay = None`. Set it so, "
        "or train with averages first."
      )
    sess.run(self.saver_def.restore_op_name, feeds)

  def _name_to_read(self, reader, name: str) -> str:
    average = f"{name}/{_SUFFIX}"
    if self._averaged is not None and name not in self._averaged:
      return name
    return average if reader.has_tensor(average) else name


def _initial_value(variable: tf.Variable) -> tf.Tensor:
  """Returns the tensor that a variable's initializer assigns."""
  inputs = variable.initializer.inputs
  # What is restored from a module may have no static shape.
  return tf.ensure_shape(inputs[1], variable.shape)


def _checkpoint_name(variable: tf.Variable) -> str:
  slice_info = variable._get_save_slice_info()
  return variable.op.name if slice_info is None else slice_info.full_name
