"""What is computed, what is reused, and what a cached pipeline gives."""

import json
import os

import numpy as np
import pytest
import tiny_models

from hub_estimator import estimator, hub
from hub_estimator.inputs import NumpyInput
from hub_estimator.models import feature_cache
from hub_estimator.models.feature_cache import EMBEDDING
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
TRAIN, EVAL, PREDICT = (
  estimator.ModeKeys.TRAIN,
  estimator.ModeKeys.EVAL,
  estimator.ModeKeys.PREDICT,
)
W = np.array(tiny_models.INITIAL_W, np.float32)


@pytest.fixture(scope="module")
def module_path(tmp_path_factory):
  path = tmp_path_factory.mktemp("module") / "m"
  return tiny_models.export_module(path)


class Encoder:
  """Encodes by the signature's output, and counts its calls."""

  description = {"signature": "default", "output": "default"}

  def __init__(self, dtype=None, names=(EMBEDDING,)):
    self.num_calls = 0
    self._dtype = dtype
    self._names = names

  def __call__(self, module, features):
    self.num_calls += 1
    y = module(features["x"])
    if self._dtype:
      y = tf.cast(y, self._dtype)
    return {name: y * (i + 1) for i, name in enumerate(self._names)}


def create(folder, path, source=None, encoder=None, **arguments):
  arguments.setdefault("description", Encoder.description)
  arguments.setdefault("cache", feature_cache.FeatureCache(str(folder)))
  return feature_cache.create_cached_input(
    source or tiny_models.create_input(),
    hub.load_module_spec(path),
    encoder or Encoder(),
    **arguments,
  )


def batches(input_fn, num_batches=None):
  """Returns the batches of an input_fn as NumPy arrays."""
  found = []
  with tf.Graph().as_default(), tf1.Session() as session:
    iterator = tf1.data.make_initializable_iterator(input_fn())
    batch = iterator.get_next()
    session.run(iterator.initializer)
    while num_batches is None or len(found) < num_batches:
      try:
        found.append(session.run(batch))
      except tf.errors.OutOfRangeError:
        break
  return found


def same_batches(cached, uncached):
  """Checks labels, and that embeddings are x w."""
  assert len(cached) == len(uncached) > 0
  for (features, labels), (raw, expected_labels) in zip(cached, uncached):
    assert set(features) - set(raw) == {EMBEDDING}
    assert features[EMBEDDING].dtype == np.float32
    np.testing.assert_allclose(features[EMBEDDING], raw["x"] @ W, rtol=1e-6)
    np.testing.assert_array_equal(labels, expected_labels)
    for name in set(raw) - {"x"}:
      np.testing.assert_array_equal(features[name], raw[name])


def test_every_mode_gives_the_features_in_the_order_of_the_source(
  tmp_path, module_path
):
  source = tiny_models.create_input(test_fraction=0.2)
  cached = create(tmp_path, module_path, source)
  # 20 examples in 4 to train, 5 to evaluate, … : several passes.
  same_batches(
    batches(cached.input_fn(TRAIN), 12), batches(source.input_fn(TRAIN), 12)
  )
  same_batches(batches(cached.input_fn(EVAL)), batches(source.input_fn(EVAL)))
  assert source.splits == ("train", "eval", "test")
  for split in source.splits:
    same_batches(
      batches(cached.ordered_input_fn(split)),
      batches(source.ordered_input_fn(split)),
    )
  # The graph that predicts calls the module.
  for features, raw in zip(
    batches(cached.input_fn(PREDICT)), batches(source.input_fn(PREDICT))
  ):
    np.testing.assert_array_equal(features["x"], raw["x"])


@pytest.mark.parametrize(
  "settings",
  [
    {"shuffle": False},
    {"seed": 7},
    {"num_shards": 2, "shard_index": 1},
  ],
  ids=lambda settings: "-".join(settings),
)
def test_the_order_of_train_is_that_of_the_source(
  tmp_path, module_path, settings
):
  source = tiny_models.create_input(**settings)
  cached = create(tmp_path, module_path, source)
  same_batches(
    batches(cached.input_fn(TRAIN), 9), batches(source.input_fn(TRAIN), 9)
  )


