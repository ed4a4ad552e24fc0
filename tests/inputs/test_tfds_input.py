"""`TFDSInput` on a data set that the test prepares."""

import sys

import numpy as np
import pytest
from input_batches import batches, expect, ordered

from hub_estimator import errors
from hub_estimator.inputs import TFDSInput
from hub_estimator.tf_compat import tf

tfds = pytest.importorskip("tensorflow_datasets")


class TinyColors(tfds.core.GeneratorBasedBuilder):
  """12 examples to train on and 4 to test on; one of those is broken."""

  VERSION = tfds.core.Version("1.0.0")

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          "image": tfds.features.Image(shape=(None, None, 1)),
          "color": tfds.features.ClassLabel(names=["red", "green", "blue"]),
          "colors": tfds.features.Sequence(
            tfds.features.ClassLabel(names=["red", "green", "blue"])
          ),
          "text": tfds.features.Text(),
          "number": np.float32,
          "weight": np.float32,
          "label": np.int64,
          "nested": {"size": np.int32},
        }
      ),
      supervised_keys=("image", "color"),
    )

  def _split_generators(self, dl_manager):
    del dl_manager
    return {
      "train": self._generate_examples(12),
      "test": self._generate_examples(4, 1),
    }

  def _generate_examples(self, count, num_broken=0):
    for i in range(count):
      height = 3 if i >= count - num_broken else 2
      yield (
        i,
        {
          "image": np.full([height, 2, 1], 17 * i, np.uint8),
          "color": i % 3,
          "colors": [0, 2][: i % 3],
          "text": f"text {i}",
          "number": i / 2,
          "weight": float(i),
          "label": i % 2,
          "nested": {"size": i},
        },
      )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  path = str(tmp_path_factory.mktemp("tfds"))
  TinyColors(data_dir=path).download_and_prepare(
    download_config=tfds.download.DownloadConfig(num_shards=2)
  )
  return path


@pytest.fixture
def create(data_dir):
  def create_input(**arguments):
    return TFDSInput(
      "tiny_colors",
      **{
        "train_split": "train[:8]",
        "eval_split": "train[8:]",
        "features": {"n": "nested/size"},
        "feature_dtype": "int32",
        "label": "color",
        "data_dir": data_dir,
        "batch_size": 4,
        **arguments,
      },
    )

  return create_input


def _numbers(pipeline, split):
  return ordered(pipeline, split)[0]["n"].tolist()


def test_slices_of_splits_and_names_of_classes(create):
  pipeline = create()
  assert pipeline.num_examples("train") == 8
  assert pipeline.num_examples("eval") == 4
  assert pipeline.class_names == ["red", "green", "blue"]
  # Preparing puts examples in an order of its own.
  numbers = {split: _numbers(pipeline, split) for split in pipeline.splits}
  assert sorted(numbers["train"] + numbers["eval"]) == list(range(12))
  for split, expected in numbers.items():
    labels = ordered(pipeline, split)[1]
    assert labels[:, 0].tolist() == [number % 3 for number in expected]
    assert pipeline.num_split_examples(split) == len(expected)
  assert batches(pipeline, "infer")[0]["n"].tolist() == numbers["eval"]
  passes = np.concatenate([x["n"] for x, _ in batches(pipeline, "train", 6)])
  assert all(
    sorted(p) == sorted(numbers["train"]) for p in passes.reshape(3, 8)
  )
  assert len(set(map(tuple, passes.reshape(3, 8).tolist()))) > 1


def test_the_supervised_input_of_images(create):
  pipeline = create(
    features=None, feature_dtype="float32", scale=1 / 17, eval_fraction=None
  )
  assert pipeline.feature_spec() == {
    "image": tf.TensorSpec([None, 2, 2, 1], tf.float32, name="image")
  }
  features, labels = ordered(pipeline, "train")
  number = features["image"][:, 0, 0, 0]
  np.testing.assert_allclose(features["image"][:, 1, 1, 0], number)
  assert labels[:, 0].tolist() == (np.round(number) % 3).tolist()


def test_several_features(create):
  pipeline = create(
    features={"a": "text", "b": "number", "label": "label"},
    feature_dtype={"label": "int64"},
    scale={"b": 2.0},
  )
  features, _ = ordered(pipeline, "eval")
  assert [text.split()[1] for text in features["a"].astype(str)] == [
    str(int(number)) for number in features["b"]
  ]
  assert features["label"].tolist() == (features["b"] % 2).tolist()
  assert features["label"].dtype == np.int64


def test_examples_of_another_shape(create):
  arguments = dict(features={"x": "image"}, eval_split="test")
  with expect(
    errors.UserValueError,
    "1 bad example in 'tiny_colors' (1 feature of another shape): tiny_colors "
    "test example ",
    "expected the shape [2, 2, 1] of the first example in 'x', found [3, 2, 1]",
    "TFDSInput.on_bad_example = 'skip'",
  ):
    create(**arguments)
  pipeline = create(on_bad_example="skip", **arguments)
  assert pipeline.num_examples("eval") == 3
  assert ordered(pipeline, "eval")[0]["x"].shape == (3, 2, 2, 1)
  assert pipeline.skipped_examples() == {"feature of another shape": 1}


