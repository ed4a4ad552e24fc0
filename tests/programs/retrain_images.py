"""Retrains the last layer of an image module on folders of images.

The images are decoded and sent through the module once; what comes out (the
bottleneck) is kept in text files. Then a softmax layer is trained on random
batches of bottlenecks, and the whole graph is exported as a SavedModel.
"""

import argparse
import collections
import hashlib
import os
import random
import re
import sys

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

FLAGS = None
MAX_NUM_IMAGES_PER_CLASS = 2**27 - 1


def create_image_lists(image_dir, testing_percentage):
  """Splits the images of each sub-folder by a hash of their names."""
  result = collections.OrderedDict()
  for label_name in sorted(tf.io.gfile.listdir(image_dir)):
    folder = os.path.join(image_dir, label_name)
    if not tf.io.gfile.isdir(folder):
      continue
    images = {"training": [], "testing": []}
    for path in sorted(tf.io.gfile.glob(os.path.join(folder, "*.png"))):
      name_hash = hashlib.sha1(os.path.basename(path).encode()).hexdigest()
      percentage = (
        int(name_hash, 16)
        % (MAX_NUM_IMAGES_PER_CLASS + 1)
        * (100.0 / MAX_NUM_IMAGES_PER_CLASS)
      )
      part = "testing" if percentage < testing_percentage else "training"
      images[part].append(path)
    result[re.sub(r"[^a-z0-9]+", " ", label_name.lower()).strip("/ ")] = images
  return result


def create_module_graph(module_spec):
  height, width = hub.get_expected_image_size(module_spec)
  with tf.Graph().as_default() as graph:
    resized_input_tensor = tf.compat.v1.placeholder(
      tf.float32, [None, height, width, 3]
    )
    m = hub.Module(module_spec)
    bottleneck_tensor = m(resized_input_tensor)
  return graph, bottleneck_tensor, resized_input_tensor


def add_image_decoding(module_spec):
  height, width = hub.get_expected_image_size(module_spec)
  channels = hub.get_num_image_channels(module_spec)
  data = tf.compat.v1.placeholder(tf.string, name="DecodeInput")
  decoded = tf.image.decode_png(data, channels=channels)
  as_float = tf.image.convert_image_dtype(decoded, tf.float32)
  batch = tf.expand_dims(as_float, 0)
  size = tf.cast(tf.stack([height, width]), dtype=tf.int32)
  return data, tf.compat.v1.image.resize_bilinear(batch, size)


def get_or_create_bottleneck(sess, path, decoding, resized_input, bottleneck):
  cached = os.path.join(
    FLAGS.bottleneck_dir, hashlib.sha1(path.encode()).hexdigest() + ".txt"
  )
  if not os.path.exists(cached):
    data, decoded = decoding
    with tf.io.gfile.GFile(path, "rb") as f:
      resized = sess.run(decoded, {data: f.read()})
    values = np.squeeze(sess.run(bottleneck, {resized_input: resized}))
    with open(cached, "w") as f:
      f.write(",".join(str(x) for x in values))
  with open(cached) as f:
    return [float(x) for x in f.read().split(",")]


def add_final_retrain_ops(class_count, bottleneck_tensor):
  """Adds a softmax layer, which is fed with bottlenecks in training."""
  batch_size, size = bottleneck_tensor.get_shape().as_list()
  assert batch_size is None, "We want to work with arbitrary batch size."
  with tf.name_scope("input"):
    bottleneck_input = tf.compat.v1.placeholder_with_default(
      bottleneck_tensor, shape=[None, size], name="BottleneckInput"
    )
    ground_truth_input = tf.compat.v1.placeholder(
      tf.int64, [None], name="GroundTruthInput"
    )
  with tf.name_scope("final_retrain_ops"):
    initial_value = tf.random.truncated_normal([size, class_count], stddev=0.1)
    layer_weights = tf.Variable(initial_value, name="final_weights")
    layer_biases = tf.Variable(tf.zeros([class_count]), name="final_biases")
    logits = tf.matmul(bottleneck_input, layer_weights) + layer_biases
    tf.compat.v1.summary.histogram("pre_activations", logits)
  final_tensor = tf.nn.softmax(logits, name=FLAGS.final_tensor_name)
  cross_entropy = tf.compat.v1.losses.sparse_softmax_cross_entropy(
    labels=ground_truth_input, logits=logits
  )
  tf.compat.v1.summary.scalar("cross_entropy", cross_entropy)
  optimizer = tf.compat.v1.train.GradientDescentOptimizer(FLAGS.learning_rate)
  train_step = optimizer.minimize(cross_entropy)
  correct = tf.equal(tf.argmax(final_tensor, 1), ground_truth_input)
  accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
  return train_step, bottleneck_input, ground_truth_input, accuracy


