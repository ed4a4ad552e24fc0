"""The model of a run as files: its module, or all of it as a SavedModel."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from typing import Any, Callable, Optional

from hub_estimator import errors, hub
from hub_estimator.hub import assets, folders, machine_paths
from hub_estimator.tf_compat import graph_symbols, tf
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training import results
from hub_estimator.training.inference_session import InferenceSession
from hub_estimator.training.run_folder import RunFolder
from hub_estimator.training.serving_signatures import (
  ServingReceiver,
  build_signatures,
)

_V1 = tf.compat.v1
_KEYS = _V1.GraphKeys

EXTRA_FOLDER = "assets.extra"
METADATA_FILE = "export.json"
_GRAPH_FILE = "saved_model.pb"
# What those who load the graph look at.
_COLLECTIONS = frozenset(
  [
    _KEYS.GLOBAL_VARIABLES,
    _KEYS.TRAINABLE_VARIABLES,
    _KEYS.LOCAL_VARIABLES,
    _KEYS.TABLE_INITIALIZERS,
    _KEYS.ASSET_FILEPATHS,
    _KEYS.SAVEABLE_OBJECTS,
    _KEYS.COND_CONTEXT,
    _KEYS.WHILE_CONTEXT,
  ]
)


def export_module(folder: RunFolder, checkpoint: str, export_dir: str) -> str:
  """Writes the fine-tuned module of a checkpoint.

  Beside its own files lies `assets.extra/export.json`: the step, the module
  that was fine-tuned, the run's config, versions.

  Args:
    folder: the run's.
    checkpoint: its prefix.
    export_dir: the module's folder, `hub.Module(export_dir)`; it must not
      exist, or be empty.

  Returns:
    the module's folder.

  Raises:
    UserError: there is something in `export_dir`, nothing can be written, or
      the export is refused.
  """
  _check_is_no_file(export_dir)
  if os.path.isdir(export_dir) and os.listdir(export_dir):
    raise errors.UserOSError(
      f"--export_dir={export_dir} is not empty, and nothing is written over: "
      "give another folder."
    )
  data = folder.run.input_pipeline
  exporter = hub.LatestModuleExporter(
    "export", data.serving_input_receiver_fn(), exports_to_keep=None
  )
  with _folder_beside(export_dir) as temporary:
    written = exporter.export(
      folder.create_estimator(), temporary, checkpoint_path=checkpoint
    )
    if written is None:
      raise errors.UserValueError("The run's model has no module to export.")
    module = os.path.join(written, folder.run.model.export_name)
    _write_metadata(module, folder, checkpoint, "tf_hub")
    with _explaining(export_dir):
      if os.path.isdir(export_dir):
        os.rmdir(export_dir)
      os.rename(module, export_dir)
  return export_dir


def export_saved_model(
  folder: RunFolder,
  checkpoint: str,
  export_dir: str,
  clock: Callable[[], float] = time.time,
) -> str:
  """Writes the whole model as a SavedModel with the tag "serve".

  Its signatures are those of `serving_signatures.build_signatures`. The names
  of classes are constants of the graph. Metadata is as for `export_module`.

  Args:
    folder: the run's.
    checkpoint: its prefix.
    export_dir: where the versions of the model are, as TensorFlow Serving
      expects: the export is `<export_dir>/<unix seconds>`, and at least one
      more than any there.
    clock: gives the time in seconds since the epoch.

  Returns:
    the folder of the version.

  Raises:
    UserError: nothing can be written there, or the graph has a path of this
      machine.
  """
  _check_is_no_file(export_dir)
  if os.path.exists(os.path.join(export_dir, _GRAPH_FILE)):
    raise errors.UserOSError(
      f"--export_dir={export_dir} is itself a module or a SavedModel; a "
      "SavedModel gets a numbered folder in it: give another folder."
    )
  with _explaining(export_dir):
    os.makedirs(export_dir, exist_ok=True)
  with _folder_beside(os.path.join(export_dir, "export")) as temporary:
    written = os.path.join(temporary, "model")
    receiver = ServingReceiver(folder.run.input_pipeline)
    model = InferenceSession(folder, checkpoint, receiver)
    try:
      signatures = build_signatures(model, receiver)
      _write_graph(model, signatures, written)
    finally:
      model.close()
    _take_paths_out(written)
    _check_paths(folder, written, export_dir)
    _write_metadata(
      written,
      folder,
      checkpoint,
      "saved_model",
      class_names=model.class_names,
      signatures=sorted(signatures),
    )
    return _move_to_version(written, export_dir, int(clock()))


def _check_is_no_file(export_dir: str) -> None:
  if os.path.isfile(export_dir):
    raise errors.UserOSError(
      f"--export_dir={export_dir} is a file: give a folder."
    )


def _write_graph(model: InferenceSession, signatures, path: str) -> None:
  graph = model.graph
  for name in graph.get_all_collection_keys():
    # Readers complain about empty ones.
    if name not in _COLLECTIONS or not graph.get_collection(name):
      graph.clear_collection(name)
  builder = _V1.saved_model.Builder(path)
  with graph.as_default():
    builder.add_meta_graph_and_variables(
      model.session,
      [_V1.saved_model.tag_constants.SERVING],
      signature_def_map=signatures,
      assets_collection=graph.get_collection(_KEYS.ASSET_FILEPATHS) or None,
      main_op=model.local_init_op,
      strip_default_attrs=True,
    )
  builder.save()


def _take_paths_out(path: str) -> None:
  """Takes paths of this machine out of the graph that need not be in it.

  Asset files are found by the list of assets, and values of variables are in
  the SavedModel: what initialized them, the module's checkpoint, is not read.
  """
  file_path = os.path.join(path, _GRAPH_FILE)
  with open(file_path, "rb") as file:
    saved_model = graph_symbols.SavedModel.FromString(file.read())
  for meta_graph in saved_model.meta_graphs:
    looked_for = machine_paths.common_folders()
    paths = assets.asset_paths(meta_graph)
    looked_for.update(
      machine_paths.with_real_paths(
        {os.path.dirname(p): "assets" for p in paths if os.path.dirname(p)}
      )
    )
    machine_paths.rename_shared([meta_graph], looked_for)
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    for name in meta_graph.collection_def[
      _KEYS.ASSET_FILEPATHS
    ].node_list.value:
      node = nodes[name.partition(":")[0]]
      _set_text(node, os.path.basename(_text(node)))
    for node in meta_graph.graph_def.node:
      if node.op == "RestoreV2":
        prefix = nodes[node.input[0].partition(":")[0]]
        if prefix.op == "Const":
          _set_text(prefix, "")
  with open(file_path, "wb") as file:
    file.write(saved_model.SerializeToString(deterministic=True))


def _text(node) -> str:
  return node.attr["value"].tensor.string_val[0].decode()


def _set_text(node, text: str) -> None:
  node.attr["value"].tensor.string_val[:] = [text.encode()]


def _check_paths(folder: RunFolder, path: str, export_dir: str) -> None:
  """Raises UserRuntimeError if a graph has a path of this machine."""
  looked_for = machine_paths.common_folders()
  mine = {export_dir: "exports", folder.model_dir: "the run"}
  handle = folder.run.model.encoder.handle
  if isinstance(handle, str) and os.path.isdir(handle):
    mine[handle] = "the module"
  looked_for.update(machine_paths.with_real_paths(mine))
  found = machine_paths.find_paths(path, looked_for)
  if found:
    places = "; ".join(
      f"{f.place}: {f.text.decode(errors='replace')!r}, in {f.folder}"
      for f in found
    )
    raise errors.UserRuntimeError(
      "The export was refused, and removed: its graph has a path of this "
      f"machine, which others do not have. {places}. It comes with the module: "
      "publish one that names its files as assets."
    )


def _move_to_version(path: str, export_dir: str, version: int) -> str:
  """Renames an export to a number that is larger than all there are."""
  with _explaining(export_dir):
    present = [int(n) for n in os.listdir(export_dir) if n.isdecimal()]
    version = max([version, *(number + 1 for number in present)])
    place = os.path.join(export_dir, str(version))
    os.rename(path, place)
  return place


def _write_metadata(
  path: str, folder: RunFolder, checkpoint: str, kind: str, **more: Any
) -> None:
  key = _KEYS.GLOBAL_STEP
  metadata = {
    "format": kind,
    "global_step": int(tf.train.load_variable(checkpoint, key)),
    "checkpoint": os.path.basename(checkpoint),
    "module_handle": str(folder.run.model.encoder.handle),
    **more,
    "versions": results.versions(),
    "config": model_dirs.read_config(folder.model_dir),
  }
  extra = os.path.join(path, EXTRA_FOLDER)
  os.makedirs(extra, exist_ok=True)
  folders.write_file(
    os.path.join(extra, METADATA_FILE),
    f"{json.dumps(metadata, indent=2)}\n".encode(),
  )


@contextlib.contextmanager
def _folder_beside(place: str) -> Iterator[str]:
  """Gives a new folder on the disk of a place, and removes it."""
  temporary = f"{place.rstrip(os.sep)}.temp-{uuid.uuid4().hex[:12]}"
  with _explaining(place):
    os.makedirs(temporary)
  try:
    yield temporary
  except (OSError, tf.errors.OpError) as error:
    # TensorFlow's own writing has errors of several kinds for it.
    full = os.strerror(errno.ENOSPC)
    if isinstance(error, errors.UserError) or full not in str(error):
      raise
    raise _cannot_write(place, full) from error
  finally:
    shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _explaining(place: str) -> Iterator[None]:
  try:
    yield
  except OSError as error:
    if isinstance(error, errors.UserError):
      raise
    raise _cannot_write(place, error.strerror) from error


def _cannot_write(place: str, reason: Optional[str]) -> errors.UserOSError:
  return errors.UserOSError(
    f"Cannot write to --export_dir, {place}: {reason}. Give a path that this "
    "user may write to, on a disk with room."
  )
