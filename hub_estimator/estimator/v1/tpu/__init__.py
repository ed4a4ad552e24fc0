"""`tf.compat.v1.estimator.tpu`: `TPUEstimator`, for programs that have it.

On TensorFlow 2.16 and later it works with `use_tpu=False` only.
"""

from hub_estimator.estimator.v1.tpu import experimental
from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v1.tpu

InputPipelineConfig = _api.InputPipelineConfig
RunConfig = _api.RunConfig
TPUConfig = _api.TPUConfig
TPUEstimator = _api.TPUEstimator
TPUEstimatorSpec = _api.TPUEstimatorSpec

__all__ = [
  "InputPipelineConfig",
  "RunConfig",
  "TPUConfig",
  "TPUEstimator",
  "TPUEstimatorSpec",
  "experimental",
]
