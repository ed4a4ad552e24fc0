"""`tf.compat.v1.estimator.experimental`."""

from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v1.experimental

InMemoryEvaluatorHook = _api.InMemoryEvaluatorHook
KMeans = _api.KMeans
LinearSDCA = _api.LinearSDCA
build_raw_supervised_input_receiver_fn = (
  _api.build_raw_supervised_input_receiver_fn
)
call_logit_fn = _api.call_logit_fn
dnn_logit_fn_builder = _api.dnn_logit_fn_builder
linear_logit_fn_builder = _api.linear_logit_fn_builder
make_early_stopping_hook = _api.make_early_stopping_hook
make_stop_at_checkpoint_step_hook = _api.make_stop_at_checkpoint_step_hook
stop_if_higher_hook = _api.stop_if_higher_hook
stop_if_lower_hook = _api.stop_if_lower_hook
stop_if_no_decrease_hook = _api.stop_if_no_decrease_hook
stop_if_no_increase_hook = _api.stop_if_no_increase_hook

__all__ = [
  "InMemoryEvaluatorHook",
  "KMeans",
  "LinearSDCA",
  "build_raw_supervised_input_receiver_fn",
  "call_logit_fn",
  "dnn_logit_fn_builder",
  "linear_logit_fn_builder",
  "make_early_stopping_hook",
  "make_stop_at_checkpoint_step_hook",
  "stop_if_higher_hook",
  "stop_if_lower_hook",
  "stop_if_no_decrease_hook",
  "stop_if_no_increase_hook",
]
