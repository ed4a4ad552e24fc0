"""Texts, pairs, features and labels of `TextFileInput`."""

import csv
import gzip
import json

import gin
import numpy as np
import pytest
from input_batches import batches, ordered, texts

from hub_estimator.inputs import TextFileInput
from hub_estimator.tf_compat import tf


@pytest.fixture
def write(tmp_path):
  """Writes a file of a text, or of rows as the name says; returns its path."""

  def write_file(name, content):
    path = tmp_path / name
    if isinstance(content, str):
      content = content.encode("utf-8")
    elif name.startswith("csv") or ".csv" in name:
      with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(content)
      content = path.read_bytes()
    elif ".tsv" in name:
      content = "".join("\t".join(row) + "\n" for row in content).encode()
    else:
      content = "".join(json.dumps(row) + "\n" for row in content).encode()
    path.write_bytes(
      gzip.compress(content) if name.endswith(".gz") else content
    )
    return str(path)

  return write_file


def _create(path, **arguments):
  """A pipeline whose splits are the same file."""
  return TextFileInput(path, path, **{"batch_size": 4, **arguments})


_TEXTS = ['say "no", please', "naïve\nsecond line", "", "it's a; b|c"]
_HEADER = ["label", "text", "id"]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.CSV"])
def test_csv_with_quotes(write, name):
  rows = [["0", _TEXTS[0], "7"], ["1", _TEXTS[1], "8"], ["1", _TEXTS[3], "9"]]
  path = write("a.csv", [_HEADER, *rows])
  if name.endswith(".gz"):
    with open(path, "rb") as file:
      path = write(name, file.read().decode())
  pipeline = _create(path)
  assert texts(pipeline, "train") == [_TEXTS[0], _TEXTS[1], _TEXTS[3]]
  assert ordered(pipeline, "train")[1].tolist() == [[0], [1], [1]]
  assert pipeline.notes() == []
  assert pipeline.feature_spec() == {
    "text": tf.TensorSpec([None], tf.string, name="text")
  }


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_tsv_without_quotes(write, name, line_end):
  lines = ["text\tlabel", 'a " b\t0', '"quoted"\t1', "u\u2028v, w\t1"]
  pipeline = _create(write(name, line_end.join([*lines, ""])))
  assert texts(pipeline, "eval") == ['a " b', '"quoted"', "u\u2028v, w"]
  assert pipeline.num_classes == 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_json_lines(write, name):
  rows = [{"text": text, "label": i % 2} for i, text in enumerate(_TEXTS)]
  pipeline = _create(write(name, [*rows, {"label": 3, "more": 1, "text": "x"}]))
  assert texts(pipeline, "train") == [*_TEXTS, "x"]
  assert ordered(pipeline, "train")[1][:, 0].tolist() == [0, 1, 0, 1, 3]
  # Label 2 is left out, and numbers stay as they are.
  assert pipeline.num_classes == 4
  assert pipeline.class_names is None


