"""Chooses the Keras that Estimators are built on: Keras 2, on every TensorFlow.

tensorflow-estimator's heads and canned estimators are written for Keras 2. From
TensorFlow 2.16 on, `tf.keras` is Keras 3, unless tf_keras (Keras 2 as its own
package) is installed and `TF_USE_LEGACY_KERAS=1` is set before TensorFlow is
imported. Hence the two ways here:

 -  TensorFlow is not imported yet: `keras_setting.choose_keras` sets the
    variable.
 -  The program imported TensorFlow first, with Keras 3: its `tf.keras` stays
    as it is. tensorflow-estimator is imported while a proxy of `tensorflow`,
    whose Keras parts are tf_keras's, stands in its place
    (`keras2_in_place_of_keras3`).
"""

import contextlib
import functools
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from hub_estimator import errors
from hub_estimator.keras_setting import (
  KERAS_VARIABLE,
  install_tf_keras_hint,
  installed_version,
)


class Keras2(NamedTuple):
  """The parts of Keras 2.

  Attributes:
    v2: the module that is `tf.keras` on TensorFlow 2.15.
    v1: the module that is `tf.compat.v1.keras` there.
    legacy_layers: the module that is `tf.compat.v1.layers` there.
    legacy_rnn_cell: the module that is `tf.compat.v1.nn.rnn_cell` there.
  """

  v2: types.ModuleType
  v1: types.ModuleType
  legacy_layers: types.ModuleType
  legacy_rnn_cell: types.ModuleType


def uses_keras3(tf: types.ModuleType) -> bool:
  """Whether `tf.keras` of this program is Keras 3."""
  # tf_keras's module behind tf.keras has no __version__; keras's has.
  return getattr(tf.keras, "__version__", "2").startswith("3")


@functools.cache
def load_keras2() -> Keras2:
  """Returns Keras 2, whichever Keras the program's own `tf.keras` is.

  Raises:
    UserRuntimeError: `tf.keras` is Keras 3, and tf_keras is missing or does not
      fit this TensorFlow.
  """
  tf = sys.modules["tensorflow"]
  if not uses_keras3(tf):
    tf1 = tf.compat.v1
    return Keras2(tf.keras, tf1.keras, tf1.layers, tf1.nn.rnn_cell)
  where = f"`tf.keras` of this program (TensorFlow {tf.__version__}) is Keras 3"
  if importlib.util.find_spec("tf_keras") is None:
    raise errors.UserRuntimeError(
      f"Estimators need Keras 2. {where}, and tf_keras (Keras 2 as its own "
      f"package) is not installed: {install_tf_keras_hint()}."
    )
  try:
    return Keras2(
      importlib.import_module("tf_keras.api._v2.keras"),
      importlib.import_module("tf_keras.api._v1.keras"),
      importlib.import_module(
        "tf_keras.api._v1.keras.__internal__.legacy.layers"
      ),
      importlib.import_module(
        "tf_keras.api._v1.keras.__internal__.legacy.rnn_cell"
      ),
    )
  except Exception as error:
    raise errors.UserRuntimeError(
      f"Estimators need Keras 2. {where}, and importing tf_keras "
      f"{installed_version('tf_keras')} failed with {type(error).__name__}: "
      f"{error}. Either its version does not fit TensorFlow's: "
      f"{install_tf_keras_hint()}. Or set {KERAS_VARIABLE}=1 before this "
      f"program imports TensorFlow."
    ) from error


@contextlib.contextmanager
def keras2_in_place_of_keras3() -> Iterator[None]:
  """While it is entered, `import tensorflow` gives a TensorFlow with Keras 2.

  Does nothing where `tf.keras` is Keras 2 already. Modules imported inside keep
  the proxy for good; everything outside keeps the program's own TensorFlow. The
  modules of TensorFlow itself are the same objects either way.
  """
  tf = sys.modules["tensorflow"]
  if not uses_keras3(tf):
    yield
    return
  sys.modules["tensorflow"] = create_keras2_proxy(tf, load_keras2())
  try:
    yield
  finally:
    sys.modules["tensorflow"] = tf


def create_keras2_proxy(
  tf: types.ModuleType, keras2: Keras2
) -> types.ModuleType:
  """Returns a stand-in for TensorFlow's module whose Keras parts are Keras 2.

  Args:
    tf: the module `tensorflow`.
    keras2: the modules to show as `keras`, `compat.v1.keras` and
      `compat.v1.layers`; the aliases `layers`, `losses`, `metrics`,
      `optimizers` and `initializers` come from `keras2.v2`.
  """
  v2_parts = {"keras": keras2.v2}
  for alias in ("layers", "losses", "metrics", "optimizers", "initializers"):
    v2_parts[alias] = getattr(keras2.v2, alias)
  v1_parts = {"keras": keras2.v1, "layers": keras2.legacy_layers}
  compat = _ModuleProxy(
    tf.compat,
    v1=_ModuleProxy(tf.compat.v1, **v1_parts),
    v2=_ModuleProxy(tf.compat.v2, **v2_parts),
  )
  return _ModuleProxy(tf, compat=compat, **v2_parts)


class _ModuleProxy(types.ModuleType):
  """A module that shows another one, with some of its attributes replaced."""

  def __init__(self, module: types.ModuleType, **parts: types.ModuleType):
    super().__init__(module.__name__, module.__doc__)
    # The import system reads these from the instance to find submodules.
    for name in ("__file__", "__loader__", "__package__", "__path__"):
      if hasattr(module, name):
        self.__dict__[name] = getattr(module, name)
    self.__dict__.update(__spec__=module.__spec__, _proxied=module, **parts)

  def __getattr__(self, name: str) -> Any:
    return getattr(self.__dict__["_proxied"], name)

  def __setattr__(self, name: str, value: Any) -> None:
    # The import system sets an imported submodule on its parent, and that
    # has to be seen in the program's own TensorFlow too.
    setattr(self.__dict__["_proxied"], name, value)

  def __dir__(self) -> list[str]:
    return dir(self.__dict__["_proxied"])
