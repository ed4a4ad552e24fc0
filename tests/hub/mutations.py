"""Random damage to files and protocol messages, for tests of loading.

All functions take a `random.Random`, or what looks like one.
"""

import numpy as np

from hub_estimator.file_formats import hub_messages
from hub_estimator.tf_compat import graph_symbols, tf

_NUMBERS = (0, 1, -1, 2, 3, 7, 255, 2**31 - 1, -(2**31), 2**62, -(2**62))
_TEXTS = (
  "",
  "x",
  "x:0",
  "x:1",
  "^x",
  "w",
  ":0",
  "no/such/node:0",
  "x:y",
  "/device:GPU:0",
  "\N{SNOWMAN}",
  "VarHandleOp",
  "Placeholder",
)


def mutate_bytes(rng, content: bytes) -> bytes:
  """Flips, cuts off, inserts, deletes, splices or zeroes some bytes."""
  kind = rng.choice(("flip", "cut", "insert", "delete", "splice", "zero"))
  start = rng.randint(0, max(0, len(content) - 1))
  length = rng.choice((1, 1, 2, 4, 16, 100))
  end = min(len(content), start + length)
  if kind == "cut":
    return content[:start]
  if kind == "insert":
    inserted = bytes(rng.randint(0, 255) for _ in range(length))
    return content[:start] + inserted + content[start:]
  if kind == "delete":
    return content[:start] + content[end:]
  if kind == "splice":
    other = rng.randint(0, max(0, len(content) - 1))
    copied = content[other : other + length]
    return content[:start] + copied + content[start + len(copied) :]
  if kind == "zero":
    return content[:start] + bytes(end - start) + content[end:]
  flipped = bytearray(content)
  for place in range(start, end):
    flipped[place] ^= 1 << rng.randint(0, 7)
  return bytes(flipped)


def mutate_saved_model(rng, content: bytes) -> bytes:
  """Changes one field somewhere in a SavedModel message."""
  saved_model = graph_symbols.SavedModel.FromString(content)
  if not saved_model.meta_graphs:
    raise ValueError("Nothing is left to change.")
  meta_graph = rng.choice(saved_model.meta_graphs)
  part = rng.choice(("node", "node", "node", "collection", "signature", "any"))
  if part == "node" and meta_graph.graph_def.node:
    mutate_message(rng, rng.choice(meta_graph.graph_def.node))
  elif part == "collection" and meta_graph.collection_def:
    name = rng.choice(sorted(meta_graph.collection_def))
    _mutate_collection(rng, name, meta_graph.collection_def[name])
  elif part == "signature" and meta_graph.signature_def:
    name = rng.choice(sorted(meta_graph.signature_def))
    mutate_message(rng, meta_graph.signature_def[name])
  else:
    mutate_message(rng, meta_graph)
  return saved_model.SerializeToString()


def _mutate_collection(rng, name, collection) -> None:
  """Changes a collection, or a message that one of its bytes hold."""
  kind = collection.WhichOneof("kind")
  values = getattr(collection, kind).value if kind else ()
  if kind == "bytes_list" and values and rng.random() < 0.8:
    message_type = (
      graph_symbols.proto_type(name) or hub_messages.ModuleAttachment
    )
    i = rng.randint(0, len(values) - 1)
    message = message_type.FromString(values[i])
    mutate_message(rng, message)
    values[i] = message.SerializeToString()
  elif kind == "any_list" and values and rng.random() < 0.8:
    packed = rng.choice(values)
    asset = graph_symbols.AssetFileDef.FromString(packed.value)
    mutate_message(rng, asset)
    packed.value = asset.SerializeToString()
  else:
    mutate_message(rng, collection)


