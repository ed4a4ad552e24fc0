"""A text module: the words of a text, looked up in a table and combined."""

from __future__ import annotations

import functools
import math

import gin

from hub_estimator import errors, hub
from hub_estimator.publishing.embedding_file import check_is_file
from hub_estimator.tf_compat import tf

COMBINERS = ("mean", "sqrtn", "sum")
EMBEDDINGS = "embeddings"

_KEYS = tf.compat.v1.GraphKeys
# The key of InitializeTableFromTextFileV2 is the whole line, the value the
# line's number, from 0.
_WHOLE_LINE, _LINE_NUMBER = -2, -1


@gin.register(module="hub_estimator")
def text_embedding(
  vocabulary_file: str = gin.REQUIRED,
  embedding_dim: int = gin.REQUIRED,
  num_oov_buckets: int = 1,
  combiner: str = "sqrtn",
  preprocess_text: bool = False,
  lowercase_text: bool = False,
  l2_scale: float = 0.0,
) -> hub.ModuleSpec:
  """Creates a ModuleSpec that embeds texts as combinations of their words.

  Signature "default": input "default", string [batch_size]; output "default",
  float32 [batch_size, embedding_dim]. A text is split at ASCII whitespace; its
  n words w₁ … wₙ give Σᵢ e(wᵢ), divided by n ("mean") or √n ("sqrtn"). A text
  without words gives zeros.

  The only variable, "embeddings", is trainable: float32 [number of words +
  num_oov_buckets, embedding_dim], initially normal with standard deviation
  1/√embedding_dim. Its gradient is sparse: a step costs what the texts' words
  cost, whatever the table's size. The vocabulary file becomes the asset.
  `export_text_embedding` makes the same module with the values of a file.

  Graph collections: the table's initializer in TABLE_INITIALIZERS, the path of
  the vocabulary in ASSET_FILEPATHS and, if `l2_scale` is not 0, a loss in
  REGULARIZATION_LOSSES. There is one graph variant, with no tags.

  Args:
    vocabulary_file: a file with one word a line.
    embedding_dim: size of an embedding.
    num_oov_buckets: rows for words that are not in the vocabulary; a word's
      hash says which. 0 leaves such words out, as if the text did not have
      them.
    combiner: "mean", "sqrtn" or "sum".
    preprocess_text: whether to take punctuation out before the text is split:
      apostrophes (' and ’) are deleted, so that "don't" becomes "dont", and
      every other character of a Unicode category of punctuation becomes a
      space, so that "well-known," becomes "well known". Words of the
      vocabulary that hold punctuation are then never found.
    lowercase_text: whether to turn a text into lower case first, which suits a
      vocabulary without capitals, such as GloVe's.
    l2_scale: the table E adds l2_scale · Σ E² / 2 to the regularization losses.
      That costs a pass over the whole table in each step, and a gradient as
      large as the table; hence 0, no loss, by default.

  Raises:
    UserError: there is no such file, a word that stands there twice, an empty
      line or one with a space; or another argument out of its range.
  """
  return create_spec(
    vocabulary_file,
    _count_words(vocabulary_file),
    embedding_dim,
    num_oov_buckets=num_oov_buckets,
    combiner=combiner,
    preprocess_text=preprocess_text,
    lowercase_text=lowercase_text,
    l2_scale=l2_scale,
  )


def create_spec(
  vocabulary_file: str,
  num_words: int,
  embedding_dim: int,
  *,
  num_oov_buckets: int,
  combiner: str,
  preprocess_text: bool,
  lowercase_text: bool,
  l2_scale: float,
) -> hub.ModuleSpec:
  """Creates the ModuleSpec of `text_embedding` for a file that is in order."""
  check_arguments(num_oov_buckets, combiner, l2_scale)
  _check_count("embedding_dim", embedding_dim, minimum=1)

  def module_fn():
    texts = tf.compat.v1.placeholder(tf.string, [None], name="text")
    embeddings = tf.compat.v1.get_variable(
      EMBEDDINGS,
      [num_words + num_oov_buckets, embedding_dim],
      tf.float32,
      initializer=tf.compat.v1.truncated_normal_initializer(
        stddev=1 / math.sqrt(embedding_dim)
      ),
      regularizer=functools.partial(_l2, l2_scale) if l2_scale else None,
    )
    words = tf.compat.v1.strings.split(
      _normalize(texts, preprocess_text, lowercase_text),
      result_type="SparseTensor",
    )
    ids = _look_up(words.values, vocabulary_file, num_words, num_oov_buckets)
    # Leaves out ids of -1, and gives zeros for texts without words.
    combined = tf.nn.safe_embedding_lookup_sparse(
      embeddings,
      tf.SparseTensor(words.indices, ids, words.dense_shape),
      combiner=combiner,
    )
    hub.add_text_embedding_signature(
      texts, tf.ensure_shape(combined, [None, embedding_dim])
    )

  return hub.create_module_spec(module_fn)


