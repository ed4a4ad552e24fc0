"""Loads tensorflow-estimator 2.15.0 on every TensorFlow from 2.15 to 2.21.

TensorFlow 2.16 dropped `tf.estimator`, but the package behind it still works
once three things stand in for what TensorFlow removed with it:

 -  the API name "estimator" of TensorFlow's export decorator;
 -  `tensorflow.python.distribute.estimator_training`, for which ours stands
    in (`hub_estimator.tf_compat.estimator_training`);
 -  what its TPU parts import (`hub_estimator.tf_compat.tpu_stand_ins`).
"""

import functools
import importlib
import importlib.util
import sys
import types
from typing import NamedTuple

from tensorflow.python import distribute
from tensorflow.python.util import tf_export

from hub_estimator import errors, keras_setting
from hub_estimator.tf_compat import keras_choice, tpu_stand_ins

_PACKAGE = "tensorflow_estimator"
_VERSION = "2.15.0"
_API = "tensorflow_estimator.python.estimator.api"
_TRAINING = "tensorflow.python.distribute.estimator_training"


class EstimatorBackend(NamedTuple):
  """The modules that are `tf.estimator` and `tf.compat.v1.estimator` on 2.15.

  On TensorFlow 2.16 and later, `v1.tpu` has no use for a TPU.
  """

  v2: types.ModuleType
  v1: types.ModuleType


@functools.cache
def load_estimator_backend() -> EstimatorBackend:
  """Imports tensorflow-estimator, with what it needs put in place first.

  Raises:
    UserRuntimeError: tensorflow-estimator is missing or of another version, or
      there is no Keras 2 to build it on (see `keras_choice.load_keras2`).
  """
  prepare_tensorflow()
  with keras_choice.keras2_in_place_of_keras3():
    return EstimatorBackend(
      v2=importlib.import_module(f"{_API}._v2.estimator"),
      v1=importlib.import_module(f"{_API}._v1.estimator"),
    )


def prepare_tensorflow() -> None:
  """Makes this TensorFlow one that tensorflow-estimator can be imported with.

  The import itself needs Keras 2 as well: `keras2_in_place_of_keras3`.

  Raises:
    UserRuntimeError: tensorflow-estimator is missing or of another version.
  """
  version = keras_setting.installed_version("tensorflow-estimator")
  if version != _VERSION:
    found = f"version {version} is" if version else "it is not"
    raise errors.UserRuntimeError(
      f"Estimators come from tensorflow-estimator {_VERSION}, but {found} "
      f"installed: run `pip install tensorflow-estimator=={_VERSION}`."
    )
  if not hasattr(tf_export, "ESTIMATOR_API_NAME"):
    _forget_failed_import()
    _add_api_name()
    tpu_stand_ins.install_tpu_stand_ins()
  if importlib.util.find_spec(_TRAINING) is None:
    _add_estimator_training()


def _forget_failed_import() -> None:
  """Drops what an earlier, failed import of tensorflow-estimator left behind.

  Such modules hold the program's TensorFlow, with Keras 3.
  """
  for name in list(sys.modules):
    if name == _PACKAGE or name.startswith(f"{_PACKAGE}."):
      del sys.modules[name]


def _add_api_name() -> None:
  """Declares the API name "estimator" to TensorFlow's export decorator."""
  name = "estimator"
  attributes = type(tf_export.API_ATTRS[tf_export.TENSORFLOW_API_NAME])
  tf_export.ESTIMATOR_API_NAME = name
  tf_export.API_ATTRS[name] = attributes(
    "_estimator_api_names", "_estimator_api_constants"
  )
  tf_export.API_ATTRS_V1[name] = attributes(
    "_estimator_api_names_v1", "_estimator_api_constants_v1"
  )


def _add_estimator_training() -> None:
  """Puts our estimator_training where tensorflow-estimator imports it."""
  from hub_estimator.tf_compat import estimator_training

  sys.modules[_TRAINING] = estimator_training
  distribute.estimator_training = estimator_training
