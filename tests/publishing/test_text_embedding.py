"""The text module: its graph, worked out by hand, and mistakes."""

import math

import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.publishing.text_embedding import text_embedding
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

WORDS = ("a", "b", "don't", "dont", "well", "known", "é", ",")
# Row i is (i + 1, 10 (i + 1)); behind them the rows of unknown words.
ROWS = np.float32([[i + 1, 10 * (i + 1)] for i in range(10)])
A, B, DON_T, DONT, WELL, KNOWN, E_ACUTE, COMMA, OOV, OOV_2 = ROWS


@pytest.fixture
def vocabulary_file(tmp_path):
  path = tmp_path / "words.txt"
  path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
  return str(path)


@pytest.fixture
def embed(vocabulary_file):
  """Embeds texts with the rows above."""

  def embed(texts, **arguments):
    spec = text_embedding(vocabulary_file, 2, **arguments)
    with tf.Graph().as_default(), tf1.Session() as session:
      module = hub.Module(spec)
      output = module(np.array(texts, dtype=object))
      (variable,) = module.variables
      session.run([tf1.global_variables_initializer()])
      session.run(tf1.tables_initializer())
      variable.load(ROWS[: variable.shape[0]], session)
      return session.run(output)

  return embed


@pytest.mark.parametrize(
  "combiner, divisor", [("sum", 1), ("mean", 3), ("sqrtn", math.sqrt(3))]
)
def test_combiners(embed, combiner, divisor):
  np.testing.assert_allclose(
    embed(["a b a", "b", "", "  ", "x a b"], combiner=combiner),
    [
      (A + B + A) / divisor,
      B,
      [0, 0],
      [0, 0],
      (OOV + A + B) / divisor,
    ],
    rtol=1e-6,
  )


def test_words_are_separated_by_ascii_whitespace(embed):
  np.testing.assert_array_equal(
    embed(["\ta\r\n b\v\fa ", "a\u00a0b", "A"], combiner="sum"),
    [A + B + A, OOV, OOV],
  )
  assert embed([]).shape == (0, 2)


def test_unknown_words_have_buckets_or_are_left_out(embed):
  texts = ["x", "y", "a x", "x y z"]
  np.testing.assert_allclose(
    embed(texts, num_oov_buckets=0, combiner="mean"),
    [[0, 0], [0, 0], A, [0, 0]],
  )
  many = [f"unknown{i}" for i in range(40)]
  found = {tuple(row) for row in embed(many, num_oov_buckets=2)}
  assert found == {tuple(OOV), tuple(OOV_2)}


def test_punctuation(embed):
  texts = ["a, b.", "(a)-b", "don't", "don’t!", "well-known", "...", "a ,"]
  plain = [2 * OOV, OOV, DON_T, OOV, OOV, OOV, A + COMMA]
  np.testing.assert_array_equal(embed(texts, combiner="sum"), plain)
  without = [A + B, A + B, DONT, DONT, WELL + KNOWN, [0, 0], A]
  np.testing.assert_array_equal(
    embed(texts, combiner="sum", preprocess_text=True), without
  )


def test_lower_case(embed):
  texts = ["A b", "É", "Don't"]
  np.testing.assert_array_equal(
    embed(texts, combiner="sum", lowercase_text=True), [A + B, E_ACUTE, DON_T]
  )
  np.testing.assert_array_equal(
    embed(["DON'T"], lowercase_text=True, preprocess_text=True), [DONT]
  )


def test_what_the_module_is(vocabulary_file):
  spec = text_embedding(vocabulary_file, 2, num_oov_buckets=3)
  hub.check_common_signature(spec, "text_embedding")
  (text,) = spec.get_input_info_dict().values()
  assert (text.dtype, text.get_shape().as_list()) == (tf.string, [None])
  (embedding,) = spec.get_output_info_dict().values()
  assert (embedding.dtype, embedding.get_shape().as_list()) == (
    tf.float32,
    [None, 2],
  )
  with tf.Graph().as_default():
    hub.Module(spec, trainable=True)
    (variable,) = tf1.trainable_variables()
    assert variable.op.name == "module/embeddings"
    assert variable.shape.as_list() == [len(WORDS) + 3, 2]
    assert tf1.losses.get_regularization_losses() == []
    assert tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) == []


