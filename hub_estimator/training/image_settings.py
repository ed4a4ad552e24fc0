"""The size of images, which the module knows and the data has to have."""

from __future__ import annotations

from hub_estimator import errors, hub
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import ModuleEncoder


def with_module_image_size(
  input_pipeline: InputPipeline, encoder: ModuleEncoder
) -> InputPipeline:
  """Returns a pipeline whose images have the size that the module expects.

  One that has a size, or no images, stays as it is.

  Args:
    input_pipeline: the data.
    encoder: which module, and which of its signatures.

  Raises:
    UserValueError: neither the data nor the module says a size.
  """
  if getattr(input_pipeline, "image_size", 0) is not None:
    return input_pipeline
  try:
    size = hub.get_expected_image_size(encoder.spec, encoder.signature)
    num_channels = hub.get_num_image_channels(encoder.spec, encoder.signature)
  except (ValueError, KeyError) as error:
    name = type(input_pipeline).__name__
    raise errors.UserValueError(
      f"{name}.image_size is not set, and signature {encoder.signature!r} of "
      f"module {encoder.handle} does not say which size it expects ({error}): "
      f"set {name}.image_size = (height, width) (IMAGE_SIZE)."
    ) from error
  return input_pipeline.with_image_size(*size, num_channels)
