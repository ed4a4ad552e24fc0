"""Reading new arrays, by the description of a run's pipeline."""

import input_batches
import numpy as np
import pytest

from hub_estimator import errors, inputs
from hub_estimator.inputs.prediction import create_example_reader


def _create(labels=(0, 1, 2, 0), features=None, **arguments):
  if features is None:
    features = np.arange(16, dtype=np.uint8).reshape([4, 4])
  return inputs.NumpyInput(
    {"features": features, "labels": np.array(labels)},
    **{"eval_fraction": 0.5, "stratify": False, **arguments},
  )


def _read(data, path, batch_size=3, **arguments):
  with create_example_reader(
    data.description(), path, batch_size, **arguments
  ) as reader:
    return list(reader), reader


@pytest.mark.parametrize("key", ["features", "images", None])
def test_the_features_are_those_of_evaluation(tmp_path, key):
  array = np.arange(16, dtype=np.uint8).reshape([4, 4]) * 15
  data = _create(
    features=array, feature_shape=(2, 2, 1), scale=1 / 255, shuffle=False
  )
  path = tmp_path / ("new.npy" if key is None else "new.npz")
  if key is None:
    np.save(path, array)
  else:
    np.savez(path, **{key: array})
  batches, reader = _read(data, path)
  assert [len(batch) for batch in batches] == [3, 1]
  values = np.concatenate([batch.features["images"] for batch in batches])
  assert values.dtype == np.float32
  assert values.shape == (4, 2, 2, 1)
  (expected,) = input_batches.batches(data, "infer")
  rows = data._rows["eval"]
  np.testing.assert_array_equal(values[rows], expected["images"])
  assert batches[1].keys == ["row 3"]
  assert batches[1].echoes == [{"row": 3}]
  assert batches[0].labels is None
  assert reader.done == reader.total == 4


def test_several_features(tmp_path):
  data = inputs.NumpyInput(
    {
      "title": np.array(["a", "b", "c", "d"]),
      "n": np.ones([4, 2]),
      "labels": np.array([0, 1, 0, 1]),
    },
    feature_names={"title": "t", "n": "numbers"},
    eval_fraction=0.5,
  )
  path = tmp_path / "new.npz"
  np.savez(path, title=np.array(["ä", "y"]), n=np.zeros([2, 2]))
  ((batch,), _) = _read(data, path)
  assert batch.features["t"].tolist() == ["ä".encode(), b"y"]
  assert batch.features["numbers"].shape == (2, 2)
  np.save(tmp_path / "new.npy", np.zeros([2, 2]))
  with pytest.raises(errors.UserValueError, match="the model takes 't', 'num"):
    _read(data, tmp_path / "new.npy")
  np.savez(path, title=np.array(["x", "y"]), n=np.zeros([3, 2]))
  with pytest.raises(errors.UserValueError, match="'t': 2, 'numbers': 3"):
    _read(data, path)


@pytest.mark.parametrize(
  ("labels", "arguments", "new", "expected"),
  [
    ((0, 1, 2, 0), {}, [2, 3], [2, -1]),
    (("u", "v", "u", "v"), {}, ["v", "w"], [1, -1]),
    ((5, 6, 7, 5), {"classes": (7, 5)}, [5, 6], [1, -1]),
    ((0.5, 1.0, 2.0, 3.0), {}, [1.5, np.nan], [[1.5], [np.nan]]),
    (((0, 1),) * 4, {}, [[1, 1], [2, 1]], [[1, 1], [-1, -1]]),
  ],
  ids=["numbers", "names", "classes", "regression", "multi-label"],
)
def test_labels_that_are_there(tmp_path, labels, arguments, new, expected):
  data = _create(labels, **arguments)
  path = tmp_path / "new.npz"
  np.savez(path, features=np.zeros([2, 4]), labels=np.array(new))
  ((batch,), reader) = _read(data, path)
  np.testing.assert_array_equal(batch.labels, expected)
  assert reader.counts() == {"label that is missing or not known": 1}


def test_values_that_are_not_finite(tmp_path):
  path = tmp_path / "new.npz"
  features = np.zeros([3, 4])
  features[1, 2] = np.nan
  np.savez(path, features=features)
  with pytest.raises(errors.UserValueError, match=r"first is at index \[1, 2]"):
    _read(_create(), path)
  ((batch,), reader) = _read(_create(), path, on_bad_example="skip")
  assert batch.keys == ["row 0", "row 2"]
  assert reader.counts() == {"NaN or infinite images": 1}


def test_files_that_do_not_go(tmp_path):
  path = tmp_path / "new.npz"
  for arrays, error, message in (
    ({"x": np.zeros(3)}, errors.UserKeyError, "lacks `features`.*Keys .* x"),
    ({"features": np.zeros([2, 5])}, errors.UserValueError, "has 5"),
    ({"features": np.array(["a"])}, errors.UserValueError, "is <U1"),
    ({"features": np.zeros([])}, errors.UserValueError, "single value"),
    (
      {"features": np.zeros([2, 4]), "labels": np.zeros(3)},
      errors.UserValueError,
      r"`labels` of .*shape \[3\]; for 2 examples",
    ),
  ):
    np.savez(path, **arrays)
    with pytest.raises(error, match=message):
      _read(_create(), path)
  path.write_bytes(b"nothing")
  with pytest.raises(errors.UserValueError, match=r"no \.npz or \.npy file"):
    _read(_create(), path)
  with pytest.raises(errors.UserOSError, match="does not exist"):
    _read(_create(), tmp_path / "none.npz")