def test_weights_are_those_of_the_source(tmp_path, module_path):
  arrays = tiny_models.arrays([0, 1, 2])
  arrays["weights"] = np.arange(1.0, 21.0, dtype=np.float32)
  source = NumpyInput(
    arrays, feature_name="x", batch_size=4, eval_fraction=0.25
  )
  cached = create(tmp_path, module_path, source)
  assert cached.weight_key == source.weight_key == "example_weight"
  for mode in (TRAIN, EVAL):
    uncached = batches(source.input_fn(mode), 4)
    assert "example_weight" in uncached[0][0]
    same_batches(batches(cached.input_fn(mode), 4), uncached)


def test_what_is_not_cached_is_that_of_the_source(tmp_path, module_path):
  source = tiny_models.create_input(("a", "b", "c"))
  cached = create(tmp_path, module_path, source)
  assert cached.source is source
  for attribute in (
    "batch_size",
    "num_classes",
    "class_names",
    "splits",
    "weight_key",
  ):
    assert getattr(cached, attribute) == getattr(source, attribute)
  for method in (
    "feature_spec",
    "label_spec",
    "class_counts",
    "skipped_examples",
    "notes",
    "vocabularies",
  ):
    assert getattr(cached, method)() == getattr(source, method)()
  assert cached.num_examples(TRAIN) == 14
  assert cached.num_split_examples("eval") == 6
  assert cached.fingerprint("train") == source.fingerprint("train")
  assert cached.augmentations == ()
  with pytest.raises(ValueError, match="label"):
    cached.check_labels(2)
  with tf.Graph().as_default():
    receiver = cached.serving_input_receiver_fn()()
    assert set(receiver.features) == {"x"}
  assert cached.cached_feature_spec() == {
    EMBEDDING: tf.TensorSpec([None, 3], tf.float32, name=EMBEDDING)
  }
  with pytest.raises(ValueError, match="no split 'tset'"):
    cached.ordered_input_fn("tset")


def test_with_settings(tmp_path, module_path):
  cached = create(tmp_path, module_path)
  changed = cached.with_settings(batch_size=6)
  assert (cached.batch_size, changed.batch_size) == (4, 6)
  assert batches(changed.input_fn(TRAIN), 1)[0][0][EMBEDDING].shape == (6, 3)
  with pytest.raises(
    ValueError, match="mixup_alpha = 0.1.*each example by its"
  ):
    cached.with_settings(mixup_alpha=0.1)


def test_the_module_is_not_called_twice(tmp_path, module_path):
  encoder, reports = Encoder(), []
  first = create(
    tmp_path,
    module_path,
    encoder=encoder,
    report=lambda done, total: reports.append((done, total)),
  )
  # One graph for both splits.
  assert encoder.num_calls == 1
  # 14 + 6 examples in batches of 4.
  assert reports == [(n, 20) for n in (4, 8, 12, 14, 18, 20)]
  assert first.num_extracted == 20
  second = create(
    tmp_path,
    module_path,
    encoder=encoder,
    report=lambda *report: reports.append(report),
  )
  assert encoder.num_calls == 1 and len(reports) == 6
  assert second.num_extracted == 0
  same_batches(
    batches(second.input_fn(EVAL)),
    batches(tiny_models.create_input().input_fn(EVAL)),
  )


def test_the_files_of_an_entry(tmp_path, module_path):
  cached = create(tmp_path, module_path)
  folders = sorted(p for p in tmp_path.iterdir() if p.name != ".locks")
  assert sorted(e.folder for e in cached.entries.values()) == [
    str(folder) for folder in folders
  ]
  entry = cached.entries["train"]
  assert len(os.path.basename(entry.folder)) == 64
  assert sorted(os.listdir(entry.folder)) == [
    "entry.json",
    "train-embedding-00000-of-00001.npy",
    "train-labels-00000-of-00001.npy",
  ]
  stored = np.load(
    os.path.join(entry.folder, "train-embedding-00000-of-00001.npy")
  )
  assert stored.shape == (14, 3) and stored.dtype == np.float32
  with open(os.path.join(entry.folder, "entry.json")) as file:
    metadata = json.load(file)
  assert metadata["module_source"] == module_path
  assert metadata["key"]["description"] == Encoder.description
  assert metadata["key"]["data"] == cached.fingerprint("train")
  assert metadata["split"] == "train"
  assert metadata["num_examples"] == 14
  assert metadata["created"].startswith("20")
  # Headers of 128 bytes; 3 floats and one int64 an example.
  assert metadata["bytes"] == entry.num_bytes == 2 * 128 + 14 * (12 + 8)
  assert metadata["arrays"]["feature/embedding"]["shape"] == [3]


