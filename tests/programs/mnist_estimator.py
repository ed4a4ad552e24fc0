"""Learns an image module inside an Estimator and exports it after evaluations.

The digits are drawn here: bars at one of three places of a 6 x 6 image.
"""

import json
import os

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
from absl import app, flags, logging

FLAGS = flags.FLAGS
flags.DEFINE_string("model_dir", None, "Checkpoints and exports.")
flags.DEFINE_integer("num_train_steps", 30, "Steps.", lower_bound=1)
flags.DEFINE_float("lr", 0.1, "Learning rate.")


def make_data(num_examples, seed):
  rng = np.random.RandomState(seed)
  labels = rng.randint(3, size=num_examples).astype(np.int32)
  images = rng.uniform(0, 0.2, [num_examples, 6, 6, 1]).astype(np.float32)
  for image, label in zip(images, labels):
    image[:, 2 * label : 2 * label + 2] += 0.8
  return images, labels


def module_fn(is_training):
  images = tf.compat.v1.placeholder(tf.float32, [None, 6, 6, 1], name="images")
  kernel = tf.compat.v1.get_variable(
    "kernel",
    [36, 8],
    initializer=tf.compat.v1.truncated_normal_initializer(stddev=0.1, seed=5),
    regularizer=lambda w: 0.001 * tf.nn.l2_loss(w),
  )
  bias = tf.compat.v1.get_variable(
    "bias", [8], initializer=tf.compat.v1.zeros_initializer()
  )
  features = tf.nn.relu(tf.matmul(tf.reshape(images, [-1, 36]), kernel) + bias)
  if is_training:
    features = tf.nn.dropout(features, rate=0.1, seed=7)
  hub.add_signature("default", {"images": images}, {"default": features})


def model_fn(features, labels, mode, params):
  training = mode == tf.estimator.ModeKeys.TRAIN
  spec = hub.create_module_spec(
    module_fn,
    tags_and_args=[
      (set(), {"is_training": False}),
      ({"train"}, {"is_training": True}),
    ],
  )
  module = hub.Module(
    spec, trainable=True, tags={"train"} if training else None, name="encoder"
  )
  hub.register_module_for_export(module, export_name="bars")
  encoded = module(features["images"])
  weights = tf.compat.v1.get_variable("head", [8, 3])
  logits = tf.matmul(encoded, weights)
  predictions = {"class": tf.argmax(logits, axis=1)}
  if mode == tf.estimator.ModeKeys.PREDICT:
    return tf.estimator.EstimatorSpec(mode, predictions=predictions)
  loss = tf.compat.v1.losses.sparse_softmax_cross_entropy(labels, logits)
  loss += tf.compat.v1.losses.get_regularization_loss()
  if mode == tf.estimator.ModeKeys.EVAL:
    accuracy = tf.compat.v1.metrics.accuracy(labels, predictions["class"])
    return tf.estimator.EstimatorSpec(
      mode, loss=loss, eval_metric_ops={"accuracy": accuracy}
    )
  optimizer = tf.compat.v1.train.MomentumOptimizer(params["learning_rate"], 0.9)
  train_op = optimizer.minimize(
    loss, global_step=tf.compat.v1.train.get_or_create_global_step()
  )
  hook = tf.estimator.LoggingTensorHook({"loss": loss}, every_n_iter=10)
  return tf.estimator.EstimatorSpec(
    mode, loss=loss, train_op=train_op, training_hooks=[hook]
  )


def input_fn(num_examples, seed, repeat):
  def make_dataset():
    images, labels = make_data(num_examples, seed)
    data = tf.data.Dataset.from_tensor_slices(({"images": images}, labels))
    return data.repeat(repeat).batch(20)

  return make_dataset


def serving_input_fn():
  images = tf.compat.v1.placeholder(tf.float32, [None, 6, 6, 1])
  return tf.estimator.export.ServingInputReceiver(
    {"images": images}, {"images": images}
  )


def main(argv):
  if len(argv) > 1:
    raise app.UsageError(f"Too many arguments: {argv[1:]}")
  logging.set_verbosity(logging.WARNING)
  estimator = tf.estimator.Estimator(
    model_fn,
    model_dir=FLAGS.model_dir,
    params={"learning_rate": FLAGS.lr},
    config=tf.estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=15),
  )
  exporter = hub.LatestModuleExporter(
    "tf_hub", serving_input_fn, exports_to_keep=2
  )
  metrics, _ = tf.estimator.train_and_evaluate(
    estimator,
    tf.estimator.TrainSpec(
      input_fn(100, 1, None), max_steps=FLAGS.num_train_steps
    ),
    tf.estimator.EvalSpec(
      input_fn(60, 2, 1), steps=None, exporters=exporter, throttle_secs=0
    ),
  )
  folder = os.path.join(FLAGS.model_dir, "export", "tf_hub")
  newest = os.path.join(folder, sorted(os.listdir(folder))[-1], "bars")
  images, _ = make_data(2, 3)
  with tf.Graph().as_default():
    features = hub.Module(newest)(images)
    with tf.compat.v1.train.MonitoredSession() as session:
      values = session.run(features)
  kernel = estimator.get_variable_value("encoder/kernel")
  bias = estimator.get_variable_value("encoder/bias")
  expected = np.maximum(images.reshape([2, 36]) @ kernel + bias, 0.0)
  print(
    json.dumps(
      {
        "accuracy": float(metrics["accuracy"]),
        "global_step": int(metrics["global_step"]),
        "export_agrees": bool(np.allclose(values, expected, atol=1e-5)),
      }
    )
  )


if __name__ == "__main__":
  flags.mark_flag_as_required("model_dir")
  app.run(main)
