"""`install_aliases`: what programs import is there, and is what it should be.

Each program below runs in its own interpreter, because imports happen once a
process.
"""

import importlib
import inspect
import os
import pathlib
import subprocess
import sys

import pytest

from hub_estimator import aliases, hub, import_hooks, keras_setting
from hub_estimator.hub import tf2_names
from hub_estimator.tf_compat import tf

_ROOT = pathlib.Path(__file__).parents[1]
_LACKS_ESTIMATOR = tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16)

# What a program may write, and what is true then. V1, V2 and HUB are what it
# should get.
_ESTIMATOR_FORMS = [
  ("import tensorflow as tf", "tf.estimator.Estimator is V2.Estimator"),
  (
    "import tensorflow as tf",
    "tf.compat.v2.estimator.DNNClassifier is V2.DNNClassifier",
  ),
  (
    "import tensorflow as tf",
    "tf.compat.v1.estimator.DNNClassifier is V1.DNNClassifier",
  ),
  (
    "import tensorflow.compat.v1 as tf",
    "tf.estimator.DNNClassifier is V1.DNNClassifier",
  ),
  (
    "import tensorflow.compat.v1 as tf",
    "tf.compat.v1.estimator.Estimator is V1.Estimator",
  ),
  (
    "import tensorflow.compat.v2 as tf",
    "tf.estimator.Estimator is V2.Estimator",
  ),
  (
    "import tensorflow.compat.v2 as tf",
    "tf.compat.v1.estimator.Estimator is V1.Estimator",
  ),
  ("from tensorflow import estimator", "estimator.ModeKeys is V2.ModeKeys"),
  (
    "from tensorflow import estimator as tf_estimator",
    "tf_estimator.Estimator is V2.Estimator",
  ),
  (
    "from tensorflow.compat.v1 import estimator",
    "estimator.DNNClassifier is V1.DNNClassifier",
  ),
  (
    "from tensorflow.estimator import DNNClassifier, RunConfig",
    "DNNClassifier is V2.DNNClassifier",
  ),
  (
    "from tensorflow.compat.v1.estimator import DNNClassifier",
    "DNNClassifier is V1.DNNClassifier",
  ),
  ("import tensorflow.estimator as tfe", "tfe.Estimator is V2.Estimator"),
  (
    "import tensorflow.compat.v1.estimator.inputs as i",
    "i.numpy_input_fn is V1.inputs.numpy_input_fn",
  ),
  (
    "from tensorflow.compat.v1.estimator import tpu",
    "tpu.TPUEstimator is V1.tpu.TPUEstimator",
  ),
  (
    "import tensorflow.compat.v1 as tf",
    "tf.estimator.tpu.TPUConfig is V1.tpu.TPUConfig",
  ),
  (
    "import tensorflow_estimator as tf_estimator",
    "tf_estimator.estimator.DNNClassifier is V1.DNNClassifier",
  ),
  (
    "from tensorflow_estimator import estimator",
    "estimator.tpu.RunConfig is V1.tpu.RunConfig",
  ),
  (
    "from tensorflow_estimator.python.estimator import early_stopping",
    "early_stopping.stop_if_no_decrease_hook",
  ),
  (
    "from tensorflow_estimator.python.estimator import estimator_lib",
    "estimator_lib.Estimator is V1.Estimator",
  ),
  (
    "from tensorflow.python.estimator import run_config",
    "run_config.RunConfig is V1.RunConfig",
  ),
  (
    "from tensorflow.python.estimator.canned import dnn",
    "dnn.DNNClassifier is V1.DNNClassifier",
  ),
  ("import gin.tf", "True"),
]
_HUB_FORMS = [
  ("import tensorflow_hub as hub", "hub.Module is HUB.Module"),
  (
    "import tensorflow_hub",
    "tensorflow_hub.load_module_spec is HUB.load_module_spec",
  ),
  (
    "from tensorflow_hub import Module, ModuleSpec",
    "ModuleSpec is HUB.ModuleSpec",
  ),
  (
    "from tensorflow_hub import *",
    "LatestModuleExporter is HUB.LatestModuleExporter",
  ),
  (
    "from tensorflow_hub import estimator",
    "estimator.register_module_for_export is HUB.register_module_for_export",
  ),
  (
    "from tensorflow_hub.estimator import LatestModuleExporter",
    "LatestModuleExporter is HUB.LatestModuleExporter",
  ),
  (
    "import tensorflow_hub.module",
    "tensorflow_hub.module.load_module_spec is HUB.load_module_spec",
  ),
  (
    "import tensorflow_hub as hub",
    "hub.feature_column.text_embedding_column is HUB.text_embedding_column",
  ),
  ("import tensorflow_hub as hub", "{'Module', 'load'} <= set(dir(hub))"),
  ("import tensorflow_hub as hub", "hub.__version__ >= '0.15.0'"),
]

