"""What tensorflow-estimator's TPU part imports and TensorFlow 2.16 dropped.

Its `TPUEstimator` with `use_tpu=False`, which is how such programs run on a CPU
or GPU, needs three modules of TensorFlow to exist but never calls into them:
the watchdog of TPU sessions and the embeddings in a TPU's memory.
"""

import importlib
import importlib.util
import sys
import types

from hub_estimator import errors

_PACKAGE = "tensorflow.python.tpu"
_DROPPED = ("session_support", "tpu_embedding", "tpu_embedding_gradient")


def install_tpu_stand_ins() -> None:
  """Puts a stand-in where this TensorFlow has no such module any more."""
  package = importlib.import_module(_PACKAGE)
  for name in _DROPPED:
    full_name = f"{_PACKAGE}.{name}"
    if importlib.util.find_spec(full_name) is None:
      module = _DroppedModule(full_name, "A stand-in that hub_estimator made.")
      sys.modules[full_name] = module
      setattr(package, name, module)


class _DroppedModule(types.ModuleType):
  """A module in which every name is a class that cannot be instantiated."""

  def __getattr__(self, name: str) -> type:
    if name.startswith("__"):
      raise AttributeError(f"module {self.__name__} has no attribute {name!r}")
    dropped = type(
      name, (_Dropped,), {"__module__": self.__name__, "__doc__": None}
    )
    setattr(self, name, dropped)
    return dropped


class _Dropped:
  def __init__(self, *args, **kwargs):
    del args, kwargs
    name = f"{type(self).__module__}.{type(self).__name__}"
    raise errors.UserRuntimeError(
      f"{name} is part of the TPU support that TensorFlow 2.16 dropped. "
      "TPUEstimator works with use_tpu=False, on a CPU or GPU, and without an "
      "embedding_config_spec; a TPU needs TensorFlow 2.15."
    )
