"""A module as the encoder of a model: which one, how it is called, trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional, Union

import gin

from hub_estimator import errors, estimator, handles, hub
from hub_estimator.hub.module_spec import as_tag_set, format_tag_sets
from hub_estimator.tf_compat import tf

_TRAINING_TAGS = frozenset({"train"})


@gin.register(module="hub_estimator")
class ModuleEncoder:
  """Instantiates a module for each mode, and calls it on a model's features."""

  def __init__(
    self,
    handle: Union[str, hub.ModuleSpec] = gin.REQUIRED,
    trainable: bool = True,
    signature: str = "default",
    output: str = "default",
    tags: Iterable[str] = (),
    training_tags: Optional[Iterable[str]] = None,
    inputs: Optional[dict[str, str]] = None,
    export_name: Optional[str] = None,
  ):
    """Loads the module's spec.

    Args:
      handle: a handle, as for `hub.resolve` (of a run's `export/tf_hub` folder
        the newest export), or a ModuleSpec (a module that is trained from
        scratch).
      trainable: whether the module's variables are trained.
      signature: the signature to call.
      output: which of its outputs is the embedding, float [batch_size, size];
        one of a higher rank is averaged over its middle dimensions.
      tags: the graph variant to use for inference.
      training_tags: the variant to use in TRAIN mode if the module is trained;
        None is {"train"} if the module has it, else `tags`. A module that is
        not trained has `tags` in all modes.
      inputs: signature's input name -> feature name; by equal names if None, or
        the only feature for the only input.
      export_name: which module of a run's export; needed only if there are
        several.

    Raises:
      UserError: a handle that names no TF1 Hub module; unknown tags, signature
        or output; or `trainable` for a module without trainable variables.
    """
    _check_kinds(handle, trainable, signature, output, inputs, export_name)
    if isinstance(handle, hub.ModuleSpec):
      self.spec, self.handle = handle, handle.source
    else:
      self.handle = handles.pinned(handle, export_name)
      self.spec = hub.load_module_spec(self.handle)
    self.trainable = trainable
    self.signature = signature
    self.output = output
    self.tags = as_tag_set(tags)
    self._input_names = inputs
    self.training_tags = self.tags
    if trainable and training_tags is not None:
      self.training_tags = as_tag_set(training_tags)
    elif trainable and _TRAINING_TAGS in self.spec.get_tags():
      self.training_tags = _TRAINING_TAGS
    self._check()

  def _check(self) -> None:
    where = f"module {self.handle}"
    for name, tags in (
      ("tags", self.tags),
      ("training_tags", self.training_tags),
    ):
      if tags not in self.spec.get_tags():
        raise errors.UserValueError(
          f"{name} = {sorted(tags)}: {where} has no such graph. Its tag sets "
          f"are: {format_tag_sets(self.spec.get_tags())}."
        )
    for tags in {self.tags, self.training_tags}:
      names = self.spec.get_signature_names(tags)
      if self.signature not in names:
        raise errors.UserValueError(
          f"signature = {self.signature!r}: {where} has no such signature in "
          f"its graph {format_tag_sets([tags])}. Its signatures are: "
          f"{', '.join(names)}."
        )
      outputs = self.spec.get_output_info_dict(self.signature, tags)
      if self.output not in outputs:
        raise errors.UserValueError(
          f"output = {self.output!r}: signature {self.signature!r} of {where} "
          f"has no such output. Its outputs are: {', '.join(sorted(outputs))}."
        )
    self._check_embedding(where)
    variant = self.spec.variant(self.training_tags)
    if self.trainable and not any(v.trainable for v in variant.variables):
      raise errors.UserValueError(
        f"trainable = True, and {where} has no trainable variables in its "
        f"graph {format_tag_sets([self.training_tags])} (it has "
        f"{len(variant.variables)} variables). Set TRAINABLE = False to train "
        "only the head."
      )

  def _check_embedding(self, where) -> None:
    info = self.spec.get_output_info_dict(self.signature, self.tags)[
      self.output
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
        f"output = {self.output!r} of signature {self.signature!r} of {where} "
        f"is a {info.describe()}: a head needs a float tensor [batch_size, …, "
        "size] of known size."
      )

  def check_features(self, features: dict[str, tf.TensorSpec]) -> None:
    """Raises UserValueError unless features fit the signature's inputs.

    Args:
      features: name -> spec, with the batch dimension.
    """
    for tags in (self.tags, self.training_tags):
      infos = self.spec.get_input_info_dict(self.signature, tags)
      names = self._feature_names(tags, features)
      for name, feature_name in names.items():
        info, feature = infos[name], features[feature_name]
        if (
          info.is_composite
          or info.dtype != feature.dtype
          or not info.get_shape().is_compatible_with(feature.shape)
        ):
          raise errors.UserValueError(
            f"Feature {feature_name!r} is a Tensor of {feature.dtype.name} "
            f"with shape {feature.shape}: input {name!r} of signature "
            f"{self.signature!r} of module {self.handle} takes a "
            f"{info.describe()}."
          )

  def _feature_names(self, tags, features) -> dict[str, str]:
    """Returns {input name: feature name} of the inputs without a default."""
    optional = self.spec.variant(tags).optional_inputs(self.signature)
    infos = self.spec.get_input_info_dict(self.signature, tags)
    infos = {k: v for k, v in infos.items() if k not in optional}
    if self._input_names is not None:
      names = self._input_names
    elif len(infos) == 1 and len(features) == 1:
      names = {next(iter(infos)): next(iter(features))}
    else:
      names = {name: name for name in infos}
    missing = sorted(set(names.values()) - set(features))
    if set(names) != set(infos) or missing:
      given = ""
      if self._input_names is not None:
        given = f"ModuleEncoder.inputs = {names}: "
      raise errors.UserValueError(
        f"{given}Signature {self.signature!r} of module {self.handle} takes "
        f"the inputs {sorted(infos)}, and the features are {sorted(features)}. "
        "Map inputs to features with ModuleEncoder.inputs = "
        "{'input': 'feature', …}."
      )
    return names

  def instantiate(self, mode: str) -> hub.Module:
    """Instantiates the module in the default graph.

    Trainable variables enter TRAINABLE_VARIABLES, and regularization losses
    REGULARIZATION_LOSSES, in every mode if the module is trained, so that the
    loss means the same in training and evaluation.

    Args:
      mode: an `estimator.ModeKeys`.
    """
    tags = self.training_tags if mode == estimator.ModeKeys.TRAIN else self.tags
    return hub.Module(self.spec, trainable=self.trainable, tags=tags)

  def encode(
    self, module: hub.Module, features: dict[str, tf.Tensor]
  ) -> tf.Tensor:
    """Calls the signature and returns its embedding.

    Args:
      module: of `instantiate`.
      features: name -> tensor, with the batch dimension.

    Returns:
      [batch_size, size], of the output's float type.
    """
    names = self._feature_names(module.tags, features)
    outputs = module(
      {name: features[feature_name] for name, feature_name in names.items()},
      signature=self.signature,
      as_dict=True,
    )
    embedding = outputs[self.output]
    if embedding.shape.rank > 2:
      embedding = tf.reduce_mean(
        embedding, axis=list(range(1, embedding.shape.rank - 1))
      )
    return embedding


def _check_kinds(
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
