"""Silences TensorFlow's deprecation headers, and nothing else.

An Estimator run of a few steps prints about twenty headers of the form "From
<file>:<line>: <name> is deprecated and will be removed in a future version",
each with its instructions. They speak to whoever writes TensorFlow programs,
about symbols that this package uses on purpose, and bury the warnings that a
user should read.
"""

import logging
import os
import re
import sys
import warnings

# 0 shows everything, 1 leaves out INFO, 2 WARNING too, 3 ERROR too.
CPP_LOG_LEVEL = "1"

# The wordings of tensorflow/python/util/deprecation.py and module_wrapper.py.
# Both start with the place of the call, so that a warning of a program that
# happens to hold the words "is deprecated" is not taken for one of them.
_DEPRECATION_HEADER = re.compile(
  r"From .+?: .+ is deprecated"
  r"(?: and will be removed (?:in a future version|after )"
  r"|\. Please use .+ instead\.)",
  re.DOTALL,
)

# tf_keras says the same about `tf.layers.dense` and its other legacy layers,
# as a Python warning.
_LEGACY_LAYER_WARNING = (
  r"`(?:tf\.layers|tf\.nn\.rnn_cell|layer)\.\w+` is deprecated and will be "
)


class DeprecationHeaderFilter(logging.Filter):
  """A logging filter that drops TensorFlow's deprecation headers."""

  def filter(self, record: logging.LogRecord) -> bool:
    """Returns False for a deprecation header, True for any other record."""
    return _DEPRECATION_HEADER.match(record.getMessage()) is None


def install_log_filter() -> None:
  """Adds the filter to TensorFlow's Python logger, once.

  Has Python ignore the same words as warnings about legacy layers, after all
  filters that the user has set (`-W`, `PYTHONWARNINGS`).
  """
  logger = logging.getLogger("tensorflow")
  if not any(isinstance(f, DeprecationHeaderFilter) for f in logger.filters):
    logger.addFilter(DeprecationHeaderFilter())
    warnings.filterwarnings(
      "ignore", _LEGACY_LAYER_WARNING, UserWarning, append=True
    )


def choose_cpp_log_level() -> None:
  """Has TensorFlow's C++ side print warnings and errors, but no INFO lines.

  Sets the environment variable `TF_CPP_MIN_LOG_LEVEL`, unless the user has set
  it. TensorFlow reads it when its library is loaded, so it is left alone when
  TensorFlow is imported already.
  """
  if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", CPP_LOG_LEVEL)
