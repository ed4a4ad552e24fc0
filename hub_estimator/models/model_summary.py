"""What a model's graph holds: its variables, what trains, what is penalized."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from hub_estimator import hub
from hub_estimator.optimization.variable_groups import VariableGroup
from hub_estimator.recipes import PlannedGroup
from hub_estimator.tf_compat import tf

if TYPE_CHECKING:
  from hub_estimator.models.model_graph import ModelGraph

_COLLECTION = ("hub_estimator", "model_summary")
_EMBEDDINGS = ("hub_estimator", "embeddings")
_KEYS = tf.compat.v1.GraphKeys


class VariableSummary(NamedTuple):
  """A variable of a model.

  Attributes:
    name: its name in the graph.
    shape: its shape, None for unknown dimensions.
    num_parameters: its number of elements; 0 if unknown.
    is_trained: whether the optimizer changes it, at some step of the run.
    is_in_module: whether it belongs to the module.
    group: the group that it trains in; None if it never does.
    first_step: the global step from which it trains; None for never.
    learning_rate_multiplier: the factor on the schedule's rate then.
    penalties: what its size is penalized by, besides the module's own
      regularization losses.
  """

  name: str
  shape: tuple
  num_parameters: int
  is_trained: bool
  is_in_module: bool
  group: Optional[str] = None
  first_step: Optional[int] = None
  learning_rate_multiplier: float = 1.0
  penalties: tuple[str, ...] = ()


class ModelSummary(NamedTuple):
  """A model's graph in one mode.

  Attributes:
    module: the module.
    signature: the signature that is called.
    output: its output that is used.
    variables: those of the model, without optimizer slots and global step.
    regularization_losses: names of the tensors in REGULARIZATION_LOSSES.
    update_ops: names of the update ops that training runs.
    groups: the variables that train at this stage of the run.
  """

  module: hub.Module
  signature: str
  output: str
  variables: list[VariableSummary]
  regularization_losses: list[str]
  update_ops: list[str]
  groups: list[VariableGroup]

  @property
  def num_parameters(self) -> int:
    """Elements of all variables."""
    return sum(v.num_parameters for v in self.variables)

  @property
  def num_trainable_parameters(self) -> int:
    """Elements of the trained variables."""
    return sum(v.num_parameters for v in self.variables if v.is_trained)

  @property
  def module_trainable_parameters(self) -> int:
    """Elements of the module's trained variables."""
    return sum(
      v.num_parameters
      for v in self.variables
      if v.is_trained and v.is_in_module
    )


def summarize_graph(
  model_graph: ModelGraph,
  signature: str,
  output: str,
  update_ops: Optional[list] = None,
) -> None:
  """Notes what the default graph holds, before optimizer slots join it.

  Args:
    model_graph: the model's graph.
    signature: the signature that was called.
    output: its output that is used.
    update_ops: the ops that training runs; those in UPDATE_OPS if None.
  """
  graph = tf.compat.v1.get_default_graph()
  if update_ops is None:
    update_ops = graph.get_collection(_KEYS.UPDATE_OPS)
  step = tf.compat.v1.train.get_global_step()
  groups = _groups_by_variable(model_graph)
  variables = []
  for variable in tf.compat.v1.global_variables():
    if step is not None and variable.name == step.name:
      continue
    is_in_module = model_graph.is_in_module(variable)
    group = groups.get(variable.name)
    variables.append(
      VariableSummary(
        variable.op.name,
        tuple(variable.shape.as_list()),
        variable.shape.num_elements() or 0,
        group is not None,
        is_in_module,
        group and group.name,
        group and group.first_step,
        group.learning_rate_multiplier if group else 1.0,
        tuple(
          penalty.describe(is_in_module)
          for penalty in model_graph.plan.penalties
          if group
        ),
      )
    )
  graph.add_to_collection(
    _COLLECTION,
    ModelSummary(
      model_graph.module,
      signature,
      output,
      variables,
      [t.name for t in graph.get_collection(_KEYS.REGULARIZATION_LOSSES)],
      [op.name for op in update_ops],
      model_graph.groups(),
    ),
  )


def _groups_by_variable(model_graph: ModelGraph) -> dict[str, PlannedGroup]:
  """Returns the group of each variable that trains at some step of the run."""
  plan = model_graph.plan
  found = {v.name: plan.head_group(0) for v in model_graph.head_variables}
  for group in plan.module_groups:
    for v in model_graph.variables_of(group.variable_names):
      found[v.name] = group
  return found


def graph_summary(graph: tf.Graph) -> Optional[ModelSummary]:
  """Returns the note that `summarize_graph` left in a graph, or None."""
  notes = graph.get_collection(_COLLECTION)
  return notes[-1] if notes else None


def note_embedding(embedding: tf.Tensor) -> None:
  """Notes what the head of the model is built on, in its graph.

  Args:
    embedding: [batch_size, embedding_dim] float.
  """
  embedding.graph.add_to_collection(_EMBEDDINGS, embedding)


def noted_embedding(graph: tf.Graph) -> Optional[tf.Tensor]:
  """Returns what `note_embedding` noted in a graph; None without it."""
  found = graph.get_collection(_EMBEDDINGS)
  return found[-1] if found else None
