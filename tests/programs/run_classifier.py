"""Fine-tunes a BERT-like module on sentences with TPUEstimator, off TPUs."""

import collections
import csv
import os

import tensorflow.compat.v1 as tf
import tensorflow_hub as hub

flags = tf.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("bert_hub_module_handle", None, "The module.")
flags.DEFINE_string("data_dir", None, "Folder of train.tsv and dev.tsv.")
flags.DEFINE_string("output_dir", None, "Checkpoints and results.")
flags.DEFINE_integer("max_seq_length", 8, "Tokens, special ones included.")
flags.DEFINE_bool("do_train", False, "Whether to train.")
flags.DEFINE_bool("do_eval", False, "Whether to evaluate.")
flags.DEFINE_bool("do_predict", False, "Whether to predict.")
flags.DEFINE_bool("use_tpu", False, "Whether to use a TPU.")
flags.DEFINE_integer("train_batch_size", 8, "Batch size.")
flags.DEFINE_float("learning_rate", 0.05, "Peak of the schedule.")
flags.DEFINE_float("warmup_proportion", 0.1, "Part of the steps.")
flags.DEFINE_integer("num_train_steps", 40, "Steps.")

InputFeatures = collections.namedtuple(
  "InputFeatures", "input_ids input_mask segment_ids label_id"
)


def create_tokenizer_from_hub_module(bert_hub_module_handle):
  """Gets the vocabulary of the module from the module itself."""
  with tf.Graph().as_default():
    bert_module = hub.Module(bert_hub_module_handle)
    tokenization_info = bert_module(signature="tokenization_info", as_dict=True)
    with tf.Session() as sess:
      vocab_file, do_lower_case = sess.run(
        [tokenization_info["vocab_file"], tokenization_info["do_lower_case"]]
      )
  with tf.gfile.GFile(vocab_file) as reader:
    vocabulary = {token.strip(): i for i, token in enumerate(reader)}

  def tokenize(text):
    text = text.lower() if do_lower_case else text
    return [vocabulary.get(t, vocabulary["[UNK]"]) for t in text.split()]

  return vocabulary, tokenize


def load_features(name, vocabulary, tokenize):
  features = []
  with tf.gfile.Open(os.path.join(FLAGS.data_dir, name)) as f:
    for label, sentence in csv.reader(f, delimiter="\t"):
      ids = tokenize(sentence)[: FLAGS.max_seq_length - 2]
      ids = [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]
      padding = [0] * (FLAGS.max_seq_length - len(ids))
      mask = [1] * len(ids) + padding
      segments = [0] * FLAGS.max_seq_length
      features.append(InputFeatures(ids + padding, mask, segments, int(label)))
  return features


def input_fn_builder(features, is_training):
  def input_fn(params):
    columns = {
      name: tf.constant([getattr(f, name) for f in features], tf.int32)
      for name in InputFeatures._fields
    }
    data = tf.data.Dataset.from_tensor_slices(columns)
    if is_training:
      data = data.repeat().shuffle(buffer_size=100, seed=1)
    return data.batch(params["batch_size"], drop_remainder=is_training)

  return input_fn


def create_model(is_training, features, num_labels):
  tags = {"train"} if is_training else set()
  bert_module = hub.Module(
    FLAGS.bert_hub_module_handle, tags=tags, trainable=True
  )
  bert_inputs = {
    "input_ids": features["input_ids"],
    "input_mask": features["input_mask"],
    "segment_ids": features["segment_ids"],
  }
  bert_outputs = bert_module(
    inputs=bert_inputs, signature="tokens", as_dict=True
  )
  output_layer = bert_outputs["pooled_output"]
  hidden_size = output_layer.shape[-1]
  output_weights = tf.get_variable(
    "output_weights",
    [num_labels, hidden_size],
    initializer=tf.truncated_normal_initializer(stddev=0.02),
  )
  output_bias = tf.get_variable(
    "output_bias", [num_labels], initializer=tf.zeros_initializer()
  )
  with tf.variable_scope("loss"):
    if is_training:
      output_layer = tf.nn.dropout(output_layer, keep_prob=0.9)
    logits = tf.matmul(output_layer, output_weights, transpose_b=True)
    logits = tf.nn.bias_add(logits, output_bias)
    log_probs = tf.nn.log_softmax(logits, axis=-1)
    one_hot = tf.one_hot(features["label_id"], depth=num_labels)
    per_example_loss = -tf.reduce_sum(one_hot * log_probs, axis=-1)
    return tf.reduce_mean(per_example_loss), per_example_loss, logits, log_probs


