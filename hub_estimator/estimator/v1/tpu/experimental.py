"""`tf.compat.v1.estimator.tpu.experimental`."""

from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v1.tpu.experimental

EmbeddingConfigSpec = _api.EmbeddingConfigSpec

__all__ = ["EmbeddingConfigSpec"]
