"""Every public name of `tf.estimator` and `tf.compat.v1.estimator` is there.

The lists are what `dir()` gives on TensorFlow 2.15.1.
"""

import pytest

from hub_estimator import estimator
from hub_estimator.tf_compat import tf

_NAMES = """
  BaselineClassifier BaselineEstimator BaselineRegressor BestExporter
  BinaryClassHead CheckpointSaverHook CheckpointSaverListener DNNClassifier
  DNNEstimator DNNLinearCombinedClassifier DNNLinearCombinedEstimator
  DNNLinearCombinedRegressor DNNRegressor Estimator EstimatorSpec EvalSpec
  Exporter FeedFnHook FinalExporter FinalOpsHook GlobalStepWaiterHook Head
  LatestExporter LinearClassifier LinearEstimator LinearRegressor
  LoggingTensorHook LogisticRegressionHead ModeKeys MultiClassHead MultiHead
  MultiLabelHead NanLossDuringTrainingError NanTensorHook PoissonRegressionHead
  ProfilerHook RegressionHead RunConfig SecondOrStepTimer SessionRunArgs
  SessionRunContext SessionRunHook SessionRunValues StepCounterHook
  StopAtStepHook SummarySaverHook TrainSpec VocabInfo WarmStartSettings
  add_metrics classifier_parse_example_spec experimental export
  regressor_parse_example_spec train_and_evaluate
"""
_EXPORT_NAMES = """
  ClassificationOutput EvalOutput ExportOutput PredictOutput RegressionOutput
  ServingInputReceiver TensorServingInputReceiver
  build_parsing_serving_input_receiver_fn build_raw_serving_input_receiver_fn
"""
_EXPERIMENTAL_NAMES = """
  InMemoryEvaluatorHook LinearSDCA build_raw_supervised_input_receiver_fn
  call_logit_fn make_early_stopping_hook make_stop_at_checkpoint_step_hook
  stop_if_higher_hook stop_if_lower_hook stop_if_no_decrease_hook
  stop_if_no_increase_hook
"""
# Namespace, the part of TensorFlow it stands for, and its names.
_NAMESPACES = {
  "v2": (estimator, "estimator", _NAMES + " inputs v1"),
  "v2.export": (estimator.export, "estimator.export", _EXPORT_NAMES),
  "v2.experimental": (
    estimator.experimental,
    "estimator.experimental",
    _EXPERIMENTAL_NAMES + " RNNClassifier RNNEstimator",
  ),
  "v1": (estimator.v1, "compat.v1.estimator", _NAMES + " inputs tpu"),
  "v1.export": (
    estimator.v1.export,
    "compat.v1.estimator.export",
    _EXPORT_NAMES,
  ),
  "v1.experimental": (
    estimator.v1.experimental,
    "compat.v1.estimator.experimental",
    _EXPERIMENTAL_NAMES
    + " KMeans dnn_logit_fn_builder linear_logit_fn_builder",
  ),
  "v1.inputs": (
    estimator.v1.inputs,
    "compat.v1.estimator.inputs",
    "numpy_input_fn pandas_input_fn",
  ),
  "v1.tpu": (
    estimator.v1.tpu,
    "compat.v1.estimator.tpu",
    "InputPipelineConfig RunConfig TPUConfig TPUEstimator TPUEstimatorSpec"
    " experimental",
  ),
  "v1.tpu.experimental": (
    estimator.v1.tpu.experimental,
    "compat.v1.estimator.tpu.experimental",
    "EmbeddingConfigSpec",
  ),
}
_OURS = {"inputs", "v1", "experimental", "export", "tpu"}


@pytest.mark.parametrize("name", sorted(_NAMESPACES))
def test_namespace_has_every_name(name):
  namespace, _, names = _NAMESPACES[name]
  assert sorted(namespace.__all__) == sorted(names.split())
  assert all(hasattr(namespace, n) for n in namespace.__all__)


@pytest.mark.skipif(
  not hasattr(tf, "estimator"), reason="this TensorFlow has no tf.estimator"
)
@pytest.mark.parametrize("name", sorted(_NAMESPACES))
def test_namespace_is_tensorflows_own(name):
  namespace, path, names = _NAMESPACES[name]
  theirs = tf
  for part in path.split("."):
    theirs = getattr(theirs, part)
  public = {n for n in dir(theirs) if not n.startswith("_")}
  assert public - _OURS == set(names.split()) - _OURS
  for n in public - _OURS:
    assert getattr(namespace, n) is getattr(theirs, n)
