"""What a model's graph holds: its variables, what trains, what is penalized."""

from __future__ import annotations

from typing import NamedTuple, Optional

from hub_estimator import hub
from hub_estimator.tf_compat import tf

_COLLECTION = ("hub_estimator", "model_summary")
_KEYS = tf.compat.v1.GraphKeys


class VariableSummary(NamedTuple):
  """A variable of a model.

  Attributes:
    name: its name in the graph.
    shape: its shape, None for unknown dimensions.
    num_parameters: its number of elements; 0 if unknown.
    is_trained: whether the optimizer changes it.
    is_in_module: whether it belongs to the module.
  """

  name: str
  shape: tuple
  num_parameters: int
  is_trained: bool
  is_in_module: bool


class ModelSummary(NamedTuple):
  """A model's graph in one mode.

  Attributes:
    module: the module.
    signature: the signature that is called.
    output: its output that is used.
    variables: those of the model, without optimizer slots and global step.
    regularization_losses: names of the tensors in REGULARIZATION_LOSSES.
    update_ops: names of the ops in UPDATE_OPS.
  """

  module: hub.Module
  signature: str
  output: str
  variables: list[VariableSummary]
  regularization_losses: list[str]
  update_ops: list[str]

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


def summarize_graph(module: hub.Module, signature: str, output: str) -> None:
  """Notes what the default graph holds, before optimizer slots join it.

  Args:
    module: the model's module.
    signature: the signature that was called.
    output: its output that is used.
  """
  graph = tf.compat.v1.get_default_graph()
  trained = {v.name for v in tf.compat.v1.trainable_variables()}
  in_module = {v.name for v in module.variables}
  step = tf.compat.v1.train.get_global_step()
  variables = [
    VariableSummary(
      variable.op.name,
      tuple(variable.shape.as_list()),
      variable.shape.num_elements() or 0,
      variable.name in trained,
      variable.name in in_module,
    )
    for variable in tf.compat.v1.global_variables()
    if step is None or variable.name != step.name
  ]
  graph.add_to_collection(
    _COLLECTION,
    ModelSummary(
      module,
      signature,
      output,
      variables,
      [t.name for t in graph.get_collection(_KEYS.REGULARIZATION_LOSSES)],
      [op.name for op in graph.get_collection(_KEYS.UPDATE_OPS)],
    ),
  )


def graph_summary(graph: tf.Graph) -> Optional[ModelSummary]:
  """Returns the note that `summarize_graph` left in a graph, or None."""
  notes = graph.get_collection(_COLLECTION)
  return notes[-1] if notes else None
