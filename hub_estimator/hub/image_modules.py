"""What modules that take images say of the size they expect."""

from __future__ import annotations

from typing import Optional, Union

from hub_estimator import errors
from hub_estimator.file_formats.hub_messages import ImageModuleInfo
from hub_estimator.hub.attachments import attach_message
from hub_estimator.hub.common_signature_kinds import IMAGES
from hub_estimator.hub.module import Module
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import tf

__all__ = [
  "ImageModuleInfo",
  "attach_image_module_info",
  "get_expected_image_size",
  "get_num_image_channels",
]

_KEY = "image_module_info"
_IMAGES_SHAPE = "[batch_size, height, width, num_channels]"


def attach_image_module_info(image_module_info: ImageModuleInfo) -> None:
  """Attaches an ImageModuleInfo to the module that is being defined.

  To be called from a module_fn whose images have no static height and width, so
  that `get_expected_image_size` knows what to feed:

      info = hub.ImageModuleInfo()
      info.default_image_size.height = info.default_image_size.width = 224
      hub.attach_image_module_info(info)

  Args:
    image_module_info: the message; one of tensorflow_hub serves as well.

  Raises:
    TypeError: something else.
  """
  descriptor = getattr(image_module_info, "DESCRIPTOR", None)
  if getattr(descriptor, "name", None) != "ImageModuleInfo":
    raise errors.UserTypeError(
      "hub.attach_image_module_info() takes a hub.ImageModuleInfo: got "
      f"{image_module_info!r} of {type(image_module_info).__name__}."
    )
  attach_message(_KEY, image_module_info)


def get_expected_image_size(
  module_or_spec: Union[Module, ModuleSpec],
  signature: Optional[str] = None,
  input_name: Optional[str] = None,
) -> list[int]:
  """Returns the [height, width], in pixels, of the images that a module takes.

  Args:
    module_or_spec: a Module, or a ModuleSpec, whose graph with no tags is read.
    signature: the signature that takes the images; "default" if None.
    input_name: its input; "images" if None.

  Returns:
    the size in the attached ImageModuleInfo if it has both sides, else those of
    the input's static shape.

  Raises:
    ValueError: neither says it; or an unknown signature or input.
    KeyError: a ModuleSpec that has no graph with no tags.
    TypeError: neither a Module nor a ModuleSpec.
  """
  _check_type("get_expected_image_size", module_or_spec)
  info = module_or_spec.get_attached_message(_KEY, ImageModuleInfo)
  if info is not None:
    size = info.default_image_size
    if size.height and size.width:
      return [size.height, size.width]
  shape = _input_shape(module_or_spec, signature, input_name)
  if shape.rank != 4 or not shape[1:3].is_fully_defined():
    raise errors.UserValueError(
      f"The size of the images that {_source(module_or_spec)} expects is not "
      f"known: no ImageModuleInfo with a size is attached, and the shape of "
      f"the module's input is {shape}, expected {_IMAGES_SHAPE} with known "
      "height and width."
    )
  return shape[1:3].as_list()


def get_num_image_channels(
  module_or_spec: Union[Module, ModuleSpec],
  signature: Optional[str] = None,
  input_name: Optional[str] = None,
) -> int:
  """Returns the number of channels of the images that a module takes.

  Args:
    module_or_spec: a Module, or a ModuleSpec, whose graph with no tags is read.
    signature: the signature that takes the images; "default" if None.
    input_name: its input; "images" if None.

  Raises:
    ValueError: the input's static shape does not say it; or an unknown
      signature or input.
    KeyError: a ModuleSpec that has no graph with no tags.
    TypeError: neither a Module nor a ModuleSpec.
  """
  _check_type("get_num_image_channels", module_or_spec)
  shape = _input_shape(module_or_spec, signature, input_name)
  if shape.rank != 4 or shape[3] is None:
    raise errors.UserValueError(
      f"The number of channels of the images that {_source(module_or_spec)} "
      f"expects is not known: the shape of the module's input is {shape}, "
      f"expected {_IMAGES_SHAPE} with known num_channels."
    )
  return shape[3]


def _input_shape(module_or_spec, signature, input_name) -> tf.TensorShape:
  input_name = input_name or IMAGES
  infos = module_or_spec.get_input_info_dict(signature)
  if input_name not in infos:
    raise errors.UserValueError(
      f"Module is missing input {input_name!r} in signature "
      f"{signature or 'default'!r}: the inputs of {_source(module_or_spec)} "
      f"there are: {sorted(infos)}."
    )
  return infos[input_name].get_shape()


def _check_type(function_name, module_or_spec) -> None:
  if not isinstance(module_or_spec, (Module, ModuleSpec)):
    raise errors.UserTypeError(
      f"hub.{function_name}() takes a hub.Module or a ModuleSpec: got "
      f"{module_or_spec!r}. Load a handle with hub.load_module_spec()."
    )


def _source(module_or_spec) -> str:
  spec = module_or_spec
  return getattr(spec, "spec", spec).source