def test_labels_of_other_kinds(create):
  pipeline = create(label="colors", label_kind="multi_label")
  assert pipeline.class_names == ["red", "green", "blue"]
  for number, label in zip(
    _numbers(pipeline, "train"), ordered(pipeline, "train")[1].tolist()
  ):
    assert label == [[0, 0, 0], [1, 0, 0], [1, 0, 1]][number % 3]
  regression = create(label="number")
  assert regression.num_classes is None
  assert ordered(regression, "eval")[1][:, 0].tolist() == [
    number / 2 for number in _numbers(regression, "eval")
  ]
  names = create(label="text")
  assert names.class_names[:3] == ["text 0", "text 1", "text 10"]


def test_weights_and_a_cap_and_a_cut(create):
  pipeline = create(
    weight="weight",
    train_split="train",
    eval_split=None,
    eval_fraction=0.5,
    num_train_examples=3,
  )
  features, _ = ordered(pipeline, "train")
  assert features["example_weight"][:, 0].tolist() == features["n"].tolist()
  assert len(features["n"]) == 3
  assert not set(features["n"]) & set(_numbers(pipeline, "eval"))


def test_workers_share_the_examples(create):
  shards = [
    np.concatenate(
      [
        features["n"]
        for features, _ in batches(
          create(num_shards=2, shard_index=i), "train", 2
        )
      ]
    )
    for i in range(2)
  ]
  assert all(sorted(s[:4]) == sorted(s[4:]) for s in shards)
  train = _numbers(create(), "train")
  assert sorted(np.concatenate([s[:4] for s in shards])) == sorted(train)


def test_fingerprints(create):
  first = create().fingerprint("train")
  assert first == create(seed=3, batch_size=2).fingerprint("train")
  assert first != create().fingerprint("eval")
  assert first != create(feature_dtype="int64").fingerprint("train")
  assert first != create(label="label").fingerprint("train")


def test_a_data_set_that_is_not_there(data_dir, tmp_path):
  with expect(
    errors.UserKeyError,
    "`TFDSInput.name = 'tiny_colours'`: TensorFlow Datasets has no such",
    "Did you mean 'tiny_colors'?",
  ):
    TFDSInput("tiny_colours", data_dir=data_dir)
  with expect(
    errors.UserOSError,
    "`TFDSInput.name = 'tiny_colors'` is not prepared in",
    "TFDSInput.download = True",
  ):
    TFDSInput("tiny_colors", data_dir=str(tmp_path))
  pipeline = TFDSInput(
    "tiny_colors",
    features={"n": "number"},
    label="color",
    eval_split="test",
    data_dir=str(tmp_path),
    download=True,
  )
  assert pipeline.num_examples("train") == 12


def test_a_data_set_that_cannot_be_prepared(tmp_path, monkeypatch):
  def fail(*_):
    raise OSError("no network")

  monkeypatch.setattr(TinyColors, "_split_generators", fail)
  with expect(
    errors.UserRuntimeError, "could not be downloaded", "OSError: no network"
  ):
    TFDSInput("tiny_colors", data_dir=str(tmp_path), download=True)


def test_splits_and_keys_that_are_not_there(create):
  with expect(
    errors.UserKeyError,
    "`TFDSInput.eval_split = 'validation'` is no split of 'tiny_colors': there "
    "are 'test', 'train', and slices",
  ):
    create(eval_split="validation")
  with expect(errors.UserKeyError, "train_split = 'train[:'"):
    create(train_split="train[:")
  with expect(
    errors.UserKeyError,
    "'tiny_colors' lacks features: TFDSInput.features['x'] = 'imag' (did you "
    "mean 'image'?); TFDSInput.label = 'y'; TFDSInput.weight = 'w'. There are ",
    "'nested/size'",
  ):
    create(features={"x": "imag"}, label="y", weight="w")
  with expect(errors.UserTypeError, "features` is a dict", "got ['image']"):
    create(features=["image"])
  with expect(errors.UserKeyError, "scale` has a value for 'm'", "are 'n'"):
    create(scale={"m": 2.0})
  with expect(errors.UserValueError, "feature_dtype = 'float'"):
    create(feature_dtype="float")
  with expect(errors.UserValueError, "scale = 0.5` makes floats", "int32"):
    create(scale=0.5)


def test_without_supervised_keys(create, monkeypatch):
  monkeypatch.setattr(tfds.core.DatasetInfo, "supervised_keys", None)
  with expect(
    errors.UserValueError,
    "no supervised keys",
    "features are 'image', 'color'",
  ):
    create(features=None)


def test_tensorflow_datasets_is_not_installed(monkeypatch):
  monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
  with expect(
    errors.UserRuntimeError,
    "TFDSInput reads what TensorFlow Datasets prepares, which is not installed",
    "pip install 'hub_estimator[tfds]'",
  ):
    TFDSInput("mnist")
