"""What all pipelines have whose examples are known by their row."""

import numpy as np
import pytest
from input_batches import batches, expect, ordered

from hub_estimator import errors
from hub_estimator.inputs import NumpyInput, splits


def _create(labels, weights=None, **arguments):
  """A pipeline whose features are the rows' numbers."""
  arrays = {"features": np.arange(len(labels)), "labels": labels}
  if weights is not None:
    arrays["weights"] = weights
  return NumpyInput(
    arrays, **{"feature_name": "x", "batch_size": 4, **arguments}
  )


def _given(**replaced):
  arrays = {
    "train_features": np.arange(4),
    "train_labels": np.array([0, 1, 0, 1]),
    "eval_features": np.arange(10, 13),
    "eval_labels": np.array([1, 0, 1]),
    "test_features": np.arange(20, 22),
    "test_labels": np.array([0, 1]),
    **replaced,
  }
  return NumpyInput(arrays, feature_name="x", batch_size=2)


def _rows(pipeline, split):
  return ordered(pipeline, split)[0]["x"].astype(int).tolist()


def test_given_test_split():
  pipeline = _given()
  assert pipeline.splits == ("train", "eval", "test")
  assert _rows(pipeline, "test") == [20, 21]
  assert _rows(pipeline, "eval") == [10, 11, 12]
  assert _rows(pipeline, "train") == [0, 1, 2, 3]
  sizes = [pipeline.num_split_examples(split) for split in pipeline.splits]
  assert sizes == [4, 3, 2]
  # The modes of estimators read the other two.
  assert pipeline.num_examples("infer") == 3
  with expect(errors.UserKeyError, "lacks `test_labels`"):
    NumpyInput({"features": [1], "labels": [1], "test_features": [1]})


def test_a_given_test_split_beside_data_that_is_cut():
  arrays = {
    "features": np.arange(10),
    "labels": np.arange(10) % 2,
    "test_features": np.arange(20, 22),
    "test_labels": np.array([0, 1]),
  }
  pipeline = NumpyInput(arrays, feature_name="x", eval_fraction=0.2)
  assert _rows(pipeline, "test") == [20, 21]
  assert len(_rows(pipeline, "eval")) == 2
  with expect(errors.UserValueError, "test_fraction = 0.1", "a test split"):
    NumpyInput(arrays, eval_fraction=0.2, test_fraction=0.1)


def test_cut_test_split():
  labels = np.array([0] * 10 + [1] * 20)
  pipeline = _create(labels, eval_fraction=0.2, test_fraction=0.3)
  rows = {split: _rows(pipeline, split) for split in pipeline.splits}
  assert sorted(sum(rows.values(), [])) == list(range(30))
  # 0.2 of 10 and of 20; 0.3 of them.
  assert np.bincount(labels[rows["eval"]]).tolist() == [2, 4]
  assert np.bincount(labels[rows["test"]]).tolist() == [3, 6]
  # A test split takes nothing from the eval split.
  without = _create(labels, eval_fraction=0.2)
  assert without.splits == ("train", "eval")
  assert _rows(without, "eval") == rows["eval"]


@pytest.mark.parametrize(
  ("fractions", "parts"),
  [
    ((0.7, 0.4), ["parts of one whole; got 0.7 and 0.4"]),
    ((0.5, -0.1), ["`NumpyInput.test_fraction` is a number from 0 to 1"]),
    ((0.5, 0.0), ["test split has zero", "NumpyInput.test_fraction = 0.0"]),
    ((None, 0.5), ["not cut into splits: say how"]),
  ],
)
def test_fractions_that_do_not_go(fractions, parts):
  with expect(errors.UserValueError, *parts):
    _create(
      np.arange(10) % 2, eval_fraction=fractions[0], test_fraction=fractions[1]
    )


def test_cutting_without_regard_to_classes():
  labels = np.array([0] * 90 + [1] * 10)
  counts = {
    stratify: {
      np.bincount(
        labels[
          _rows(
            _create(labels, eval_fraction=0.5, stratify=stratify, seed=seed),
            "eval",
          )
        ]
      )[1]
      for seed in range(8)
    }
    for stratify in (True, False)
  }
  assert counts[True] == {5}
  assert len(counts[False]) > 1


