"""Asset files of a module: paths in its graph, and files beside it.

A module's graph names its assets by string constants in ASSET_FILEPATHS. On
disk the constants hold a placeholder, and a collection says which file each
means.
"""

from __future__ import annotations

import os

from google.protobuf import any_pb2

from hub_estimator import errors
from hub_estimator.file_formats import damage
from hub_estimator.handles.contents import module_parts
from hub_estimator.hub import file_errors
from hub_estimator.tf_compat import graph_symbols, tf

_ASSET_FILEPATHS = tf.compat.v1.GraphKeys.ASSET_FILEPATHS
_SAVED_ASSETS = "saved_model_assets"
_PLACEHOLDER = b"SAVEDMODEL-ASSET"
FOLDER = module_parts.ASSETS_FOLDER


def check_assets(meta_graph) -> None:
  """Raises TypeError unless each asset path is a scalar string constant."""
  for tensor_name, node in _asset_nodes(meta_graph):
    value = node.attr["value"].tensor
    is_scalar = not value.tensor_shape.dim and len(value.string_val) == 1
    if node.op != "Const" or not is_scalar:
      raise errors.UserTypeError(
        f"ASSET_FILEPATHS holds {tensor_name}, a {node.op}: an asset's path "
        "must be a constant scalar string (tf.constant('path'))."
      )


def extract_assets(meta_graphs) -> dict[str, str]:
  """Takes the paths of the publishing machine out of graphs, in place.

  Args:
    meta_graphs: the graphs of one module. Their asset constants become
      placeholders and a `saved_model_assets` collection is written.

  Returns:
    {file name under `assets/`: source path}, equal paths once; clashing base
    names get a number behind them.
  """
  files: dict[str, str] = {}
  file_names: dict[str, str] = {}
  for meta_graph in meta_graphs:
    check_assets(meta_graph)
    saved = []
    for tensor_name, node in _asset_nodes(meta_graph):
      value = node.attr["value"].tensor
      path = value.string_val[0].decode("utf-8", "surrogateescape")
      if path not in file_names:
        file_names[path] = _unused(os.path.basename(path), files)
        files[file_names[path]] = path
      value.string_val[0] = _PLACEHOLDER
      saved.append((tensor_name, file_names[path]))
    if saved:
      values = meta_graph.collection_def[_SAVED_ASSETS].any_list.value
      for tensor_name, file_name in sorted(set(saved)):
        asset = graph_symbols.AssetFileDef(filename=file_name)
        asset.tensor_info.name = tensor_name
        packed = any_pb2.Any()
        packed.Pack(asset)
        values.add().CopyFrom(packed)
  return files


def restore_assets(meta_graph, module_path: str) -> None:
  """Puts the paths under a module's folder into its graph, in place.

  Raises:
    ValueError: a file name that leaves the module's `assets` folder.
  """
  if _SAVED_ASSETS not in meta_graph.collection_def:
    return
  folder = os.path.join(module_path, FOLDER)
  nodes = {node.name: node for node in meta_graph.graph_def.node}
  for packed in meta_graph.collection_def[_SAVED_ASSETS].any_list.value:
    asset = graph_symbols.AssetFileDef()
    packed.Unpack(asset)
    if not module_parts.stays_in_folder(asset.filename):
      raise errors.UserValueError(
        f"Module {module_path} names the asset {asset.filename!r}: asset files "
        f"must lie in its folder {FOLDER!r}."
      )
    node = nodes.get(asset.tensor_info.name.partition(":")[0])
    if node is None or node.op != "Const":
      raise errors.UserValueError(
        f"Module {module_path} says that tensor {asset.tensor_info.name} holds "
        f"the path of asset {asset.filename!r}, and has no such constant."
      )
    node.attr["value"].tensor.string_val[:] = [
      os.path.join(folder, asset.filename).encode("utf-8", "surrogateescape")
    ]
  del meta_graph.collection_def[_SAVED_ASSETS]


def check_asset_files(meta_graph, origin: str) -> None:
  """Raises NotFoundError (which is an OSError) if an asset file is missing.

  Args:
    meta_graph: the graph, with the paths of the assets in place.
    origin: where it comes from, for messages.
  """
  with damage.reading(origin):
    missing = [
      path for path in asset_paths(meta_graph) if not tf.io.gfile.exists(path)
    ]
  if missing:
    raise file_errors.AssetNotFoundError(
      f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: "
      f"{origin} needs {'it' if len(missing) == 1 else 'them'}. Copy the "
      "module again, with all of its files."
    )


def asset_paths(meta_graph) -> list[str]:
  """Returns the distinct paths that a graph's asset constants hold."""
  return sorted(
    {
      node.attr["value"].tensor.string_val[0].decode("utf-8", "surrogateescape")
      for _, node in _asset_nodes(meta_graph)
    }
  )


def _asset_nodes(meta_graph) -> list:
  if _ASSET_FILEPATHS not in meta_graph.collection_def:
    return []
  nodes = {node.name: node for node in meta_graph.graph_def.node}
  names = meta_graph.collection_def[_ASSET_FILEPATHS].node_list.value
  return [(name, nodes[name.partition(":")[0]]) for name in names]


def _unused(name: str, taken) -> str:
  number, candidate = 0, name
  while candidate in taken:
    candidate = f"{name}{number}"
    number += 1
  return candidate
