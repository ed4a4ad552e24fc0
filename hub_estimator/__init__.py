"""Fine-tune TF1 Hub modules with Estimators and Gin.

`hub_estimator.hub` is the TF1 Hub API and `hub_estimator.estimator` the
Estimator API, on TensorFlow 2.15 to 2.21. Importing this package imports
neither of them, nor TensorFlow: both are loaded when first used, so that
`--help` and usage errors answer at once.
"""

import importlib

__version__ = "0.1.0"

_LAZY_PACKAGES = ("estimator", "hub")


def __getattr__(name):
  if name in _LAZY_PACKAGES:
    return importlib.import_module(f"{__name__}.{name}")
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
