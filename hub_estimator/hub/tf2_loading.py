"""Loading modules and SavedModels the TF2 way: `hub.load`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Optional, Union

from hub_estimator import errors, handles
from hub_estimator.handles import content_kinds
from hub_estimator.hub import module_folder
from hub_estimator.tf_compat import tf

_SAVED_MODEL_FILES = (module_folder.SAVED_MODEL_FILE, "saved_model.pbtxt")


def load(
  handle: str,
  tags: Optional[Iterable[str]] = None,
  options: Optional[tf.saved_model.LoadOptions] = None,
) -> Any:
  """Loads a TF2 SavedModel, or a TF1 Hub module, with `tf.saved_model.load`.

  Of a TF1 Hub module the result has `signatures`, functions by name that take
  keyword arguments and return a dict. It cannot be fine-tuned reliably: ref
  variables are not among its `variables`, and gradients do not pass through v1
  control flow; `hub.Module` has no such limits.

  Args:
    handle: the folder of a module or SavedModel, or the `export/tf_hub` folder
      of a run, of which the newest export is taken.
    tags: which graph to load, needed if there are several and none without
      tags. A TF1 Hub module's default is the graph without tags.
    options: handed to `tf.saved_model.load`.

  Raises:
    OSError: the folder does not exist.
    ValueError: it holds no SavedModel, or `handle` is not a string, or no
      graph of a TF2 SavedModel has these tags.
    RuntimeError: no graph of a TF1 module or SavedModel has these tags.
  """
  path = handles.resolve(handle)
  is_module = _has_file(path, module_folder.MODULE_DEF_FILE)
  if not any(_has_file(path, name) for name in _SAVED_MODEL_FILES):
    raise errors.UserValueError(
      f"{path} is no SavedModel and no module: it has no "
      f"{module_folder.SAVED_MODEL_FILE}. {content_kinds.describe(path)}"
    )
  if isinstance(tags, str):
    tags = [tags]
  if tags is None and is_module:
    tags = []
  try:
    loaded = tf.saved_model.load(path, tags=tags, options=options)
  except (RuntimeError, ValueError) as error:
    # What TensorFlow raises for tags that do not fit, among other things.
    message = _wrong_tags_message(path, tags)
    if message is None:
      raise
    wrong_tags = (
      errors.UserRuntimeError
      if isinstance(error, RuntimeError)
      else errors.UserValueError
    )
    raise wrong_tags(message) from error
  # tensorflow_hub's KerasLayer asks the object that it is given for this.
  loaded._is_hub_module_v1 = is_module
  return loaded


def _has_file(path: str, name: str) -> bool:
  return tf.io.gfile.exists(os.path.join(path, name))


def _wrong_tags_message(
  path: str, tags: Union[Iterable[str], None]
) -> Optional[str]:
  """Returns what to say if no graph has these tags, None if one has."""
  if not _has_file(path, module_folder.SAVED_MODEL_FILE):
    return None
  meta_graphs = module_folder.read_saved_model(path).meta_graphs
  tag_sets = [set(m.meta_info_def.tags) for m in meta_graphs]
  if tags is None:
    if len(tag_sets) == 1:
      return None
    problem = "Several graphs and no tags= to choose one"
  elif set(tags) in tag_sets:
    return None
  else:
    problem = f"No such graph variant: tags={sorted(tags)}"
  found = ", ".join(str(sorted(tag_set)) for tag_set in tag_sets)
  return f"{problem}. {path} has: {found}."
