"""TensorFlow's deprecation headers are silenced, its warnings are not."""

import logging
import os
import pathlib
import subprocess
import sys

import pytest

from hub_estimator.tf_compat import log_filter, tf

# Private on purpose: these decorators write the headers, on every TensorFlow.
from tensorflow.python.util import deprecation  # isort: skip


class _ListHandler(logging.Handler):
  def __init__(self):
    super().__init__(logging.DEBUG)
    self.messages = []

  def emit(self, record):
    self.messages.append(record.getMessage())


@pytest.fixture
def logged():
  logger = logging.getLogger("tensorflow")
  handler = _ListHandler()
  logger.addHandler(handler)
  yield handler.messages
  logger.removeHandler(handler)


def _create_function():
  # A new one each time: TensorFlow warns once a function.
  def identity(x=None):
    return x

  return identity


# The decorators that write headers; each names what it deprecates.
_DEPRECATE = {
  "function": lambda f: deprecation.deprecated(None, "Use another.")(f),
  "with_date": lambda f: deprecation.deprecated("2099-01-01", "Use b.")(f),
  "argument": lambda f: deprecation.deprecated_args(None, "No x.", "x")(f),
  "value": lambda f: deprecation.deprecated_arg_values(None, "No.", x=1)(f),
  "alias": lambda f: deprecation.deprecated_alias("old.name", "new.name", f),
}


@pytest.mark.parametrize("name", sorted(_DEPRECATE))
def test_deprecation_header_is_dropped(logged, name):
  logger = logging.getLogger("tensorflow")
  (installed,) = [
    f
    for f in logger.filters
    if isinstance(f, log_filter.DeprecationHeaderFilter)
  ]
  logger.removeFilter(installed)
  try:
    with tf.Graph().as_default():  # Arguments are looked at in graphs alone.
      _DEPRECATE[name](_create_function())(x=1)
  finally:
    logger.addFilter(installed)
  assert len(logged) == 1  # So TensorFlow does write it,
  assert "is deprecated" in logged.pop()

  with tf.Graph().as_default():
    _DEPRECATE[name](_create_function())(x=1)
  assert logged == []  # and the filter drops it.


def test_header_of_an_old_name_is_dropped(logged):
  # As tensorflow/python/util/module_wrapper.py words it.
  tf.compat.v1.logging.warning(
    "From %s: The name %s is deprecated. Please use %s instead.\n",
    "train.py:3",
    "tf.log",
    "tf.math.log",
  )
  assert logged == []


@pytest.mark.parametrize(
  "message",
  [
    "Using temporary folder as model directory: /tmp/x",
    "TensorFlow's V1 checkpoint format has been deprecated.",
    "The label column is deprecated and will be removed in a future version",
    "From here on the learning rate is 0.",
    "It seems that global step has not been increased. Current value: 3",
  ],
)
def test_real_warning_gets_through(logged, message):
  tf.compat.v1.logging.warning(message)
  assert logged == [message]


def test_errors_and_info_get_through(logged):
  verbosity = tf.compat.v1.logging.get_verbosity()
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
  try:
    tf.compat.v1.logging.error("Model diverged with loss = NaN.")
    tf.compat.v1.logging.info("loss = %s, step = %d", 0.5, 3)
  finally:
    tf.compat.v1.logging.set_verbosity(verbosity)
  assert logged == ["Model diverged with loss = NaN.", "loss = 0.5, step = 3"]


def test_python_warnings_about_legacy_layers_are_ignored():
  program = (
    "import warnings\n"
    "from hub_estimator.tf_compat import legacy_layers, tf\n"
    "with tf.Graph().as_default():\n"
    "  legacy_layers.dense(tf.ones([1, 1]), 1)\n"
    "warnings.warn('The data set is empty.')\n"
  )
  process = subprocess.run(
    [sys.executable, "-c", program],
    env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])},
    capture_output=True,
    text=True,
    check=True,
  )
  assert "UserWarning: The data set is empty." in process.stderr
  assert "is deprecated" not in process.stderr


def test_filter_is_installed_once():
  log_filter.install_log_filter()
  log_filter.install_log_filter()
  filters = logging.getLogger("tensorflow").filters
  kinds = [type(f) for f in filters]
  assert kinds.count(log_filter.DeprecationHeaderFilter) == 1


def test_cpp_log_level_leaves_warnings(monkeypatch):
  monkeypatch.delitem(sys.modules, "tensorflow")
  monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
  log_filter.choose_cpp_log_level()
  # 1 leaves out INFO alone; 2 would leave out WARNING too.
  assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"


def test_cpp_log_level_of_the_user_stays(monkeypatch):
  monkeypatch.delitem(sys.modules, "tensorflow")
  monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
  log_filter.choose_cpp_log_level()
  assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_cpp_log_level_is_left_alone_once_tensorflow_is_there(monkeypatch):
  monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
  log_filter.choose_cpp_log_level()
  assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
