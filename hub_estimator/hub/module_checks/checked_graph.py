"""A graph variant as the checks see it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

from hub_estimator.hub.graph_index import Endpoint
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.module_checks.scalars import ScalarReader


class Consumer(NamedTuple):
  """A use of a tensor.

  Attributes:
    output: which output of its producer it is.
    position: the node that takes it.
    input: as which data input.
  """

  output: int
  position: int
  input: int


class CheckedGraph:
  """A graph variant, with its edges in the direction that data flows."""

  def __init__(self, variant: GraphVariant):
    """Wraps a graph variant; everything else is worked out when asked for."""
    self.variant = variant
    self.index = variant.index
    self.nodes = variant.index.nodes

  @functools.cached_property
  def consumers(self) -> list[list[Consumer]]:
    """For each node, who takes its outputs as data."""
    found: list[list[Consumer]] = [[] for _ in self.nodes]
    for position in range(len(self.nodes)):
      for i, (source, output) in enumerate(self.index.data_inputs(position)):
        found[source].append(Consumer(output, position, i))
    return found

  @functools.cached_property
  def functions(self) -> dict:
    """The functions that nodes call, by name."""
    library = self.variant.meta_graph.graph_def.library
    return {f.signature.name: f for f in library.function}

  @functools.cached_property
  def hyperparameters(self) -> frozenset[Endpoint]:
    """The scalar float inputs of the signatures."""
    return frozenset(
      self.index.endpoint(info.tensor_names[0])
      for info in self._inputs()
      if _is_hyperparameter(info)
    )

  def _inputs(self):
    for name in self.variant.signature_names:
      yield from self.variant.inputs(name).values()

  @functools.cached_property
  def fixed(self) -> ScalarReader:
    """Reads the scalars that no signature input can change."""
    return ScalarReader(self.index, dict.fromkeys(self.hyperparameters))

  @functools.cached_property
  def settable(self) -> ScalarReader:
    """Reads scalars as if the signatures' scalar inputs were 0.5."""
    return ScalarReader(self.index, dict.fromkeys(self.hyperparameters, 0.5))

  @functools.cached_property
  def fed_nodes(self) -> set[int]:
    """Positions of the nodes whose values depend on what a call is given.

    Hyperparameters do not count.
    """
    return self.dependents(
      self.index.endpoint(name)[0]
      for info in self._inputs()
      if not _is_hyperparameter(info)
      for name in info.tensor_names
    )

  def dependents(self, positions: Iterable[int]) -> set[int]:
    """Returns the nodes that data flows to from some nodes, and these."""
    pending = list(positions)
    found = set(pending)
    while pending:
      for consumer in self.consumers[pending.pop()]:
        if consumer.position not in found:
          found.add(consumer.position)
          pending.append(consumer.position)
    return found


def _is_hyperparameter(info) -> bool:
  return (
    not info.is_composite
    and info.dtype.is_floating
    and info.get_shape().rank == 0
  )
