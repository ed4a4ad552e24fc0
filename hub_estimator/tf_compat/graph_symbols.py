"""The private TensorFlow symbols that graph surgery needs, and nothing else.

Each stands here once, with the reason no public symbol serves, so that a new
TensorFlow release is checked in one place.
"""

from __future__ import annotations

from typing import Any, Optional

# Messages that the public API has no name for.
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

# No public lookup of an op's definition: statefulness and outputs of node defs.
# Collections hold variables and control flow contexts as protos; the public
# `import_meta_graph` can only convert them together with the whole graph.
# Nor of composite tensors other than those with a public name.
from tensorflow.python.framework import composite_tensor, op_def_registry, ops

# TypeSpec <-> StructuredValue, for composite tensors in a SignatureDef.
from tensorflow.python.saved_model import nested_structure_coder

from hub_estimator.tf_compat import tf

__all__ = [
  "AssetFileDef",
  "SavedModel",
]


def registered_op_def(op_type: str):
  """Returns the OpDef that this process has registered for a type, or None."""
  return op_def_registry.get(op_type)


def from_proto(collection_name: str, proto: Any) -> Any:
  """Builds a collection's item (variable, control flow context) from a proto.

  Args:
    collection_name: a `tf.compat.v1.GraphKeys` name.
    proto: the item's message, with the names of the default graph.
  """
  item = ops.get_from_proto_function(collection_name)(proto, import_scope=None)
  if isinstance(item, tf.Variable) and not hasattr(
    item, "_distribute_strategy"
  ):
    # What TensorFlow leaves out when it reads a resource variable, and Keras's
    # optimizers ask for.
    item._distribute_strategy = (
      tf.distribute.get_strategy() if tf.distribute.has_strategy() else None
    )
  return item


def proto_type(collection_name: str):
  """Returns the message class of a collection's items, or None."""
  return ops.get_collection_proto_type(collection_name)


def set_op_attr(op: tf.Operation, name: str, value) -> None:
  """Sets an AttrValue of an op that is already in its graph."""
  op._set_attr(name, value)


def set_op_device(op: tf.Operation, device: str) -> None:
  """Sets the device of an op that is already in its graph."""
  op._set_device(device)


def unique_number() -> int:
  """Returns a number of the counter by which TensorFlow names functions."""
  return ops.uid()


def control_flow_context(graph: tf.Graph) -> Optional[Any]:
  """Returns the v1 control flow context that a graph builds ops in, or None."""
  return graph._get_control_flow_context()


def capture(function_graph: tf.Graph, tensor: tf.Tensor) -> tf.Tensor:
  """Returns what stands in a function's graph for a tensor outside of it."""
  return function_graph.capture(tensor)


def decode_type_spec(proto) -> tf.TypeSpec:
  """Returns the spec of a composite tensor from its TypeSpecProto.

  Raises:
    ValueError: it is none that this TensorFlow knows.
  """
  value = nested_structure_coder.struct_pb2.StructuredValue(
    type_spec_value=proto
  )
  try:
    return nested_structure_coder.decode_proto(value)
  except nested_structure_coder.NotEncodableError as error:
    raise ValueError(f"unknown type spec {proto.type_spec_class_name!r}") from (
      error
    )


def is_composite(value: Any) -> bool:
  """Whether a value is made of several tensors, or is a resource variable."""
  return isinstance(value, composite_tensor.CompositeTensor)