def test_format_and_encoding_and_no_header(write, tmp_path):
  path = tmp_path / "data.txt"
  path.write_bytes("1;ä\n".replace(";", "\t").encode("latin-1") * 2)
  pipeline = _create(
    path,
    format="tsv",
    encoding="latin-1",
    column_names=["y", "x"],
    text_column="x",
    label_column="y",
  )
  assert texts(pipeline, "eval") == ["ä", "ä"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(write):
  pipeline = _create(write("a.csv", "\ufefftext,label\nx,0\ny,1\n"))
  assert texts(pipeline, "eval") == ["x", "y"]


def test_a_text_longer_than_what_csv_readers_allow(write):
  limit = csv.field_size_limit()
  text = "x" * 200_000
  pipeline = _create(write("a.csv", [["text", "label"], [text, "0"]] * 1))
  assert texts(pipeline, "eval") == [text]
  assert csv.field_size_limit() == limit


def test_splits_of_three_files(write):
  paths = [
    write(f"{name}.tsv", f"text\tlabel\n{name}\tb\n{name}2\ta\n")
    for name in ("train", "eval", "test")
  ]
  pipeline = TextFileInput(*paths)
  assert pipeline.splits == ("train", "eval", "test")
  assert texts(pipeline, "test") == ["test", "test2"]
  assert pipeline.num_split_examples("test") == 2
  ((features, labels),) = batches(pipeline, "eval")
  assert features["text"].tolist() == [b"eval", b"eval2"]
  assert labels.tolist() == [[1], [0]]
  ((features),) = batches(pipeline, "infer")
  assert features["text"].tolist() == [b"eval", b"eval2"]
  # 32 texts of a file of two.
  ((features, labels),) = batches(pipeline, "train", 1)
  assert sorted(features["text"].tolist()) == [b"train"] * 16 + [b"train2"] * 16
  assert labels[:, 0].tolist() == [
    {b"train": 1, b"train2": 0}[text] for text in features["text"]
  ]


def test_splits_cut_off_the_train_file(write):
  rows = [[str(i), "ab"[i % 2]] for i in range(20)]
  path = write("a.csv", [["text", "label"], *rows])
  pipeline = TextFileInput(path, eval_fraction=0.2, test_fraction=0.3)
  sizes = [pipeline.num_split_examples(split) for split in pipeline.splits]
  assert sizes == [10, 4, 6]
  assert pipeline.class_counts() == [5, 5]
  given = TextFileInput(path, test_file=path, eval_fraction=0.2)
  assert given.num_split_examples("test") == 20
  assert given.num_split_examples("train") == 16


def test_names_of_all_splits_are_numbered_in_sorted_order(write):
  train = write("a.tsv", "text\tlabel\nx\tpos\ny\tneg\n")
  held_out = write("b.tsv", "text\tlabel\nx\tmixed\n")
  pipeline = TextFileInput(train, held_out)
  assert pipeline.class_names == ["mixed", "neg", "pos"]
  assert pipeline.vocabularies() == {"labels": ["mixed", "neg", "pos"]}
  assert ordered(pipeline, "train")[1].tolist() == [[2], [1]]
  assert len(pipeline.notes()) == 2
  assert pipeline.notes()[0].endswith(
    "no example of 1 of 3 classes: ['mixed']."
  )


@pytest.mark.parametrize("is_file", [False, True])
def test_a_vocabulary_of_labels(write, is_file):
  vocabulary = ["pos", "mixed", "neg"]
  if is_file:
    vocabulary = write("labels.txt", "pos\nmixed\nneg\n")
  path = write("a.tsv", "text\tlabel\nx\tpos\ny\tneg\n")
  pipeline = _create(path, label_vocabulary=vocabulary)
  assert pipeline.class_names == ["pos", "mixed", "neg"]
  assert ordered(pipeline, "train")[1].tolist() == [[0], [2]]


def test_classes_of_labels(write):
  path = write("a.tsv", "text\tlabel\nx\tpos\ny\tneg\nz\tmixed\n")
  pipeline = _create(path, classes=["pos", "neg"])
  assert texts(pipeline, "eval") == ["x", "y"]
  assert ordered(pipeline, "eval")[1].tolist() == [[0], [1]]
  numbers = _create(
    write("b.tsv", "text\tlabel\nx\t3\ny\t-1\nz\t2\n"), classes=[3, -1]
  )
  assert ordered(numbers, "eval")[1].tolist() == [[0], [1]]
  assert numbers.class_names == ["3", "-1"]


def test_pairs(write):
  path = write("a.csv", "q,a,same\nhow,so,1\nwhy,no,0\n")
  pipeline = _create(
    path, text_column="q", second_text_column="a", label_column="same"
  )
  assert list(pipeline.feature_spec()) == ["first_text", "second_text"]
  features, labels = ordered(pipeline, "eval")
  assert features["first_text"].tolist() == [b"how", b"why"]
  assert features["second_text"].tolist() == [b"so", b"no"]
  assert labels.tolist() == [[1], [0]]


def test_many_features(write):
  path = write("a.csv", "t,price,n,a,b,label\nx,1.5,3,1,2,0\ny,2,-4,3,4,1\n")
  pipeline = _create(
    path,
    features={
      "title": "t",
      "price": ("price", "float32"),
      "count": (["n"], "int64"),
      "both": (["a", "b"], "float64"),
      "texts": (["t", "a"], "string"),
    },
  )
  shapes = {
    name: (spec.dtype.name, spec.shape.as_list())
    for name, spec in pipeline.feature_spec().items()
  }
  assert shapes == {
    "title": ("string", [None]),
    "price": ("float32", [None]),
    "count": ("int64", [None, 1]),
    "both": ("float64", [None, 2]),
    "texts": ("string", [None, 2]),
  }
  features, _ = ordered(pipeline, "eval")
  assert features["price"].tolist() == [1.5, 2]
  assert features["count"].tolist() == [[3], [-4]]
  assert features["both"].tolist() == [[1, 2], [3, 4]]
  assert features["texts"].tolist() == [[b"x", b"1"], [b"y", b"3"]]
  with tf.Graph().as_default():
    element_spec, _ = pipeline.input_fn("train")().element_spec
  for name, spec in pipeline.feature_spec().items():
    assert element_spec[name].is_compatible_with(spec)


def test_weights(write):
  path = write("a.csv", "text,label,w\nx,0,0.5\ny,1,0\nz,1,2\n")
  pipeline = _create(path, weight_column="w")
  features, _ = ordered(pipeline, "train")
  assert features["example_weight"].tolist() == [[0.5], [0], [2]]
  assert pipeline.weight_key == "example_weight"


def test_regression_of_one_column_and_of_several(write):
  path = write("a.csv", "text,y,z\nx,0.5,-1\ny,1,2e3\n")
  one = _create(path, label_column="y")
  assert one.num_classes is None
  assert ordered(one, "train")[1].tolist() == [[0.5], [1]]
  two = _create(path, label_column=["y", "z"])
  assert two.label_spec() == tf.TensorSpec([None, 2], tf.float32, name="labels")
  assert ordered(two, "train")[1].tolist() == [[0.5, -1], [1, 2000]]
  # Whole numbers are classes unless it is said.
  path = write("b.csv", "text,label\nx,3\ny,5\n")
  assert _create(path).num_classes == 6
  assert _create(path, label_kind="regression").num_classes is None
  # Numbers may be names.
  path = write("c.csv", "text,label\nx,3.5\ny,5\n")
  assert _create(path, label_kind="class").class_names == ["3.5", "5"]


def test_multi_label_lists(write):
  path = write("a.csv", "text,label\nx,b|a\ny,\nz,c|a\n")
  pipeline = _create(path, label_kind="multi_label")
  assert pipeline.class_names == ["a", "b", "c"]
  labels = ordered(pipeline, "train")[1]
  assert labels.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 1]]
  assert labels.dtype == np.int64
  assert pipeline.skipped_examples() == {"no label": 2}
  other = _create(
    write("b.csv", 'text,label\nx,"b, a"\ny,a\n'),
    label_kind="multi_label",
    label_separator=",",
    label_vocabulary=["b", "a", "z"],
  )
  assert ordered(other, "train")[1].tolist() == [[1, 1, 0], [0, 1, 0]]


