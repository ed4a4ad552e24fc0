"""The format's own messages, built at run time.

Generated `_pb2` files do not span protobuf 4 (TensorFlow 2.15) and 7
(TensorFlow 2.21), so the descriptors are written out here. They live in a
private pool: tensorflow_hub registers messages of the same names in the default
one, and both packages may be imported by one process.

Field numbers are the format's and never change.
"""

from google.protobuf import (
  descriptor_pb2,
  descriptor_pool,
  message_factory,
)

_PACKAGE = "hub_estimator"
_TYPES = descriptor_pb2.FieldDescriptorProto
_OPTIONAL = _TYPES.LABEL_OPTIONAL
_REPEATED = _TYPES.LABEL_REPEATED

# message -> (field, number, type, label[, its message]). A dotted message is
# nested in the one before the dot, which stands above it.
_MESSAGES = {
  "ModuleDef": (
    # The enum {UNKNOWN = 0; FORMAT_V3 = 3} is read and written as a number.
    ("format", 1, _TYPES.TYPE_INT32, _OPTIONAL),
    ("required_features", 2, _TYPES.TYPE_STRING, _REPEATED),
  ),
  "ModuleAttachment": (
    ("key", 1, _TYPES.TYPE_STRING, _OPTIONAL),
    ("value", 2, _TYPES.TYPE_BYTES, _OPTIONAL),
  ),
  "ImageModuleInfo": (
    (
      "default_image_size",
      1,
      _TYPES.TYPE_MESSAGE,
      _OPTIONAL,
      "ImageModuleInfo.InputSize",
    ),
  ),
  "ImageModuleInfo.InputSize": (
    ("height", 1, _TYPES.TYPE_INT32, _OPTIONAL),
    ("width", 2, _TYPES.TYPE_INT32, _OPTIONAL),
  ),
}

MODULE_FORMAT_V3 = 3


def _build_messages():
  file_proto = descriptor_pb2.FileDescriptorProto(
    name="hub_estimator/hub_format.proto", package=_PACKAGE, syntax="proto3"
  )
  messages = {}
  for message_name, fields in _MESSAGES.items():
    parent, _, name = message_name.rpartition(".")
    siblings = (
      messages[parent].nested_type if parent else file_proto.message_type
    )
    message = messages[message_name] = siblings.add(name=name)
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
    for name in _MESSAGES
  }


_CLASSES = _build_messages()
ModuleDef = _CLASSES["ModuleDef"]
ModuleAttachment = _CLASSES["ModuleAttachment"]
ImageModuleInfo = _CLASSES["ImageModuleInfo"]
