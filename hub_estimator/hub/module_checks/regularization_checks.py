"""Check that trainable weights are regularized."""

from __future__ import annotations

from collections.abc import Iterator

from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.module_warning import (
  ModuleWarning,
  count,
  list_names,
)
from hub_estimator.hub.module_checks.weights import find_weights

NO_LOSS = "no_regularization_loss"
WITHOUT_LOSS = "weights_without_regularization_loss"

# Of the parameters of all weights. Networks that leave out small kernels on
# purpose (depthwise ones, say) leave out some percent; a forgotten block or
# last layer is more.
MIN_SHARE = 0.1

_WAY_OUT = (
  "Give the layers, or get_variable(), a regularizer: what it adds to "
  "REGULARIZATION_LOSSES travels with the module"
)


def regularization_warnings(graph: CheckedGraph) -> Iterator[ModuleWarning]:
  """Yields a warning if weights, or large ones, have no regularization loss.

  Args:
    graph: one that the module is trained with.
  """
  weights = find_weights(graph)
  without = sorted(
    (weight for weight in weights if not weight.is_regularized),
    key=lambda weight: -weight.num_parameters,
  )
  num_without = sum(weight.num_parameters for weight in without)
  share = num_without / max(1, sum(w.num_parameters for w in weights))
  if not without or share < MIN_SHARE:
    return
  names = tuple(weight.name for weight in without)
  listed = list_names(map(str, without))
  if len(without) == len(weights):
    yield ModuleWarning(
      NO_LOSS,
      graph.variant.tags,
      names,
      f"No regularization loss depends on the trainable weights: "
      f"{count(len(weights), 'weight')} with {num_without:,} parameters "
      f"({listed}). Whoever trains the module on little data has nothing to "
      f"add to the loss. {_WAY_OUT}.",
    )
  else:
    yield ModuleWarning(
      WITHOUT_LOSS,
      graph.variant.tags,
      names,
      f"No regularization loss depends on {len(without)} of "
      f"{count(len(weights), 'trainable weight')}, which hold {share:.0%} of "
      f"their parameters ({listed}). {_WAY_OUT}.",
    )