def test_multi_label_of_json_lists(write):
  rows = [{"text": "x", "label": ["b", "a"]}, {"text": "y", "label": ["b"]}]
  # That labels are lists tells their kind.
  pipeline = _create(write("a.jsonl", rows))
  assert ordered(pipeline, "train")[1].tolist() == [[1, 1], [0, 1]]
  rows = [{"text": "x", "label": [0, 3]}, {"text": "y", "label": [1]}]
  pipeline = _create(write("b.jsonl", rows))
  assert ordered(pipeline, "train")[1].tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]
  assert pipeline.class_names is None


def test_multi_label_columns(write):
  path = write("a.csv", "text,good,long\nx,1,0\ny,1,1\n")
  pipeline = _create(path, label_column=["good", "long"])
  assert pipeline.class_names == ["good", "long"]
  assert ordered(pipeline, "train")[1].tolist() == [[1, 0], [1, 1]]


def test_fingerprints_follow_what_is_in_the_files(write):
  content = "text,label\nx,0\ny,1\n"
  first = _create(write("a.csv", content)).fingerprint("train")
  # The same examples, in a file of another name and format.
  path = write("b.tsv", content.replace(",", "\t"))
  assert _create(path).fingerprint("train") == first
  assert _create(path, feature_name="t").fingerprint("train") != first
  for other in (content.replace("x,", "X,"), content.replace("x,0", "x,1")):
    assert _create(write("a.csv", other)).fingerprint("train") != first


def test_gin_makes_one(write):
  path = write("a.tsv", "text\tlabel\nx\t0\ny\t1\n")
  gin.clear_config()
  gin.parse_config(
    f"TextFileInput.train_file = '{path}'\nTextFileInput.eval_fraction = 2.0"
  )
  create = gin.get_configurable("hub_estimator.TextFileInput")
  with pytest.raises(ValueError, match=r"`TextFileInput.eval_fraction` is a"):
    create()
  gin.parse_config("TextFileInput.eval_file = %gin.REQUIRED")
  gin.bind_parameter("TextFileInput.eval_fraction", None)
  gin.bind_parameter("TextFileInput.eval_file", path)
  assert create().num_examples("train") == 2
  gin.clear_config()
