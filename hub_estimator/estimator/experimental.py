"""Early stopping and others: `tf.estimator.experimental`."""

from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v2.experimental

InMemoryEvaluatorHook = _api.InMemoryEvaluatorHook
LinearSDCA = _api.LinearSDCA
RNNClassifier = _api.RNNClassifier
RNNEstimator = _api.RNNEstimator
build_raw_supervised_input_receiver_fn = (
  _api.build_raw_supervised_input_receiver_fn
)
call_logit_fn = _api.call_logit_fn
make_early_stopping_hook = _api.make_early_stopping_hook
make_stop_at_checkpoint_step_hook = _api.make_stop_at_checkpoint_step_hook
stop_if_higher_hook = _api.stop_if_higher_hook
stop_if_lower_hook = _api.stop_if_lower_hook
stop_if_no_decrease_hook = _api.stop_if_no_decrease_hook
stop_if_no_increase_hook = _api.stop_if_no_increase_hook

__all__ = [
  "InMemoryEvaluatorHook",
  "LinearSDCA",
  "RNNClassifier",
  "RNNEstimator",
  "build_raw_supervised_input_receiver_fn",
  "call_logit_fn",
  "make_early_stopping_hook",
  "make_stop_at_checkpoint_step_hook",
  "stop_if_higher_hook",
  "stop_if_lower_hook",
  "stop_if_no_decrease_hook",
  "stop_if_no_increase_hook",
]
