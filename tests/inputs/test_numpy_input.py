"""Batches, splits and specs of `NumpyInput`."""

import gin
import numpy as np
import pytest

from hub_estimator import estimator
from hub_estimator.inputs import NumpyInput
from hub_estimator.tf_compat import tf


def _batches(pipeline, mode, limit=1000):
  """Returns the batches of a mode, at most `limit`, from a new graph."""
  with tf.Graph().as_default():
    dataset = pipeline.input_fn(mode)()
    iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
    next_batch = iterator.get_next()
    batches = []
    with tf.compat.v1.Session() as session:
      session.run(iterator.initializer)
      try:
        while len(batches) < limit:
          batches.append(session.run(next_batch))
      except tf.errors.OutOfRangeError:
        pass
    return batches


def _counting(num_examples=10, **arguments):
  """A pipeline whose features are the rows' numbers, label i % 2."""
  rows = np.arange(num_examples)
  return NumpyInput(
    {"features": rows[:, np.newaxis], "labels": rows % 2},
    **{"feature_name": "x", "eval_fraction": 0.4, "batch_size": 4, **arguments},
  )


def _rows(batches):
  """Returns the numbers of the rows in batches of `_counting`."""
  features = [
    batch[0] if isinstance(batch, tuple) else batch for batch in batches
  ]
  return [batch["x"][:, 0].astype(int).tolist() for batch in features]


def test_digits_five_to_nine_with_twenty_examples_a_class():
  pipeline = NumpyInput(
    "sklearn:digits",
    classes=(5, 6, 7, 8, 9),
    num_train_examples_per_class=20,
    feature_shape=(8, 8, 1),
    scale=1 / 16,
  )
  assert pipeline.num_classes == 5
  assert pipeline.class_names == ["5", "6", "7", "8", "9"]
  # 182 + 181 + 179 + 174 + 180 examples of the classes 5 to 9 are 896.
  assert pipeline.num_examples("train") == 100
  assert pipeline.num_examples("eval") == 796
  assert pipeline.feature_spec() == {
    "images": tf.TensorSpec([None, 8, 8, 1], tf.float32, name="images")
  }
  assert pipeline.label_spec() == tf.TensorSpec(
    [None, 1], tf.int64, name="labels"
  )
  batches = _batches(pipeline, "eval")
  labels = np.concatenate([labels for _, labels in batches])
  images = np.concatenate([features["images"] for features, _ in batches])
  assert images.dtype == np.float32
  assert images.shape == (796, 8, 8, 1)
  assert (images.min(), images.max()) == (0.0, 1.0)
  # 20 fewer than there are of each.
  assert np.bincount(labels[:, 0]).tolist() == [162, 161, 159, 154, 160]


def test_fraction_is_cut_from_each_class_alike():
  labels = np.array([0] * 10 + [1] * 20)
  pipeline = NumpyInput(
    {"features": np.arange(30.0), "labels": labels}, eval_fraction=0.2
  )
  ((features, eval_labels),) = _batches(pipeline, "eval")
  # 0.2 of 10 and of 20.
  assert np.bincount(eval_labels[:, 0]).tolist() == [2, 4]
  assert pipeline.num_examples("train") == 24
  # Evaluation is in the order of the source.
  assert (np.diff(features["images"]) > 0).all()


def test_fraction_first_then_examples_per_class():
  pipeline = _counting(20, eval_fraction=0.4, num_train_examples_per_class=3)
  # 0.4 of 10 of each class; 3 of the other 6 of each class.
  assert pipeline.num_examples("eval") == 8
  assert pipeline.num_examples("train") == 6


def test_splits_are_disjoint_and_follow_the_seed():
  splits = {}
  for seed in (0, 0, 1):
    pipeline = _counting(seed=seed)
    train = sorted(set(sum(_rows(_batches(pipeline, "train", 4)), [])))
    held_out = sum(_rows(_batches(pipeline, "eval")), [])
    assert sorted(train + held_out) == list(range(10))
    assert splits.setdefault(seed, held_out) == held_out
  assert splits[0] != splits[1]


def test_the_draw_is_the_same_on_every_version():
  # Pinned: a new NumPy or TensorFlow must not change published numbers.
  pipeline = _counting(seed=3)
  assert _rows(_batches(pipeline, "eval")) == [[3, 5, 6, 8]]
  assert _rows(_batches(pipeline, "train", 3)) == [
    [1, 0, 4, 2],
    [7, 9, 9, 4],
    [1, 0, 7, 2],
  ]


