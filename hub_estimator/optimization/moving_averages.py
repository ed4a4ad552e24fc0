"""Moving averages of weights, updated as training goes on."""

from __future__ import annotations

from collections.abc import Iterable

from hub_estimator import errors
from hub_estimator.optimization import slot_variables
from hub_estimator.tf_compat import tf

# What tf.train.ExponentialMovingAverage calls them, beside their variables.
NAME = "ExponentialMovingAverage"


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
    super().__init__(use_locking=False, name=NAME)
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
          variable, _initial_value(variable), "average", NAME
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


def _initial_value(variable: tf.Variable) -> tf.Tensor:
  """Returns the tensor that a variable's initializer assigns."""
  # What is restored from a module may have no static shape.
  return tf.ensure_shape(variable.initializer.inputs[1], variable.shape)
