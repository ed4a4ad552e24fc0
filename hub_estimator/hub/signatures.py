"""Declaring a module's signatures while its graph is being built."""

from __future__ import annotations

from typing import Any

from hub_estimator import errors
from hub_estimator.hub import tensor_info
from hub_estimator.tf_compat import tf

# Tuples are invisible to `Graph.get_all_collection_keys()`, so a signature does
# not end up among the collections that a module stores.
_COLLECTION = ("hub_estimator", "signatures")

DEFAULT = "default"


def add_signature(name=None, inputs=None, outputs=None) -> None:
  """Adds a signature to the module that is being defined.

  To be called from a module_fn (see `create_module_spec`), once per signature;
  a second call with the same name replaces the first.

  Args:
    name: the signature's name; "default" if empty.
    inputs: dict from input names to tensors that an application of the module
      feeds (any tensor of the graph: placeholders as a rule), or a single one
      for {"default": it}, or None for no inputs. Tensors, SparseTensors and
      RaggedTensors of any dtype and shape.
    outputs: the same for what an application returns. An output may be an
      input.

  Raises:
    ValueError: an input or output of another type, or an input whose op has
      colocation constraints, which could not be met once it is fed.
  """
  name = name or DEFAULT
  inputs, outputs = _as_dict(inputs), _as_dict(outputs)
  problems = [
    f"{kind} {key!r} has type {type(value).__name__}"
    for kind, values in (("input", inputs), ("output", outputs))
    for key, value in values.items()
    if not isinstance(value, tensor_info.SUPPORTED_TYPES)
  ]
  if problems:
    raise errors.UserValueError(
      f"The inputs and outputs declared in hub.add_signature() for signature "
      f"{name!r} should have one of the types Tensor, SparseTensor, "
      f"RaggedTensor: {'; '.join(problems)}."
    )
  for key, value in inputs.items():
    for component in tf.nest.flatten(value, expand_composites=True):
      _check_input(name, key, component)
  graph = tf.compat.v1.get_default_graph()
  graph.add_to_collection(_COLLECTION, (name, inputs, outputs))


def _check_input(signature_name, key, tensor) -> None:
  if len(tensor.op.outputs) > 1:
    tf.compat.v1.logging.error(
      f"Signature {signature_name!r}: input {key!r} is {tensor.name}, one of "
      f"{len(tensor.op.outputs)} outputs of its op; feeding only some of them "
      "fails where other ops are colocated with it."
    )
  colocated_with = [
    group
    for group in tensor.op.colocation_groups()
    if group != b"loc:@" + tensor.op.name.encode()
  ]
  if colocated_with:
    raise errors.UserValueError(
      f"A hub.Module input must not have colocation constraints: input {key!r} "
      f"of signature {signature_name!r} is {tensor.name}, colocated with "
      f"{[group.decode() for group in colocated_with]}. Create it outside of "
      "tf.colocate_with()."
    )


def _as_dict(values: Any) -> dict[str, Any]:
  if values is None:
    return {}
  return dict(values) if isinstance(values, dict) else {DEFAULT: values}


def declared_names(graph: tf.Graph) -> list[str]:
  """Returns the names of the signatures declared in a graph so far, sorted."""
  return sorted({name for name, _, _ in graph.get_collection(_COLLECTION)})


def write_signature_defs(graph: tf.Graph, meta_graph) -> None:
  """Writes the signatures declared in a graph into its MetaGraphDef.

  Raises:
    ValueError: no signature was declared.
  """
  declared = graph.get_collection(_COLLECTION)
  if not declared:
    raise errors.UserValueError(
      "No signatures present. Please call hub.add_signature(...) at least once "
      "in the module_fn."
    )
  for name, inputs, outputs in declared:
    signature = meta_graph.signature_def[name]
    signature.Clear()
    for key, value in inputs.items():
      signature.inputs[key].CopyFrom(tensor_info.build_tensor_info(value))
    for key, value in outputs.items():
      signature.outputs[key].CopyFrom(tensor_info.build_tensor_info(value))