def test_l2_loss_is_half_the_squares(vocabulary_file):
  spec = text_embedding(vocabulary_file, 2, num_oov_buckets=0, l2_scale=0.5)
  for trainable in (False, True):
    with tf.Graph().as_default(), tf1.Session() as session:
      module = hub.Module(spec, trainable=trainable)
      losses = tf1.losses.get_regularization_losses()
      if not trainable:
        assert losses == []
        continue
      module.variables[0].load(ROWS[:8], session)
      # Σ i² of 1 to 8 is 204; times 1² + 10² = 101.
      assert session.run(losses) == [0.5 * 204 * 101 / 2]


def test_training_touches_the_rows_of_the_words(vocabulary_file):
  # d Σ outputs / d row of a word that is one of n: 1/√n in each column.
  spec = text_embedding(vocabulary_file, 2)
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(spec, trainable=True)
    output = module(["a b unknown a", "b"])
    (variable,) = module.variables
    (gradient,) = tf1.gradients(output, variable)
    assert isinstance(gradient, tf.IndexedSlices)
    step = tf1.train.GradientDescentOptimizer(1.0).minimize(
      tf.reduce_sum(output)
    )
    session.run(tf1.tables_initializer())
    variable.load(ROWS[:9], session)
    session.run(step)
    moved = ROWS[:9] - session.run(variable)
  expected = np.zeros([9, 2])
  expected[0], expected[1], expected[8] = 2 / 2, 1 / 2 + 1, 1 / 2
  np.testing.assert_allclose(moved, expected, atol=1e-5)


def test_initial_values_are_random_and_small(vocabulary_file):
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.random.set_random_seed(0)
    module = hub.Module(text_embedding(vocabulary_file, 100))
    session.run(tf1.global_variables_initializer())
    values = session.run(module.variables[0])
  # Cut off at two standard deviations of 1/√100.
  assert np.abs(values).max() <= 0.2
  assert 0.08 < values.std() < 0.1


def test_an_exported_module_has_no_path_of_the_vocabulary(
  vocabulary_file, tmp_path
):
  spec = text_embedding(vocabulary_file, 2)
  path = tmp_path / "module"
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(spec)
    session.run(tf1.global_variables_initializer())
    module.export(str(path), session)
  assert b"words.txt" in (path / "saved_model.pb").read_bytes()
  assert str(tmp_path).encode() not in (path / "saved_model.pb").read_bytes()
  assert (path / "assets" / "words.txt").read_text(encoding="utf-8").split(
    "\n"
  ) == [*WORDS, ""]


@pytest.mark.parametrize(
  "arguments, text",
  [
    ({"combiner": "max"}, "combiner = 'max': it is one of mean, sqrtn, sum."),
    ({"num_oov_buckets": -1}, "num_oov_buckets = -1: it is a whole number of"),
    ({"num_oov_buckets": 1.0}, "num_oov_buckets = 1.0: it is a whole number"),
    ({"num_oov_buckets": True}, "num_oov_buckets = True: it is a whole number"),
    ({"embedding_dim": 0}, "embedding_dim = 0: it is a whole number of at lea"),
    ({"l2_scale": -1.0}, "l2_scale = -1.0: it is a number, 0 for no loss"),
    ({"l2_scale": math.nan}, "l2_scale = nan: it is a number, 0 for no loss"),
  ],
)
def test_arguments_out_of_range(vocabulary_file, arguments, text):
  with pytest.raises(errors.UserValueError) as caught:
    text_embedding(vocabulary_file, **{"embedding_dim": 2, **arguments})
  assert text in str(caught.value)


@pytest.mark.parametrize(
  "content, text",
  [
    (b"", " is empty: expected one word a line."),
    (b"a\n\nb\n", ", line 2: expected one word, found b''."),
    (b"a\nb c\n", ", line 2: expected one word, found b'b c'."),
    (
      b"a\nb\na\n",
      ", line 3: expected each word once, found b'a', which is on ",
    ),
  ],
)
def test_a_vocabulary_that_is_wrong(tmp_path, content, text):
  path = tmp_path / "words.txt"
  path.write_bytes(content)
  with pytest.raises(errors.UserValueError) as caught:
    text_embedding(str(path), 2)
  assert f"{path}{text}" in str(caught.value)


def test_no_vocabulary(tmp_path):
  with pytest.raises(
    errors.UserOSError, match="words.txt does not exist: .*one word"
  ):
    text_embedding(str(tmp_path / "words.txt"), 2)
