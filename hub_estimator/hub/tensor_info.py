"""TensorInfo messages of a signature: reading, converting to, building from."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Callable

from hub_estimator import errors
from hub_estimator.file_formats import damage
from hub_estimator.tf_compat import graph_symbols, tf

SUPPORTED_TYPES = (tf.Tensor, tf.SparseTensor, tf.RaggedTensor)


class ParsedTensorInfo:
  """What a signature says of one of its inputs or outputs.

  Attributes of interest: `dtype`, `is_sparse`, `is_composite`, `type_spec`,
  `is_supported_type`; `get_shape()` is the (dense) shape.
  """

  def __init__(self, type_spec: tf.TypeSpec, tensor_names: list[str]):
    """Describes an input or output.

    Args:
      type_spec: its type.
      tensor_names: the names of its component tensors ("op:0") in the module's
        graph, in the order of `tf.nest.flatten(..., expand_composites=True)`.
    """
    self.type_spec = type_spec
    self.tensor_names = tensor_names

  @classmethod
  def from_proto(cls, tensor_info) -> ParsedTensorInfo:
    """Reads a TensorInfo message; ValueError for an unknown encoding."""
    encoding = tensor_info.WhichOneof("encoding")
    if encoding == "name":
      spec = tf.TensorSpec(
        tf.TensorShape(tensor_info.tensor_shape),
        tf.dtypes.as_dtype(tensor_info.dtype),
      )
      return cls(spec, [tensor_info.name])
    if encoding == "coo_sparse":
      spec = tf.SparseTensorSpec(
        tf.TensorShape(tensor_info.tensor_shape),
        tf.dtypes.as_dtype(tensor_info.dtype),
      )
      coo = tensor_info.coo_sparse
      return cls(
        spec,
        [
          coo.indices_tensor_name,
          coo.values_tensor_name,
          coo.dense_shape_tensor_name,
        ],
      )
    if encoding == "composite_tensor":
      composite = tensor_info.composite_tensor
      return cls(
        graph_symbols.decode_type_spec(composite.type_spec),
        [component.name for component in composite.components],
      )
    raise errors.UserValueError(f"Unsupported TensorInfo encoding {encoding!r}")

  @property
  def dtype(self) -> tf.DType:
    """The dtype of the (flat) values; variant for a type without one."""
    return getattr(self.type_spec, "dtype", tf.variant)

  def get_shape(self) -> tf.TensorShape:
    """Returns the dense shape; unknown rank and dimensions as None."""
    # Types that modules cannot take need not have one.
    return tf.TensorShape(getattr(self.type_spec, "shape", None))

  @property
  def is_sparse(self) -> bool:
    """Whether it is a tf.SparseTensor."""
    return isinstance(self.type_spec, tf.SparseTensorSpec)

  @property
  def is_composite(self) -> bool:
    """Whether it is anything but a single tensor."""
    return not isinstance(self.type_spec, tf.TensorSpec)

  @property
  def is_supported_type(self) -> bool:
    """Whether a module can be called with it."""
    return self.type_spec.value_type in SUPPORTED_TYPES

  @property
  def kind(self) -> str:
    """The name of its Python type: Tensor, SparseTensor or RaggedTensor."""
    return self.type_spec.value_type.__name__

  def convert(self, value: Any, key: str, name: str) -> list[tf.Tensor]:
    """Converts a caller's value to the component tensors of this input.

    Args:
      value: a tensor, or anything that converts to one of this dtype.
      key: the input's name, for messages.
      name: the name given to a tensor that is made from a value.

    Raises:
      TypeError: a kind or shape that does not fit.
      ValueError: a tensor of another dtype, or an unsupported type.
    """
    if not self.is_composite:
      if isinstance(value, (tf.SparseTensor, tf.RaggedTensor)):
        self._refuse(key, value)
      if isinstance(value, (tf.Tensor, tf.Variable)) and (
        value.dtype.base_dtype != self.dtype
      ):
        raise errors.UserValueError(
          f"Can't convert {key!r}: Got a Tensor of {value.dtype.name}. "
          f"Expected {self.describe()}. Cast it with tf.cast()."
        )
      tensor = self._convert_value(value, key, name)
    else:
      tensor = value
      if self.is_sparse and isinstance(value, tf.compat.v1.SparseTensorValue):
        tensor = tf.SparseTensor.from_value(value)
      elif isinstance(value, tf.compat.v1.ragged.RaggedTensorValue):
        tensor = tf.RaggedTensor.from_nested_row_splits(
          value.flat_values, value.nested_row_splits
        )
      if not isinstance(tensor, self.type_spec.value_type):
        self._refuse(key, value)
    if not self._fits(tensor):
      self._refuse(key, tensor)
    return tf.nest.flatten(tensor, expand_composites=True)

  def _convert_value(self, value, key, name) -> tf.Tensor:
    if graph_symbols.is_composite(value) and not isinstance(value, tf.Variable):
      raise errors.UserValueError(
        f"Can't convert {key!r}: Passed argument of type "
        f"{type(value).__name__}, which is not supported by this version of "
        f"hub_estimator. Expected {self.describe()}."
      )
    try:
      return tf.convert_to_tensor(value, dtype=self.dtype, name=name)
    except (TypeError, ValueError, RuntimeError) as error:
      kind = errors.UserTypeError
      if isinstance(error, ValueError):
        kind = errors.UserValueError
      raise kind(
        f"Can't convert {key!r}: {damage.first_line(error)}. Expected "
        f"{self.describe()}."
      ) from error

  def build(self, get_tensor: Callable[[str], tf.Tensor]):
    """Builds the tensor from its components.

    Args:
      get_tensor: tensor name in the module's graph -> tensor to use.
    """
    tensors = [get_tensor(name) for name in self.tensor_names]
    if not self.is_composite:
      return tensors[0]
    return tf.nest.pack_sequence_as(
      self.type_spec, tensors, expand_composites=True
    )

  def _fits(self, tensor) -> bool:
    if not self.get_shape().is_compatible_with(tensor.shape):
      return False
    if isinstance(tensor, tf.RaggedTensor) and (
      tensor.ragged_rank != self.type_spec.ragged_rank
      or tensor.row_splits.dtype != self.type_spec.row_splits_dtype
    ):
      return False
    return tensor.dtype.base_dtype == self.dtype

  def _refuse(self, key, value):
    kind = type(value).__name__
    for supported in SUPPORTED_TYPES:
      if isinstance(value, supported):
        kind = supported.__name__
    if kind != self.kind:
      raise errors.UserTypeError(
        f"Can't convert {key!r}: Got {kind}. Expected {self.kind}. The input "
        f"is a {self.describe()}."
      )
    raise errors.UserTypeError(
      f"Can't convert {key!r}: Got {kind} of {value.dtype.name} with shape "
      f"{value.shape}. Expected {self.describe()}."
    )

  def describe(self) -> str:
    """Returns, say, "Tensor of float32 with shape (None, 3)"."""
    return f"{self.kind} of {self.dtype.name} with shape {self.get_shape()}"

  def __repr__(self) -> str:
    return (
      f"<hub.ParsedTensorInfo shape={self.get_shape()} "
      f"dtype={self.dtype.name} is_sparse={self.is_sparse}>"
    )


def parse_tensor_infos(proto_map) -> dict[str, ParsedTensorInfo]:
  """Reads a SignatureDef's `inputs` or `outputs`."""
  return {
    key: ParsedTensorInfo.from_proto(info) for key, info in proto_map.items()
  }