_SETUP = """
import sys
import hub_estimator
HEAVY = {"tensorflow", "tensorflow_hub", "tensorflow_estimator", "tf_keras"}
OURS = {"hub_estimator.hub", "hub_estimator.estimator"}

def run(forms, **given):
  for form, condition in forms:
    names = dict(given)
    try:
      exec(form, names)
      assert eval(condition, names)
    except Exception as error:
      print(f"{form}: {condition}: {error!r}")
"""


def _run(program, **environment):
  """Runs a program without this process's choices; returns its output."""
  own = {
    name: value
    for name, value in os.environ.items()
    if name not in ("TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")
  }
  process = subprocess.run(
    [sys.executable, "-c", _SETUP + program],
    env={**own, "PYTHONPATH": str(_ROOT), **environment},
    capture_output=True,
    text=True,
    check=False,
  )
  assert process.returncode == 0, process.stderr[-3000:]
  return process.stdout


def test_every_form_of_import():
  printed = _run(
    f"""
hub_estimator.install_aliases()
hub_estimator.install_aliases()
assert not (HEAVY | OURS) & set(sys.modules)

import tensorflow as tf
import tensorflow.compat.v1 as tf1
from tensorflow import estimator
tf.estimator, tf1.estimator
assert not OURS & set(sys.modules)
assert tf.__spec__.loader is tf.__loader__
assert tf.__loader__.get_source("tensorflow")
import tensorflow_hub
assert not OURS & set(sys.modules)

from hub_estimator import estimator as V2
run({_ESTIMATOR_FORMS!r}, V2=V2, V1=V2.v1)
from hub_estimator import hub as HUB
run({_HUB_FORMS!r}, HUB=HUB if {_LACKS_ESTIMATOR} else tensorflow_hub)

# An editable install has a finder of its own.
assert [type(f).__name__ for f in sys.meta_path].count("ImportHooks") == 1
# Of Keras 2, whichever TensorFlow this is.
tf1.layers.dense, tf1.nn.rnn_cell.LSTMCell, tf.keras.layers.DenseFeatures
for name in ("tensorflow.estimator.no", "tensorflow_hub.no"):
  try:
    __import__(name)
  except ModuleNotFoundError as error:
    assert error.name == name
  else:
    print("imported", name)
for module in tf.estimator, tensorflow_hub:
  try:
    module.no
  except AttributeError as error:
    assert "has no attribute 'no'" in str(error)
  else:
    print("there is", module)
"""
  )
  assert printed == ""


def test_tensorflow_came_first_with_its_own_keras():
  printed = _run(
    f"""
import tensorflow as tf
their_model = tf.keras.Model
import tensorflow.compat.v1 as tf1
import tensorflow_hub
hub_estimator.install_aliases()
hub_estimator.install_aliases()
assert not OURS & set(sys.modules)
# The first use of an Estimator is by way of tensorflow_estimator.
run([("from tensorflow_estimator import estimator", "estimator.Estimator")])
from hub_estimator import estimator as V2, hub as HUB
run({_ESTIMATOR_FORMS!r}, V2=V2, V1=V2.v1)
run({_HUB_FORMS!r}, HUB=HUB if {_LACKS_ESTIMATOR} else tensorflow_hub)
assert tf.keras.Model is their_model

import numpy as np
with tf.Graph().as_default():
  y = tf1.layers.dense(tf.ones([2, 3]), 4, kernel_initializer="ones")
  cell = tf1.nn.rnn_cell.BasicRNNCell(4)
  y, _ = cell(y, tf.zeros([2, 4]))
  assert len(tf1.trainable_variables()) == 4
  regressor = tf1.estimator.LinearRegressor(
    [tf.feature_column.numeric_column("x")],
    optimizer=tf1.train.GradientDescentOptimizer(0.1))
regressor.train(tf1.estimator.inputs.numpy_input_fn(
  {{"x": np.ones([2])}}, np.ones([2]), shuffle=False, num_epochs=1))
# One step from 0: the sum of two gradients of (w + b - 1)² is -4.
assert abs(regressor.get_variable_value(
  "linear/linear_model/x/weights").item() - 0.4) < 1e-6
"""
  )
  assert printed == ""


# What stands for an installed tensorflow_hub, on a path that comes first.
_BROKEN_HUB = """
import tensorflow_hub.part
import a_module_that_is_gone
"""


def test_tensorflow_hub_that_cannot_be_imported(tmp_path):
  (tmp_path / "tensorflow_hub").mkdir()
  (tmp_path / "tensorflow_hub" / "__init__.py").write_text(_BROKEN_HUB)
  (tmp_path / "tensorflow_hub" / "part.py").write_text("")
  program = f"""
hub_estimator.install_aliases()
import tensorflow_hub as hub
assert not (OURS | {{"tensorflow", "tensorflow_hub.part"}}) & set(sys.modules)
assert hub.__version__ == f"0.15.0+hub.estimator.{{hub_estimator.__version__}}"
from hub_estimator import hub as HUB
run({_HUB_FORMS!r}, HUB=HUB)
try:
  hub.KerasLayer
except ImportError as error:
  assert "of which no version that fits is installed" in str(error), error
else:
  print("there is a KerasLayer")
"""
  paths = f"{tmp_path}{os.pathsep}{_ROOT}"
  assert _run(program, PYTHONPATH=paths) == ""
  # As if it were not installed.
  hide = """
import importlib.machinery
find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, *rest: (
  None if name == "tensorflow_hub" else find(name, *rest))
"""
  assert _run(hide + program) == ""


