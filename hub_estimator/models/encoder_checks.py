"""Checks of what a ModuleEncoder is given, before any graph is built."""

from __future__ import annotations

from hub_estimator import errors, hub
from hub_estimator.hub.module_spec import format_tag_sets


def check_spec(encoder) -> None:
  """Raises UserValueError if the module lacks what the encoder asks for.

  Args:
    encoder: the ModuleEncoder, with its spec and settings.
  """
  where = f"module {encoder.handle}"
  for name, tags in (
    ("tags", encoder.tags),
    ("training_tags", encoder.training_tags),
  ):
    if tags not in encoder.spec.get_tags():
      raise errors.UserValueError(
        f"{name} = {sorted(tags)}: {where} has no such graph. Its tag sets "
        f"are: {format_tag_sets(encoder.spec.get_tags())}."
      )
  for tags in {encoder.tags, encoder.training_tags}:
    names = encoder.spec.get_signature_names(tags)
    if encoder.signature not in names:
      raise errors.UserValueError(
        f"signature = {encoder.signature!r}: {where} has no such signature in "
        f"its graph {format_tag_sets([tags])}. Its signatures are: "
        f"{', '.join(names)}."
      )
    outputs = encoder.spec.get_output_info_dict(encoder.signature, tags)
    if encoder.output not in outputs:
      raise errors.UserValueError(
        f"output = {encoder.output!r}: signature {encoder.signature!r} of "
        f"{where} has no such output. Its outputs are: "
        f"{', '.join(sorted(outputs))}."
      )
  _check_embedding(encoder, where)


def check_trainable(encoder) -> None:
  """Raises UserValueError if there is nothing in the module to train."""
  where = f"module {encoder.handle}"
  variant = encoder.spec.variant(encoder.training_tags)
  if encoder.trainable and not any(v.trainable for v in variant.variables):
    raise errors.UserValueError(
      f"trainable = True, and {where} has no trainable variables in its "
      f"graph {format_tag_sets([encoder.training_tags])} (it has "
      f"{len(variant.variables)} variables). Set TRAINABLE = False to train "
      "only the head."
    )


def _check_embedding(encoder, where) -> None:
  info = encoder.spec.get_output_info_dict(encoder.signature, encoder.tags)[
    encoder.output
  ]
  shape = info.get_shape()
  if (
    info.is_composite
    or not info.dtype.is_floating
    or shape.rank is None
    or shape.rank < 2
    or shape[-1] is None
  ):
    raise errors.UserValueError(
      f"output = {encoder.output!r} of signature {encoder.signature!r} of "
      f"{where} is a {info.describe()}: a head needs a float tensor "
      "[batch_size, …, size] of known size."
    )


def check_kinds(
  handle, trainable, signature, output, inputs, export_name
) -> None:
  """Raises UserTypeError for arguments of another kind than they have to be."""
  if isinstance(handle, str) and not handle:
    raise errors.UserValueError(
      "handle = '': a module's handle is the path of its folder. Set "
      "MODULE_HANDLE."
    )
  if not isinstance(handle, (str, hub.ModuleSpec)):
    raise errors.UserTypeError(
      f"handle = {handle!r}: a module's handle is a string, or a ModuleSpec "
      "(write @convolutional_network() with its parentheses)."
    )
  if not isinstance(trainable, bool):
    raise errors.UserTypeError(
      f"trainable = {trainable!r}: it is True or False (TRAINABLE)."
    )
  names = {"signature": signature, "output": output}
  if export_name is not None:
    names["export_name"] = export_name
  for name, value in names.items():
    if not isinstance(value, str):
      raise errors.UserTypeError(
        f"ModuleEncoder.{name} = {value!r}: it is a name, in quotes."
      )
  if inputs is not None and not isinstance(inputs, dict):
    raise errors.UserTypeError(
      f"ModuleEncoder.inputs = {inputs!r}: write {{'input': 'feature', …}}, "
      "the signature's inputs and the features they get."
    )