def build_tensor_info(tensor):
  """Returns the TensorInfo message of a tensor of a supported type."""
  return tf.compat.v1.saved_model.build_tensor_info(tensor)


def convert_inputs(
  infos: dict[str, ParsedTensorInfo],
  inputs: Any,
  optional: frozenset[str] = frozenset(),
) -> dict[str, Any]:
  """Brings what a caller passed into the form of a dict by input name.

  Args:
    infos: the signature's inputs.
    inputs: a dict; or a single value if there is exactly one required input, or
      one input at all; or None.
    optional: the inputs that have a default, which the dict may lack.

  Raises:
    TypeError: inputs that are missing, or given and not in the signature.
  """
  required = set(infos) - optional
  if not isinstance(inputs, dict):
    if inputs is None and not required:
      return {}
    if not infos:
      raise errors.UserTypeError("Signature expects no inputs.")
    taking = required or set(infos)
    if len(taking) > 1:
      raise errors.UserTypeError(
        "Signature expects multiple inputs. Use a dict. Its inputs are: "
        f"{_format_names(infos, optional)}."
      )
    inputs = {} if inputs is None else {next(iter(taking)): inputs}
  missing = sorted(required - set(inputs))
  extra = sorted(set(map(str, inputs)) - set(infos))
  if missing or extra:
    raise errors.UserTypeError(
      f"Cannot convert dict_inputs: missing {missing}, extra given {extra}. "
      f"The signature's inputs are: {_format_names(infos, optional)}."
    )
  return inputs


def _format_names(infos, optional) -> str:
  if not optional:
    return str(sorted(infos))
  return f"{sorted(infos)}, of which {sorted(optional)} may be left out"


def check_default_output(outputs: Collection[str], signature: str) -> None:
  """Raises TypeError unless a call can return one output, "default".

  Args:
    outputs: the names of the signature's outputs.
    signature: its name, for the message.
  """
  if "default" not in outputs:
    raise errors.UserTypeError(
      "There is no output named 'default'. Use as_dict=True. The outputs of "
      f"signature {signature!r} are: {sorted(outputs)}."
    )
