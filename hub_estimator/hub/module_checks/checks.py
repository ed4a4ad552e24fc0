"""All checks of a module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional, Union

from hub_estimator import errors
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.hyperparameter_checks import (
  hyperparameter_warnings,
)
from hub_estimator.hub.module_checks.module_warning import ModuleWarning
from hub_estimator.hub.module_checks.proximal_checks import proximal_warnings
from hub_estimator.hub.module_checks.regularization_checks import (
  regularization_warnings,
)
from hub_estimator.hub.module_checks.signature_checks import signature_warnings
from hub_estimator.tf_compat import tf

if TYPE_CHECKING:
  from hub_estimator.hub.module_spec import ModuleSpec

TrainingGraph = Union[tf.Graph, tf.compat.v1.GraphDef]

_TRAINING_TAG = "train"


def check_module_spec(
  spec: ModuleSpec, graph: Optional[TrainingGraph] = None
) -> list[ModuleWarning]:
  """Checks what the authors of the format advise a module's publisher.

  | code | what it says |
  | --- | --- |
  | no_regularization_loss | no regularization loss depends on the weights |
  | weights_without_regularization_loss | or not on a tenth of them or more |
  | proximal_regularization | l1, l2 of the optimizer of `graph` instead |
  | high_batch_norm_momentum | above 0.99: too slow for small data sets |
  | fixed_batch_norm_momentum | no signature has it as a scalar input |
  | fixed_dropout_rate | the same for the rate of dropout |
  | uncommon_signature | "default" or a signature of images differs |

  The rules for training look at the graphs with the tag "train", or at all if
  there is none; biases, scales and embedding tables need no regularization
  here. Ops within functions (control flow of TensorFlow 2) are not looked into.

  Nothing is imported, run, or added to a graph or collection.

  Args:
    spec: of `create_module_spec` or `load_module_spec`.
    graph: the graph that the module was trained in, with its optimizer; the
      module's variables are found by their names and shapes.

  Returns:
    the warnings; none for a module that others can fine-tune well. One that
    several graphs of the module share is there once.

  Raises:
    TypeError: `spec` or `graph` is something else.
  """
  if not hasattr(spec, "variants"):
    raise errors.UserTypeError(
      f"hub.check_module_spec() takes a ModuleSpec: got {spec!r}. Load a "
      "handle with hub.load_module_spec(); a Module has it as its `spec`."
    )
  if graph is not None and not isinstance(
    graph, (tf.Graph, tf.compat.v1.GraphDef)
  ):
    raise errors.UserTypeError(
      f"hub.check_module_spec() takes a tf.Graph as its graph: got {graph!r}."
    )
  found = list(publisher_warnings(spec.variants))
  if graph is not None:
    found += proximal_warnings(spec.variants, graph)
  return found


def publisher_warnings(
  variants: Iterable[GraphVariant],
) -> list[ModuleWarning]:
  """Returns the warnings that only who defines the module can act upon."""
  variants = sorted(variants, key=lambda variant: sorted(variant.tags))
  training = [v for v in variants if _TRAINING_TAG in v.tags] or variants
  found: dict[tuple, ModuleWarning] = {}
  for variant in training:
    graph = CheckedGraph(variant)
    for warning in (
      *regularization_warnings(graph),
      *hyperparameter_warnings(graph),
    ):
      found.setdefault((warning.code, warning.names, warning.message), warning)
  for variant in variants:
    for warning in signature_warnings(variant):
      found.setdefault((warning.code, warning.names, warning.message), warning)
  return list(found.values())