def create_optimizer(loss):
  """Adam without weight decay, warmed up, then falling to 0."""
  global_step = tf.train.get_or_create_global_step()
  rate = tf.train.polynomial_decay(
    tf.constant(FLAGS.learning_rate), global_step, FLAGS.num_train_steps, 0.0
  )
  warmup_steps = int(FLAGS.num_train_steps * FLAGS.warmup_proportion)
  done = tf.cast(global_step, tf.float32)
  warmup = FLAGS.learning_rate * (done + 1.0) / warmup_steps
  rate = tf.where(done < warmup_steps, warmup, rate)
  optimizer = tf.train.AdamOptimizer(rate)
  if FLAGS.use_tpu:
    optimizer = tf.tpu.CrossShardOptimizer(optimizer)
  variables = tf.trainable_variables()
  gradients = tf.gradients(loss, variables)
  (gradients, _) = tf.clip_by_global_norm(gradients, clip_norm=1.0)
  return optimizer.apply_gradients(
    zip(gradients, variables), global_step=global_step
  )


def model_fn_builder(num_labels):
  def model_fn(features, labels, mode, params):
    del labels, params
    is_training = mode == tf.estimator.ModeKeys.TRAIN
    loss, per_example_loss, logits, log_probs = create_model(
      is_training, features, num_labels
    )
    if mode == tf.estimator.ModeKeys.PREDICT:
      return tf.estimator.tpu.TPUEstimatorSpec(
        mode=mode, predictions={"probabilities": tf.exp(log_probs)}
      )
    if mode == tf.estimator.ModeKeys.TRAIN:
      return tf.estimator.tpu.TPUEstimatorSpec(
        mode=mode, loss=loss, train_op=create_optimizer(loss)
      )

    def metric_fn(per_example_loss, label_ids, logits):
      predictions = tf.argmax(logits, axis=-1, output_type=tf.int32)
      return {
        "eval_accuracy": tf.metrics.accuracy(label_ids, predictions),
        "eval_loss": tf.metrics.mean(per_example_loss),
      }

    return tf.estimator.tpu.TPUEstimatorSpec(
      mode=mode,
      loss=loss,
      eval_metrics=(
        metric_fn,
        [per_example_loss, features["label_id"], logits],
      ),
    )

  return model_fn


def main(_):
  tf.logging.set_verbosity(tf.logging.WARN)
  tf.gfile.MakeDirs(FLAGS.output_dir)
  vocabulary, tokenize = create_tokenizer_from_hub_module(
    FLAGS.bert_hub_module_handle
  )
  run_config = tf.estimator.tpu.RunConfig(
    model_dir=FLAGS.output_dir,
    tf_random_seed=2,
    save_checkpoints_steps=20,
    tpu_config=tf.estimator.tpu.TPUConfig(
      iterations_per_loop=10,
      num_shards=8,
      per_host_input_for_training=(
        tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2
      ),
    ),
  )
  estimator = tf.estimator.tpu.TPUEstimator(
    use_tpu=FLAGS.use_tpu,
    model_fn=model_fn_builder(num_labels=2),
    config=run_config,
    train_batch_size=FLAGS.train_batch_size,
    eval_batch_size=8,
    predict_batch_size=8,
  )
  train = load_features("train.tsv", vocabulary, tokenize)
  dev = load_features("dev.tsv", vocabulary, tokenize)
  if FLAGS.do_train:
    estimator.train(
      input_fn=input_fn_builder(train, is_training=True),
      max_steps=FLAGS.num_train_steps,
    )
  if FLAGS.do_eval:
    result = estimator.evaluate(input_fn=input_fn_builder(dev, False))
    path = os.path.join(FLAGS.output_dir, "eval_results.txt")
    with tf.gfile.GFile(path, "w") as writer:
      for key in sorted(result.keys()):
        writer.write(f"{key} = {str(result[key])}\n")
  if FLAGS.do_predict:
    path = os.path.join(FLAGS.output_dir, "test_results.tsv")
    with tf.gfile.GFile(path, "w") as writer:
      for prediction in estimator.predict(input_fn_builder(dev, False)):
        values = prediction["probabilities"]
        writer.write("\t".join(f"{p:.3f}" for p in values) + "\n")


if __name__ == "__main__":
  flags.mark_flag_as_required("bert_hub_module_handle")
  flags.mark_flag_as_required("output_dir")
  tf.app.run()