def test_several_outputs_by_name(tmp_path, module_path):
  names = ("labels", "a/b", "a_b")
  encoder = Encoder(names=names)
  cached = create(tmp_path, module_path, encoder=encoder)
  (features, _), *_ = batches(cached.input_fn(EVAL))
  raw, _ = batches(tiny_models.create_input().input_fn(EVAL))[0]
  assert set(features) == set(names)
  for number, name in enumerate(names, start=1):
    np.testing.assert_allclose(features[name], raw["x"] @ W * number, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
def test_types_are_kept(tmp_path, module_path, dtype):
  cached = create(tmp_path, module_path, encoder=Encoder(dtype))
  (features, _), *_ = batches(cached.input_fn(EVAL))
  assert features[EMBEDDING].dtype.name == dtype
  raw, _ = batches(tiny_models.create_input().input_fn(EVAL))[0]
  expected = (raw["x"] @ W).astype(features[EMBEDDING].dtype)
  np.testing.assert_allclose(
    features[EMBEDDING].astype(np.float32), expected.astype(np.float32), 1e-2
  )


def test_shards(tmp_path, module_path):
  """Three rows of three floats in a file."""
  source = tiny_models.create_input()
  cached = create(
    tmp_path,
    module_path,
    source,
    cache=feature_cache.FeatureCache(str(tmp_path), max_file_bytes=3 * 12),
  )
  names = sorted(os.listdir(cached.entries["eval"].folder))
  assert names == [
    "entry.json",
    "eval-embedding-00000-of-00002.npy",
    "eval-embedding-00001-of-00002.npy",
    "eval-labels-00000-of-00002.npy",
    "eval-labels-00001-of-00002.npy",
  ]
  for mode, number in ((TRAIN, 9), (EVAL, 2)):
    same_batches(
      batches(cached.input_fn(mode), number),
      batches(source.input_fn(mode), number),
    )


def test_augmentation_is_refused(tmp_path, module_path):
  class Augmenting(NumpyInput):
    augmentations = ("Augmenting.flip = True", "Augmenting.mixup_alpha = 0.1")

  source = Augmenting(
    tiny_models.arrays([0, 1, 2]), feature_name="x", eval_fraction=0.25
  )
  with pytest.raises(
    ValueError,
    match="Augmenting.flip = True, Augmenting.mixup_alpha = 0.1 would be drawn "
    "once and then repeated for ever.*cache_features = False",
  ):
    create(tmp_path, module_path, source)


def test_a_module_without_a_folder_is_refused(tmp_path):
  with pytest.raises(ValueError, match="made by a function, and its weights"):
    feature_cache.create_cached_input(
      tiny_models.create_input(),
      tiny_models.tiny_module(),
      Encoder(),
      Encoder.description,
      cache=feature_cache.FeatureCache(str(tmp_path)),
    )
  assert not list(tmp_path.iterdir())


def test_outputs_that_are_no_numbers_are_refused(tmp_path, module_path):
  def encode(module, features):
    return {EMBEDDING: tf.as_string(module(features["x"]))}

  with pytest.raises(
    ValueError, match="feature embedding of split 'train'.*only numbers can"
  ):
    create(tmp_path, module_path, encoder=encode)
  assert [p.name for p in tmp_path.iterdir()] == [".locks"]


def test_a_pipeline_that_miscounts_is_found(tmp_path, module_path):
  class Miscounting(NumpyInput):
    def num_split_examples(self, split):
      return super().num_split_examples(split) + 1

  source = Miscounting(
    tiny_models.arrays([0, 1, 2]), feature_name="x", eval_fraction=0.25
  )
  with pytest.raises(RuntimeError, match="gives 14 examples of split 'train'"):
    create(tmp_path, module_path, source)
  assert [p.name for p in tmp_path.iterdir()] == [".locks"]


def test_no_thread_is_left_to_wait_for(tmp_path, module_path, monkeypatch):
  """The one that tunes datasets delays the end of sessions by seconds."""
  seen = []

  def make_initializer(iterator, dataset, name=None):
    seen.append(dataset.options().autotune.enabled)
    return original(iterator, dataset, name)

  original = tf1.data.Iterator.make_initializer
  monkeypatch.setattr(tf1.data.Iterator, "make_initializer", make_initializer)
  cached = create(tmp_path, module_path)
  assert seen == [False, False]
  with tf.Graph().as_default():
    assert cached.input_fn(TRAIN)().options().autotune.enabled is False