def test_a_number_of_training_examples_by_the_share_of_each_class():
  labels = np.array([0] * 60 + [1] * 30 + [2] * 10)
  pipeline = _create(labels, eval_fraction=0.1, num_train_examples=20)
  # 0.6, 0.3 and 0.1 of 20.
  assert np.bincount(labels[_rows(pipeline, "train")]).tolist() == [12, 6, 2]
  assert pipeline.class_counts() == [12, 6, 2]
  # What is left over is not evaluated on.
  assert pipeline.num_examples("eval") == 10
  fewest = _create(labels, eval_fraction=0.1, num_train_examples=3)
  assert fewest.class_counts() == [1, 1, 1]
  with expect(
    errors.UserValueError, "num_train_examples = 2` is fewer than the 3 classes"
  ):
    _create(labels, eval_fraction=0.1, num_train_examples=2)
  two = _create(labels, eval_fraction=0.1, num_train_examples=2, stratify=False)
  assert two.num_examples("train") == 2


def test_a_number_of_training_examples_of_regression():
  pipeline = _create(np.arange(10) / 4, eval_fraction=0.2, num_train_examples=3)
  assert pipeline.num_examples("train") == 3
  assert pipeline.notes() == []
  with expect(errors.UserValueError, "no classes to count"):
    pipeline.class_counts()


def test_more_training_examples_than_there_are():
  pipeline = _create(
    np.arange(9) % 3, eval_fraction=1 / 3, num_train_examples=7
  )
  assert pipeline.num_examples("train") == 6
  assert pipeline.notes() == [
    "NumpyInput.num_train_examples = 7 is more than the 6 training examples of "
    "the given mapping of arrays: all are used."
  ]


@pytest.mark.parametrize("number", [0, 2.5, True, "3"])
def test_a_number_of_training_examples_out_of_range(number):
  with expect(errors.UserValueError, "num_train_examples` is a whole number"):
    _create([0, 1] * 3, eval_fraction=0.5, num_train_examples=number)


def test_two_numbers_of_training_examples():
  with expect(errors.UserValueError, "both say how many examples"):
    _create([0, 1] * 3, num_train_examples_per_class=1, num_train_examples=2)


@pytest.mark.parametrize(
  ("number", "sizes", "shares"),
  [
    (10, [5, 3, 2], [5, 3, 2]),
    # 3.33 each: the first gets the one that is left.
    (10, [20, 20, 20], [4, 3, 3]),
    # 4.9, 0.05 and 0.05: one each.
    (5, [98, 1, 1], [3, 1, 1]),
    # 3.27, 0.36 and 0.36 of 4.
    (4, [9, 1, 1], [2, 1, 1]),
    (3, [1, 1, 1], [1, 1, 1]),
  ],
)
def test_shares(number, sizes, shares):
  assert splits.allot(number, sizes) == shares


