"""What a graph's modules were called with, for those who compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hub_estimator.tf_compat import tf

if TYPE_CHECKING:
  from hub_estimator.hub.module import Module

_COLLECTION = ("hub_estimator", "calls_of_modules")


class Call(NamedTuple):
  """A call of a module.

  Attributes:
    signature: the signature's name.
    inputs: name -> the tensors it consists of, in the order of
      `tf.nest.flatten(..., expand_composites=True)`.
    outputs: name -> tensor, sparse or ragged tensor; all that there are.
  """

  signature: str
  inputs: dict[str, list[tf.Tensor]]
  outputs: dict[str, Any]


def record(
  module: Module,
  signature: str,
  inputs: dict[str, list[tf.Tensor]],
  outputs: dict[str, Any],
) -> None:
  """Notes a call in a collection of the module's graph."""
  module.graph.add_to_collection(
    _COLLECTION, (module, Call(signature, inputs, outputs))
  )


def calls_of(module: Module) -> list[Call]:
  """Returns the calls of a module in its graph, outside of control flow."""
  return [
    call
    for called, call in module.graph.get_collection(_COLLECTION)
    if called is module
  ]
