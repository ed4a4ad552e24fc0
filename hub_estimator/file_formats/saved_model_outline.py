"""What a SavedModel says of its files, without its graphs.

TensorFlow's own messages come with TensorFlow, whose import takes seconds.
Field numbers are those of `saved_model.proto` and `meta_graph.proto`; what is
left out (graphs above all) is skipped. A map is a list of key-value pairs.
"""

from __future__ import annotations

from typing import NamedTuple

from hub_estimator.file_formats import damage, files
from hub_estimator.file_formats.messages import (
  OPTIONAL,
  REPEATED,
  TYPES,
  build_messages,
)

_CLASSES = build_messages(
  "saved_model_outline.proto",
  {
    "AssetFileDef": (("filename", 2, TYPES.TYPE_STRING, OPTIONAL),),
    "Any": (("value", 2, TYPES.TYPE_BYTES, OPTIONAL),),
    "AnyList": (("value", 1, TYPES.TYPE_MESSAGE, REPEATED, "Any"),),
    "NodeList": (("value", 1, TYPES.TYPE_STRING, REPEATED),),
    "BytesList": (("value", 1, TYPES.TYPE_BYTES, REPEATED),),
    "Collection": (
      ("node_list", 1, TYPES.TYPE_MESSAGE, OPTIONAL, "NodeList"),
      ("bytes_list", 2, TYPES.TYPE_MESSAGE, OPTIONAL, "BytesList"),
      ("any_list", 5, TYPES.TYPE_MESSAGE, OPTIONAL, "AnyList"),
    ),
    "CollectionEntry": (
      ("key", 1, TYPES.TYPE_STRING, OPTIONAL),
      ("value", 2, TYPES.TYPE_MESSAGE, OPTIONAL, "Collection"),
    ),
    "MetaInfo": (("tags", 4, TYPES.TYPE_STRING, REPEATED),),
    "ObjectGraph": (),
    "MetaGraph": (
      ("meta_info_def", 1, TYPES.TYPE_MESSAGE, OPTIONAL, "MetaInfo"),
      ("collections", 4, TYPES.TYPE_MESSAGE, REPEATED, "CollectionEntry"),
      ("asset_files", 6, TYPES.TYPE_MESSAGE, REPEATED, "AssetFileDef"),
      ("object_graph_def", 7, TYPES.TYPE_MESSAGE, OPTIONAL, "ObjectGraph"),
    ),
    "SavedModel": (
      ("meta_graphs", 2, TYPES.TYPE_MESSAGE, REPEATED, "MetaGraph"),
    ),
  },
)
SavedModel = _CLASSES["SavedModel"]
_SAVED_ASSETS = "saved_model_assets"
# What a SavedModel of TensorFlow 1 restores from its checkpoint.
_SAVED_STATE = ("variables", "saveable_objects")


class SavedModelOutline(NamedTuple):
  """What a SavedModel consists of.

  Attributes:
    tag_sets: the tags of its graphs.
    asset_files: names of the files in its folder `assets`.
    is_tf2: whether it is a TF2 SavedModel.
    has_state: whether it needs a checkpoint in its folder `variables`. A TF2
      SavedModel always does: its checkpoint holds more than variables.
    collections: names of the collections of its graphs.
  """

  tag_sets: list[frozenset[str]]
  asset_files: list[str]
  is_tf2: bool
  has_state: bool
  collections: frozenset[str]


def read_outline(path: str) -> SavedModelOutline:
  """Reads a `saved_model.pb`.

  Raises:
    OSError (which is a ValueError): it is damaged, or holds no graph.
  """
  content = files.read(path)
  with damage.reading(path):
    saved_model = _CLASSES["SavedModel"].FromString(content)
    if not saved_model.meta_graphs:
      raise ValueError("it holds no graph")
    asset_files = set()
    for meta_graph in saved_model.meta_graphs:
      asset_files.update(a.filename for a in meta_graph.asset_files)
      for entry in meta_graph.collections:
        if entry.key == _SAVED_ASSETS:
          for packed in entry.value.any_list.value:
            asset = _CLASSES["AssetFileDef"].FromString(packed.value)
            asset_files.add(asset.filename)
    entries = [e for m in saved_model.meta_graphs for e in m.collections]
    is_tf2 = any(
      m.HasField("object_graph_def") for m in saved_model.meta_graphs
    )
    return SavedModelOutline(
      [frozenset(m.meta_info_def.tags) for m in saved_model.meta_graphs],
      sorted(asset_files),
      is_tf2,
      is_tf2
      or any(
        entry.value.node_list.value or entry.value.bytes_list.value
        for entry in entries
        if entry.key in _SAVED_STATE
      ),
      frozenset(entry.key for entry in entries),
    )
