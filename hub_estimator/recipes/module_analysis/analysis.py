"""Depths and kinds of a module's variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Optional

from hub_estimator import errors, hub
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.recipes.module_analysis import op_types, variable_kinds
from hub_estimator.recipes.module_analysis.dataflow import Dataflow
from hub_estimator.recipes.module_analysis.variable_kinds import VariableTraits
from hub_estimator.tf_compat import tf

_KEYS = tf.compat.v1.GraphKeys


@dataclasses.dataclass(frozen=True)
class ModuleVariable:
  """A variable of a module, and what it is to a signature.

  Attributes:
    name: its name in the module, as in `hub.Module.variable_map`.
    shape: its shape; that of the whole, for a partitioned one.
    num_parameters: its number of elements; 0 if the shape is not known.
    trainable: whether training the module trains it.
    depth: the number of weight layers on the longest path from the signature's
      inputs up to and including its first use, from 1; None if the signature
      does not use it. A weight layer is an op that combines activations with a
      trainable variable of at least two dimensions, so that a convolution's
      kernel, its bias and the batch norm after it are equally deep. What is
      used before the first layer counts with it. A loop or a function call is
      at most one layer. Moving averages that only update ops touch are as deep
      as the activations that they average.
    kind: "kernel", "embedding", "bias", "normalization_scale",
      "normalization_offset" or "other".
  """

  name: str
  shape: tuple[Optional[int], ...]
  num_parameters: int
  trainable: bool
  depth: Optional[int]
  kind: str

  @property
  def is_bias(self) -> bool:
    """Whether it is an offset that is added, a normalization's included."""
    return self.kind in (
      variable_kinds.BIAS,
      variable_kinds.NORMALIZATION_OFFSET,
    )

  @property
  def is_normalization(self) -> bool:
    """Whether it is the scale or offset of a normalization."""
    return self.kind in (
      variable_kinds.NORMALIZATION_SCALE,
      variable_kinds.NORMALIZATION_OFFSET,
    )


@dataclasses.dataclass(frozen=True)
class ModuleAnalysis:
  """What the variables of a module are to one of its signatures.

  Attributes:
    variables: all variables, in the order of the module's graph.
  """

  variables: tuple[ModuleVariable, ...]

  @property
  def trainable_variables(self) -> tuple[ModuleVariable, ...]:
    """Those that training the module trains."""
    return tuple(v for v in self.variables if v.trainable)

  def __getitem__(self, name: str) -> ModuleVariable:
    """Returns a variable by its name; KeyError lists those there are."""
    by_name = {variable.name: variable for variable in self.variables}
    if name not in by_name:
      raise errors.UserKeyError(
        f"The module has no variable {name!r}. It has: "
        f"{', '.join(by_name) or 'none'}."
      )
    return by_name[name]


def analyze_module(
  spec: hub.ModuleSpec, signature: Optional[str] = None, tags=None
) -> ModuleAnalysis:
  """Finds the depth and the kind of each variable of a module.

  Nothing is added to a graph.

  Args:
    spec: the module.
    signature: the signature's name; "default" if None.
    tags: the graph variant's tags; the empty set if None.

  Raises:
    KeyError: unknown tags.
    ValueError: an unknown signature, or a damaged graph.
  """
  variant = spec.variant(tags)
  signature = signature or "default"
  return variant.kept(
    ("module_analysis", signature), lambda: _analyze(variant, signature)
  )


def _analyze(variant: GraphVariant, signature: str) -> ModuleAnalysis:
  index = variant.index
  outputs = {
    index.endpoint(name)
    for info in variant.outputs(signature).values()
    for name in info.tensor_names
  }
  application = variant.application(signature, trainable=True, is_first=True)
  assignments = find_assignments(variant, application.update_ops)
  dataflow = create_dataflow(
    variant, {p for p, _ in outputs} | assignments, [signature]
  )
  traits = variable_traits(variant)
  kinds = variable_kinds.variable_kinds(dataflow, traits)
  depths = _depths(dataflow, outputs)
  return ModuleAnalysis(
    tuple(
      ModuleVariable(
        name=name,
        shape=_shape(of_variable.shape),
        num_parameters=of_variable.shape.num_elements() or 0,
        trainable=of_variable.trainable,
        depth=depths.get(name),
        kind=kinds[name],
      )
      for name, of_variable in traits.items()
    )
  )


def find_assignments(
  variant: GraphVariant, update_ops: Iterable[str]
) -> set[int]:
  """Returns the positions of the assignments that update ops stand for.

  An update op may be a group, which only its control inputs tell of.
  """
  index = variant.index
  targets = {index.endpoint(name)[0] for name in update_ops}
  return {
    p
    for p in index.ancestors(targets)
    if index.nodes[p].op in op_types.ASSIGNMENTS
  }


def create_dataflow(
  variant: GraphVariant, targets: Iterable[int], signatures: Iterable[str]
) -> Dataflow:
  """Walks a graph from the inputs of signatures to targets.

  Inputs with a default, such as a dropout rate, count as constants.

  Args:
    variant: the graph.
    targets: positions of nodes.
    signatures: names of signatures.
  """
  index = variant.index
  traits = variable_traits(variant)
  inputs = {
    index.endpoint(tensor_name)
    for signature in signatures
    for key, info in variant.inputs(signature).items()
    if key not in variant.optional_inputs(signature)
    for tensor_name in info.tensor_names
  }
  names = {
    index.position(v.node_name): v.checkpoint_name for v in variant.variables
  }
  return Dataflow(
    index,
    targets,
    inputs,
    {p: name for p, name in names.items() if name in traits},
    [n for n, t in traits.items() if t.trainable and t.is_matrix],
  )


def variable_traits(variant: GraphVariant) -> dict[str, VariableTraits]:
  """Returns name -> shape and trainability of the variables, in graph order."""
  return {
    v.checkpoint_name: VariableTraits(variant.variable_shape(v), v.trainable)
    for v in variant.variables
    if _KEYS.GLOBAL_VARIABLES in v.collections
  }


def _depths(dataflow: Dataflow, outputs) -> dict[str, int]:
  """Returns name -> depth of the first use of the variables that are used."""
  # What only the update ops do does not count for variables of the outputs.
  needed = dataflow.index.ancestors({p for p, _ in outputs})
  by_outputs: dict[str, int] = {}
  by_updates: dict[str, int] = {}
  for use in dataflow.uses:
    depths = by_outputs if use.position in needed else by_updates
    for name in use.variables:
      depths[name] = min(depths.get(name, use.depth), use.depth)
  for endpoint in outputs:
    # An output that is made of variables alone.
    for name in dataflow.variables_of(endpoint) or ():
      by_outputs.setdefault(name, 1)
  # What stands before the first layer belongs to it.
  return {n: max(1, d) for n, d in {**by_updates, **by_outputs}.items()}


def _shape(shape: tf.TensorShape) -> tuple[Optional[int], ...]:
  return () if shape.rank is None else tuple(shape.as_list())
