"""A module as the encoder of a model: which one, how it is called, trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional, Union

import gin

from hub_estimator import errors, estimator, handles, hub
from hub_estimator.hub.module_spec import as_tag_set
from hub_estimator.models import encoder_checks, pooling
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
    hyperparameters: Optional[dict[str, float]] = None,
    training_hyperparameters: Optional[dict[str, float]] = None,
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
      hyperparameters: values of inputs of the signature that have a default,
        such as {"temperature": 2.0}, in all modes.
      training_hyperparameters: the same for TRAIN mode alone, such as
        {"dropout_rate": 0.1}: other modes have `hyperparameters` or the
        module's defaults.

    Raises:
      UserError: a handle that names no TF1 Hub module, or unknown tags,
        signature, output or hyperparameters.
    """
    encoder_checks.check_kinds(
      handle, trainable, signature, output, inputs, export_name
    )
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
    self._hyperparameters = dict(hyperparameters or {})
    self._training_hyperparameters = {
      **self._hyperparameters,
      **(training_hyperparameters or {}),
    }
    self.training_tags = self.tags
    if trainable and training_tags is not None:
      self.training_tags = as_tag_set(training_tags)
    elif trainable and _TRAINING_TAGS in self.spec.get_tags():
      self.training_tags = _TRAINING_TAGS
    encoder_checks.check_spec(self)
    self._check_hyperparameters()

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

  def _check_hyperparameters(self) -> None:
    """Raises UserValueError for those that the signature does not have."""
    for setting, values, tags in (
      ("hyperparameters", self._hyperparameters, self.tags),
      (
        "training_hyperparameters",
        self._training_hyperparameters,
        self.training_tags,
      ),
    ):
      optional = self.spec.variant(tags).optional_inputs(self.signature)
      unknown = sorted(set(values) - set(optional))
      if unknown:
        raise errors.UserValueError(
          f"ModuleEncoder.{setting} = {values}: signature {self.signature!r} "
          f"of module {self.handle} has no input {unknown[0]!r} with a "
          f"default. Those it has: {', '.join(sorted(optional)) or 'none'}."
        )

  def trains(self, is_trained: Optional[bool]) -> bool:
    """Whether variables of the module train; as `trainable` says if None."""
    return self.trainable if is_trained is None else is_trained

  def tags_in(
    self, mode: str, is_trained: Optional[bool] = None
  ) -> frozenset[str]:
    """Returns the tags of the graph variant that a mode uses."""
    is_training = mode == estimator.ModeKeys.TRAIN
    return (
      self.training_tags
      if is_training and self.trains(is_trained)
      else self.tags
    )

  def instantiate(
    self, mode: str, is_trained: Optional[bool] = None
  ) -> hub.Module:
    """Instantiates the module in the default graph.

    Trainable variables enter TRAINABLE_VARIABLES, and regularization losses
    REGULARIZATION_LOSSES, in every mode if the module is trained, so that the
    loss means the same in training and evaluation.

    Args:
      mode: an `estimator.ModeKeys`.
      is_trained: whether variables of it train at this stage of the run; as
        `trainable` says if None. One that is not trained is in inference mode.
    """
    return hub.Module(
      self.spec,
      trainable=self.trains(is_trained),
      tags=self.tags_in(mode, is_trained),
    )

  def encode(
    self,
    module: hub.Module,
    features: dict[str, tf.Tensor],
    mode: str = estimator.ModeKeys.PREDICT,
  ) -> tf.Tensor:
    """Calls the signature and returns its embedding.

    Args:
      module: of `instantiate`.
      features: name -> tensor, with the batch dimension; those of
        `InputPipeline.feature_spec`.
      mode: an `estimator.ModeKeys`, which the hyperparameters depend on.

    Returns:
      [batch_size, size], of the output's float type.
    """
    return self._combine(
      [
        pooling.average_inner_dimensions(outputs[self.output])
        for outputs in self._call(module, features, mode)
      ]
    )

  def encode_all_outputs(
    self, module: hub.Module, features: dict[str, tf.Tensor], target_size: int
  ) -> tf.Tensor:
    """Calls the signature and joins all its outputs, for feature selection.

    Args:
      module: of `instantiate`.
      features: as for `encode`.
      target_size: as for `pooling.pool_outputs`.

    Returns:
      float32 [batch_size, size].
    """
    return self._combine(
      [
        pooling.pool_outputs(outputs, target_size)
        for outputs in self._call(module, features, estimator.ModeKeys.PREDICT)
      ]
    )

  def _call(self, module, features, mode) -> list[dict[str, tf.Tensor]]:
    """Returns the outputs of each of the calls that one example needs."""
    names = self._feature_names(module.tags, features)
    return [
      self._call_on(
        module, {name: features[key] for name, key in names.items()}, mode
      )
    ]

  def _call_on(self, module, inputs, mode) -> dict[str, tf.Tensor]:
    is_training = mode == estimator.ModeKeys.TRAIN
    values = (
      self._training_hyperparameters if is_training else self._hyperparameters
    )
    return module({**inputs, **values}, signature=self.signature, as_dict=True)

  def _combine(self, embeddings: list[tf.Tensor]) -> tf.Tensor:
    """Makes one embedding of those of all calls."""
    (embedding,) = embeddings
    return embedding

  def cache_description(self) -> dict[str, object]:
    """Returns the settings that features of the module depend on."""
    return {
      "encoder": type(self).__name__,
      "signature": self.signature,
      "output": self.output,
      "inputs": self._input_names,
      "hyperparameters": self._hyperparameters,
    }
