"""`TPUEstimator` with `use_tpu=False`, on a TensorFlow with or without TPUs."""

import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.estimator import v1 as tf1_estimator
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
tpu = tf1_estimator.tpu

_X = np.float32([[1.0], [2.0], [3.0], [4.0]])


def _model_fn(features, labels, mode, params):
  """y = w x from w = 0; mean squared error; gradient steps of 0.01."""
  w = tf1.get_variable("w", initializer=[[0.0]])
  y = tf.matmul(features["x"], w) * params["scale"]
  if mode == tf1_estimator.ModeKeys.PREDICT:
    return tpu.TPUEstimatorSpec(mode, predictions={"y": y})
  loss = tf.reduce_mean((y - labels) ** 2)
  if mode == tf1_estimator.ModeKeys.EVAL:

    def metric_fn(y, labels):
      return {"error": tf1.metrics.mean_absolute_error(labels, y)}

    return tpu.TPUEstimatorSpec(
      mode, loss=loss, eval_metrics=(metric_fn, [y, labels])
    )
  train_op = tf1.train.GradientDescentOptimizer(0.01).minimize(
    loss, tf1.train.get_global_step()
  )
  return tpu.TPUEstimatorSpec(mode, loss=loss, train_op=train_op)


def _input_fn(params):
  examples = tf.data.Dataset.from_tensor_slices(({"x": _X}, 2.0 * _X))
  return examples.repeat().batch(params["batch_size"], drop_remainder=True)


def _predict_input_fn(params):
  del params
  return tf.data.Dataset.from_tensors({"x": _X[:2]})


def test_train_evaluate_predict_export(tmp_path):
  config = tpu.RunConfig(
    model_dir=str(tmp_path / "run"),
    save_checkpoints_steps=10,
    tpu_config=tpu.TPUConfig(iterations_per_loop=5, num_shards=8),
  )
  estimator = tpu.TPUEstimator(
    model_fn=_model_fn,
    config=config,
    use_tpu=False,
    train_batch_size=4,
    eval_batch_size=4,
    predict_batch_size=2,
    params={"scale": 1.0},
  )
  estimator.train(_input_fn, max_steps=2)
  # loss = 7.5 (w - 2)², so one step is w += 0.15 (2 - w): 0, 0.3, 0.555.
  w = estimator.get_variable_value("w").item()
  assert w == pytest.approx(0.555)
  results = estimator.evaluate(_input_fn, steps=1)
  assert results["global_step"] == 2
  assert results["error"] == pytest.approx((2 - w) * 2.5)
  predictions = [p["y"].item() for p in estimator.predict(_predict_input_fn)]
  assert predictions == pytest.approx([w, 2 * w])
  with tf.Graph().as_default():
    receiver_fn = tf1_estimator.export.build_raw_serving_input_receiver_fn(
      {"x": tf1.placeholder(tf.float32, [None, 1])}
    )
    path = estimator.export_saved_model(str(tmp_path / "export"), receiver_fn)
  loaded = tf.saved_model.load(path.decode(), tags=["serve"])
  served = loaded.signatures["serving_default"](x=tf.constant([[3.0]]))
  assert served["y"].numpy().item() == pytest.approx(3 * w)


@pytest.mark.skipif(
  hasattr(tf, "estimator"), reason="this TensorFlow has its TPU embeddings"
)
def test_what_tensorflow_dropped_says_so():
  from tensorflow.python.tpu import tpu_embedding

  with pytest.raises(errors.UserRuntimeError) as raised:
    tpu_embedding.TableConfig(10, 2)
  assert str(raised.value) == (
    "tensorflow.python.tpu.tpu_embedding.TableConfig is part of the TPU support"
    " that TensorFlow 2.16 dropped. TPUEstimator works with use_tpu=False, on a"
    " CPU or GPU, and without an embedding_config_spec; a TPU needs TensorFlow"
    " 2.15."
  )
  assert not hasattr(tpu_embedding, "__file__")
