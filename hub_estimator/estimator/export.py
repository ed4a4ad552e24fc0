"""Serving inputs and export outputs: `tf.estimator.export`.

Also `tf.compat.v1.estimator.export`, which is the same.
"""

from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v2.export

ClassificationOutput = _api.ClassificationOutput
EvalOutput = _api.EvalOutput
ExportOutput = _api.ExportOutput
PredictOutput = _api.PredictOutput
RegressionOutput = _api.RegressionOutput
ServingInputReceiver = _api.ServingInputReceiver
TensorServingInputReceiver = _api.TensorServingInputReceiver
build_parsing_serving_input_receiver_fn = (
  _api.build_parsing_serving_input_receiver_fn
)
build_raw_serving_input_receiver_fn = _api.build_raw_serving_input_receiver_fn

__all__ = [
  "ClassificationOutput",
  "EvalOutput",
  "ExportOutput",
  "PredictOutput",
  "RegressionOutput",
  "ServingInputReceiver",
  "TensorServingInputReceiver",
  "build_parsing_serving_input_receiver_fn",
  "build_raw_serving_input_receiver_fn",
]
