"""Loading modules and SavedModels the TF2 way: `hub.load`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional, Union

from hub_estimator import errors, handles
from hub_estimator.handles.contents import module_parts
from hub_estimator.hub import module_folder
from hub_estimator.hub.security import policy, reading
from hub_estimator.tf_compat import tf


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

  What reaches outside of its graphs is treated as by `load_module_spec`.

  Args:
    handle: that of a module or SavedModel, of any kind that `resolve` takes.
    tags: which graph to load, needed if there are several and none without
      tags. A TF1 Hub module's default is the graph without tags.
    options: handed to `tf.saved_model.load`.

  Raises:
    OSError: the folder does not exist.
    ValueError: it holds no SavedModel, or `handle` is not a string, or no
      graph of a TF2 SavedModel has these tags.
    RefusedModuleError (which is a ValueError): it reaches outside of its graphs
      and TFHUB_SECURITY_POLICY is "refuse".
    RuntimeError: no graph of a TF1 module or SavedModel has these tags.
  """
  found = handles.find(handle)
  path = found.path
  is_module = module_parts.is_module(path)
  reading.check_is_saved_model(path)
  if isinstance(tags, str):
    tags = [tags]
  if tags is None and is_module:
    tags = []
  policy.apply_policy(
    handle, found.is_downloaded, lambda: reading.saved_variants(path)
  )
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


def _wrong_tags_message(
  path: str, tags: Union[Iterable[str], None]
) -> Optional[str]:
  """Returns what to say if no graph has these tags, None if one has."""
  if not tf.io.gfile.exists(module_folder.saved_model_file(path)):
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
