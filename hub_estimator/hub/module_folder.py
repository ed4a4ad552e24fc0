"""A module on disk: its files, what identifies it, and how it is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Callable, Union

import numpy as np
from google.protobuf import message as protobuf_message

from hub_estimator import errors
from hub_estimator.file_formats import damage, hub_messages
from hub_estimator.handles.contents import content_kinds, first_bytes
from hub_estimator.handles.contents.module_parts import (
  MODULE_DEF_FILE,
  SAVED_MODEL_FILE,
  VARIABLES_FOLDER,
)
from hub_estimator.hub import (
  assets,
  attachments,
  file_errors,
  folders,
  machine_paths,
  variable_files,
)
from hub_estimator.tf_compat import graph_symbols, tf

# In the order of writing: what makes the folder a module comes last.
_ENTRIES = (assets.FOLDER, VARIABLES_FOLDER, SAVED_MODEL_FILE, MODULE_DEF_FILE)

_KEYS = tf.compat.v1.GraphKeys
_STORED_COLLECTIONS = frozenset(
  {
    _KEYS.GLOBAL_VARIABLES,
    _KEYS.TRAINABLE_VARIABLES,
    _KEYS.MODEL_VARIABLES,
    _KEYS.TABLE_INITIALIZERS,
    _KEYS.UPDATE_OPS,
    _KEYS.REGULARIZATION_LOSSES,
    _KEYS.ASSET_FILEPATHS,
    _KEYS.COND_CONTEXT,
    _KEYS.WHILE_CONTEXT,
    attachments.SAVED_COLLECTION,
  }
)


def variables_prefix(path: str) -> str:
  """Returns the checkpoint prefix of the variables in a module's folder."""
  return os.path.join(path, VARIABLES_FOLDER, "variables")


def saved_model_file(path: str) -> str:
  """Returns the path of the graphs in a module's folder."""
  return os.path.join(path, SAVED_MODEL_FILE)


def check_collection_names(names: Iterable[str]) -> None:
  """Raises ValueError if modules cannot store one of the collections."""
  unsupported = sorted(set(names) - _STORED_COLLECTIONS)
  if unsupported:
    raise errors.UserValueError(
      f"Unsupported collections in graph: {unsupported}\nUse "
      "hub.create_module_spec(..., drop_collections=[...]) as appropriate."
    )


def read_module_def(path: str) -> None:
  """Checks that a folder is a module of the format that is read here.

  Raises:
    OSError: the folder does not exist.
    NotFoundError: it holds no `tfhub_module.pb`.
    ValueError: a format version or required feature that is not known.
  """
  if not tf.io.gfile.exists(path):
    raise errors.UserOSError(content_kinds.describe_missing(path))
  file_path = os.path.join(path, MODULE_DEF_FILE)
  if not tf.io.gfile.exists(file_path):
    raise file_errors.NotAModuleError(
      f"{path} is not a TF1 Hub module: it has no {MODULE_DEF_FILE}. "
      f"{content_kinds.describe(path)}"
    )
  module_def = hub_messages.ModuleDef()
  content = _read(file_path)
  try:
    module_def.ParseFromString(content)
  except protobuf_message.DecodeError as error:
    raise errors.UserValueError(
      f"Unsupported module def format: {file_path} is damaged ({error})."
      f"{_other_kind(content)}"
    ) from error
  if module_def.format != hub_messages.MODULE_FORMAT_V3:
    raise errors.UserValueError(
      f"Unsupported module def format: {file_path} says {module_def.format}; "
      f"the TF1 Hub format is {hub_messages.MODULE_FORMAT_V3}."
    )
  if module_def.required_features:
    raise errors.UserValueError(
      f"Unsupported features: {list(module_def.required_features)} are "
      f"required by {file_path}, and none is supported."
    )


def read_saved_model(path: str):
  """Reads `saved_model.pb` of a folder, with the paths of its assets in place.

  Raises:
    OSError: the file is missing or damaged.
    ValueError: a collection that modules cannot have, or an asset outside of
      the folder.
  """
  file_path = saved_model_file(path)
  if not tf.io.gfile.exists(file_path):
    raise errors.UserOSError(f"{file_path} does not exist.")
  saved_model = graph_symbols.SavedModel()
  content = _read(file_path)
  try:
    saved_model.ParseFromString(content)
  except protobuf_message.DecodeError as error:
    raise errors.UserOSError(
      f"Cannot parse file {file_path}: {error}.{_other_kind(content)}"
    ) from error
  with damage.reading(file_path):
    for meta_graph in saved_model.meta_graphs:
      assets.restore_assets(meta_graph, path)
  return saved_model


def write_module(
  path: str,
  meta_graphs: Iterable,
  variables: Union[Iterable[tuple[str, np.ndarray]], Callable[[str], None]],
) -> None:
  """Writes a module: whole, or not at all.

  Args:
    path: the module's folder; it must not exist, or be empty.
    meta_graphs: one MetaGraphDef per graph variant; not changed.
    variables: (name in the module, value) pairs, or a function that writes the
      checkpoint of them, given its prefix.

  Raises:
    AlreadyExistsError: there is something at `path`.
    NotFoundError (which is an OSError): an asset file that does not exist.
  """
  saved_model = graph_symbols.SavedModel()
  for meta_graph in meta_graphs:
    saved_model.meta_graphs.add().CopyFrom(meta_graph)
  files = assets.extract_assets(saved_model.meta_graphs)
  content = _serialized(saved_model, files.values())
  with folders.new_folder(path, _ENTRIES) as folder:
    assets_folder = os.path.join(folder, assets.FOLDER)
    tf.io.gfile.makedirs(assets_folder)
    for name, source in files.items():
      if not tf.io.gfile.exists(source) or tf.io.gfile.isdir(source):
        raise file_errors.AssetNotFoundError(
          f"The asset file {source} does not exist or is a folder."
        )
      tf.io.gfile.copy(source, os.path.join(assets_folder, name))
    tf.io.gfile.makedirs(os.path.join(folder, VARIABLES_FOLDER))
    if callable(variables):
      variables(variables_prefix(folder))
    else:
      variable_files.write_variables(variables_prefix(folder), variables)
    folders.write_file(os.path.join(folder, SAVED_MODEL_FILE), content)
    module_def = hub_messages.ModuleDef(format=hub_messages.MODULE_FORMAT_V3)
    folders.write_file(
      os.path.join(folder, MODULE_DEF_FILE), module_def.SerializeToString()
    )


def _serialized(saved_model, asset_paths: Iterable[str]) -> bytes:
  """Returns the file of the graphs, without this machine's paths in names."""
  machine_folders = machine_paths.common_folders()
  machine_folders.update(
    machine_paths.with_real_paths(
      {os.path.dirname(path): "assets" for path in asset_paths}
    )
  )
  content = saved_model.SerializeToString(deterministic=True)
  if machine_paths.mentions(content, machine_folders):
    machine_paths.rename_shared(saved_model.meta_graphs, machine_folders)
    content = saved_model.SerializeToString(deterministic=True)
  return content


def module_bytes(path: str) -> int:
  """Returns the bytes of all files in a module's folder."""
  return sum(
    tf.io.gfile.stat(os.path.join(folder, name)).length
    for folder, _, names in tf.io.gfile.walk(path)
    for name in names
  )


def _read(path: str) -> bytes:
  with tf.io.gfile.GFile(path, "rb") as file:
    return file.read()


def _other_kind(content: bytes) -> str:
  """Returns what a file that cannot be read is instead, if that can be told."""
  kind = content_kinds.describe_bytes(content[: first_bytes.NUM_BYTES])
  return f" {kind}" if kind else ""
