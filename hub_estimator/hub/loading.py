"""Loading a ModuleSpec from a folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from hub_estimator import handles
from hub_estimator.hub import module_folder
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.hub.security import policy, reading
from hub_estimator.tf_compat import tf

# What TF1 SavedModels have and modules do not: initialization goes by
# TABLE_INITIALIZERS and the checkpoint instead.
_SAVED_MODEL_COLLECTIONS = (
  tf.compat.v1.GraphKeys.GLOBAL_STEP,
  "legacy_init_op",
  "saved_model_main_op",
)


def load_module_spec(path: str) -> ModuleSpec:
  """Loads a module.

  One that reaches outside of its graphs (`scan_module` finds what does) is
  loaded with a warning if it was downloaded, and without one if it is local;
  the environment variable TFHUB_SECURITY_POLICY, which is "allow", "warn" or
  "refuse", decides for both.

  Args:
    path: its handle, of any kind that `resolve` takes: the module's folder, the
      `export/tf_hub` folder of a run, an archive, an address.

  Returns:
    a ModuleSpec whose variables get the module's values.

  Raises:
    OSError: the folder does not exist, `saved_model.pb` is missing or damaged,
      or what `resolve` raises.
    NotFoundError: the folder is not a TF1 Hub module; the message says what it
      is instead.
    ValueError: a module of an unknown format, with unknown features, with
      collections that modules cannot have, or with an asset outside of its
      folder; or a handle that is not a string.
    RefusedModuleError (which is a ValueError): it reaches outside of its graphs
      and TFHUB_SECURITY_POLICY is "refuse".
  """
  found = handles.find(path)
  spec = read_module_spec(found.path)
  policy.apply_policy(
    path,
    found.is_downloaded,
    lambda: spec.variants,
    reading.assets_folder(found.path),
  )
  return spec


def read_module_spec(path: str) -> ModuleSpec:
  """Is `load_module_spec` of a folder, for those who only look at the module.

  No policy applies, so nothing of the module may be imported.
  """
  module_folder.read_module_def(path)
  return _load(path, drop_collections=())


def create_module_spec_from_saved_model(
  saved_model_path: str, drop_collections: Optional[Iterable[str]] = None
) -> ModuleSpec:
  """Makes a module of a TF1 SavedModel.

  Its tags are kept, so the module is to be instantiated with, say,
  `tags=["serve"]` and called with `signature="serving_default"`. Init ops are
  ignored: tables are initialized by TABLE_INITIALIZERS and variables from the
  SavedModel's checkpoint.

  Args:
    saved_model_path: its folder (no other handle).
    drop_collections: names of collections to leave out, besides `global_step`,
      `legacy_init_op` and `saved_model_main_op`.

  Raises:
    OSError: `saved_model.pb` is missing or damaged.
    ValueError: a collection that modules cannot have.
    RefusedModuleError (which is a ValueError): as for `load_module_spec`.
  """
  spec = _load(
    saved_model_path,
    drop_collections=[*_SAVED_MODEL_COLLECTIONS, *(drop_collections or ())],
  )
  policy.apply_policy(
    saved_model_path,
    False,
    lambda: spec.variants,
    reading.assets_folder(saved_model_path),
  )
  return spec


def _load(path: str, drop_collections) -> ModuleSpec:
  saved_model = module_folder.read_saved_model(path)
  for meta_graph in saved_model.meta_graphs:
    for name in drop_collections:
      meta_graph.collection_def.pop(name, None)
    module_folder.check_collection_names(
      name
      for name, collection in meta_graph.collection_def.items()
      if collection.WhichOneof("kind")  # None: an empty collection.
    )
  return ModuleSpec(
    saved_model.meta_graphs,
    checkpoint_prefix=module_folder.variables_prefix(path),
    source=path,
    graph_file=module_folder.saved_model_file(path),
  )