def evaluate_saved_model(path, image):
  with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    meta_graph = tf.compat.v1.saved_model.loader.load(sess, ["serve"], path)
    signature = meta_graph.signature_def["serving_default"]
    return sess.run(
      signature.outputs["prediction"].name,
      {signature.inputs["image"].name: image},
    )


def main(_):
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
  tf.io.gfile.makedirs(FLAGS.bottleneck_dir)
  image_lists = create_image_lists(FLAGS.image_dir, FLAGS.testing_percentage)
  module_spec = hub.load_module_spec(FLAGS.tfhub_module)
  graph, bottleneck_tensor, resized_input = create_module_graph(module_spec)
  random.seed(0)
  with graph.as_default():
    tf.compat.v1.set_random_seed(1)
    train_step, bottleneck_input, truth_input, accuracy = add_final_retrain_ops(
      len(image_lists), bottleneck_tensor
    )
    decoding = add_image_decoding(module_spec)
    merged = tf.compat.v1.summary.merge_all()
    train_saver = tf.compat.v1.train.Saver()
    init = tf.compat.v1.global_variables_initializer()

  with tf.compat.v1.Session(graph=graph) as sess:
    sess.run(init)
    writer = tf.compat.v1.summary.FileWriter(FLAGS.summaries_dir, graph)
    data = {"training": [], "testing": []}
    for label, images in enumerate(image_lists.values()):
      for part, paths in images.items():
        for path in paths:
          values = get_or_create_bottleneck(
            sess, path, decoding, resized_input, bottleneck_tensor
          )
          data[part].append((values, label))
    for i in range(FLAGS.how_many_training_steps):
      batch, labels = zip(*random.sample(data["training"], 8))
      summary, _ = sess.run(
        [merged, train_step],
        {bottleneck_input: batch, truth_input: labels},
      )
      writer.add_summary(summary, i)
    train_saver.save(sess, FLAGS.checkpoint_path)
  with tf.compat.v1.Session(graph=graph) as sess:
    train_saver.restore(sess, FLAGS.checkpoint_path)
    batch, labels = zip(*data["testing"])
    test_accuracy = sess.run(
      accuracy, {bottleneck_input: batch, truth_input: labels}
    )
    print(f"Final test accuracy = {test_accuracy * 100:.1f}% (N={len(batch)})")
    final = graph.get_tensor_by_name(FLAGS.final_tensor_name + ":0")
    tf.compat.v1.saved_model.simple_save(
      sess,
      FLAGS.saved_model_dir,
      inputs={"image": resized_input},
      outputs={"prediction": final},
      legacy_init_op=tf.group(tf.compat.v1.tables_initializer(), name="legacy"),
    )
    image = np.random.RandomState(0).uniform(
      size=[1, *resized_input.shape.as_list()[1:]]
    )
    expected = sess.run(final, {resized_input: image})
  np.testing.assert_allclose(
    evaluate_saved_model(FLAGS.saved_model_dir, image), expected, rtol=1e-5
  )
  print("SavedModel agrees")


if __name__ == "__main__":
  parser = argparse.ArgumentParser()
  parser.add_argument("--image_dir", required=True)
  parser.add_argument("--tfhub_module", required=True)
  parser.add_argument("--bottleneck_dir", required=True)
  parser.add_argument("--summaries_dir", required=True)
  parser.add_argument("--saved_model_dir", required=True)
  parser.add_argument("--checkpoint_path", required=True)
  parser.add_argument("--how_many_training_steps", type=int, default=100)
  parser.add_argument("--learning_rate", type=float, default=0.5)
  parser.add_argument("--testing_percentage", type=int, default=30)
  parser.add_argument("--final_tensor_name", default="final_result")
  FLAGS, unparsed = parser.parse_known_args()
  tf.compat.v1.app.run(main=main, argv=[sys.argv[0]] + unparsed)
