"""Makes programs run that were written for tensorflow_hub and tf.estimator.

`install_aliases` is the whole of it: names that the installed TensorFlow and
tensorflow_hub lack resolve to this package afterwards, and those that they have
stay theirs. TensorFlow is not imported here. What is missing is:

 -  TensorFlow 2.16 and later: `tf.estimator`, and the import of
    tensorflow_estimator; where `tf.keras` is Keras 3, also
    `tf.compat.v1.layers` and `tf.compat.v1.nn.rnn_cell`;
 -  tensorflow_hub: everything, where it is not installed or cannot be imported;
    the names of the TF1 Hub format in 0.16.
"""

import importlib
import sys
import types

import hub_estimator
from hub_estimator import import_hooks, keras_setting

_ESTIMATOR = "hub_estimator.estimator"
_HUB = "hub_estimator.hub"

# The public names of tensorflow_hub 0.15.
_HUB_NAMES = (
  "ImageModuleInfo",
  "KerasLayer",
  "LatestModuleExporter",
  "Module",
  "ModuleSpec",
  "add_signature",
  "attach_image_module_info",
  "attach_message",
  "create_module_spec",
  "create_module_spec_from_saved_model",
  "eval_function_for_module",
  "get_expected_image_size",
  "get_num_image_channels",
  "image_embedding_column",
  "load",
  "load_module_spec",
  "register_module_for_export",
  "resolve",
  "sparse_text_embedding_column",
  "text_embedding_column",
  "text_embedding_column_v2",
)
# These are not of the TF1 Hub format, and may be nowhere.
_HUB_TF2_NAMES = ("KerasLayer", "text_embedding_column_v2")
# The submodules of tensorflow_hub 0.15 that they came from.
_HUB_SUBMODULES = (
  "estimator",
  "feature_column",
  "feature_column_v2",
  "image_util",
  "keras_layer",
  "module",
  "module_spec",
  "module_v2",
  "native_module",
  "saved_model_module",
)


def install_aliases() -> None:
  """See `hub_estimator.install_aliases`."""
  if any(isinstance(f, import_hooks.ImportHooks) for f in sys.meta_path):
    return
  hooks = import_hooks.ImportHooks()
  if _tensorflow_lacks_estimator():
    keras_setting.choose_keras()
    version = keras_setting.installed_major_minor("tensorflow-hub")
    if version is not None and version < (0, 16):
      # Beside such a TensorFlow it cannot be imported. With our tf.estimator it
      # can, but nobody has tried whether it then works.
      hooks.hidden.add("tensorflow_hub")
    hooks.before["tensorflow_estimator"] = _tensorflow_estimator_importable
  hooks.after["tensorflow"] = lambda tf: _complete_tensorflow(tf, hooks)
  hooks.after["tensorflow_hub"] = lambda hub: _complete_tensorflow_hub(
    hub, hooks
  )
  hooks.instead["tensorflow_hub"] = lambda: _create_tensorflow_hub(hooks)
  sys.meta_path.insert(0, hooks)
  for name, complete in hooks.after.items():
    if name in sys.modules:
      complete(sys.modules[name])


def _tensorflow_lacks_estimator() -> bool:
  if "tensorflow" in sys.modules:
    return not hasattr(sys.modules["tensorflow"], "estimator")
  version = keras_setting.tensorflow_version()
  return version is None or version >= (2, 16)


def _tensorflow_estimator_importable():
  from hub_estimator.tf_compat import estimator_backend, keras_choice

  estimator_backend.prepare_tensorflow()
  return keras_choice.keras2_in_place_of_keras3()


def _complete_tensorflow(
  tf: types.ModuleType, hooks: import_hooks.ImportHooks
) -> None:
  """Adds what TensorFlow 2.16 and later lack; nothing on TensorFlow 2.15."""
  if hasattr(tf, "estimator"):
    return
  # TensorFlow has its API once more inside each `compat.v1` and `compat.v2`.
  inner = [tf.compat, tf.compat.v1.compat, tf.compat.v2.compat]
  for namespaces, suffix in (
    ([tf, *(compat.v2 for compat in inner)], ""),
    ([compat.v1 for compat in inner], ".v1"),
  ):
    for namespace in namespaces:
      namespace.estimator = import_hooks.LazyModule(
        f"{namespace.__name__}.estimator", _ESTIMATOR + suffix
      )
  hooks.aliases.update(
    {
      "tensorflow.estimator": _ESTIMATOR,
      "tensorflow.compat.v1.estimator": f"{_ESTIMATOR}.v1",
      "tensorflow.compat.v2.estimator": _ESTIMATOR,
      "tensorflow.python.estimator": "tensorflow_estimator.python.estimator",
    }
  )
  if not keras_setting.is_chosen():
    _replace_keras3_parts(tf.compat.v1)


def _replace_keras3_parts(tf1: types.ModuleType) -> None:
  """Puts Keras 2 where Keras 3 leaves modules in which every name raises."""

  def layers(original):
    from hub_estimator.tf_compat import keras_choice, tf

    if not keras_choice.uses_keras3(tf):
      return original
    return keras_choice.load_keras2().legacy_layers

  def rnn_cell(original):
    from hub_estimator.tf_compat import keras_choice, tf

    if not keras_choice.uses_keras3(tf):
      return original
    return keras_choice.load_keras2().legacy_rnn_cell

  for namespace, name, load in (
    (tf1, "layers", layers),
    (tf1.nn, "rnn_cell", rnn_cell),
  ):
    original = getattr(namespace, name)
    module = import_hooks.LazyModule(
      f"{namespace.__name__}.{name}",
      lambda load=load, original=original: load(original),
    )
    setattr(namespace, name, module)


def _complete_tensorflow_hub(
  module: types.ModuleType, hooks: import_hooks.ImportHooks
) -> None:
  """Adds the names of the TF1 Hub format to tensorflow_hub 0.16."""
  if not hasattr(module, "Module"):
    _add_hub_names(module, hooks)


def _create_tensorflow_hub(hooks: import_hooks.ImportHooks) -> types.ModuleType:
  """Returns a `tensorflow_hub` that is ours."""
  module = types.ModuleType(
    "tensorflow_hub", "Stands for hub_estimator.hub, which has its TF1 part."
  )
  module.__path__ = []
  module.__version__ = f"0.15.0+hub.estimator.{hub_estimator.__version__}"
  _add_hub_names(module, hooks)
  return module


def _add_hub_names(
  module: types.ModuleType, hooks: import_hooks.ImportHooks
) -> None:
  """Makes a module look up the names that it lacks in `hub_estimator.hub`."""
  own = set(vars(module))

  def lookup(name):
    if name in _HUB_NAMES:
      return getattr(importlib.import_module(_HUB), name)
    if name in _HUB_SUBMODULES:
      return importlib.import_module(f"tensorflow_hub.{name}")
    raise AttributeError(f"module 'tensorflow_hub' has no attribute {name!r}")

  module.__getattr__ = lookup
  module.__dir__ = lambda: sorted({*vars(module), *_HUB_NAMES})
  # 0.16.1 lists names in __all__ that it does not have.
  module.__all__ = [
    n for n in _HUB_NAMES if n in own or n not in _HUB_TF2_NAMES
  ]
  hooks.aliases.update({f"tensorflow_hub.{n}": _HUB for n in _HUB_SUBMODULES})
