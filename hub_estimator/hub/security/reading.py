"""Reading the graphs of a module or SavedModel to look through them."""

from __future__ import annotations

import os

from hub_estimator import errors, handles
from hub_estimator.handles.contents import content_kinds, module_parts
from hub_estimator.hub import assets, module_folder
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.security.scan import Finding, scan
from hub_estimator.tf_compat import tf


def scan_module(handle: str) -> list[Finding]:
  """Finds what of a module or SavedModel reaches outside of its graphs.

  Nothing is imported or run, and no policy applies.

  Args:
    handle: as for `load_module_spec` and `hub.load`.

  Returns:
    what reads or writes files other than the module's own assets, opens
    connections, runs Python or loads code; and, of kind "unknown op", the
    operations that are not TensorFlow's, of which nothing can be said. Each has
    `tags`, `node`, `op`, `kind`, `reason` and `is_risky`, which is False for
    the latter.

  Raises:
    OSError: there is nothing at the path, or its graphs are damaged.
    ValueError: it holds neither a module nor a SavedModel, or is a module that
      `load_module_spec` refuses.
  """
  path = handles.resolve(handle)
  if module_parts.is_module(path):
    module_folder.read_module_def(path)
    saved_model = module_folder.read_saved_model(path)
    origin = module_folder.saved_model_file(path)
    return scan(
      [GraphVariant(m, origin) for m in saved_model.meta_graphs],
      assets_folder(path),
    )
  check_is_saved_model(path)
  return scan(saved_variants(path))


def saved_variants(path: str) -> list[GraphVariant]:
  """Returns the graphs of a SavedModel as `tf.saved_model.load` reads them.

  Raises:
    OSError: it has none, or they cannot be parsed.
  """
  # There may be two files of graphs, and the one that counts is the loader's.
  saved_model = tf.__internal__.saved_model.parse_saved_model(path)
  return [GraphVariant(m, path) for m in saved_model.meta_graphs]


def assets_folder(path: str) -> str:
  """Returns the folder of assets in a module's folder."""
  return os.path.join(path, assets.FOLDER)


def check_is_saved_model(path: str) -> None:
  """Raises ValueError, which says what a folder is, if it is no SavedModel."""
  if not module_parts.has_graphs(path):
    raise errors.UserValueError(
      f"{path} is no SavedModel and no module: it has no "
      f"{module_folder.SAVED_MODEL_FILE}. {content_kinds.describe(path)}"
    )
