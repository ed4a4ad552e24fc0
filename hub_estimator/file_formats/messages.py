"""Building protocol buffer messages at run time.

Generated `_pb2` files do not span protobuf 4 (TensorFlow 2.15) and 7
(TensorFlow 2.21), so the descriptors are written out. They live in a private
pool: tensorflow_hub and TensorFlow register messages of the same names in the
default one, and all may be imported by one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf import (
  descriptor_pb2,
  descriptor_pool,
  message_factory,
)

TYPES = descriptor_pb2.FieldDescriptorProto
OPTIONAL = TYPES.LABEL_OPTIONAL
REPEATED = TYPES.LABEL_REPEATED

_PACKAGE = "hub_estimator"


def build_messages(
  file_name: str, messages: Mapping[str, Sequence[tuple]]
) -> dict[str, type]:
  """Returns the classes of messages.

  Args:
    file_name: name of the file that they would stand in.
    messages: message -> (field, number, type, label[, its message]) tuples. A
      dotted message is nested in the one before the dot, which stands above it.
      Fields that are left out are kept, unread, when a message is parsed.
  """
  file_proto = descriptor_pb2.FileDescriptorProto(
    name=f"{_PACKAGE}/{file_name}", package=_PACKAGE, syntax="proto3"
  )
  built = {}
  for message_name, fields in messages.items():
    parent, _, name = message_name.rpartition(".")
    siblings = built[parent].nested_type if parent else file_proto.message_type
    message = built[message_name] = siblings.add(name=name)
    for name, number, field_type, label, *type_name in fields:
      message.field.add(
        name=name,
        number=number,
        type=field_type,
        label=label,
        type_name=f".{_PACKAGE}.{type_name[0]}" if type_name else None,
      )
  pool = descriptor_pool.DescriptorPool()
  pool.Add(file_proto)
  return {
    name: message_factory.GetMessageClass(
      pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    )
    for name in messages
  }
