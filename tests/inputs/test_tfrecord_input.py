"""Features, labels, splits and order of `TFRecordInput`."""

import functools

import gin
import numpy as np
import pytest
from input_batches import batches, expect, ordered
from record_writing import write_records

from hub_estimator import errors
from hub_estimator.inputs import TFRecordInput
from hub_estimator.tf_compat import tf

_NUMBER = {"x": ("int64", ())}


@pytest.fixture
def write(tmp_path):
  """Writes examples into a file; returns its path."""
  return lambda name, examples, *args: write_records(
    tmp_path / name, examples, *args
  )


def _numbers(count, start=0):
  return [{"x": i, "label": i % 2} for i in range(start, start + count)]


def _create(files, **arguments):
  """A pipeline of numbers, whose splits are the same files."""
  arguments = {"features": _NUMBER, "batch_size": 4, **arguments}
  if "eval_fraction" not in arguments:
    arguments.setdefault("eval_files", files)
  return TFRecordInput(files, **arguments)


def _values(found):
  return [int(x) for features, _ in found for x in features["x"]]


def _split(pipeline, split):
  return ordered(pipeline, split)[0]["x"].tolist()


def test_declared_features(write):
  examples = [
    {"text": "a", "v": [1.0, 2.0, 3.0, 4.0], "n": [7], "label": 1},
    {"text": "", "v": [5.0, 6.0, 7.0, 8.0], "n": [255], "label": 0},
  ]
  pipeline = _create(
    write("a.tfrecord", examples),
    features={
      "text": ("string", ()),
      "square": ("float64", (2, 2), "v"),
      "row": ("float32", (4,), "v"),
      "n": ("uint8", [1]),
    },
  )
  specs = {
    name: (spec.dtype.name, spec.shape.as_list())
    for name, spec in pipeline.feature_spec().items()
  }
  assert specs == {
    "text": ("string", [None]),
    "square": ("float64", [None, 2, 2]),
    "row": ("float32", [None, 4]),
    "n": ("uint8", [None, 1]),
  }
  features, labels = ordered(pipeline, "train")
  assert features["text"].tolist() == [b"a", b""]
  assert features["square"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
  assert features["row"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
  assert features["n"].tolist() == [[7], [255]]
  assert labels.tolist() == [[1], [0]]
  assert pipeline.skipped_examples() == {"empty text": 2}
  with tf.Graph().as_default():
    element_spec, label_spec = pipeline.input_fn("train")().element_spec
  for name, spec in pipeline.feature_spec().items():
    assert element_spec[name].is_compatible_with(spec)
  assert label_spec.is_compatible_with(pipeline.label_spec())


def _png(value, height, width):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    pixels = tf.fill([height, width, 1], tf.constant(value, tf.uint8))
    return session.run(tf.io.encode_png(pixels))


def test_encoded_images(write):
  examples = [
    {"png": _png(51, 4, 6), "label": 0},
    {"png": _png(255, 2, 3), "label": 1},
  ]
  features = {"images": ("image", (2, 3, 3), "png")}
  pipeline = _create(write("a", examples), features=features)
  assert pipeline.feature_spec() == {
    "images": tf.TensorSpec([None, 2, 3, 3], tf.float32, name="images")
  }
  images = ordered(pipeline, "eval")[0]["images"]
  np.testing.assert_allclose(images[0], np.full([2, 3, 3], 0.2), rtol=1e-6)
  np.testing.assert_allclose(images[1], np.ones([2, 3, 3]), rtol=1e-6)
  path = write("b", [{"png": _png(51, 2, 3)[:-20], "label": 0}, *examples])
  with expect(
    errors.UserValueError,
    "(2 damaged image)",
    f"{path} record 0: expected a JPEG, PNG, BMP or GIF image in 'png', found",
  ):
    _create(path, features=features)
  pipeline = _create(path, features=features, on_bad_example="skip")
  assert len(ordered(pipeline, "train")[1]) == 2


def test_evaluation_is_one_pass_in_order(write):
  files = [write("b", _numbers(3)), write("a", _numbers(4, 3))]
  pipeline = _create(files)
  found = batches(pipeline, "eval")
  assert [len(labels) for _, labels in found] == [4, 3]
  assert _values(found) == list(range(7))
  assert batches(pipeline, "infer")[0]["x"].tolist() == [0, 1, 2, 3]
  assert pipeline.num_examples("train") == 7
  assert pipeline.num_classes == 2


def test_globs_are_sorted(write, tmp_path):
  for i in (2, 0, 1):
    write(f"train-{i}", _numbers(2, 2 * i))
  write("other", _numbers(1, 100))
  pipeline = _create(str(tmp_path / "train-*"))
  assert _split(pipeline, "train") == list(range(6))


@pytest.mark.parametrize(
  ("name", "written", "given"),
  [
    ("a.tfrecord.gz", "GZIP", None),
    ("a", "GZIP", "GZIP"),
    ("a", "ZLIB", "ZLIB"),
    ("a.gz", "", ""),
  ],
)
def test_compression(write, name, written, given):
  path = write(name, _numbers(5), written)
  pipeline = _create(path, compression=given)
  assert _split(pipeline, "train") == list(range(5))


@pytest.mark.parametrize("num_files", [1, 3])
def test_training_shuffles_each_pass_and_never_ends(write, num_files):
  files = [write(f"{i}", _numbers(4, 4 * i)) for i in range(num_files)]
  size = 4 * num_files
  orders = []
  for _ in range(2):
    values = _values(batches(_create(files), "train", 6 * num_files))
    assert len(values) == 6 * size
    passes = [values[i : i + size] for i in range(0, 6 * size, size)]
    assert all(sorted(one) == list(range(size)) for one in passes)
    assert len(set(map(tuple, passes))) > 1
    orders.append(values)
  # The same each time, as the seed is.
  assert orders[0] == orders[1]
  other = _values(batches(_create(files, seed=1), "train", 6 * num_files))
  assert other != orders[0]


def test_training_without_shuffling(write):
  files = [write("a", _numbers(2)), write("b", _numbers(2, 2))]
  values = _values(
    batches(_create(files, shuffle=False, batch_size=3), "train", 4)
  )
  assert sorted(values) == sorted([0, 1, 2, 3] * 3)
  one = _create(files[0], shuffle=False, batch_size=3)
  assert _values(batches(one, "train", 2)) == [0, 1, 0, 1, 0, 1]


def test_a_small_buffer_keeps_examples_near_their_place(write):
  pipeline = _create(write("a", _numbers(40)), shuffle_buffer_size=3)
  values = _values(batches(pipeline, "train", 10))
  # The n-th is one of the first n + 3.
  assert all(value < i + 3 for i, value in enumerate(values))
  assert values != sorted(values)


def test_splits_are_cut_by_the_content_of_records(write):
  numbers = _numbers(400)
  cut = functools.partial(_create, eval_fraction=0.25, stratify=False)
  pipeline = cut(write("a", numbers), test_fraction=0.25)
  rows = {split: _split(pipeline, split) for split in pipeline.splits}
  assert sorted(sum(rows.values(), [])) == list(range(400))
  # 100 give or take: the standard deviation is under 9.
  assert 65 < len(rows["eval"]) < 135
  assert 65 < len(rows["test"]) < 135
  # Where a record is does not depend on the others.
  other = cut(write("b", numbers[::-2]))
  assert set(_split(other, "eval")) == {i for i in rows["eval"] if i % 2}
  reseeded = cut(write("a", numbers), seed=1)
  assert _split(reseeded, "eval") != rows["eval"]
  # Equal records stay together.
  twins = cut(write("c", [numbers[0], *numbers]))
  assert sorted(_split(twins, s).count(0) for s in ("train", "eval")) == [0, 2]


def test_classes_are_cut_alike(write):
  # 90 of one class and 10 of the other.
  examples = [{"x": i, "label": int(i >= 90)} for i in range(100)]
  cut = functools.partial(_create, eval_fraction=0.2, test_fraction=0.3)
  pipeline = cut(write("a", examples))
  rows = {split: _split(pipeline, split) for split in pipeline.splits}
  assert sorted(sum(rows.values(), [])) == list(range(100))
  assert {
    split: (sum(i < 90 for i in found), sum(i >= 90 for i in found))
    for split, found in rows.items()
  } == {"train": (45, 5), "eval": (18, 2), "test": (27, 3)}
  # The order of the records and their files does not matter.
  files = [write("b", examples[:7:-1]), write("c", examples[:8])]
  other = cut(files)
  assert {s: set(_split(other, s)) for s in rows} == {
    s: set(found) for s, found in rows.items()
  }


def test_equal_records_of_a_class_stay_together(write):
  examples = [{"x": i // 4, "label": 0} for i in range(40)]
  pipeline = _create(write("a", examples), eval_fraction=0.3)
  counts = np.bincount(_split(pipeline, "eval"), minlength=10)
  # 12 asked for: three groups of four.
  assert sorted(counts) == [0] * 7 + [4] * 3


def test_a_number_of_training_examples(write):
  examples = [{"x": i, "label": int(i >= 30)} for i in range(40)]
  pipeline = _create(write("a", examples), num_train_examples=8)
  # 30 and 10 of 40.
  assert pipeline.class_counts() == [6, 2]
  values = _values(batches(pipeline, "train", 4))
  assert sorted(values[:8]) == sorted(values[8:]) == _split(pipeline, "train")
  assert len(_split(pipeline, "eval")) == 40


@pytest.mark.parametrize("num_files", [1, 4])
def test_workers_share_each_pass(write, num_files):
  files = [
    write(str(i), _numbers(12 // num_files, 12 // num_files * i))
    for i in range(num_files)
  ]
  shards = []
  for shard_index in range(2):
    pipeline = _create(
      files, num_shards=2, shard_index=shard_index, batch_size=6
    )
    values = _values(batches(pipeline, "train", 2))
    assert sorted(values[:6]) == sorted(values[6:])
    shards.append(sorted(values[:6]))
    assert _split(pipeline, "eval") == list(range(12))
  assert sorted(shards[0] + shards[1]) == list(range(12))
  if num_files == 4:
    # Each reads its own files alone.
    assert shards[0] == [0, 1, 2, 6, 7, 8]


def test_a_worker_without_examples(write):
  files = [write("a", _numbers(2)), write("b", [])]
  with expect(
    errors.UserValueError,
    "shard_index = 1` of 2 has no example to train on",
    files[1],
  ):
    _create(files, num_shards=2, shard_index=1)
  assert _create(files, num_shards=2).num_examples("train") == 2


def test_labels_that_are_strings(write):
  train = write("a", [{"x": 0, "label": "b"}, {"x": 1, "label": "ä"}])
  held_out = write("b", [{"x": 2, "label": "a"}])
  pipeline = _create(train, eval_files=held_out)
  assert pipeline.class_names == ["a", "b", "ä"]
  assert ordered(pipeline, "train")[1].tolist() == [[1], [2]]
  assert len(pipeline.notes()) == 2
  fixed = _create(
    train, eval_files=held_out, label_vocabulary=["b", "ä", "c", "a"]
  )
  assert ordered(fixed, "train")[1].tolist() == [[0], [1]]
  assert fixed.num_classes == 4
  chosen = _create(train, classes=["ä", "b"])
  assert ordered(chosen, "train")[1].tolist() == [[1], [0]]
  with expect(errors.UserValueError, "label_vocabulary", "is of integers"):
    _create(write("c", _numbers(2)), label_vocabulary=["a", "b"])


def test_classes_leave_examples_out(write):
  examples = [{"x": i, "label": i % 3} for i in range(9)]
  pipeline = _create(write("a", examples), classes=[2, 0])
  assert _split(pipeline, "train") == [0, 2, 3, 5, 6, 8]
  assert ordered(pipeline, "train")[1][:2].tolist() == [[1], [0]]


def test_multi_label_and_regression(write):
  zeros_and_ones = [{"x": 0, "label": [1, 0]}, {"x": 1, "label": [1, 1]}]
  pipeline = _create(write("a", zeros_and_ones))
  assert ordered(pipeline, "train")[1].tolist() == [[1, 0], [1, 1]]
  names = [{"x": 0, "label": ["b", "a"]}, {"x": 1, "label": []}, {"x": 2}]
  pipeline = _create(write("b", names), label_kind="multi_label")
  assert ordered(pipeline, "train")[1].tolist() == [[1, 1], [0, 0], [0, 0]]
  assert pipeline.class_names == ["a", "b"]
  targets = [{"x": 0, "label": [0.5, 1.0]}, {"x": 1, "label": [2.0, -1.0]}]
  pipeline = _create(write("c", targets))
  assert pipeline.num_classes is None
  assert ordered(pipeline, "train")[1].tolist() == [[0.5, 1], [2, -1]]
  whole = _create(write("d", _numbers(3)), label_kind="regression")
  assert whole.label_spec() == tf.TensorSpec(
    [None, 1], tf.float32, name="labels"
  )


def test_weights(write):
  examples = [
    {"x": 0, "label": 0, "w": 0.5},
    {"x": 1, "label": 1, "w": 2.0},
    {"x": 2, "label": 1, "w": 0.0},
  ]
  pipeline = _create(write("a", examples), weight="w")
  features, _ = ordered(pipeline, "train")
  assert features["example_weight"].tolist() == [[0.5], [2], [0]]
  for features, _ in batches(pipeline, "train", 3):
    np.testing.assert_array_equal(
      features["example_weight"][:, 0], np.array([0.5, 2, 0])[features["x"]]
    )
  assert list(batches(pipeline, "infer")[0]) == ["x"]


def test_fingerprints(write):
  def fingerprint(examples, split="train", **arguments):
    return _create(write("a", examples), **arguments).fingerprint(split)

  first = fingerprint(_numbers(6))
  assert first == fingerprint(_numbers(6), batch_size=2, shuffle=False)
  assert first == fingerprint(_numbers(6), split="eval")
  assert first != fingerprint(_numbers(6)[::-1])
  assert first != fingerprint(_numbers(6), num_train_examples=4)
  assert first != fingerprint(_numbers(6), features={"x": ("int32", ())})


def test_another_batch_size(write):
  pipeline = _create(write("a", _numbers(6)))
  other = pipeline.with_settings(batch_size=5)
  assert [len(labels) for _, labels in batches(other, "eval")] == [5, 1]
  assert [len(labels) for _, labels in batches(pipeline, "eval")] == [4, 2]


def test_the_graph_does_not_grow_with_the_data(write):
  sizes = []
  for count in (5, 500):
    with tf.Graph().as_default() as graph:
      _create(write(f"{count:03}", _numbers(count))).input_fn("train")()
      sizes.append(graph.as_graph_def().ByteSize())
  assert sizes[1] - sizes[0] < 100


def test_gin_makes_one(write):
  path = write("a", _numbers(8))
  gin.clear_config()
  gin.parse_config(
    f"TFRecordInput.train_files = '{path}'\n"
    f"TFRecordInput.eval_files = '{path}'\n"
    "TFRecordInput.features = {'x': ('int64', ())}"
  )
  pipeline = gin.get_configurable("hub_estimator.TFRecordInput")()
  gin.clear_config()
  assert pipeline.num_examples("train") == 8
