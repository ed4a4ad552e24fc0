"""What the columns have in common."""

from __future__ import annotations

import abc
import functools
import os
import re
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.hub.feature_columns import column_modules
from hub_estimator.hub.loading import load_module_spec
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import feature_column_symbols as symbols
from hub_estimator.tf_compat import tf

# Keras has AutoGraph rewrite what its layers call; there is nothing to rewrite
# here, and all of the package would be.
_do_not_convert = tf.autograph.experimental.do_not_convert

_NOT_IN_SCOPE_NAMES = re.compile(r"[^A-Za-z0-9_.\-]")


class ModuleColumn(symbols.DenseColumn, symbols.DenseColumnV1):
  """A dense column whose values are a module's default output.

  A subclass is a namedtuple, too, with the fields `key`, `module_spec_path` and
  its own. It is immutable and hashable, and holds no part of any graph.
  """

  # The name of the function that makes it, for messages.
  function_name: str

  @abc.abstractmethod
  def check_spec(self, spec: ModuleSpec) -> None:
    """Raises ValueError unless the column can use a module."""

  @abc.abstractmethod
  def prepare(self, feature: Any) -> Any:
    """Returns what `embed` needs of the raw feature."""

  def embed(self, module, prepared: Any) -> tf.Tensor:
    """Returns [batch_size, dim] float32; `module` takes the module's input."""
    return module(prepared)

  @functools.cached_property
  def module_spec(self) -> ModuleSpec:
    """The module, loaded once, and checked."""
    spec = self.module_spec_path
    if isinstance(spec, str):
      spec = load_module_spec(spec)
    elif not isinstance(spec, ModuleSpec):
      raise errors.UserValueError(
        f"Unknown module spec type: {type(spec)}. Give hub."
        f"{self.function_name}() a handle or a ModuleSpec."
      )
    self.check_spec(spec)
    return spec

  @property
  def key_name(self) -> str:
    """The name of the feature, or of the column it comes from."""
    return self.key if isinstance(self.key, str) else self.key.name

  @property
  def name(self) -> str:
    """The column's name."""
    return f"{self.key_name}_hub_module_embedding"

  @property
  def parents(self) -> list[Any]:
    """The feature, or column, that it is made of."""
    return [self.key]

  @property
  def variable_shape(self) -> tf.TensorShape:
    """The shape of one example's embedding."""
    output = self.module_spec.get_output_info_dict()["default"]
    return output.get_shape()[1:]

  @property
  def parse_example_spec(self) -> dict[str, Any]:
    """How tf.io.parse_example is to read the feature."""
    if isinstance(self.key, str):
      return {self.key: self.feature_spec}
    return self.key.parse_example_spec

  @_do_not_convert
  def transform_feature(self, transformation_cache, state_manager) -> Any:
    """Returns the prepared feature, from a cache that calls this once."""
    return self.prepare(transformation_cache.get(self.key, state_manager))

  @_do_not_convert
  def create_state(self, state_manager) -> None:
    """Instantiates the module, in the current variable scope."""
    module = column_modules.module_in_scope(
      self, self.trainable and symbols.layer_is_trainable(state_manager)
    )
    column_modules.add_to_layer(self, module, state_manager)

  @_do_not_convert
  def get_dense_tensor(self, transformation_cache, state_manager) -> tf.Tensor:
    """Returns [batch_size, dim] float32."""
    module = state_manager.get_resource(self, column_modules.RESOURCE_NAME)
    return self.embed(
      lambda inputs: column_modules.call_in_layer(
        module, inputs, state_manager
      ),
      transformation_cache.get(self, state_manager),
    )

  # The same as a column of the first generation, which has no state: a module
  # is found by its variable scope.

  @property
  def _is_v2_column(self) -> bool:
    return True

  @property
  def _var_scope_name(self) -> str:
    return _NOT_IN_SCOPE_NAMES.sub("_", self.name)

  @property
  def _variable_shape(self) -> tf.TensorShape:
    return self.variable_shape

  @property
  def _parse_example_spec(self) -> dict[str, Any]:
    return self.parse_example_spec

  def _transform_feature(self, inputs) -> Any:
    return self.prepare(inputs.get(self.key))

  def _get_dense_tensor(
    self, inputs, weight_collections=None, trainable=None
  ) -> tf.Tensor:
    module = column_modules.module_in_scope(
      self, self.trainable and (trainable is None or bool(trainable))
    )
    column_modules.add_to_collections(module, weight_collections)
    return self.embed(module, inputs.get(self))

  def get_config(self) -> dict[str, Any]:
    """Returns the arguments of the column as plain values.

    Raises:
      NotImplementedError: the module was not given as a handle.
    """
    if not isinstance(self.module_spec_path, str):
      raise errors.UserNotImplementedError(
        f"Can only generate a valid config for `hub.{self.function_name}` that "
        f"uses a string `module_spec`: column {self.name!r} has "
        f"{self.module_spec_path!r} of {type(self.module_spec_path).__name__}. "
        "Give it the handle of an exported module."
      )
    config = dict(self._asdict())
    if not isinstance(self.key, str):
      config["key"] = symbols.serialize_feature_column(self.key)
    return config

  @classmethod
  def from_config(
    cls,
    config: dict[str, Any],
    custom_objects: Optional[dict[str, Any]] = None,
    columns_by_name: Optional[dict[str, Any]] = None,
  ) -> ModuleColumn:
    """Returns the column that `get_config` described, its module loaded."""
    config = dict(config)
    if isinstance(config["key"], dict):
      config["key"] = symbols.deserialize_feature_column(
        config["key"], custom_objects, columns_by_name
      )
    return cls(**config).checked()

  def checked(self) -> ModuleColumn:
    """Returns the column, with its module loaded and its fields checked."""
    is_column = isinstance(self.key, symbols.FeatureColumn)
    if not is_column and not isinstance(self.key, str):
      raise errors.UserTypeError(
        f"key of hub.{self.function_name}() must be the name of a feature or a "
        f"feature column: got {self.key!r} of {type(self.key).__name__}."
      )
    _ = self.module_spec
    return self

  def __deepcopy__(self, memo):
    # Estimators copy their params; a column is immutable, and its spec large.
    return self

  def __reduce__(self):
    return type(self), tuple(self)  # Without the loaded spec.


def as_handle(module_spec: Any) -> Any:
  """Returns a path object as a string, anything else as it is."""
  if isinstance(module_spec, os.PathLike):
    return os.fspath(module_spec)
  return module_spec


def check_dense_feature(column, feature, dtype: tf.DType) -> tf.Tensor:
  """Returns a raw feature; ValueError unless it is a tensor of a dtype."""
  if not isinstance(feature, tf.Tensor) or feature.dtype != dtype:
    kind = type(feature).__name__
    for tensor_type in (tf.SparseTensor, tf.Tensor):
      if isinstance(feature, tensor_type):
        kind = f"{tensor_type.__name__} of {feature.dtype.name}"
    raise errors.UserValueError(
      f"Feature {column.key_name!r} of hub.{column.function_name}() must be a "
      f"Tensor of {dtype.name}: got a {kind}."
    )
  return feature
