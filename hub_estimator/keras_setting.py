"""The setting by which TensorFlow takes Keras 2, made before its import.

Nothing here imports TensorFlow. Why Keras 2: `tf_compat/keras_choice.py`.
"""

import importlib.metadata
import importlib.util
import os
import re
import sys
from typing import Optional

from hub_estimator import errors

KERAS_VARIABLE = "TF_USE_LEGACY_KERAS"
# The values that TensorFlow takes for yes.
_YES = ("1", "true", "True")
_FIRST_WITH_KERAS3 = (2, 16)
# The distributions that bring the package `tensorflow`.
_TENSORFLOWS = (
  "tensorflow",
  "tensorflow-cpu",
  "tf-nightly",
  "tensorflow-gpu",
  "tensorflow-intel",
  "tensorflow-macos",
  "tensorflow-rocm",
  "tf-nightly-cpu",
)


def choose_keras() -> None:
  """Sets `TF_USE_LEGACY_KERAS=1` where that is possible and not yet decided.

  It is left alone when TensorFlow is imported already (too late), when
  tf_keras is not installed (TensorFlow 2.15 would not import any more), on
  TensorFlow 2.15, whose own Keras is Keras 2 (and whose AutoGraph, which does
  not know tf_keras, would take 10 s more for the layers of a small network),
  and when the user has set it, to whatever value.

  Raises:
    UserRuntimeError: the user set it, but tf_keras is not installed: then
      TensorFlow 2.15 does not import, and later ones have no `tf.keras`.
  """
  if "tensorflow" in sys.modules:
    return
  setting = os.environ.get(KERAS_VARIABLE)
  has_tf_keras = importlib.util.find_spec("tf_keras") is not None
  has_keras2 = (tensorflow_version() or _FIRST_WITH_KERAS3) < _FIRST_WITH_KERAS3
  if setting is None and has_tf_keras and not has_keras2:
    os.environ[KERAS_VARIABLE] = "1"
  elif is_chosen() and not has_tf_keras:
    raise errors.UserRuntimeError(
      f"{KERAS_VARIABLE}={setting} is set, but tf_keras, the Keras it stands "
      f"for, is not installed: {install_tf_keras_hint()}, or unset "
      f"{KERAS_VARIABLE}."
    )


def is_chosen() -> bool:
  """Whether the setting says Keras 2."""
  return os.environ.get(KERAS_VARIABLE) in _YES


def tensorflow_version() -> Optional[tuple[int, int]]:
  """Returns (major, minor) of the installed TensorFlow, None if unknown."""
  versions = map(installed_major_minor, _TENSORFLOWS)
  return next(filter(None, versions), None)


def installed_major_minor(distribution: str) -> Optional[tuple[int, int]]:
  """Returns (major, minor) of a distribution, None if missing or unknown."""
  match = re.match(r"(\d+)\.(\d+)", installed_version(distribution) or "")
  return (int(match.group(1)), int(match.group(2))) if match else None


def installed_version(distribution: str) -> Optional[str]:
  """Returns a distribution's version without importing it, None if missing."""
  try:
    return importlib.metadata.version(distribution)
  except importlib.metadata.PackageNotFoundError:
    return None


def install_tf_keras_hint() -> str:
  """Returns the pip command for the tf_keras that fits TensorFlow's version."""
  version = tensorflow_version()
  if version is None:
    return "install it with `pip install tf-keras`"
  major, minor = version
  return f"install it with `pip install 'tf-keras=={major}.{minor}.*'`"