def mutate_message(rng, message) -> None:
  """Changes one field of a message, or of a message in it, in place."""
  fields = list(message.DESCRIPTOR.fields)
  present = [field for field, _ in message.ListFields()]
  field = rng.choice(present if present and rng.random() < 0.9 else fields)
  value = getattr(message, field.name)
  if _is_map(field):
    _mutate_map(rng, field, value)
  elif _is_repeated(message, field):
    _mutate_repeated(rng, field, value)
  elif rng.random() < 0.1:
    message.ClearField(field.name)
  elif field.message_type is not None:
    if not message.HasField(field.name):
      value.SetInParent()
    elif not rng.random() < 0.05:
      mutate_message(rng, value)
  else:
    setattr(message, field.name, _changed(rng, field, value))


def _is_repeated(message, field) -> bool:
  # Newer protobuf has no `label`, older no `is_repeated`.
  return (
    not hasattr(type(getattr(message, field.name)), "encode")
    and hasattr(getattr(message, field.name), "append")
    or hasattr(getattr(message, field.name), "add")
  )


def _is_map(field) -> bool:
  kind = field.message_type
  return kind is not None and kind.GetOptions().map_entry


def _mutate_map(rng, field, value) -> None:
  if not value:
    return
  key = rng.choice(sorted(value))
  entry = field.message_type.fields_by_name["value"]
  if entry.message_type is None:
    value[key] = _changed(rng, entry, value[key])
    return
  kind = rng.choice(("change", "change", "change", "delete", "rename"))
  if kind == "change":
    mutate_message(rng, value[key])
    return
  held = type(value[key])()
  held.CopyFrom(value[key])
  del value[key]
  if kind == "rename":
    key_field = field.message_type.fields_by_name["key"]
    value[_changed(rng, key_field, key)].CopyFrom(held)


def _mutate_repeated(rng, field, values) -> None:
  if not values:
    if field.message_type is not None:
      values.add()
    else:
      values.append(_changed(rng, field, None))
    return
  i = rng.randint(0, len(values) - 1)
  kind = rng.choice(("change", "change", "change", "delete", "repeat"))
  if kind == "delete":
    del values[i]
  elif field.message_type is not None:
    if kind == "repeat":
      values.add().CopyFrom(values[i])
    else:
      mutate_message(rng, values[i])
  elif kind == "repeat":
    values.append(values[i])
  else:
    values[i] = _changed(rng, field, values[i])


def _changed(rng, field, value):
  """Returns another value for a field of numbers, text or bytes."""
  kinds = type(field)
  if field.type == kinds.TYPE_BOOL:
    return not value
  if field.type == kinds.TYPE_STRING:
    return rng.choice((*_TEXTS, (value or "") + "_", (value or "x")[1:]))
  if field.type == kinds.TYPE_BYTES:
    texts = [text.encode() for text in _TEXTS]
    return rng.choice((*texts, mutate_bytes(rng, value or b"x"), b"\xff\xfe"))
  if field.type in (kinds.TYPE_FLOAT, kinds.TYPE_DOUBLE):
    return rng.choice((0.0, 1.0, -1.0, float("nan"), float("inf")))
  number = rng.choice((*_NUMBERS, (value or 0) + 1))
  if field.type == kinds.TYPE_ENUM:
    number %= 130
  if field.type in (kinds.TYPE_INT32, kinds.TYPE_SINT32, kinds.TYPE_SFIXED32):
    number = (number + 2**31) % 2**32 - 2**31
  if field.type in (kinds.TYPE_UINT32, kinds.TYPE_FIXED32):
    number %= 2**32
  if field.type in (kinds.TYPE_UINT64, kinds.TYPE_FIXED64):
    number %= 2**64
  return number


def inputs_like(infos, as_values: bool):
  """Returns something to call a signature with: placeholders, or values."""
  inputs = {}
  for key, info in infos.items():
    shape = [2 if size is None else size for size in _sizes(info)]
    if as_values and not info.is_composite and max((0, *shape)) < 10:
      inputs[key] = np.zeros(shape, info.dtype.as_numpy_dtype)
    else:
      inputs[key] = tf.nest.map_structure(
        lambda spec: tf.compat.v1.placeholder(spec.dtype, spec.shape),
        info.type_spec,
        expand_composites=True,
      )
  return inputs


def _sizes(info):
  shape = info.get_shape()
  return [] if shape.rank is None else shape.as_list()
