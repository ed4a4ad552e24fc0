import numpy as np

from hub_estimator.evaluation import WorstExamples


def test_largest_losses_of_all_batches_are_kept():
  worst = WorstExamples(3)
  worst.add([1.0, 5.0, 2.0], {"x": np.array([[10], [11], [12]])})
  worst.add([4.0, 0.5, 5.0], {"x": np.array([[13], [14], [15]])})
  found = [(e.index, e.loss, e.features["x"].tolist()) for e in worst.examples]
  assert found == [(1, 5.0, [11]), (5, 5.0, [15]), (3, 4.0, [13])]


def test_nan_counts_as_infinite():
  worst = WorstExamples(2)
  worst.add([np.inf, 1.0, np.nan], {})
  worst.add([np.nan], {})
  assert [e.index for e in worst.examples] == [0, 2]


def test_examples_without_weight_are_not_kept():
  worst = WorstExamples(2)
  worst.add([3.0, 2.0, 1.0], {}, weights=np.array([[0.0], [1.0], [2.0]]))
  assert [e.index for e in worst.examples] == [1, 2]


def test_none_are_kept_on_request():
  worst = WorstExamples(0)
  worst.add([3.0], {"x": np.zeros([1, 2])})
  assert worst.examples == []


def test_what_is_kept_is_not_the_whole_batch():
  worst = WorstExamples(1)
  batch = np.zeros([1000, 10])
  worst.add(np.arange(1000.0), {"x": batch, "text": np.array([b"a"] * 1000)})
  features = worst.examples[0].features
  assert features["x"].base is None
  assert not np.shares_memory(features["x"], batch)
  assert features["text"].item() == b"a"
