"""The modules that feature columns bring into a graph."""

from __future__ import annotations

from typing import Any

from hub_estimator import errors
from hub_estimator.hub import registration
from hub_estimator.hub.module import Module
from hub_estimator.tf_compat import feature_column_symbols, tf

_KEYS = tf.compat.v1.GraphKeys
_COLLECTION = ("hub_estimator", "feature_column_modules")

RESOURCE_NAME = "module"


def module_in_scope(column, trainable: bool) -> Module:
  """Returns the module of a column in the current variable scope.

  In a scope that reuses variables it is the one that is there already, so that
  weights are shared as those of other columns are. A new trainable module is
  registered for export.

  Raises:
    ValueError: the scope does nothing but reuse, and there is no module.
  """
  graph = tf.compat.v1.get_default_graph()
  scope = tf.compat.v1.get_variable_scope()
  if scope.reuse:
    for scope_name, other, module in graph.get_collection(_COLLECTION):
      if scope_name == scope.name and other == column and module.graph is graph:
        return module
    if scope.reuse is not tf.compat.v1.AUTO_REUSE:
      raise errors.UserValueError(
        f"Variable scope {scope.name!r} has reuse=True, but column "
        f"{column.name!r} has no module there yet to be reused. Build the "
        "model without reuse first, or use reuse=tf.compat.v1.AUTO_REUSE."
      )
  module = Module(column.module_spec, trainable=trainable)
  graph.add_to_collection(_COLLECTION, (scope.name, column, module))
  if module.is_trainable:
    registration.register_module_of_column(module, column.key_name)
  return module


def add_to_layer(column, module: Module, state_manager: Any) -> None:
  """Gives a module to the layer of a state manager.

  Its trainable variables become weights of the layer, which has v2 estimators
  train them. The others do not: v2 linear models train all weights that they
  have, trainable or not.
  """
  state_manager.add_resource(column, RESOURCE_NAME, module)
  layer = feature_column_symbols.layer_of(state_manager)
  if layer is None:
    return
  own = {variable.ref() for variable in module.variables}
  for variable in module.graph.get_collection(_KEYS.TRAINABLE_VARIABLES):
    if variable.ref() in own:
      feature_column_symbols.add_trainable_weight(
        layer, variable, f"{column.name}/{variable.op.name}"
      )


def call_in_layer(module: Module, inputs: Any, state_manager: Any) -> tf.Tensor:
  """Calls a module; its UPDATE_OPS become updates of the layer."""
  num_updates = len(module.graph.get_collection(_KEYS.UPDATE_OPS))
  outputs = module(inputs)
  updates = module.graph.get_collection(_KEYS.UPDATE_OPS)[num_updates:]
  layer = feature_column_symbols.layer_of(state_manager)
  if layer is not None and updates:
    layer.add_update(updates)
  return outputs


def add_to_collections(module: Module, collections) -> None:
  """Adds a module's variables to collections that do not have them yet."""
  for name in collections or ():
    present = {v.ref() for v in module.graph.get_collection(name)}
    for variable in module.variables:
      if variable.ref() not in present:
        module.graph.add_to_collection(name, variable)
