"""Fine-tune TF1 Hub modules with Estimators and Gin.

`hub_estimator.hub` is the TF1 Hub API and `hub_estimator.estimator` the
Estimator API, on TensorFlow 2.15 to 2.21; `hub_estimator.Predictor` predicts
with a run's model. Importing this package imports none of them, nor TensorFlow:
they are loaded when first used, so that `--help` and usage errors answer at
once.
"""

import importlib

__version__ = "0.6.0"

_LAZY_PACKAGES = ("estimator", "hub")
# Name -> the module that defines it.
_LAZY_NAMES = {"Predictor": "training.predictor"}


def __getattr__(name):
  if name in _LAZY_PACKAGES:
    return importlib.import_module(f"{__name__}.{name}")
  if name in _LAZY_NAMES:
    module = importlib.import_module(f"{__name__}.{_LAZY_NAMES[name]}")
    return getattr(module, name)
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install_aliases() -> None:
  """Makes programs for tensorflow_hub and `tf.estimator` find them here.

  Afterwards these resolve to this package, wherever the installed TensorFlow
  or tensorflow_hub has nothing of the kind; what they have stays theirs:

   -  `import tensorflow_hub`, its names of the TF1 Hub format, and the
      submodules that these came from;
   -  `tf.estimator`, `tf.compat.v1.estimator` and `tf.compat.v2.estimator`, as
      attributes and as imports, and `import tensorflow_estimator`;
   -  `tf.compat.v1.layers` and `tf.compat.v1.nn.rnn_cell`, which have nothing
      to show where `tf.keras` is Keras 3.

  It may be called before TensorFlow and tensorflow_hub are imported or after,
  and again. Before is better on TensorFlow 2.16 and later: then it sets
  `TF_USE_LEGACY_KERAS=1` if tf_keras is installed, so that `tf.keras` is Keras
  2, as such programs expect. Nothing is imported until it is used.

  Raises:
    UserRuntimeError: `TF_USE_LEGACY_KERAS` is set and tf_keras not installed.
  """
  importlib.import_module(f"{__name__}.aliases").install_aliases()
