"""A module as the encoder of pairs: two calls of one module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional

import gin

from hub_estimator import errors
from hub_estimator.models.module_encoder import ModuleEncoder
from hub_estimator.tf_compat import tf


@gin.register(module="hub_estimator")
class PairEncoder(ModuleEncoder):
  """Encodes two features by one module, with one set of weights.

  With the embeddings u and v of both, the embedding of the pair is

      [u, v, |u - v|, u v]

  as in Conneau et al., "Supervised Learning of Universal Sentence
  Representations from Natural Language Inference Data", 2017,
  https://arxiv.org/abs/1705.02364, section 2.1; u v is their element-wise
  product.
  """

  def __init__(
    self,
    handle: Any = gin.REQUIRED,
    features: Sequence[str] = ("first_text", "second_text"),
    trainable: bool = True,
    signature: str = "default",
    output: str = "default",
    tags: Iterable[str] = (),
    training_tags: Optional[Iterable[str]] = None,
    export_name: Optional[str] = None,
    hyperparameters: Optional[dict[str, float]] = None,
    training_hyperparameters: Optional[dict[str, float]] = None,
  ):
    """Loads the module's spec.

    Args:
      handle: as for `ModuleEncoder`, as are all that are not listed.
      features: the names of the two features. Both enter the signature's only
        input.
      trainable: see `ModuleEncoder`.
      signature: see `ModuleEncoder`.
      output: see `ModuleEncoder`.
      tags: see `ModuleEncoder`.
      training_tags: see `ModuleEncoder`.
      export_name: see `ModuleEncoder`.
      hyperparameters: see `ModuleEncoder`.
      training_hyperparameters: see `ModuleEncoder`.

    Raises:
      UserError: as for `ModuleEncoder`, or something else than two names.
    """
    if (
      isinstance(features, str)
      or len(features) != 2
      or not all(isinstance(name, str) for name in features)
    ):
      raise errors.UserTypeError(
        f"PairEncoder.features = {features!r}: it is a list of two names, such "
        "as ('first_text', 'second_text')."
      )
    super().__init__(
      handle,
      trainable=trainable,
      signature=signature,
      output=output,
      tags=tags,
      training_tags=training_tags,
      export_name=export_name,
      hyperparameters=hyperparameters,
      training_hyperparameters=training_hyperparameters,
    )
    self._features = tuple(features)

  def check_features(self, features: dict[str, tf.TensorSpec]) -> None:
    """See `ModuleEncoder.check_features`."""
    self._check_names(features)
    for name in self._features:
      super().check_features({name: features[name]})

  def _check_names(self, features) -> None:
    missing = sorted(set(self._features) - set(features))
    if missing:
      raise errors.UserValueError(
        f"PairEncoder.features = {self._features}: the data has no feature "
        f"{missing[0]!r}. Its features are {sorted(features)}."
      )

  def _call(self, module, features, mode):
    self._check_names(features)
    calls = []
    for name in self._features:
      calls += super()._call(module, {name: features[name]}, mode)
    return calls

  def _combine(self, embeddings):
    u, v = embeddings
    return tf.concat([u, v, tf.abs(u - v), u * v], axis=1)

  def cache_description(self):
    """See `ModuleEncoder.cache_description`."""
    return {**super().cache_description(), "features": list(self._features)}
