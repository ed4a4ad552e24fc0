"""Common signatures: what lets modules be swapped by their handle.

| kind | input | output "default" |
| --- | --- | --- |
| text_embedding | one, [batch_size] string | [batch_size, dim] float32 |
| image_feature_vector | "images" | [batch_size, num_features] float32 |
| image_classification | "images" | logits, [batch_size, num_classes] float32 |

"images" is [batch_size, height, width, 3] float32 with values in [0, 1], RGB.
Image signatures may have further outputs, the endpoints: activations named by
where they come from, such as "block_1/output".
"""

from __future__ import annotations

from hub_estimator import errors
from hub_estimator.hub.signatures import DEFAULT
from hub_estimator.hub.tensor_info import ParsedTensorInfo
from hub_estimator.tf_compat import tf

TEXT_EMBEDDING = "text_embedding"
IMAGE_FEATURE_VECTOR = "image_feature_vector"
IMAGE_CLASSIFICATION = "image_classification"
KINDS = (TEXT_EMBEDDING, IMAGE_FEATURE_VECTOR, IMAGE_CLASSIFICATION)

# The input of the kinds for images.
IMAGES = "images"

# What a size may be, besides None (not fixed) and a number.
_ANY = "any"
_KNOWN = "known"

_TEXT = [None]
_IMAGES = [None, _ANY, _ANY, 3]
_OUTPUT = [None, _KNOWN]


def common_signature_problems(
  inputs: dict[str, ParsedTensorInfo],
  outputs: dict[str, ParsedTensorInfo],
  kind: str,
) -> list[str]:
  """Says in what a signature differs from a common one.

  Args:
    inputs: as of `ModuleSpec.get_input_info_dict`.
    outputs: as of `ModuleSpec.get_output_info_dict`.
    kind: "text_embedding", "image_feature_vector" or "image_classification".

  Returns:
    one phrase a difference; none if the signature is of that kind. Outputs
    other than "default" are the module's own affair.

  Raises:
    ValueError: an unknown kind.
  """
  check_kind(kind)
  check_inputs = _text_problems if kind == TEXT_EMBEDDING else _image_problems
  return [*check_inputs(inputs), *_output_problems(outputs)]


def check_kind(kind: str) -> None:
  """Raises UserValueError unless there is such a kind of common signature."""
  if kind not in KINDS:
    raise errors.UserValueError(
      f"There is no common signature {kind!r}. There are: {', '.join(KINDS)}."
    )


def matching_common_signatures(
  inputs: dict[str, ParsedTensorInfo], outputs: dict[str, ParsedTensorInfo]
) -> list[str]:
  """Returns the kinds of common signature that a signature is of.

  A feature vector and logits look alike, so that both kinds of images match
  where one does; arguments are those of `common_signature_problems`.
  """
  return [
    kind
    for kind in KINDS
    if not common_signature_problems(inputs, outputs, kind)
  ]


def _text_problems(inputs) -> list[str]:
  if len(inputs) != 1:
    return [f"it has {len(inputs)} inputs {sorted(inputs)}, expected one"]
  ((name, info),) = inputs.items()
  return _tensor_problems(f"input {name!r}", info, tf.string, _TEXT)


def _image_problems(inputs) -> list[str]:
  problems = []
  extra = sorted(set(inputs) - {IMAGES})
  if extra:
    problems.append(
      f"it has the inputs {extra}, which callers of a common signature do not "
      "give"
    )
  if IMAGES not in inputs:
    return [*problems, f"it has no input {IMAGES!r}"]
  return problems + _tensor_problems(
    f"input {IMAGES!r}", inputs[IMAGES], tf.float32, _IMAGES
  )


def _output_problems(outputs) -> list[str]:
  if DEFAULT not in outputs:
    return [
      f"it has no output {DEFAULT!r}, and those it has are: {sorted(outputs)}"
    ]
  return _tensor_problems(
    f"output {DEFAULT!r}", outputs[DEFAULT], tf.float32, _OUTPUT
  )


def _tensor_problems(name, info, dtype, sizes) -> list[str]:
  if (
    not info.is_composite
    and info.dtype == dtype
    and _sizes_fit(info.get_shape(), sizes)
  ):
    return []
  return [
    f"{name} is a {info.describe()}, expected a Tensor of {dtype.name} with "
    f"shape ({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"
  ]


def _sizes_fit(shape: tf.TensorShape, sizes) -> bool:
  return shape.rank == len(sizes) and all(
    expected == _ANY
    or (given is not None if expected == _KNOWN else given == expected)
    for given, expected in zip(shape.as_list(), sizes)
  )
