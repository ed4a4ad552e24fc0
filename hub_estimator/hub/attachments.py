"""Messages that a publisher attaches to a module, by key."""

from __future__ import annotations

import re

from hub_estimator import errors
from hub_estimator.file_formats import hub_messages
from hub_estimator.tf_compat import tf

_COLLECTION = ("hub_estimator", "attachments")
SAVED_COLLECTION = "hub_module_attachments"

_KEY_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*\Z")


def attach_message(key: str, message) -> None:
  """Attaches a protocol message to the module that is being defined.

  To be called from a module_fn. The message is stored, serialized, with the
  graph variant being built; a second call with the same key replaces it. Read
  it with `ModuleSpec.get_attached_message` or `Module.get_attached_message`.

  Args:
    key: a letter, then letters, digits or underscores.
    message: a protocol message.

  Raises:
    ValueError: a malformed key.
  """
  if not _KEY_PATTERN.match(key):
    raise errors.UserValueError(
      f"hub.attach_message() called with malformed key {key!r}: it must be a "
      "letter followed by letters, digits or underscores."
    )
  tf.compat.v1.get_default_graph().add_to_collection(
    _COLLECTION, (key, message.SerializeToString())
  )


def write_attachments(graph: tf.Graph, meta_graph) -> None:
  """Writes a graph's attachments into its MetaGraphDef."""
  attached = dict(graph.get_collection(_COLLECTION))
  if not attached:
    return
  values = meta_graph.collection_def[SAVED_COLLECTION].bytes_list.value
  for key in sorted(attached):
    attachment = hub_messages.ModuleAttachment(key=key, value=attached[key])
    values.append(attachment.SerializeToString(deterministic=True))


def read_attachments(meta_graph) -> dict[str, bytes]:
  """Returns the serialized messages of a MetaGraphDef, by key."""
  attached = {}
  if SAVED_COLLECTION in meta_graph.collection_def:
    for value in meta_graph.collection_def[SAVED_COLLECTION].bytes_list.value:
      attachment = hub_messages.ModuleAttachment()
      attachment.ParseFromString(value)
      attached[attachment.key] = attachment.value
  return attached
