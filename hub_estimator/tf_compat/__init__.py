"""TensorFlow-version differences and private TensorFlow symbols.

Every module of the package takes TensorFlow from here (`from
hub_estimator.tf_compat import tf`), so that the choice of Keras, which has to
come before TensorFlow's import, is made in one place.

`keras` (Keras 2, the one that Estimator heads and canned estimators are built
on) and `legacy_layers` (what `tf.compat.v1.layers` was) are loaded when first
used: they exist on every supported TensorFlow, also where the program's own
`tf.keras` is Keras 3.
"""

from hub_estimator import keras_setting
from hub_estimator.tf_compat import keras_choice, log_filter

log_filter.choose_cpp_log_level()
keras_setting.choose_keras()

# The two choices above are read when TensorFlow is imported.
import tensorflow as tf  # noqa: E402

log_filter.install_log_filter()

__all__ = ["keras", "legacy_layers", "tf"]


def __getattr__(name):
  if name == "keras":
    return keras_choice.load_keras2().v2
  if name == "legacy_layers":
    return keras_choice.load_keras2().legacy_layers
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
