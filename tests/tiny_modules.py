"""Modules without variables, made of bytes: TensorFlow is not imported."""

import io
import tarfile

from hub_estimator.file_formats import saved_model_outline

MODULE_DEF = b"\x08\x03"


def module_files(assets=None):
  """Returns {path: bytes} of a module with these assets ({name: bytes})."""
  assets = assets or {}
  saved_model = saved_model_outline.SavedModel()
  meta_graph = saved_model.meta_graphs.add()
  for name in assets:
    meta_graph.asset_files.add(filename=name)
  meta_graph.meta_info_def.SetInParent()
  return {
    "saved_model.pb": saved_model.SerializeToString(),
    "tfhub_module.pb": MODULE_DEF,
    **{f"assets/{name}": content for name, content in assets.items()},
  }


def write_module(folder, assets=None):
  """Writes a module's folder; returns its path as text."""
  for name, content in module_files(assets).items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
  return str(folder)


def archive(files=None, compression="gz"):
  """Returns the bytes of a tar archive of files, by default of a module."""
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as tar:
    for name, content in (files or module_files()).items():
      info = tarfile.TarInfo(name)
      info.size = len(content)
      tar.addfile(info, io.BytesIO(content))
  return buffer.getvalue()
