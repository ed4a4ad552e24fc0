"""Estimators find Keras 2 whichever way the program imports TensorFlow.

Each program below runs in its own interpreter, because the choice is made once
a process.
"""

import importlib.metadata
import os
import pathlib
import subprocess
import sys
import types

import pytest

from hub_estimator import errors, keras_setting
from hub_estimator.tf_compat import estimator_backend, keras_choice, tf

_ROOT = pathlib.Path(__file__).parents[2]
_MINOR = tuple(int(part) for part in tf.__version__.split(".")[:2])
_HAS_KERAS3 = _MINOR >= (2, 16)

# Trains a head with a Keras 2 optimizer and a canned estimator, which are the
# parts of tensorflow-estimator that touch Keras most.
_USE_ESTIMATORS = """
import tempfile
import numpy as np
from hub_estimator import estimator as tfe
from hub_estimator.tf_compat import keras, legacy_layers, tf as our_tf

def model_fn(features, labels, mode):
  logits = legacy_layers.dense(features["x"], 3)
  optimizer = keras.optimizers.legacy.SGD(0.1)
  optimizer.iterations = our_tf.compat.v1.train.get_or_create_global_step()
  return tfe.MultiClassHead(3).create_estimator_spec(
    features, mode, logits=logits, labels=labels, optimizer=optimizer,
    trainable_variables=our_tf.compat.v1.trainable_variables())

def input_fn():
  examples = {"x": np.ones([4, 2], np.float32)}, np.array([[0], [1], [2], [0]])
  return our_tf.data.Dataset.from_tensors(examples).repeat(2)

estimator = tfe.Estimator(model_fn, model_dir=tempfile.mkdtemp())
estimator.train(input_fn)
assert estimator.evaluate(input_fn)["global_step"] == 2
estimator = tfe.DNNClassifier(
  [2], [our_tf.feature_column.numeric_column("x", shape=[2])], n_classes=3,
  model_dir=tempfile.mkdtemp(), optimizer=keras.optimizers.legacy.Adam(0.1))
estimator.train(input_fn)
assert estimator.evaluate(input_fn)["global_step"] == 2
print("trained")
"""


def _run(program, **environment):
  """Runs a program without this process's choices; returns the process."""
  own = {
    name: value
    for name, value in os.environ.items()
    if name not in ("TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")
  }
  return subprocess.run(
    [sys.executable, "-c", program],
    env={**own, "PYTHONPATH": str(_ROOT), **environment},
    capture_output=True,
    text=True,
    check=False,
  )


def _assert_trained(process):
  assert process.returncode == 0, process.stderr[-3000:]
  assert "trained" in process.stdout


def test_program_that_imports_us_first():
  process = _run(
    _USE_ESTIMATORS
    + """
import os
import tensorflow as tf
assert tf is our_tf
# TensorFlow 2.15's own Keras is Keras 2.
has_keras2 = our_tf.__version__.startswith("2.15.")
assert os.environ.get("TF_USE_LEGACY_KERAS") == (None if has_keras2 else "1")
assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
package = "keras." if has_keras2 else "tf_keras."
assert tf.keras.Model.__module__.startswith(package)
"""
  )
  _assert_trained(process)
  assert "is deprecated" not in process.stderr


def test_program_that_uses_its_own_keras_first():
  process = _run(
    """
import os, sys
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
assert model(tf.ones([1, 2])).shape == (1, 1)
their_model = tf.keras.Model
"""
    + _USE_ESTIMATORS
    + """
assert sys.modules["tensorflow"] is tf is our_tf
assert tf.keras.Model is their_model
assert "TF_USE_LEGACY_KERAS" not in os.environ
assert their_model.__module__.startswith("keras.src")
if "HAS_KERAS3" not in os.environ:
  # An Estimator's graph invalidates Keras 2 models made before it.
  model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="mse")
model.fit(tf.ones([4, 2]), tf.ones([4, 1]), verbose=0)
""",
    **({"HAS_KERAS3": "1"} if _HAS_KERAS3 else {}),
  )
  _assert_trained(process)


def test_program_that_chose_keras_itself_and_tried_tensorflow_estimator():
  process = _run(
    """
try:
  import tensorflow_estimator  # Fails on TensorFlow 2.16 and later.
except Exception:
  pass
"""
    + _USE_ESTIMATORS
    + """
import os
assert os.environ["TF_USE_LEGACY_KERAS"] == "0"
assert not our_tf.keras.Model.__module__.startswith("tf_keras.")
""",
    TF_USE_LEGACY_KERAS="0",
  )
  _assert_trained(process)


# Makes tf_keras look as if it were not installed.
_WITHOUT_TF_KERAS = "import sys; sys.modules['tf_keras'] = None\n"


