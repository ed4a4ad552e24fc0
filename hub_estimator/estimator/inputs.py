"""Input functions from arrays: `tf.compat.v1.estimator.inputs`.

They feed through queues, one thread by default. `pandas_input_fn` needs pandas.
"""

from hub_estimator.tf_compat import estimator_backend

_api = estimator_backend.load_estimator_backend().v1.inputs

numpy_input_fn = _api.numpy_input_fn
pandas_input_fn = _api.pandas_input_fn

__all__ = [
  "numpy_input_fn",
  "pandas_input_fn",
]
