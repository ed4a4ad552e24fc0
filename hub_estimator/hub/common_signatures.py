"""Declaring and checking common signatures.

Modules with the same common signature can be swapped by their handle; what each
kind takes and gives is in `common_signature_kinds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from hub_estimator import errors
from hub_estimator.hub import signatures, tensor_info
from hub_estimator.hub.common_signature_kinds import (
  IMAGE_CLASSIFICATION,
  IMAGE_FEATURE_VECTOR,
  TEXT_EMBEDDING,
  check_kind,
  common_signature_problems,
  matching_common_signatures,
)
from hub_estimator.hub.image_modules import (
  IMAGES,
  ImageModuleInfo,
  attach_image_module_info,
)
from hub_estimator.hub.module import Module
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import tf

__all__ = [
  "add_image_classification_signature",
  "add_image_feature_vector_signature",
  "add_text_embedding_signature",
  "check_common_signature",
  "common_signature_problems",
  "matching_common_signatures",
]


def add_text_embedding_signature(
  text: tf.Tensor, embeddings: tf.Tensor, name: Optional[str] = None
) -> None:
  """Declares the common signature "text_embedding".

  To be called from a module_fn. Its input and output are both "default", so
  that `module(["some text", "more"])` embeds, and a text embedding column can
  take the module.

  Args:
    text: [batch_size] string, a placeholder as a rule.
    embeddings: [batch_size, dim] float32, dim known.
    name: the signature's name; "default" if None.

  Raises:
    ValueError: tensors of another dtype or shape; the message names all
      problems.
  """
  inputs, outputs = {signatures.DEFAULT: text}, {signatures.DEFAULT: embeddings}
  _raise_problems(
    "add_text_embedding_signature",
    _tensor_problems(inputs, outputs, TEXT_EMBEDDING),
  )
  signatures.add_signature(name, inputs, outputs)


def add_image_feature_vector_signature(
  images: tf.Tensor,
  feature_vector: tf.Tensor,
  endpoints: Optional[dict[str, tf.Tensor]] = None,
  *,
  expected_image_size: Optional[Sequence[int]] = None,
  image_module_info: Optional[ImageModuleInfo] = None,
  as_default: bool = True,
) -> None:
  """Declares the common signature "image_feature_vector".

  To be called from a module_fn, once.

  Args:
    images: [batch_size, height, width, 3] float32 with values in [0, 1]. Height
      and width may be unknown if an expected size is given.
    feature_vector: [batch_size, num_features] float32, num_features known: the
      output "default".
    endpoints: further outputs, activations by name ("block_1/output"); tensors
      whose first dimension is the batch.
    expected_image_size: (height, width) in pixels, to be attached as
      ImageModuleInfo; needed if `images` does not say it.
    image_module_info: the same as a message, instead.
    as_default: whether to declare (images → feature vector) as "default", too,
      so that `module(images)` gives it. Only one signature can be that.

  Raises:
    ValueError: tensors of another dtype or shape, an unknown or contradictory
      size of images, a second "default"; the message names all problems.
  """
  _add_image_signature(
    IMAGE_FEATURE_VECTOR,
    images,
    feature_vector,
    endpoints,
    expected_image_size,
    image_module_info,
    as_default,
  )


def add_image_classification_signature(
  images: tf.Tensor,
  logits: tf.Tensor,
  endpoints: Optional[dict[str, tf.Tensor]] = None,
  *,
  expected_image_size: Optional[Sequence[int]] = None,
  image_module_info: Optional[ImageModuleInfo] = None,
  as_default: bool = True,
) -> None:
  """Declares the common signature "image_classification".

  As `add_image_feature_vector_signature`, with `logits` ([batch_size,
  num_classes] float32, num_classes known) in place of the feature vector. A
  module that declares both passes `as_default=False` to one of them.
  """
  _add_image_signature(
    IMAGE_CLASSIFICATION,
    images,
    logits,
    endpoints,
    expected_image_size,
    image_module_info,
    as_default,
  )


def check_common_signature(
  spec_or_module: Union[ModuleSpec, Module],
  kind: str,
  signature: Optional[str] = None,
  tags=None,
) -> None:
  """Checks that a module can take the place of another of its kind.

  Args:
    spec_or_module: a ModuleSpec or Module.
    kind: "text_embedding", "image_feature_vector" or "image_classification".
    signature: the signature to check; if None, "default" for text and the one
      named after the kind for images.
    tags: of a ModuleSpec: the tags of the graph variant; the empty set if None.

  Raises:
    ValueError: the signature is missing or differs; the message lists every
      difference. Or an unknown kind.
    KeyError: unknown tags.
    TypeError: neither a ModuleSpec nor a Module, or a Module and tags.
  """
  check_kind(kind)
  if isinstance(spec_or_module, Module):
    if tags is not None:
      raise errors.UserTypeError(
        f"hub.check_common_signature() got tags={tags!r} with a hub.Module, "
        "which is of one graph variant. Give its spec to check another one."
      )
    spec, tags = spec_or_module.spec, spec_or_module.tags
  elif isinstance(spec_or_module, ModuleSpec):
    spec = spec_or_module
  else:
    raise errors.UserTypeError(
      "hub.check_common_signature() takes a ModuleSpec or hub.Module: got "
      f"{spec_or_module!r}. Load a handle with hub.load_module_spec()."
    )
  if signature is None:
    signature = signatures.DEFAULT if kind == TEXT_EMBEDDING else kind
  names = spec.get_signature_names(tags)
  if signature in names:
    problems = common_signature_problems(
      spec.get_input_info_dict(signature, tags),
      spec.get_output_info_dict(signature, tags),
      kind,
    )
  else:
    problems = [
      f"there is no such signature, and those there are: {sorted(names)}"
    ]
  if problems:
    raise errors.UserValueError(
      f"Signature {signature!r} of {spec.source} is no common signature "
      f"{kind!r}: {'; '.join(problems)}."
    )


def _add_image_signature(
  kind,
  images,
  default,
  endpoints,
  expected_image_size,
  image_module_info,
  as_default,
) -> None:
  default_only = {signatures.DEFAULT: default}
  inputs, endpoints = {IMAGES: images}, dict(endpoints or {})
  problems = [
    *_tensor_problems(inputs, default_only, kind),
    *_endpoint_problems(endpoints),
  ]
  if expected_image_size is not None and image_module_info is not None:
    problems.append("give expected_image_size or image_module_info, not both")
  elif image_module_info is not None:
    size = image_module_info.default_image_size
    expected_image_size = (size.height, size.width)
  problems += _image_size_problems(images, expected_image_size)
  if as_default and signatures.DEFAULT in signatures.declared_names(
    tf.compat.v1.get_default_graph()
  ):
    problems.append(
      f"there is a signature {signatures.DEFAULT!r} already; pass "
      "as_default=False"
    )
  _raise_problems(f"add_{kind}_signature", problems)
  if expected_image_size is not None:
    height, width = map(int, expected_image_size)
    attach_image_module_info(
      image_module_info
      or ImageModuleInfo(default_image_size={"height": height, "width": width})
    )
  signatures.add_signature(kind, inputs, {**endpoints, **default_only})
  if as_default:
    signatures.add_signature(None, inputs, default_only)


def _tensor_problems(inputs, outputs, kind) -> list[str]:
  problems = [
    f"{name} is {value!r} of {type(value).__name__}, expected a Tensor"
    for name, value in [*_named("input", inputs), *_named("output", outputs)]
    if not isinstance(value, tensor_info.SUPPORTED_TYPES)
  ]
  return problems or common_signature_problems(
    _infos(inputs), _infos(outputs), kind
  )


def _named(direction, values):
  return [(f"{direction} {key!r}", value) for key, value in values.items()]


def _infos(values) -> dict[str, tensor_info.ParsedTensorInfo]:
  return {
    key: tensor_info.ParsedTensorInfo(tf.type_spec_from_value(value), [])
    for key, value in values.items()
  }


def _endpoint_problems(endpoints: dict[Any, Any]) -> list[str]:
  problems = []
  for name, tensor in endpoints.items():
    if not isinstance(name, str) or name in ("", signatures.DEFAULT):
      problems.append(
        f"endpoint {name!r} is to be named by where it comes from, such as "
        "'block_1/output'"
      )
    if not isinstance(tensor, tf.Tensor):
      problems.append(
        f"endpoint {name!r} is {tensor!r} of {type(tensor).__name__}, expected "
        "a Tensor"
      )
    elif tensor.shape.rank == 0 or (
      tensor.shape.rank is not None and tensor.shape[0] is not None
    ):
      problems.append(
        f"endpoint {name!r} is a Tensor of {tensor.dtype.name} with shape "
        f"{tensor.shape}, expected a batch, its first size unknown"
      )
  return problems


def _image_size_problems(images, size) -> list[str]:
  shape = getattr(images, "shape", tf.TensorShape(None))
  if shape.rank != 4:
    return []  # Said of `images` itself.
  static = shape.as_list()[1:3]
  if size is None:
    return (
      [
        f"images of {tuple(static)} do not say which size the module expects: "
        "give expected_image_size=(height, width)"
      ]
      if None in static
      else []
    )
  try:
    height, width = size
    is_size = min(int(height), int(width)) > 0 and (
      (int(height), int(width)) == (height, width)
    )
  except (TypeError, ValueError):
    is_size = False
  if not is_size:
    return [
      f"the expected image size is {size!r}, not (height, width) in pixels"
    ]
  if not tf.TensorShape(static).is_compatible_with([height, width]):
    return [
      f"the expected image size is {(height, width)}, but images are of "
      f"{tuple(static)}"
    ]
  return []


def _raise_problems(function_name: str, problems: list[str]) -> None:
  if problems:
    raise errors.UserValueError(
      f"hub.{function_name}(): {'; '.join(problems)}."
    )
