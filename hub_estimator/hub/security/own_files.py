"""Which files are a module's own: its assets, and its checkpoint's."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Optional

from hub_estimator.hub.security.program import (
  Body,
  Program,
  data_inputs,
  stays_in_folder,
)
from hub_estimator.hub.security.risky_ops import CHECKPOINT_OPS
from hub_estimator.tf_compat import graph_symbols, tf

_THROUGH_IDENTITY = {"Identity": 1}
# By which savers make the names of a checkpoint's parts, of which the first
# input is the start.
_THROUGH_FILE_NAME_OPS = {
  "Identity": 1,
  "StringJoin": 1,
  "ShardedFilename": 1,
  "ShardedFilespec": 1,
  "ExpandDims": 1,
  "Reshape": 1,
  "Pack": None,
}
# A loader runs what this one needs with the paths of the assets in place.
_INIT_OP_SIGNATURE = "__saved_model_init_op"
_KEYS = tf.compat.v1.GraphKeys
_SAVED_ASSETS = tf.compat.v1.saved_model.constants.ASSETS_KEY
_PLACEHOLDER = "SAVEDMODEL-ASSET"  # What hub/assets.py writes.


class OwnFiles:
  """Tells the files of a module from those of the machine that runs it."""

  def __init__(
    self,
    program: Program,
    assets_folder: Optional[str],
    is_only_graph: bool = False,
  ):
    """Wraps a module's graph.

    Args:
      program: the graph.
      assets_folder: the module's folder of assets, if the paths of the assets
        are in the graph, as `module_folder.read_saved_model` puts them; None if
        the graph is as it was saved, and TensorFlow's loader gives the paths.
      is_only_graph: whether the module has no other graph.
    """
    self._program = program
    self._meta_graph = program.meta_graph
    self._assets_folder = assets_folder
    # The loader of TF2 SavedModels runs the functions of its objects and never
    # the graph, which is there for serving.
    self._runs_objects = (
      assets_folder is None
      and is_only_graph
      and self._meta_graph.HasField("object_graph_def")
    )

  def reads_assets(self, body: Body, node, file_inputs) -> bool:
    """Whether all files that inputs of a node name are the module's assets."""
    inputs = data_inputs(node)
    for position in file_inputs:
      if position >= len(inputs):
        return False
      leaves = self._program.leaves(
        body, inputs[position], _THROUGH_IDENTITY, not self._runs_objects
      )
      if not leaves or not all(
        leaf.is_asset
        or (
          leaf.node is not None
          and not leaf.function
          and leaf.node.name in self._asset_nodes
        )
        for leaf in leaves
      ):
        return False
    return True

  def belongs_to_saver(self, body: Body, node) -> bool:
    """Whether a checkpoint op only serves to save or restore the graph.

    Nothing else may need it, neither a signature nor a collection; and if it
    is the saver's that loaders run, the name of the checkpoint has to come from
    the loader.
    """
    callers = self._program.callers_in_graph(body, node)
    if not callers or callers & self._needed_nodes:
      return False
    if not callers & self._saver_nodes:
      # The remains of another saver, which nothing can run.
      return not body.function
    file_name = _node_name(self._meta_graph.saver_def.filename_tensor_name)
    inputs = data_inputs(node)
    for position in CHECKPOINT_OPS[node.op]:
      leaves = self._program.leaves(
        body, "".join(inputs[position : position + 1]), _THROUGH_FILE_NAME_OPS
      )
      if not leaves or not all(
        leaf.node is not None
        and not leaf.function
        and leaf.node.name == file_name
        for leaf in leaves
      ):
        return False
    return True

  @functools.cached_property
  def _asset_nodes(self) -> set[str]:
    """Names of the graph's constants that hold the path of an asset."""
    collections = self._meta_graph.collection_def
    if self._assets_folder is None:
      return {
        name
        for name in self._constants_that_loaders_feed()
        if self._constants[name] == _PLACEHOLDER
        or name not in self._nodes_of_signatures
      }
    if _KEYS.ASSET_FILEPATHS not in collections:
      return set()
    folder = self._assets_folder.rstrip("/") + "/"
    names = map(_node_name, collections[_KEYS.ASSET_FILEPATHS].node_list.value)
    return {
      name
      for name in names
      for path in [self._constants.get(name) or ""]
      if path.startswith(folder) and stays_in_folder(path[len(folder) :])
    }

  def _constants_that_loaders_feed(self) -> list[str]:
    collections = self._meta_graph.collection_def
    files = list(self._meta_graph.asset_file_def)
    if not files and _SAVED_ASSETS in collections:
      for packed in collections[_SAVED_ASSETS].any_list.value:
        file = graph_symbols.AssetFileDef()
        packed.Unpack(file)
        files.append(file)
    names = [
      _node_name(file.tensor_info.name)
      for file in files
      if stays_in_folder(file.filename)
    ]
    return [name for name in names if name in self._constants]

  @functools.cached_property
  def _constants(self) -> dict[str, Optional[str]]:
    """The graph's constants, with the text of those that hold one."""
    return {
      node.name: _text(node)
      for node in self._meta_graph.graph_def.node
      if node.op == "Const"
    }

  @functools.cached_property
  def _nodes_of_signatures(self) -> set[str]:
    """The nodes that signatures need, for which loaders give no paths."""
    return self._ancestors(
      text
      for key, signature in self._meta_graph.signature_def.items()
      if key != _INIT_OP_SIGNATURE
      for text in _texts(signature)
    )

  @functools.cached_property
  def _needed_nodes(self) -> set[str]:
    """The nodes that some signature or collection needs."""
    names = []
    for signature in self._meta_graph.signature_def.values():
      names += _texts(signature)
    for key, collection in self._meta_graph.collection_def.items():
      names += collection.node_list.value
      message_class = graph_symbols.proto_type(key)
      # Who names the nodes of a saver among the savers is a saver.
      if message_class is not None and key != _KEYS.SAVERS:
        for value in collection.bytes_list.value:
          names += _texts(message_class.FromString(value))
    return self._ancestors(names)

  @functools.cached_property
  def _saver_nodes(self) -> set[str]:
    """The nodes that the graph's own saver needs."""
    saver = self._meta_graph.saver_def
    return self._ancestors([saver.restore_op_name, saver.save_tensor_name])

  def _ancestors(self, tensor_names: Iterable[str]) -> set[str]:
    index = self._program.variant.index
    names = {_node_name(name) for name in tensor_names}
    positions = index.ancestors(index.position(n) for n in names if n in index)
    return {index.nodes[position].name for position in positions}


def _node_name(tensor_name: str) -> str:
  return tensor_name.lstrip("^").partition(":")[0]


def _text(node) -> Optional[str]:
  """Returns the scalar string that a constant holds, None for another one."""
  if "value" not in node.attr:
    return None
  tensor = node.attr["value"].tensor
  if tensor.tensor_shape.dim or len(tensor.string_val) != 1:
    return None
  return tensor.string_val[0].decode("utf-8", "surrogateescape")


def _texts(value) -> Iterator[str]:
  """Yields the texts in a message and in those within it."""
  if isinstance(value, str):
    yield value
  elif hasattr(value, "ListFields"):
    for _, inner in value.ListFields():
      yield from _texts(inner)
  elif hasattr(value, "values"):  # A map.
    for inner in value.values():
      yield from _texts(inner)
  elif hasattr(value, "append"):
    for inner in value:
      yield from _texts(inner)
