"""Names for TF2 SavedModels, which are tensorflow_hub's where it has them."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from hub_estimator import errors

NAMES = ("KerasLayer", "text_embedding_column_v2")

_PACKAGE = "tensorflow_hub"
_INSTEAD = {
  "KerasLayer": (
    "Instead, hub.Module takes TF1 Hub modules, and hub.load loads SavedModels "
    "for tf.keras.layers.Lambda or a layer of your own."
  ),
  "text_embedding_column_v2": (
    "Only tensorflow-hub below 0.16, on TensorFlow 2.15, has it. Instead, "
    "hub.text_embedding_column takes TF1 Hub modules."
  ),
}


def delegate(name: str) -> Any:
  """Returns what the installed tensorflow_hub has under one of `NAMES`.

  Raises:
    ImportError: tensorflow_hub is not installed, cannot be imported beside this
      TensorFlow, or has no such name.
  """
  reason = (
    "of which no version that fits is installed: run `pip install "
    "tensorflow-hub` (beside TensorFlow 2.16 and later, 0.16 or later)."
  )
  if _is_installed():
    try:
      # Not by getattr: where tensorflow_hub is an alias of ours, that would
      # come back here.
      found = vars(importlib.import_module(_PACKAGE))
    except Exception as error:
      raise errors.UserImportError(
        _message(
          name,
          f"whose import fails with {type(error).__name__}: {error}. Beside "
          "TensorFlow 2.16 and later run `pip install 'tensorflow-hub>=0.16'`.",
        )
      ) from error
    if name in found:
      return found[name]
    if "__file__" in found:  # An alias of ours has none.
      version = found.get("__version__", "of unknown version")
      reason = f"and tensorflow-hub {version} does not have it."
  raise errors.UserImportError(_message(name, reason))


def _is_installed() -> bool:
  try:
    return importlib.util.find_spec(_PACKAGE) is not None
  except ValueError:  # It is imported, and has no spec.
    return True


def _message(name: str, reason: str) -> str:
  return (
    f"hub.{name} is for TF2 SavedModels and comes from tensorflow_hub, "
    f"{reason} {_INSTEAD[name]}"
  )
