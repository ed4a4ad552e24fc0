"""The modules and data that the programs in `programs/` are run on."""

import os

import numpy as np

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

_WORDS = ["good", "great", "fine", "bad", "awful", "poor"]
_BERT_VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *_WORDS]
_BERT_SIZE = 8


def _export(path, module_fn, tags_and_args=None):
  spec = hub.create_module_spec(module_fn, tags_and_args)
  with tf.Graph().as_default():
    tf1.set_random_seed(1)
    module = hub.Module(spec)
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      session.run(tf1.tables_initializer())
      module.export(str(path), session)
  return str(path)


def _random(shape, seed):
  return np.random.RandomState(seed).normal(size=shape).astype(np.float32)


def text_module(path):
  """{[batch_size] string} → [batch_size, 4]: means of the words' vectors."""

  def module_fn():
    text = tf1.placeholder(tf.string, [None], name="text")
    words = tf1.string_split(text, " ")
    ids = tf.lookup.StaticHashTable(
      tf.lookup.KeyValueTensorInitializer(
        tf.constant(_WORDS), tf.range(len(_WORDS), dtype=tf.int64)
      ),
      default_value=len(_WORDS),
    ).lookup(words.values)
    embeddings = tf1.get_variable(
      "embeddings", initializer=_random([len(_WORDS) + 1, 4], seed=1)
    )
    hub.add_signature(
      "default",
      {"text": text},
      {
        "default": tf1.segment_mean(
          tf.gather(embeddings, ids), words.indices[:, 0]
        )
      },
    )

  return _export(path, module_fn)


def image_module(path):
  """{[batch_size, 4, 4, 3]} → [batch_size, 6], with `ImageModuleInfo`."""

  def module_fn():
    images = tf1.placeholder(tf.float32, [None, None, None, 3], name="images")
    info = hub.ImageModuleInfo()
    info.default_image_size.height = 4
    info.default_image_size.width = 4
    hub.attach_image_module_info(info)
    kernel = tf1.get_variable("kernel", initializer=_random([3, 6], seed=2))
    pooled = tf.reduce_mean(images, axis=[1, 2])
    hub.add_signature(
      "default", {"images": images}, {"default": tf.matmul(pooled, kernel)}
    )

  return _export(path, module_fn)


def image_folders(path):
  """Twenty images of 5 x 5 pixels in each of the folders `Blue` and `Red`."""
  random = np.random.RandomState(3)
  for label, channel in (("Blue", 2), ("Red", 0)):
    os.makedirs(path / label)
    for i in range(20):
      image = random.randint(0, 100, [5, 5, 3]).astype(np.uint8)
      image[..., channel] += 120
      encoded = tf.io.encode_png(image).numpy()
      (path / label / f"{i}.png").write_bytes(encoded)
  return str(path)


def bert_module(path, vocabulary_path):
  """Signatures `tokens` and `tokenization_info`, tags {} and {"train"}.

  tokens: input_ids, input_mask, segment_ids [batch_size, length] int32 →
  pooled_output [batch_size, 8], sequence_output [batch_size, length, 8].
  """
  vocabulary_path.write_text("\n".join(_BERT_VOCABULARY) + "\n")

  def module_fn(is_training):
    ids, mask, segments = (
      tf1.placeholder(tf.int32, [None, None], name=name)
      for name in ("input_ids", "input_mask", "segment_ids")
    )
    with tf1.variable_scope("bert"):
      words = tf1.get_variable(
        "word_embeddings",
        initializer=_random([len(_BERT_VOCABULARY), _BERT_SIZE], seed=4),
      )
      kinds = tf1.get_variable(
        "token_type_embeddings", initializer=_random([2, _BERT_SIZE], seed=5)
      )
      pooler = tf1.get_variable(
        "pooler", initializer=_random([_BERT_SIZE, _BERT_SIZE], seed=6)
      )
    sequence = tf.gather(words, ids) + tf.gather(kinds, segments)
    if is_training:
      sequence = tf.nn.dropout(sequence, rate=0.1)
    weights = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
    mean = tf.reduce_sum(sequence * weights, 1) / tf.reduce_sum(weights, 1)
    hub.add_signature(
      "tokens",
      {"input_ids": ids, "input_mask": mask, "segment_ids": segments},
      {
        "pooled_output": tf.tanh(tf.matmul(mean, pooler)),
        "sequence_output": sequence,
      },
    )
    vocab_file = tf.constant(str(vocabulary_path), name="vocab_file")
    tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, vocab_file)
    hub.add_signature(
      "tokenization_info",
      outputs={"vocab_file": vocab_file, "do_lower_case": tf.constant(True)},
    )

  tags_and_args = [
    (set(), {"is_training": False}),
    ({"train"}, {"is_training": True}),
  ]
  return _export(path, module_fn, tags_and_args)


def labelled_sentences(path):
  """train.tsv and dev.tsv: 1 for good words, 0 for bad ones, a tab, words."""
  os.makedirs(path)
  for seed, (name, number) in enumerate([("train", 40), ("dev", 20)]):
    random = np.random.RandomState(seed)
    lines = []
    for i in range(number):
      words = _WORDS[:3] if i % 2 else _WORDS[3:]
      lines.append(f"{i % 2}\tThe {random.choice(words).title()} film\n")
    (path / f"{name}.tsv").write_text("".join(lines))
  return str(path)
