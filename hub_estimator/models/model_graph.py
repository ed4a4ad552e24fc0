"""A model's graph in terms of its plan: which variables train, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hub_estimator import estimator, hub
from hub_estimator.models.module_encoder import ModuleEncoder
from hub_estimator.optimization import Optimization
from hub_estimator.optimization.growing_saver import GrowingSaver
from hub_estimator.optimization.variable_groups import VariableGroup
from hub_estimator.recipes import FineTuningPlan, PlannedVariable, Stage
from hub_estimator.recipes.module_analysis import (
  analyze_module,
  update_op_depths,
)
from hub_estimator.tf_compat import tf

_KEYS = tf.compat.v1.GraphKeys


def planned_variables(encoder: ModuleEncoder) -> list[PlannedVariable]:
  """Returns the module's trainable variables, all trained from step 0.

  Args:
    encoder: which module, and which of its signatures.

  Returns:
    those of the graph that training uses, in its order; none if the module is
    not trained.
  """
  if not encoder.trainable:
    return []
  analysis = analyze_module(
    encoder.spec, encoder.signature, encoder.training_tags
  )
  return [
    PlannedVariable(
      name=v.name,
      shape=v.shape,
      num_parameters=v.num_parameters,
      depth=v.depth,
      kind=v.kind,
      is_bias=v.is_bias,
      is_normalization=v.is_normalization,
    )
    for v in analysis.trainable_variables
  ]


class ModelGraph:
  """The default graph of a model, after the head's layers were built."""

  def __init__(self, module: hub.Module, plan: FineTuningPlan, stage: Stage):
    """Looks at the default graph.

    Args:
      module: the model's module.
      plan: the run's plan.
      stage: the part of it that the graph is for.
    """
    self.module = module
    self.plan = plan
    self.stage = stage
    self._graph = tf.compat.v1.get_default_graph()
    self._in_module = {v.name for v in module.variables}
    self.head_variables = [
      v
      for v in self._graph.get_collection(_KEYS.TRAINABLE_VARIABLES)
      if v.name not in self._in_module
    ]

  def variables_of(self, names: Sequence[str]) -> list[tf.Variable]:
    """Returns variables of the module, all parts of partitioned ones.

    Args:
      names: names in the module.
    """
    found = []
    for name in names:
      value = self.module.variable_map[name]
      found += value if isinstance(value, list) else [value]
    return found

  def groups(self) -> list[VariableGroup]:
    """Returns the groups of variables that train, the head last."""
    return [
      VariableGroup(
        group.name,
        tuple(
          self.variables_of(group.variable_names)
          if group.variable_names
          else self.head_variables
        ),
        group.learning_rate_multiplier,
      )
      for group in self.stage.groups
    ]

  def averaged_variables(self) -> list[tf.Variable]:
    """Returns all variables that train at some stage of the run."""
    names = [v.name for v in self.plan.trained_variables]
    return [*self.variables_of(names), *self.head_variables]

  def build_penalties(self) -> dict[str, tf.Tensor]:
    """Builds what the recipes add to the loss: name -> scalar."""
    penalties = {}
    for penalty in self.plan.penalties:
      penalties.update(
        penalty.build(
          self.module, self.stage.trained_names, self.head_variables
        )
      )
    return penalties

  def update_ops(self) -> list[tf.Operation]:
    """Returns the UPDATE_OPS to run: none of layers that do not train.

    Statistics of a layer whose variables stay as they are stay, too: they are
    those that the layers above it were trained with.
    """
    collected = self._graph.get_collection(_KEYS.UPDATE_OPS)
    planned = self.plan.module_variables
    if self.stage.trained_names >= {v.name for v in planned}:
      return collected
    depths = update_op_depths(self.module)
    still = {v.depth for v in planned} - self.stage.trained_depths - {None}
    return [op for op in collected if depths.get(op) not in still]

  def is_in_module(self, variable: tf.Variable) -> bool:
    """Whether a variable belongs to the module."""
    return variable.name in self._in_module


def complete_spec(
  spec: estimator.EstimatorSpec,
  mode: str,
  optimization: Optimization,
  stage: Stage,
  averaged_variables: Sequence[tf.Variable],
  config: Optional[estimator.RunConfig],
) -> estimator.EstimatorSpec:
  """Adds the savers that the optimization needs.

  That of a stage after the first is also added to the collection SAVERS.

  Args:
    spec: of the head.
    mode: an `estimator.ModeKeys`.
    optimization: what built its train op.
    stage: the part of the plan that the graph is for.
    averaged_variables: of `ModelGraph.averaged_variables`.
    config: the run's; for the number of checkpoints to keep.
  """
  if mode == estimator.ModeKeys.TRAIN:
    if stage.number > 1:
      # The checkpoint of the stage before lacks the slots of new groups.
      saver = GrowingSaver(
        max_to_keep=config.keep_checkpoint_max if config else 5
      )
      # Hooks that bring no scaffold look for it there.
      tf.compat.v1.add_to_collection(_KEYS.SAVERS, saver)
      spec = spec._replace(scaffold=tf.compat.v1.train.Scaffold(saver=saver))
  elif optimization.moving_average_decay is not None:
    saver = optimization.create_averaged_saver(averaged_variables)
    spec = spec._replace(scaffold=tf.compat.v1.train.Scaffold(saver=saver))
  return spec