def check_arguments(
  num_oov_buckets: int, combiner: str, l2_scale: float
) -> None:
  """Raises UserError for arguments of `text_embedding` out of their range."""
  _check_count("num_oov_buckets", num_oov_buckets, minimum=0)
  if combiner not in COMBINERS:
    raise errors.UserValueError(
      f"combiner = {combiner!r}: it is one of {', '.join(COMBINERS)}."
    )
  if not isinstance(l2_scale, (int, float)) or not 0 <= l2_scale < math.inf:
    raise errors.UserValueError(
      f"l2_scale = {l2_scale!r}: it is a number, 0 for no loss, such as 1e-6."
    )


def _check_count(name: str, value: int, minimum: int) -> None:
  if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
    raise errors.UserValueError(
      f"{name} = {value!r}: it is a whole number of at least {minimum}."
    )


def _count_words(vocabulary_file: str) -> int:
  check_is_file(vocabulary_file, "a text file with one word a line")
  line_of_word: dict[bytes, int] = {}
  with open(vocabulary_file, "rb") as file:
    for number, line in enumerate(file, start=1):
      word = line.rstrip(b"\r\n")
      if word.split() != [word]:
        raise errors.UserValueError(
          f"{vocabulary_file}, line {number}: expected one word, found"
          f" {word[:40]!r}."
        )
      if line_of_word.setdefault(word, number) != number:
        raise errors.UserValueError(
          f"{vocabulary_file}, line {number}: expected each word once, found "
          f"{word!r}, which is on line {line_of_word[word]} already."
        )
  if not line_of_word:
    raise errors.UserValueError(
      f"{vocabulary_file} is empty: expected one word a line."
    )
  return len(line_of_word)


def _normalize(
  texts: tf.Tensor, preprocess_text: bool, lowercase_text: bool
) -> tf.Tensor:
  if lowercase_text:
    texts = tf.strings.lower(texts, encoding="utf-8")
  if preprocess_text:
    texts = tf.strings.regex_replace(texts, "['’]", "")
    texts = tf.strings.regex_replace(texts, r"\pP", " ")
  return texts


def _look_up(
  words: tf.Tensor, vocabulary_file: str, num_words: int, num_oov_buckets: int
) -> tf.Tensor:
  """Returns the rows of words: int64, -1 for those that have none."""
  path = tf.constant(vocabulary_file, name="vocabulary_file")
  tf.compat.v1.add_to_collection(_KEYS.ASSET_FILEPATHS, path)
  # By its own ops: tf.lookup would put the path, which is of the publishing
  # machine, into the table's name.
  table = tf.raw_ops.HashTableV2(
    key_dtype=tf.string,
    value_dtype=tf.int64,
    shared_name="vocabulary",
    name="vocabulary",
  )
  tf.compat.v1.add_to_collection(
    _KEYS.TABLE_INITIALIZERS,
    tf.raw_ops.InitializeTableFromTextFileV2(
      table_handle=table,
      filename=path,
      key_index=_WHOLE_LINE,
      value_index=_LINE_NUMBER,
      vocab_size=num_words,
    ),
  )
  ids = tf.raw_ops.LookupTableFindV2(
    table_handle=table, keys=words, default_value=tf.constant(-1, tf.int64)
  )
  if not num_oov_buckets:
    return ids
  buckets = num_words + tf.strings.to_hash_bucket_fast(words, num_oov_buckets)
  return tf.where(ids >= 0, ids, buckets)


def _l2(scale: float, weights: tf.Tensor) -> tf.Tensor:
  return scale * tf.nn.l2_loss(weights)
