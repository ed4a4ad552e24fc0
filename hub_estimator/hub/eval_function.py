"""Running a module on values, for prototypes and tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Callable, Union

import numpy as np

from hub_estimator import errors
from hub_estimator.hub import tensor_info
from hub_estimator.hub.module import Module
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import tf


@contextlib.contextmanager
def eval_function_for_module(
  spec: Union[ModuleSpec, str], tags=None
) -> Iterator[Callable[..., Any]]:
  """Gives a function that runs a module on values, in a graph of its own.

  The module is instantiated once, not trainable, all its signatures are
  applied, and its variables and tables are initialized. Use it to try a module
  out:

      with hub.eval_function_for_module("path/to/module") as evaluate:
        embeddings = evaluate(["a sentence", "another"])

  For anything that runs often, build the module into a graph instead. Nothing
  is added to the caller's graph, which is the default graph inside the `with`
  block as before it.

  Args:
    spec: a ModuleSpec, or a handle for `load_module_spec`.
    tags: the set of tags of the graph variant to use; the empty set if None.

  Yields:
    a function `(inputs=None, _sentinel=None, signature=None, as_dict=None)`
    with the arguments of a Module's call, which takes and returns NumPy arrays
    (or what converts to them), SparseTensorValues and RaggedTensorValues. It
    raises KeyError for an unknown signature, TypeError for inputs that are
    missing, not in the signature or of another kind, for no output "default"
    and for a second positional argument, ValueError for values that do not fit
    the input's dtype and shape, and RuntimeError once the `with` block has
    ended.

  Raises:
    ValueError, NotFoundError: as a Module's constructor.
  """
  with tf.Graph().as_default():
    module = Module(spec, tags=tags)
    signatures = {
      name: _AppliedSignature(module, name)
      for name in module.get_signature_names()
    }
    session = tf.compat.v1.train.SingularMonitoredSession()

  def evaluate(inputs=None, _sentinel=None, signature=None, as_dict=None):
    if _sentinel is not None:
      raise errors.UserTypeError(
        "The function takes one positional argument: got "
        f"{_sentinel!r} as a second one. Write signature=… or as_dict=…."
      )
    name = signature or "default"
    if name not in signatures:
      raise errors.UserKeyError(
        f"Unknown signature {name!r}. The signatures of this module are: "
        f"{sorted(signatures)}."
      )
    if session.should_stop():
      raise errors.UserRuntimeError(
        "This function of eval_function_for_module() was called after its "
        "`with` block had ended, which closed its session."
      )
    return signatures[name].run(session, inputs, as_dict)

  # A MonitoredSession's own `with` would swallow an OutOfRangeError of the
  # caller's block.
  with contextlib.closing(session):
    yield evaluate


class _AppliedSignature:
  """A signature, applied to placeholders."""

  def __init__(self, module: Module, name: str):
    self._infos = module.get_input_info_dict(name)
    variant = module.spec.variant(module.tags)
    defaults = {
      key: variant.default_value(name, key)
      for key in variant.optional_inputs(name)
    }
    self._defaults = {k: v for k, v in defaults.items() if v is not None}
    self._placeholders = {
      key: (
        tf.compat.v1.placeholder_with_default(self._defaults[key], [])
        if key in self._defaults
        else _placeholder(info)
      )
      for key, info in self._infos.items()
    }
    self._outputs = module(self._placeholders, signature=name, as_dict=True)
    self._name = name

  def run(self, session, inputs, as_dict):
    """Returns the outputs' values."""
    values = tensor_info.convert_inputs(
      self._infos, inputs, frozenset(self._defaults)
    )
    fetches = self._outputs
    if not as_dict:
      tensor_info.check_default_output(fetches, self._name)
      fetches = fetches["default"]
    feed_dict = {
      placeholder: _as_value(self._infos[key], values[key], key)
      for key, placeholder in self._placeholders.items()
      if key in values
    }
    return session.run(fetches, feed_dict)


def _placeholder(info: tensor_info.ParsedTensorInfo):
  components = [
    tf.compat.v1.placeholder(spec.dtype, spec.shape)
    for spec in tf.nest.flatten(info.type_spec, expand_composites=True)
  ]
  return tf.nest.pack_sequence_as(
    info.type_spec, components, expand_composites=True
  )


def _as_value(info: tensor_info.ParsedTensorInfo, value: Any, key: str):
  """Returns a value that a session can feed for an input."""
  kinds = {
    tf.compat.v1.SparseTensorValue: "SparseTensor",
    tf.compat.v1.ragged.RaggedTensorValue: "RaggedTensor",
  }
  kind = kinds.get(type(value), "Tensor")
  if kind != info.kind:
    raise errors.UserTypeError(
      f"Can't convert {key!r}: Got a value of {type(value).__name__}. Expected "
      f"one for a {info.describe()}"
      + ("." if info.kind == "Tensor" else f": give a {info.kind}Value.")
    )
  if info.is_composite:
    shape = value.dense_shape if info.is_sparse else value.shape
  else:
    if tf.is_tensor(value) and not hasattr(value, "numpy"):
      raise errors.UserTypeError(
        f"Can't convert {key!r}: Got {value}, a tensor of a graph. The "
        "function of eval_function_for_module() takes values."
      )
    try:
      value = np.asarray(value, dtype=info.dtype.as_numpy_dtype)
    except (TypeError, ValueError) as error:
      raise errors.UserValueError(
        f"Can't convert {key!r}: {str(error).rstrip('.')}. Expected "
        f"{info.describe()}."
      ) from error
    shape = value.shape
  if not info.get_shape().is_compatible_with(tf.TensorShape(shape)):
    raise errors.UserValueError(
      f"Can't convert {key!r}: Got a value of shape {tuple(shape)}. Expected "
      f"{info.describe()}."
    )
  return value
