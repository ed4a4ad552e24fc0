"""TensorFlow 1 by its own name: a session, tf.layers and a text module."""

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub

tf.disable_v2_behavior()

flags = tf.app.flags
flags.DEFINE_string("module", "", "A text embedding module.")
flags.DEFINE_integer("steps", 80, "Training steps.")
FLAGS = flags.FLAGS

SENTENCES = ["good great", "great film", "fine plot", "good"] + [
  "bad awful",
  "awful film",
  "poor plot",
  "bad",
]
LABELS = [[1.0]] * 4 + [[0.0]] * 4


def build_model(text, labels, is_training):
  module = hub.Module(FLAGS.module, trainable=True, name="text")
  hidden = tf.layers.dense(
    module(text),
    8,
    activation=tf.nn.tanh,
    kernel_initializer=tf.glorot_uniform_initializer(seed=1),
    kernel_regularizer=lambda w: 1e-4 * tf.nn.l2_loss(w),
    name="hidden",
  )
  hidden = tf.layers.batch_normalization(hidden, training=is_training)
  hidden = tf.layers.dropout(hidden, 0.1, training=is_training, seed=2)
  logits = tf.layers.dense(
    hidden, 1, kernel_initializer=tf.glorot_uniform_initializer(seed=3)
  )
  loss = tf.losses.sigmoid_cross_entropy(labels, logits)
  return tf.sigmoid(logits), loss + tf.losses.get_regularization_loss()


def main(unused_argv):
  tf.logging.set_verbosity(tf.logging.ERROR)
  tf.set_random_seed(0)
  text = tf.placeholder(tf.string, [None])
  labels = tf.placeholder(tf.float32, [None, 1])
  is_training = tf.placeholder_with_default(False, [])
  probabilities, loss = build_model(text, labels, is_training)
  global_step = tf.train.get_or_create_global_step()
  with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train_op = tf.train.AdamOptimizer(0.05).minimize(loss, global_step)
  with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
    feed = {text: SENTENCES, labels: LABELS, is_training: True}
    for _ in range(FLAGS.steps):
      sess.run(train_op, feed)
    found, step = sess.run([probabilities, global_step], {text: SENTENCES})
  accuracy = np.mean((found > 0.5) == (np.array(LABELS) > 0.5))
  print(f"accuracy {accuracy:.2f} after {step} steps")
  names = sorted(v.op.name for v in tf.trainable_variables())
  print(" ".join(name for name in names if "batch" not in name))

  # An Estimator beside it, fed by arrays.
  input_fn = tf.estimator.inputs.numpy_input_fn(
    {"x": np.arange(8, dtype=np.float32)},
    2 * np.arange(8, dtype=np.float32),
    batch_size=8,
    num_epochs=None,
    shuffle=False,
  )
  regressor = tf.estimator.LinearRegressor(
    [tf.feature_column.numeric_column("x")],
    optimizer=tf.train.GradientDescentOptimizer(0.005),
  )
  regressor.train(input_fn, steps=100)
  weight = regressor.get_variable_value("linear/linear_model/x/weights")
  print(f"slope {weight[0, 0]:.1f}")


if __name__ == "__main__":
  tf.app.run()