def test_training_goes_through_all_examples_in_each_pass_and_never_ends():
  rows = sum(_rows(_batches(_counting(), "train", 30)), [])
  assert len(rows) == 120
  passes = [rows[start : start + 6] for start in range(0, 120, 6)]
  assert all(sorted(one) == sorted(passes[0]) for one in passes)
  assert len({tuple(one) for one in passes}) > 10


def test_training_batches_are_full_and_cross_the_blocks_of_rows():
  # 6 examples, blocks of 64 batches of 5: neither divides the other.
  batches = _rows(_batches(_counting(batch_size=5), "train", 150))
  assert {len(batch) for batch in batches} == {5}
  rows = sum(batches, [])
  assert np.bincount(rows)[np.unique(rows)].tolist() == [125] * 6


def test_training_without_shuffling_keeps_the_order():
  pipeline = _counting(shuffle=False, seed=3)
  assert _rows(_batches(pipeline, "train", 3)) == [
    [0, 1, 2, 4],
    [7, 9, 0, 1],
    [2, 4, 7, 9],
  ]


def test_a_batch_may_be_larger_than_the_split():
  pipeline = _counting(batch_size=15)
  (rows,) = _rows(_batches(pipeline, "train", 1))
  assert len(rows) == 15
  (rows,) = _rows(_batches(pipeline, "eval"))
  assert len(rows) == 4


def test_evaluation_is_one_pass_in_order_with_a_smaller_last_batch():
  pipeline = _counting(20, eval_fraction=0.5, num_train_examples_per_class=1)
  batches = _rows(_batches(pipeline, "eval"))
  assert [len(batch) for batch in batches] == [4, 4, 2]
  assert sum(batches, []) == sorted(sum(batches, []))


def test_prediction_gets_the_features_of_the_eval_split_alone():
  pipeline = _counting()
  batches = _batches(pipeline, "infer")
  assert isinstance(batches[0], dict)
  assert _rows(batches) == _rows(_batches(pipeline, "eval"))
  assert pipeline.num_examples("infer") == pipeline.num_examples("eval") == 4


def test_given_splits_and_names_from_an_npz_file(tmp_path):
  path = tmp_path / "data.npz"
  np.savez(
    path,
    train_features=np.zeros([4, 2], np.uint8),
    train_labels=np.array([0, 1, 0, 1]),
    eval_features=np.full([3, 2], 255, np.uint8),
    eval_labels=np.array([1, 1, 0]),
    class_names=["cat", "dog"],
  )
  pipeline = NumpyInput(str(path), scale=1 / 255)
  assert pipeline.num_examples("train") == 4
  assert pipeline.num_examples("eval") == 3
  assert pipeline.class_names == ["cat", "dog"]
  ((features, labels),) = _batches(pipeline, "eval")
  np.testing.assert_allclose(features["images"], np.ones([3, 2]), rtol=1e-6)
  assert labels.tolist() == [[1], [1], [0]]
  few = NumpyInput(path, num_train_examples_per_class=1)
  assert few.num_examples("train") == 2
  assert few.num_examples("eval") == 3


def test_labels_that_are_strings():
  arrays = {"features": np.arange(6), "labels": ["b", "a", "c"] * 2}
  pipeline = NumpyInput(arrays, eval_fraction=0.5)
  assert pipeline.class_names == ["a", "b", "c"]
  ((_, labels),) = _batches(pipeline, "eval")
  assert sorted(labels[:, 0]) == [0, 1, 2]
  chosen = NumpyInput(arrays, eval_fraction=0.5, classes=["c", "a"])
  assert chosen.class_names == ["c", "a"]
  ((features, labels),) = _batches(chosen, "eval")
  # Rows 1 and 4 are "a", class 1; rows 2 and 5 are "c", class 0.
  assert [
    {1: 1, 4: 1, 2: 0, 5: 0}[row] for row in features["images"]
  ] == labels[:, 0].tolist()


@pytest.mark.parametrize("labels", [np.array([0.5, 1.5] * 5), [[1.0]] * 10])
def test_regression(labels):
  pipeline = NumpyInput(
    {"features": np.zeros([10, 3]), "labels": labels}, eval_fraction=0.2
  )
  assert pipeline.num_classes is None
  assert pipeline.class_names is None
  assert pipeline.label_spec() == tf.TensorSpec(
    [None, 1], tf.float32, name="labels"
  )
  ((_, eval_labels),) = _batches(pipeline, "eval")
  assert eval_labels.dtype == np.float32
  assert eval_labels.shape == (2, 1)