@pytest.mark.skipif(not _LACKS_ESTIMATOR, reason="tensorflow_hub 0.15 works")
def test_tensorflow_hub_that_is_too_old(tmp_path):
  info = tmp_path / "tensorflow_hub-0.15.0.dist-info"
  info.mkdir()
  (info / "METADATA").write_text("Name: tensorflow-hub\nVersion: 0.15.0\n")
  (tmp_path / "tensorflow_hub.py").write_text("raise SystemExit('executed')\n")
  paths = f"{tmp_path}{os.pathsep}{_ROOT}"
  program = """
hub_estimator.install_aliases()
import tensorflow_hub
print(tensorflow_hub.__version__.partition("+")[0])
"""
  assert _run(program, PYTHONPATH=paths) == "0.15.0\n"


def test_a_module_through_the_aliases(tmp_path):
  printed = _run(
    f"""
hub_estimator.install_aliases()
import tensorflow_hub as hub
import tensorflow.compat.v1 as tf

def module_fn():
  x = tf.placeholder(tf.float32, [None])
  hub.add_signature(inputs=x, outputs=x * tf.get_variable("w", [], initializer=
    tf.constant_initializer(3.0)))

spec = hub.create_module_spec(module_fn)
with tf.Graph().as_default(), tf.Session() as session:
  module = hub.Module(spec)
  session.run(tf.global_variables_initializer())
  module.export({str(tmp_path / "m")!r}, session)
print(hub.load({str(tmp_path / "m")!r}).signatures["default"](
  tf.constant([2.0]))["default"].numpy().tolist())
"""
  )
  assert printed == "[6.0]\n"


def test_keras_is_chosen_only_where_it_has_to_be():
  program = """
import os
hub_estimator.install_aliases()
print(os.environ.get("TF_USE_LEGACY_KERAS"))
"""
  assert _run(program) == ("1\n" if _LACKS_ESTIMATOR else "None\n")
  assert _run(program, TF_USE_LEGACY_KERAS="0") == "0\n"


def test_names_of_the_alias_are_those_of_the_contract():
  tf1_names = set(aliases._HUB_NAMES) - set(tf2_names.NAMES)
  assert tf1_names < set(hub.__all__)
  assert aliases._HUB_TF2_NAMES == tf2_names.NAMES


def test_lazy_module_is_loaded_for_its_content_alone(tmp_path, monkeypatch):
  (tmp_path / "content_of_it.py").write_text("__all__ = ['x']\nx = 1\n")
  monkeypatch.syspath_prepend(str(tmp_path))
  module = import_hooks.LazyModule("stands_for_it", "content_of_it")
  # As the import system, inspect and unittest look at all modules.
  for name in ("__file__", "__wrapped__", "__warningregistry__"):
    assert not hasattr(module, name)
  assert inspect.ismodule(module) and "stands_for_it" in repr(module)
  assert "content_of_it" not in sys.modules
  assert module.__all__ == ["x"] and module.x == 1 and "x" in dir(module)
  assert sys.modules.pop("content_of_it").x == 1


def test_modules_below_an_alias_are_executed_once(tmp_path, monkeypatch):
  (tmp_path / "real_one").mkdir()
  (tmp_path / "real_one" / "__init__.py").write_text("import os as inner")
  (tmp_path / "real_one" / "below.py").write_text("")
  (tmp_path / "found.py").write_text("x = 2")
  monkeypatch.syspath_prepend(str(tmp_path))
  hooks = import_hooks.ImportHooks()
  hooks.aliases = {"other_one": "real_one", "found": "real_one"}
  monkeypatch.setattr(sys, "meta_path", [hooks, *sys.meta_path])
  monkeypatch.setattr(sys, "modules", dict(sys.modules))
  import_module = importlib.import_module
  assert import_module("other_one.below") is import_module("real_one.below")
  assert import_module("other_one") is import_module("real_one")
  assert import_module("other_one.inner") is os
  assert import_module("found").x == 2
  with pytest.raises(ModuleNotFoundError, match="No module named 'other_one.a"):
    import_module("other_one.a")


@pytest.mark.parametrize(
  "versions, wanted",
  [
    ({"tensorflow": "2.15.1"}, (2, 15)),
    ({"tensorflow-cpu": "2.21.0"}, (2, 21)),
    ({"tf-nightly": "2.22.0.dev20260101"}, (2, 22)),
    ({}, None),
  ],
)
def test_version_of_the_installed_tensorflow(monkeypatch, versions, wanted):
  monkeypatch.setattr(keras_setting, "installed_version", versions.get)
  assert keras_setting.tensorflow_version() == wanted
