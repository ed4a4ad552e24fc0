"""AdamW and LAMB as optimizers of TensorFlow 1, on all kinds of variables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hub_estimator.optimization import checkpoint_names
from hub_estimator.tf_compat import tf


class _DecayingOptimizer(tf.compat.v1.train.AdamOptimizer):
  """Adam's slots, and weight decay of some variables.

  A sparse gradient makes the same step as the
  dense one with zeros elsewhere, as in TensorFlow's Adam: all rows move.
  """

  def __init__(
    self,
    learning_rate: Any,
    weight_decay: float,
    exclude: Sequence[str],
    beta1: float,
    beta2: float,
    epsilon: float,
    name: str,
  ):
    """Configures the optimizer.

    Args:
      learning_rate: float32 scalar tensor or a number.
      weight_decay: lambda.
      exclude: regular expressions, searched for in the names of variables that
        do not decay.
      beta1: decay of the first moment.
      beta2: decay of the second moment.
      epsilon: keeps the division finite.
      name: enters the names of the slots.
    """
    super().__init__(learning_rate, beta1, beta2, epsilon, name=name)
    self._rate = learning_rate
    self._weight_decay = weight_decay
    self._exclude = [re.compile(pattern) for pattern in exclude]
    self._betas = beta1, beta2
    self._epsilon_value = epsilon

  def _is_excluded(self, variable) -> bool:
    name = checkpoint_names.name_of(variable)
    return any(pattern.search(name) for pattern in self._exclude)

  def _rate_of(self, variable) -> tf.Tensor:
    return tf.cast(self._rate, variable.dtype.base_dtype)


class AdamWOptimizer(_DecayingOptimizer):
  """See `optimizers.create_adamw_optimizer_fn`."""

  def _apply_dense(self, grad, var):
    with tf.control_dependencies([self._decay(grad, var)]):
      return super()._apply_dense(grad, var)

  def _resource_apply_dense(self, grad, var):
    with tf.control_dependencies([self._decay(grad, var)]):
      return super()._resource_apply_dense(grad, var)

  def _apply_sparse(self, grad, var):
    with tf.control_dependencies([self._decay(grad.values, var)]):
      return super()._apply_sparse(grad, var)

  def _resource_apply_sparse(self, grad, handle, indices):
    with tf.control_dependencies([self._decay(grad, handle)]):
      return super()._resource_apply_sparse(grad, handle, indices)

  def _decay(self, gradient, variable) -> tf.Operation:
    """Returns the op that decays a variable, once the gradient is known."""
    with tf.control_dependencies([gradient]):
      if not self._weight_decay or self._is_excluded(variable):
        return tf.no_op()
      step = self._rate_of(variable) * self._weight_decay
      return variable.assign_sub(step * variable.read_value()).op


class LambOptimizer(_DecayingOptimizer):
  """See `optimizers.create_lamb_optimizer_fn`."""

  def _apply_dense(self, grad, var):
    return self._step(grad, var)

  def _resource_apply_dense(self, grad, handle):
    return self._step(grad, handle)

  def _apply_sparse(self, grad, var):
    return self._step(tf.convert_to_tensor(grad), var)

  def _resource_apply_sparse(self, grad, handle, indices):
    shape = tf.shape(handle, out_type=indices.dtype)
    return self._step(
      tf.convert_to_tensor(tf.IndexedSlices(grad, indices, shape)), handle
    )

  def _step(self, gradient, variable) -> tf.Operation:
    """Returns the op that moves a variable and its two moments."""
    dtype = variable.dtype.base_dtype
    beta1, beta2 = self._betas
    beta1_power, beta2_power = (
      tf.cast(power, dtype) for power in self._get_beta_accumulators()
    )
    m, v = self.get_slot(variable, "m"), self.get_slot(variable, "v")
    new_m = beta1 * m.read_value() + (1 - beta1) * gradient
    new_v = beta2 * v.read_value() + (1 - beta2) * tf.square(gradient)
    update = (new_m / (1 - beta1_power)) / (
      tf.sqrt(new_v / (1 - beta2_power)) + self._epsilon_value
    )
    if not self._is_excluded(variable):
      weight = variable.read_value()
      update += self._weight_decay * weight
      norm, update_norm = tf.norm(weight), tf.norm(update)
      update *= tf.where(
        (norm > 0) & (update_norm > 0),
        tf.math.divide_no_nan(norm, update_norm),
        tf.ones([], dtype),
      )
    return tf.group(
      m.assign(new_m),
      v.assign(new_v),
      variable.assign_sub(self._rate_of(variable) * update),
    )
