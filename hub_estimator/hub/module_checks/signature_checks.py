"""Check that signatures follow a common one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from hub_estimator.hub.common_signature_kinds import (
  IMAGE_CLASSIFICATION,
  IMAGE_FEATURE_VECTOR,
  IMAGES,
  KINDS,
  TEXT_EMBEDDING,
  common_signature_problems,
  matching_common_signatures,
)
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.module_checks.module_warning import (
  ModuleWarning,
  list_names,
)
from hub_estimator.hub.signatures import DEFAULT
from hub_estimator.tf_compat import tf

UNCOMMON = "uncommon_signature"

_IMAGE_KINDS = (IMAGE_FEATURE_VECTOR, IMAGE_CLASSIFICATION)
_CONSEQUENCE = "Programs that swap modules by their handle cannot take this one"


def signature_warnings(variant: GraphVariant) -> Iterator[ModuleWarning]:
  """Yields a warning of each signature that promises more than it keeps.

  Those are the ones called after a common signature, and "default", which is
  what a caller takes who names none. Others are the module's own affair.
  """
  by_difference: dict[tuple[str, str], list[str]] = {}
  for name in variant.signature_names:
    inputs, outputs = variant.inputs(name), variant.outputs(name)
    kind = name
    if name == DEFAULT:
      if matching_common_signatures(inputs, outputs):
        continue
      kind = _nearest(inputs)
    elif name not in _IMAGE_KINDS:
      continue
    if kind is None:
      yield _another_kind(variant, name, inputs)
      continue
    problems = common_signature_problems(inputs, outputs, kind)
    if problems:
      # An image module as a rule declares the same twice.
      by_difference.setdefault((kind, "; ".join(problems)), []).append(name)
  for (kind, difference), names in by_difference.items():
    quoted = " and ".join(map(repr, names))
    subject = f"Signatures {quoted} differ"
    if len(names) == 1:
      subject = f"Signature {quoted} differs"
    yield ModuleWarning(
      UNCOMMON,
      variant.tags,
      tuple(names),
      f"{subject} from the common signature {kind!r}, which is the nearest: "
      f"{difference}. {_CONSEQUENCE}. Declare it with "
      f"hub.add_{kind}_signature().",
    )


def _another_kind(variant, name, inputs) -> ModuleWarning:
  described = list_names(
    f"{key}: {info.describe()}" for key, info in sorted(inputs.items())
  )
  return ModuleWarning(
    UNCOMMON,
    variant.tags,
    (name,),
    f"Signature {name!r} is none of the common signatures "
    f"({', '.join(KINDS)}): it takes neither text nor images "
    f"({described or 'nothing'}). {_CONSEQUENCE}. If it is made for other "
    "data, nothing is wrong.",
  )


def _nearest(inputs) -> Optional[str]:
  """Returns the common signature that inputs are nearest to, if any."""
  if IMAGES in inputs or any(
    info.dtype.is_floating and info.get_shape().rank == 4
    for info in inputs.values()
  ):
    return IMAGE_FEATURE_VECTOR
  if any(info.dtype == tf.string for info in inputs.values()):
    return TEXT_EMBEDDING
  return None