def test_bundled_regression_set():
  pipeline = NumpyInput("sklearn:diabetes", eval_fraction=0.1)
  assert pipeline.num_classes is None
  # 442 examples; 44.2 are rounded to 44.
  assert pipeline.num_examples("eval") == 44
  assert pipeline.feature_spec()["images"].shape.as_list() == [None, 10]


def test_multi_label():
  labels = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
  pipeline = NumpyInput(
    {"features": np.arange(4), "labels": labels, "class_names": list("abc")},
    eval_fraction=0.5,
  )
  assert pipeline.num_classes == 3
  assert pipeline.class_names == ["a", "b", "c"]
  ((features, eval_labels),) = _batches(pipeline, "eval")
  np.testing.assert_array_equal(
    eval_labels, labels[features["images"].astype(int)]
  )
  assert eval_labels.dtype == np.int64


def test_features_that_are_strings():
  texts = np.array(["gut", "schön", "naïve", ""])
  pipeline = NumpyInput(
    {"features": texts, "labels": [0, 1, 0, 1]},
    eval_fraction=0.5,
    feature_name="text",
  )
  assert pipeline.feature_spec()["text"].dtype == tf.string
  assert pipeline.feature_spec()["text"].shape.as_list() == [None]
  seen = set()
  for features, _ in _batches(pipeline, "eval") + _batches(
    pipeline, "train", 2
  ):
    seen.update(text.decode("utf-8") for text in features["text"])
  assert seen == set(texts)


def test_features_of_another_type():
  pipeline = _counting(feature_dtype="int32")
  assert pipeline.feature_spec()["x"].dtype == tf.int32
  ((features, _),) = _batches(pipeline, "eval")
  assert features["x"].dtype == np.int32


def test_batches_fit_the_specs():
  pipeline = _counting()
  with tf.Graph().as_default():
    element_spec = pipeline.input_fn("train")().element_spec
  features, labels = element_spec
  assert labels.is_compatible_with(pipeline.label_spec())
  assert features["x"].shape.as_list() == [None, 1]
  assert features["x"].dtype == pipeline.feature_spec()["x"].dtype


def test_the_graph_does_not_hold_the_arrays():
  sizes = []
  for num_examples in (10, 500_000):
    with tf.Graph().as_default() as graph:
      _counting(num_examples).input_fn("train")()
      sizes.append(graph.as_graph_def().ByteSize())
  # 4 MB of features, and not a byte more but for digits of the shape.
  assert sizes[1] - sizes[0] < 100


def test_trains_evaluates_and_predicts_with_an_estimator(tmp_path):
  def model_fn(features, labels, mode):
    return estimator.MultiClassHead(3).create_estimator_spec(
      features=features,
      mode=mode,
      logits=tf.compat.v1.get_variable("w", [4, 3], use_resource=True)[0]
      + tf.matmul(
        features["x"], tf.compat.v1.get_variable("k", [4, 3], use_resource=True)
      ),
      labels=labels,
      train_op_fn=lambda loss: tf.compat.v1.train.AdamOptimizer(0.05).minimize(
        loss, tf.compat.v1.train.get_global_step()
      ),
    )

  pipeline = NumpyInput(
    "sklearn:iris", feature_name="x", eval_fraction=0.2, seed=1
  )
  run = estimator.Estimator(model_fn, model_dir=str(tmp_path))
  run.train(pipeline.input_fn("train"), max_steps=150)
  metrics = run.evaluate(pipeline.input_fn("eval"))
  # Chance is 1/3; linear models reach more than 0.9 on these flowers.
  assert metrics["accuracy"] > 0.8
  assert len(list(run.predict(pipeline.input_fn("infer")))) == 30
  folder = run.export_saved_model(
    str(tmp_path / "export"), pipeline.serving_input_receiver_fn()
  )
  assert tf.io.gfile.exists(folder)


def test_gin_makes_one():
  gin.clear_config()
  gin.parse_config(
    "NumpyInput.source = 'sklearn:iris'\nNumpyInput.eval_fraction = 0.2"
  )
  pipeline = gin.get_configurable("hub_estimator.NumpyInput")()
  gin.clear_config()
  assert isinstance(pipeline, NumpyInput)
  assert pipeline.class_names == ["setosa", "versicolor", "virginica"]