def test_without_tf_keras():
  process = _run(
    _WITHOUT_TF_KERAS
    + """
import os
from hub_estimator import errors, tf_compat
assert "TF_USE_LEGACY_KERAS" not in os.environ
try:
  from hub_estimator import estimator
except errors.UserRuntimeError as error:
  print(error)
else:
"""
    + "\n".join(f"  {line}" for line in _USE_ESTIMATORS.splitlines())
  )
  assert process.returncode == 0, process.stderr[-3000:]
  if not _HAS_KERAS3:
    assert "trained" in process.stdout
    return
  assert process.stdout.strip() == (
    f"Estimators need Keras 2. `tf.keras` of this program (TensorFlow "
    f"{tf.__version__}) is Keras 3, and tf_keras (Keras 2 as its own package) "
    f"is not installed: install it with `pip install 'tf-keras=="
    f"{_MINOR[0]}.{_MINOR[1]}.*'`."
  )


def test_legacy_keras_asked_for_without_tf_keras():
  process = _run(
    _WITHOUT_TF_KERAS
    + """
from hub_estimator import errors
try:
  from hub_estimator import tf_compat
except errors.UserRuntimeError as error:
  assert "tensorflow" not in sys.modules
  print(error)
""",
    TF_USE_LEGACY_KERAS="1",
  )
  assert process.stdout.strip() == (
    "TF_USE_LEGACY_KERAS=1 is set, but tf_keras, the Keras it stands for, is "
    "not installed: install it with `pip install 'tf-keras=="
    f"{_MINOR[0]}.{_MINOR[1]}.*'`, or unset TF_USE_LEGACY_KERAS."
  )


def test_importing_the_package_imports_no_tensorflow():
  process = _run(
    """
import sys
import hub_estimator
import hub_estimator.errors
heavy = ("tensorflow", "tensorflow_estimator", "keras", "tf_keras")
assert not set(heavy) & set(sys.modules)
print("light")
"""
  )
  assert process.stdout == "light\n", process.stderr[-3000:]


def test_choice_is_left_alone_once_tensorflow_is_imported(monkeypatch):
  monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
  keras_setting.choose_keras()
  assert "TF_USE_LEGACY_KERAS" not in os.environ


@pytest.mark.parametrize("value", ["0", "1", "False", ""])
def test_choice_of_the_user_stays(monkeypatch, value):
  monkeypatch.delitem(sys.modules, "tensorflow")
  monkeypatch.setenv("TF_USE_LEGACY_KERAS", value)
  keras_setting.choose_keras()
  assert os.environ["TF_USE_LEGACY_KERAS"] == value


def test_tf_keras_that_does_not_import(monkeypatch):
  monkeypatch.setattr(keras_choice, "uses_keras3", lambda tf: True)
  monkeypatch.setitem(sys.modules, "tf_keras.api._v2.keras", None)
  with pytest.raises(errors.UserRuntimeError) as raised:
    keras_choice.load_keras2.__wrapped__()
  message = str(raised.value)
  tf_keras = importlib.metadata.version("tf_keras")
  assert f"importing tf_keras {tf_keras} failed with ModuleNotFound" in message
  assert f"'tf-keras=={_MINOR[0]}.{_MINOR[1]}.*'" in message
  assert "set TF_USE_LEGACY_KERAS=1 before" in message


@pytest.mark.parametrize(
  "version, found",
  [(None, "it is not installed"), ("2.14.0", "version 2.14.0 is installed")],
)
def test_wrong_tensorflow_estimator(monkeypatch, version, found):
  monkeypatch.setattr(keras_setting, "installed_version", lambda _: version)
  with pytest.raises(errors.UserRuntimeError) as raised:
    estimator_backend.load_estimator_backend.__wrapped__()
  assert str(raised.value) == (
    f"Estimators come from tensorflow-estimator 2.15.0, but {found}: run "
    "`pip install tensorflow-estimator==2.15.0`."
  )


def test_proxy_replaces_the_keras_parts_alone():
  v2 = types.SimpleNamespace(
    layers="layers",
    losses="losses",
    metrics="metrics",
    optimizers="optimizers",
    initializers="initializers",
  )
  proxy = keras_choice.create_keras2_proxy(
    tf, keras_choice.Keras2(v2, "keras v1", "legacy layers", "rnn_cell")
  )
  assert proxy.keras is proxy.compat.v2.keras is v2
  assert proxy.compat.v1.keras == "keras v1"
  assert proxy.compat.v1.layers == "legacy layers"
  for name in ("layers", "losses", "metrics", "optimizers", "initializers"):
    assert getattr(proxy, name) == getattr(proxy.compat.v2, name) == name
  assert proxy.constant is tf.constant
  assert proxy.compat.v1.Session is tf.compat.v1.Session
  assert proxy.compat.v1.losses is tf.compat.v1.losses
  assert proxy.__path__ == tf.__path__
  assert set(dir(tf)) == set(dir(proxy))


def test_proxy_passes_new_attributes_on():
  module = types.ModuleType("module")
  proxy = keras_choice._ModuleProxy(module)
  proxy.submodule = 3  # As the import system does.
  assert module.submodule == 3
