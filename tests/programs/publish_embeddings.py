"""Publishes word embeddings, learned here, as a module with two signatures.

First a checkpoint is trained in a graph of its own; then the module's graph is
exported with the checkpoint's values (ModuleSpec.export); then the module is
loaded, changed, and exported from a session (Module.export).
"""

import os

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

FLAGS = tf.compat.v1.flags.FLAGS
tf.compat.v1.flags.DEFINE_string("export_path", None, "Where to write.")
tf.compat.v1.flags.DEFINE_string("work_dir", None, "For vocabulary, weights.")
tf.compat.v1.flags.DEFINE_integer("num_oov_buckets", 1, "Out of vocabulary.")
tf.compat.v1.flags.DEFINE_bool("debug", False, "Print the module's variables.")

TOKENS = ["cat", "dog", "fish"]
EMBEDDINGS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)


def write_vocabulary(tmp_dir):
  path = os.path.join(tmp_dir, "tokens.txt")
  with tf.io.gfile.GFile(path, "w") as f:
    f.write("\n".join(TOKENS) + "\n")
  return path


def train_checkpoint(tmp_dir):
  """Fits a table to EMBEDDINGS and zeros for what is not in the vocabulary."""
  with tf.Graph().as_default():
    shape = [len(TOKENS) + FLAGS.num_oov_buckets, 2]
    table = tf.compat.v1.get_variable(
      "model/table", shape, initializer=tf.compat.v1.zeros_initializer()
    )
    target = np.zeros(shape, np.float32)
    target[: len(TOKENS)] = EMBEDDINGS
    loss = tf.reduce_sum((table - target) ** 2) / 2
    step = tf.compat.v1.train.GradientDescentOptimizer(1.0).minimize(loss)
    saver = tf.compat.v1.train.Saver()
    with tf.compat.v1.Session() as sess:
      sess.run(tf.compat.v1.global_variables_initializer())
      sess.run(step)
      return saver.save(sess, os.path.join(tmp_dir, "weights.ckpt"))


def make_module_fn(vocabulary_file):
  def lookup(tokens):
    table = tf.lookup.StaticVocabularyTable(
      tf.lookup.TextFileInitializer(
        vocabulary_file,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
      ),
      FLAGS.num_oov_buckets,
    )
    variable = tf.compat.v1.get_variable(
      "embeddings",
      [len(TOKENS) + FLAGS.num_oov_buckets, 2],
      initializer=tf.compat.v1.zeros_initializer(),
    )
    return tf.nn.embedding_lookup(variable, table.lookup(tokens))

  def module_fn():
    text = tf.compat.v1.placeholder(tf.string, [None], name="text")
    with tf.compat.v1.variable_scope("", reuse=tf.compat.v1.AUTO_REUSE):
      words = tf.compat.v1.string_split(text, " ")
      combined = tf.compat.v1.sparse.segment_mean(
        lookup(words.values),
        tf.range(tf.shape(words.values)[0]),
        words.indices[:, 0],
      )
      hub.add_signature("default", {"text": text}, {"default": combined})
      word = tf.compat.v1.placeholder(tf.string, [None], name="word")
      hub.add_signature("word", {"word": word}, lookup(word))
    hub.attach_message(
      "note", tf.train.Feature(bytes_list={"value": [b"learned here"]})
    )

  return module_fn


def embed(module_path, texts):
  with tf.Graph().as_default():
    module = hub.Module(module_path)
    outputs = [module(texts), module(["fish", "bird"], signature="word")]
    init = [
      tf.compat.v1.global_variables_initializer(),
      tf.compat.v1.tables_initializer(),
    ]
    with tf.compat.v1.Session() as sess:
      sess.run(init)
      return sess.run(outputs)


def main(_):
  os.makedirs(FLAGS.work_dir, exist_ok=True)
  spec = hub.create_module_spec(
    make_module_fn(write_vocabulary(FLAGS.work_dir)),
    tags_and_args=[(set(), {}), ({"train"}, {})],
    drop_collections=["losses"],
  )
  checkpoint = train_checkpoint(FLAGS.work_dir)
  first = os.path.join(FLAGS.work_dir, "first")
  spec.export(
    first,
    checkpoint_path=checkpoint,
    name_transform_fn=lambda name: name.replace("embeddings", "model/table"),
  )
  with tf.Graph().as_default():
    module = hub.Module(hub.load_module_spec(first), trainable=True)
    if FLAGS.debug:
      print(sorted(module.variable_map))
    double = [v.assign(2.0 * v) for v in module.variables]
    with tf.compat.v1.Session() as sess:
      sess.run(tf.compat.v1.global_variables_initializer())
      sess.run(double)
      module.export(FLAGS.export_path, session=sess)

  spec = hub.load_module_spec(FLAGS.export_path)
  print("tags:", sorted(sorted(t) for t in spec.get_tags()))
  print("signatures:", sorted(spec.get_signature_names()))
  note = spec.get_attached_message("note", tf.train.Feature)
  print("note:", note.bytes_list.value[0].decode())
  for values in embed(FLAGS.export_path, ["cat dog", "dog bird"]):
    print(values.tolist())


if __name__ == "__main__":
  tf.compat.v1.flags.mark_flag_as_required("export_path")
  tf.compat.v1.app.run(main)
