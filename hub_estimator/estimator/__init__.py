"""The Estimator API under one name on TensorFlow 2.15 to 2.21.

What `tf.estimator` is on TensorFlow 2.15, backed by tensorflow-estimator 2.15.0
everywhere (TensorFlow 2.16 dropped `tf.estimator`), plus `inputs` from the
TensorFlow 1 API. `hub_estimator.estimator.v1` is `tf.compat.v1.estimator`.

A program may import TensorFlow before this package or after it. Where it came
first, with Keras 3, its own `tf.keras` stays Keras 3; layers, metrics and
optimizers given to an Estimator then come from `hub_estimator.tf_compat.keras`,
which is Keras 2 on every TensorFlow. Optimizers for heads and canned estimators
are those of `keras.optimizers.legacy`, or a name such as "Adam"; a
`tf.compat.v1.train` optimizer goes through a head's `train_op_fn`.
"""

from hub_estimator.estimator import experimental, export, inputs, v1
from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v2

# Estimators, and what they are given.
Estimator = _api.Estimator
EstimatorSpec = _api.EstimatorSpec
ModeKeys = _api.ModeKeys
RunConfig = _api.RunConfig
TrainSpec = _api.TrainSpec
EvalSpec = _api.EvalSpec
train_and_evaluate = _api.train_and_evaluate
WarmStartSettings = _api.WarmStartSettings
VocabInfo = _api.VocabInfo
add_metrics = _api.add_metrics

# Exporters, run by train_and_evaluate after an evaluation.
Exporter = _api.Exporter
LatestExporter = _api.LatestExporter
BestExporter = _api.BestExporter
FinalExporter = _api.FinalExporter

# Heads: loss, metrics, predictions and train op of a kind of problem.
BinaryClassHead = _api.BinaryClassHead
Head = _api.Head
LogisticRegressionHead = _api.LogisticRegressionHead
MultiClassHead = _api.MultiClassHead
MultiHead = _api.MultiHead
MultiLabelHead = _api.MultiLabelHead
PoissonRegressionHead = _api.PoissonRegressionHead
RegressionHead = _api.RegressionHead

# Canned estimators.
BaselineClassifier = _api.BaselineClassifier
BaselineEstimator = _api.BaselineEstimator
BaselineRegressor = _api.BaselineRegressor
DNNClassifier = _api.DNNClassifier
DNNEstimator = _api.DNNEstimator
DNNLinearCombinedClassifier = _api.DNNLinearCombinedClassifier
DNNLinearCombinedEstimator = _api.DNNLinearCombinedEstimator
DNNLinearCombinedRegressor = _api.DNNLinearCombinedRegressor
DNNRegressor = _api.DNNRegressor
LinearClassifier = _api.LinearClassifier
LinearEstimator = _api.LinearEstimator
LinearRegressor = _api.LinearRegressor

# Parsing serialized tf.train.Example messages.
classifier_parse_example_spec = _api.classifier_parse_example_spec
regressor_parse_example_spec = _api.regressor_parse_example_spec

# Hooks into the session of a run.
CheckpointSaverHook = _api.CheckpointSaverHook
CheckpointSaverListener = _api.CheckpointSaverListener
FeedFnHook = _api.FeedFnHook
FinalOpsHook = _api.FinalOpsHook
GlobalStepWaiterHook = _api.GlobalStepWaiterHook
LoggingTensorHook = _api.LoggingTensorHook
NanLossDuringTrainingError = _api.NanLossDuringTrainingError
NanTensorHook = _api.NanTensorHook
ProfilerHook = _api.ProfilerHook
SecondOrStepTimer = _api.SecondOrStepTimer
SessionRunArgs = _api.SessionRunArgs
SessionRunContext = _api.SessionRunContext
SessionRunHook = _api.SessionRunHook
SessionRunValues = _api.SessionRunValues
StepCounterHook = _api.StepCounterHook
StopAtStepHook = _api.StopAtStepHook
SummarySaverHook = _api.SummarySaverHook

__all__ = [
  "BaselineClassifier",
  "BaselineEstimator",
  "BaselineRegressor",
  "BestExporter",
  "BinaryClassHead",
  "CheckpointSaverHook",
  "CheckpointSaverListener",
  "DNNClassifier",
  "DNNEstimator",
  "DNNLinearCombinedClassifier",
  "DNNLinearCombinedEstimator",
  "DNNLinearCombinedRegressor",
  "DNNRegressor",
  "Estimator",
  "EstimatorSpec",
  "EvalSpec",
  "Exporter",
  "FeedFnHook",
  "FinalExporter",
  "FinalOpsHook",
  "GlobalStepWaiterHook",
  "Head",
  "LatestExporter",
  "LinearClassifier",
  "LinearEstimator",
  "LinearRegressor",
  "LoggingTensorHook",
  "LogisticRegressionHead",
  "ModeKeys",
  "MultiClassHead",
  "MultiHead",
  "MultiLabelHead",
  "NanLossDuringTrainingError",
  "NanTensorHook",
  "PoissonRegressionHead",
  "ProfilerHook",
  "RegressionHead",
  "RunConfig",
  "SecondOrStepTimer",
  "SessionRunArgs",
  "SessionRunContext",
  "SessionRunHook",
  "SessionRunValues",
  "StepCounterHook",
  "StopAtStepHook",
  "SummarySaverHook",
  "TrainSpec",
  "VocabInfo",
  "WarmStartSettings",
  "add_metrics",
  "classifier_parse_example_spec",
  "experimental",
  "export",
  "inputs",
  "regressor_parse_example_spec",
  "train_and_evaluate",
  "v1",
]