def test_workers_share_each_pass():
  labels = np.arange(10) % 2
  rows = []
  for shard_index in range(3):
    pipeline = _create(
      labels,
      eval_fraction=0.2,
      num_shards=3,
      shard_index=shard_index,
      batch_size=1,
    )
    # 8 rows in 3 shards: 3, 3 and 2 in each pass.
    size = [3, 3, 2][shard_index]
    found = batches(pipeline, "train", 2 * size)
    rows.append([int(features["x"][0]) for features, _ in found])
    assert len(_rows(pipeline, "eval")) == 2
    assert pipeline.num_examples("train") == 8
  train = _rows(_create(labels, eval_fraction=0.2), "train")
  first = sum((r[: len(r) // 2] for r in rows), [])
  second = sum((r[len(r) // 2 :] for r in rows), [])
  assert sorted(first) == sorted(second) == train
  assert rows[0][:3] != rows[0][3:]


def test_shards_out_of_range():
  with expect(
    errors.UserValueError, "shard_index` is a whole", "0 to 1; got 2"
  ):
    _create([0, 1] * 3, eval_fraction=0.5, num_shards=2, shard_index=2)
  with expect(
    errors.UserValueError, "num_shards = 3` workers share 2 training examples"
  ):
    _create([0, 1] * 2, eval_fraction=0.5, num_shards=3)


def test_weights():
  labels = np.array([0, 1] * 4)
  weights = np.arange(8)
  pipeline = _create(labels, weights, eval_fraction=0.5)
  assert pipeline.weight_key == "example_weight"
  assert "example_weight" not in pipeline.feature_spec()
  for found in (batches(pipeline, "train", 4), batches(pipeline, "eval")):
    for features, _ in found:
      assert features["example_weight"].dtype == np.float32
      # The weight of row i is i.
      np.testing.assert_array_equal(
        features["example_weight"], features["x"][:, np.newaxis]
      )
  assert list(batches(pipeline, "infer")[0]) == ["x"]
  assert _create(labels, eval_fraction=0.5).weight_key is None


def test_weights_of_one_split_alone():
  pipeline = _given(train_weights=[0.5, 0, 2, 1])
  features, _ = ordered(pipeline, "eval")
  assert features["example_weight"].tolist() == [[1], [1], [1]]
  features, _ = ordered(pipeline, "train")
  assert features["example_weight"].tolist() == [[0.5], [0], [2], [1]]


@pytest.mark.parametrize(
  ("weights", "parts"),
  [
    ([1, 2, 3], ["one weight for each example", "4 examples", "shape [3]"]),
    (["a"] * 4, ["Weights are numbers", "<U1"]),
    (
      [1, -2, np.nan, 1.0],
      ["finite numbers from 0; 2 of 4", "the first is -2.0, of row 1 of "],
    ),
    ([0] * 4, ["All 4 weights of the train split", "are zero"]),
  ],
)
def test_weights_that_are_wrong(weights, parts):
  with expect(errors.UserValueError, *parts):
    _given(train_weights=weights)


def test_ordered_passes():
  pipeline = _create(np.arange(10) % 2, eval_fraction=0.2)
  features, labels = ordered(pipeline, "train")
  rows = features["x"].astype(int)
  assert len(rows) == 8
  assert (np.diff(rows) > 0).all()
  assert labels[:, 0].tolist() == (rows % 2).tolist()
  with expect(errors.UserValueError, "no split 'test'", "'train', 'eval'"):
    pipeline.ordered_input_fn("test")
  with expect(errors.UserValueError, "no split 'test'"):
    pipeline.num_split_examples("test")


def test_fingerprints():
  labels = np.arange(10) % 2

  def fingerprints(labels=labels, weights=None, **arguments):
    arguments = {"eval_fraction": 0.2, "seed": 1, **arguments}
    pipeline = _create(labels, weights, **arguments)
    return [pipeline.fingerprint(split) for split in ("train", "eval")]

  first = fingerprints()
  assert all(len(text) == 64 for text in first)
  assert first[0] != first[1]
  # What training alone does, and the size of batches, have no part in it.
  assert first == fingerprints(batch_size=2, shuffle=False)
  for changed in (
    fingerprints(labels=1 - labels),
    fingerprints(seed=2),
    fingerprints(scale=2.0),
    fingerprints(feature_dtype="float64"),
    fingerprints(feature_name="y"),
    fingerprints(weights=np.ones(10)),
  ):
    assert not set(changed) & set(first)
  # Fewer examples to train on, and the same to evaluate on.
  fewer = fingerprints(num_train_examples=4)
  assert fewer[0] != first[0]
  assert fewer[1] == first[1]


def test_fingerprints_of_texts_know_where_one_ends():
  def fingerprint(texts):
    arrays = {"train_features": texts, "eval_features": texts}
    labels = {"train_labels": [0, 1], "eval_labels": [0, 1]}
    return NumpyInput({**arrays, **labels}).fingerprint("train")

  assert fingerprint(["ab", "c"]) != fingerprint(["a", "bc"])


def test_another_batch_size():
  pipeline = _create(np.arange(10) % 2, eval_fraction=0.2)
  other = pipeline.with_settings(batch_size=3)
  assert len(batches(other, "train", 1)[0][1]) == 3
  assert len(batches(pipeline, "train", 1)[0][1]) == 4
  assert other.fingerprint("train") == pipeline.fingerprint("train")
  with expect(errors.UserValueError, "batch_size` is a whole", "got 0"):
    pipeline.with_settings(batch_size=0)
  with expect(errors.UserValueError, "NumpyInput has no mixup"):
    pipeline.with_settings(mixup_alpha=0.1)


def test_a_class_without_examples_in_a_split():
  pipeline = _given(
    eval_labels=np.array([1, 1, 3]), class_names=["a", "b", "c", "d"]
  )
  assert pipeline.notes() == [
    f"The {split} split of the given mapping of arrays has no example of "
    f"{number} of 4 classes: {names}."
    for split, number, names in (
      ("train", 2, "['c', 'd']"),
      ("eval", 2, "['a', 'c']"),
      ("test", 2, "['c', 'd']"),
    )
  ]
  assert _given().notes() == []


def test_a_label_without_examples_in_a_split():
  pipeline = _create([[1, 0], [1, 0], [0, 0], [0, 0]] * 2, eval_fraction=0.5)
  assert "no example of 1 of 2 classes: [1]" in pipeline.notes()[0]
  assert pipeline.class_counts()[1] == 0


def test_vocabularies():
  assert _create(list("ba" * 4), eval_fraction=0.5).vocabularies() == {
    "labels": ["a", "b"]
  }
  assert _create([0, 1] * 4, eval_fraction=0.5).vocabularies() == {}
