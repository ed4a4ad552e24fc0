"""Penalties that recipes add to the loss."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Optional

import gin

from hub_estimator import errors, hub
from hub_estimator.optimization import argument_checks
from hub_estimator.recipes.plan import FineTuningPlan
from hub_estimator.recipes.recipe import Recipe
from hub_estimator.tf_compat import tf


class Penalty(abc.ABC):
  """Something that is added to the loss, of the variables that train."""

  @abc.abstractmethod
  def build(
    self,
    module: hub.Module,
    module_names: frozenset[str],
    head_variables: Sequence[tf.Variable],
  ) -> dict[str, tf.Tensor]:
    """Builds the penalty in the default graph.

    Args:
      module: the model's module.
      module_names: the names of its variables that train.
      head_variables: the trainable variables outside of it.

    Returns:
      name -> float32 scalar.
    """

  @abc.abstractmethod
  def describe(self, is_in_module: bool) -> str:
    """Returns what a trained variable is penalized by, for the dry run."""

  def check(self, spec: hub.ModuleSpec) -> None:
    """Raises UserValueError if the penalty cannot be computed for a module."""
    del spec


@dataclasses.dataclass(frozen=True)
class StartingPointPenalty(Penalty):
  """The L2-SP penalty; see `L2SP`."""

  alpha: float
  beta: float

  def build(self, module, module_names, head_variables):
    """See `Penalty.build`.

    Adds the pre-trained values to the graph collection LOCAL_VARIABLES: they
    are read from the module's files in each session, and are no part of
    checkpoints.
    """
    losses = {}
    distances = [
      tf.nn.l2_loss(tf.cast(value - start, tf.float32))
      for value, start in _pairs(module, module_names)
    ]
    if distances and self.alpha:
      losses["l2_sp"] = self.alpha * tf.add_n(distances)
    norms = [
      tf.nn.l2_loss(tf.cast(_value(v), tf.float32)) for v in head_variables
    ]
    if norms and self.beta:
      losses["l2_head"] = self.beta * tf.add_n(norms)
    return losses

  def describe(self, is_in_module):
    """See `Penalty.describe`."""
    if is_in_module:
      return f"l2_sp {self.alpha:g}"
    return f"l2 {self.beta:g}"

  def check(self, spec):
    """See `Penalty.check`."""
    if spec.checkpoint_prefix is None:
      raise errors.UserValueError(
        f"l2_sp pulls the module's weights to where they start, and "
        f"{spec.source} starts from random ones: give MODULE_HANDLE a module "
        "that was trained, or leave l2_sp out."
      )


@gin.register("l2_sp", module="hub_estimator")
class L2SP(Recipe):
  """L2-SP: weights are pulled to where they started, and not to zero.

  Li, Grandvalet and Davoine, "Explicit Inductive Bias for Transfer Learning
  with Convolutional Networks", 2018, https://arxiv.org/abs/1802.01483: with the
  module's weights w, their pre-trained values w0, and the head's weights v, the
  loss gets

      alpha / 2 |w - w0|^2 + beta / 2 |v|^2.
  """

  recipe_name = "l2_sp"

  def __init__(
    self,
    alpha: float = 0.1,
    beta: float = 0.01,
    replace_regularization_losses: bool = True,
  ):
    """Holds the settings.

    Args:
      alpha: weight of the distance from the pre-trained values, at least 0. The
        paper chooses it by cross-validation, for each data set; to be swept.
      beta: weight of the head's norm, at least 0; the paper's 0.01.
      replace_regularization_losses: whether the module's own regularization
        losses, which as a rule pull its weights to zero, are left out. False
        keeps them beside the penalty.

    Raises:
      UserError: an argument of another kind or out of range.
    """
    argument_checks.check_number("l2_sp.alpha", alpha, 0)
    argument_checks.check_number("l2_sp.beta", beta, 0)
    self.alpha = alpha
    self.beta = beta
    self.replace_regularization_losses = replace_regularization_losses

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    return dataclasses.replace(
      plan,
      penalties=(
        *plan.penalties,
        StartingPointPenalty(self.alpha, self.beta),
      ),
      regularization_scale=0.0
      if self.replace_regularization_losses
      else plan.regularization_scale,
    )


def _pairs(module: hub.Module, names: frozenset[str]):
  """Yields (value, pre-trained value) of the module's variables by name."""
  spec = module.spec
  parts: dict[str, list] = {}
  for variable in spec.variant(module.tags).variables:
    parts.setdefault(variable.checkpoint_name, []).append(variable)
  for name, variables in module.variable_map.items():
    if name not in names:
      continue
    if not isinstance(variables, list):
      variables = [variables]
    for variable, part in zip(variables, parts[name]):
      yield (
        _value(variable),
        _starting_value(variable, spec.checkpoint_prefix, part),
      )


def _starting_value(variable, checkpoint_prefix: str, part) -> tf.Tensor:
  """Makes a local variable that is read from the module's files."""
  with tf.compat.v1.init_scope():
    (value,) = tf.raw_ops.RestoreV2(
      prefix=checkpoint_prefix,
      tensor_names=[part.checkpoint_name],
      shape_and_slices=[_slice_text(part.slice_info)],
      dtypes=[variable.dtype.base_dtype],
    )
    value = tf.ensure_shape(value, variable.shape)
    return tf.compat.v1.Variable(
      value,
      trainable=False,
      collections=[tf.compat.v1.GraphKeys.LOCAL_VARIABLES],
      name=f"l2_sp/{variable.op.name}",
      use_resource=True,
    ).read_value()


def _slice_text(slice_info: Optional[object]) -> str:
  """Returns a slice as RestoreV2 takes it: shape, then offset,size by axis."""
  if slice_info is None:
    return ""
  shape = " ".join(str(size) for size in slice_info.full_shape)
  bounds = ":".join(
    f"{offset},{size}"
    for offset, size in zip(slice_info.var_offset, slice_info.var_shape)
  )
  return f"{shape} {bounds}"


def _value(variable: tf.Variable) -> tf.Tensor:
  return tf.convert_to_tensor(variable)
