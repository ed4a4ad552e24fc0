"""Modules made of word embeddings in a file, and who can use them."""

import subprocess
import sys

import numpy as np
import pytest
import upstream_hub
from embedding_modules import CAFE, CAT, DOG, embed, names

from hub_estimator import errors, hub
from hub_estimator.hub import description, variable_files
from hub_estimator.publishing import embedding_export
from hub_estimator.publishing.embedding_export import export_text_embedding
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def test_the_module_has_the_values_of_the_file(embedding_file, tmp_path):
  path = tmp_path / "new" / "module"
  exported = export_text_embedding(str(embedding_file), str(path))
  assert exported == (str(path), 3, 3, 0, None, False)
  np.testing.assert_allclose(
    embed(path, ["cat", "cat dog dog", "café", "bird", "cat bird", ""]),
    [
      CAT,
      (CAT + 2 * DOG) / np.sqrt(3),
      CAFE,
      [0, 0, 0],  # The rows of unknown words are zeros.
      CAT / np.sqrt(2),
      [0, 0, 0],
    ],
    rtol=1e-6,
  )
  assert (path / "assets/vocabulary.txt").read_bytes() == (
    "cat\ndog\ncaf\u00e9\n".encode()
  )
  assert names(tmp_path) == ["new", "vectors.txt"]
  assert names(tmp_path / "new") == ["module"]


def test_what_is_in_the_folder(embedding_file, tmp_path):
  path = tmp_path / "module"
  export_text_embedding(str(embedding_file), str(path), num_oov_buckets=2)
  (graph,) = description.describe_module(str(path))["graphs"]
  assert graph["tags"] == []
  assert list(graph["signatures"]) == ["default"]
  assert graph["assets"] == ["vocabulary.txt"]
  (variable,) = graph["variables"]
  assert (variable["name"], variable["shape"], variable["trainable"]) == (
    "embeddings",
    [5, 3],
    True,
  )
  hub.check_common_signature(hub.load_module_spec(str(path)), "text_embedding")
  reader = variable_files.open_checkpoint(str(path / "variables/variables"))
  np.testing.assert_array_equal(
    reader.get_tensor("embeddings"), [CAT, DOG, CAFE, [0, 0, 0], [0, 0, 0]]
  )
  saved_model = (path / "saved_model.pb").read_bytes()
  assert str(tmp_path).encode() not in saved_model


def test_the_table_is_not_in_the_graph(tmp_path):
  sizes = []
  for num_words in (10, 2000):
    path = tmp_path / f"{num_words}.txt"
    path.write_bytes(b"".join(b"w%d 1 2 3\n" % i for i in range(num_words)))
    export_text_embedding(str(path), str(tmp_path / f"m{num_words}"))
    sizes.append((tmp_path / f"m{num_words}/saved_model.pb").stat().st_size)
  assert abs(sizes[1] - sizes[0]) < 100


def test_words_that_are_no_utf8(tmp_path):
  path = tmp_path / "vectors.txt"
  path.write_bytes(b"caf\xe9 1\na\xc2\xa0b 2\n\xc2\x85 4\n")
  export_text_embedding(
    str(path), str(tmp_path / "m"), combiner="sum", lowercase_text=False
  )
  texts = [b"caf\xe9", b"a\xc2\xa0b", b"\xc2\x85 caf\xe9"]
  np.testing.assert_array_equal(
    embed(tmp_path / "m", texts), [[1.0], [2.0], [5.0]]
  )


def test_fine_tuning_and_exporting_again(embedding_file, tmp_path):
  path = tmp_path / "module"
  export_text_embedding(str(embedding_file), str(path), combiner="sum")
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(str(path), trainable=True)
    loss = tf.reduce_sum(module(["cat bird"]))
    step = tf1.train.GradientDescentOptimizer(0.5).minimize(loss)
    session.run([tf1.global_variables_initializer()])
    session.run(tf1.tables_initializer())
    session.run(step)
    module.export(str(tmp_path / "tuned"), session)
  np.testing.assert_allclose(
    embed(tmp_path / "tuned", ["cat", "dog", "bird", "fish"]),
    [CAT - 0.5, DOG, [-0.5] * 3, [-0.5] * 3],
  )


def test_a_text_embedding_column(embedding_file, tmp_path):
  path = str(tmp_path / "module")
  export_text_embedding(str(embedding_file), path, combiner="mean")
  with tf.Graph().as_default(), tf1.Session() as session:
    column = hub.text_embedding_column("text", path)
    layer = tf1.feature_column.input_layer(
      {"text": tf.constant([["cat dog"], [""]])}, [column]
    )
    session.run([tf1.global_variables_initializer()])
    session.run(tf1.tables_initializer())
    np.testing.assert_allclose(session.run(layer), [(CAT + DOG) / 2, [0, 0, 0]])


def test_tensorflow_hub_loads_it(embedding_file, tmp_path):
  upstream_hub.require("0.15.0")
  path = str(tmp_path / "module")
  export_text_embedding(str(embedding_file), path, combiner="sum")
  program = (
    "import sys, tensorflow as tf, tensorflow_hub as hub\n"
    "tf1 = tf.compat.v1\n"
    "with tf.Graph().as_default(), tf1.Session() as session:\n"
    "  output = hub.Module(sys.argv[1])(['cat dog', '', 'bird'])\n"
    "  session.run([tf1.global_variables_initializer()])\n"
    "  session.run(tf1.tables_initializer())\n"
    "  print(session.run(output).tolist())\n"
  )
  result = subprocess.run(
    [sys.executable, "-c", program, path], capture_output=True, text=True
  )
  expected = [(CAT + DOG).tolist(), [0.0] * 3, [0.0] * 3]
  assert result.stdout.strip() == str(expected), result.stderr[-2000:]


def test_an_empty_folder_is_filled(embedding_file, tmp_path):
  path = tmp_path / "module"
  path.mkdir()
  export_text_embedding(str(embedding_file), str(path))
  np.testing.assert_allclose(embed(path, ["dog"]), [DOG])
  assert names(tmp_path) == ["module", "vectors.txt"]


def test_a_disk_that_is_full(embedding_file, tmp_path, monkeypatch):
  def write(*args, **kwargs):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(embedding_export.module_folder, "write_module", write)
  with pytest.raises(errors.UserOSError) as caught:
    export_text_embedding(str(embedding_file), str(tmp_path / "module"))
  assert str(caught.value) == (
    f"Cannot write in {tmp_path}, where {tmp_path}/module is prepared: [Errno "
    "28] No space left on device."
  )
  assert names(tmp_path) == ["vectors.txt"]
