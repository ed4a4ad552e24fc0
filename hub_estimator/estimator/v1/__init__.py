"""The TensorFlow 1 Estimator API: `tf.compat.v1.estimator`.

It differs from `hub_estimator.estimator` in the canned estimators, which take
`tf.compat.v1.train` optimizers and build `tf.compat.v1` graphs and metrics, and
in `Estimator`, `classifier_parse_example_spec` and
`regressor_parse_example_spec`; the other names are the same objects.
"""

from hub_estimator.estimator import export, inputs
from hub_estimator.estimator.v1 import experimental, tpu
from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v1

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
  "tpu",
  "train_and_evaluate",
]
