"""What makes a new entry, and what does not."""

import os
import shutil

import numpy as np
import pytest
import tiny_models
from test_feature_cache import Encoder, batches, create

from hub_estimator import errors, estimator, hub
from hub_estimator.inputs import NumpyInput
from hub_estimator.models import feature_cache
from hub_estimator.models.feature_cache import EMBEDDING
from hub_estimator.models.feature_cache.feature_cache import entry_key
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


@pytest.fixture
def module_path(tmp_path):
  return tiny_models.export_module(tmp_path / "module")


@pytest.fixture
def data_path(tmp_path):
  path = str(tmp_path / "data.npz")
  np.savez(path, **tiny_models.arrays([0, 1, 2]))
  return path


@pytest.fixture
def num_extracted(tmp_path, module_path, data_path):
  """Returns for how many examples the module runs, after a first run."""

  def run(path=module_path, description=Encoder.description, **settings):
    settings = {"batch_size": 4, "eval_fraction": 0.25, **settings}
    source = NumpyInput(data_path, feature_name="x", **settings)
    encoder = Encoder()
    cached = create(
      tmp_path / "cache",
      path,
      source,
      encoder,
      description=description,
    )
    assert encoder.num_calls == (cached.num_extracted > 0)
    return cached.num_extracted

  assert run() == 20
  assert run() == 0
  return run


def _scale_weights(path, factor):
  """Trains a module, so to speak: exports it with other weights."""
  with tf.Graph().as_default():
    module = hub.Module(path)
    scale = [v.assign(v * factor) for v in module.variables]
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      session.run(scale)
      module.export(f"{path}_new", session)
  shutil.rmtree(path)
  os.rename(f"{path}_new", path)


def test_another_batch_size_or_order_reuses_the_entries(num_extracted):
  assert num_extracted(batch_size=7) == 0
  assert num_extracted(shuffle=False) == 0
  assert num_extracted(num_shards=2, shard_index=1) == 0


def test_the_module_may_move(num_extracted, module_path, tmp_path):
  path = str(tmp_path / "elsewhere")
  shutil.copytree(module_path, path)
  assert num_extracted(path) == 0


def test_changed_weights(num_extracted, module_path, tmp_path):
  _scale_weights(module_path, 2.0)
  assert num_extracted() == 20
  assert num_extracted() == 0
  cached = create(tmp_path / "cache", module_path)
  (features, _), *_ = batches(cached.input_fn(estimator.ModeKeys.EVAL))
  (raw, _), *_ = batches(cached.source.input_fn(estimator.ModeKeys.EVAL))
  expected = raw["x"] @ (2 * np.array(tiny_models.INITIAL_W, np.float32))
  np.testing.assert_allclose(features[EMBEDDING], expected, rtol=1e-6)


def test_a_changed_graph(num_extracted, module_path):
  def module_fn():
    tiny_models.tiny_module_fn()
    tf.constant(1.0, name="nothing_of_use")

  shutil.rmtree(module_path)
  tiny_models.export_module(module_path, module_fn)
  assert num_extracted() == 20


def test_a_changed_asset(tmp_path):
  words = tmp_path / "words.txt"

  def module_fn():
    x = tf1.placeholder(tf.float32, [None, 2])
    tf1.add_to_collection(
      tf1.GraphKeys.ASSET_FILEPATHS, tf.constant(str(words))
    )
    hub.add_signature(inputs=x, outputs=x)

  found = set()
  for text in ("a\nb\n", "a\nc\n"):
    words.write_text(text)
    path = tiny_models.export_module(tmp_path / text[2], module_fn)
    found.add(feature_cache.module_fingerprint(hub.load_module_spec(path)))
  assert len(found) == 2


def test_a_module_is_read_once_in_a_process(module_path, monkeypatch):
  def no_file(*arguments):
    raise AssertionError("a file is read again")

  spec = hub.load_module_spec(module_path)
  found = feature_cache.module_fingerprint(spec)
  monkeypatch.setattr(tf.io.gfile, "GFile", no_file)
  assert feature_cache.module_fingerprint(spec) == found


def test_a_module_that_is_gone(module_path):
  spec = hub.load_module_spec(module_path)
  shutil.rmtree(module_path)
  with pytest.raises(OSError, match="The module .* cannot be read: ") as caught:
    feature_cache.module_fingerprint(spec)
  assert isinstance(caught.value, errors.UserOSError)


def test_changed_data(num_extracted, data_path):
  arrays = tiny_models.arrays([0, 1, 2])
  arrays["features"][0, 0] += 1
  np.savez(data_path, **arrays)
  # One example changed, in one of the splits.
  assert num_extracted() in (14, 6)
  assert num_extracted() == 0


def test_changed_labels(num_extracted, data_path):
  arrays = tiny_models.arrays([1, 2, 0])
  np.savez(data_path, **arrays)
  assert num_extracted() == 20


def test_changed_preprocessing(num_extracted):
  assert num_extracted(scale=0.5) == 20


def test_another_choice_of_training_examples_keeps_the_eval_split(
  num_extracted,
):
  assert num_extracted(num_train_examples=6) == 6


@pytest.mark.parametrize(
  "description",
  [
    {**Encoder.description, "output": "other"},
    {**Encoder.description, "hyperparameters": {"temperature": 2.0}},
  ],
)
def test_another_description(num_extracted, description):
  assert num_extracted(description=description) == 20
  assert num_extracted(description=description) == 0


def test_other_tags(tmp_path):
  path = tiny_models.export_module(
    tmp_path / "tagged",
    tags_and_args=[
      (set(), {"is_training": False}),
      ({"train"}, {"is_training": True}),
    ],
  )
  folder = tmp_path / "cache"
  assert create(folder, path).num_extracted == 20
  cached = create(folder, path, tags={"train"})
  assert cached.num_extracted == 20
  # This variant gives twice the output.
  (features, _), *_ = batches(cached.input_fn(estimator.ModeKeys.EVAL))
  (raw, _), *_ = batches(cached.source.input_fn(estimator.ModeKeys.EVAL))
  expected = 2 * raw["x"] @ np.array(tiny_models.INITIAL_W, np.float32)
  np.testing.assert_allclose(features[EMBEDDING], expected, rtol=1e-6)


def test_keys_are_of_what_json_has():
  assert entry_key({"a": np.float32(0.5), "b": {"y", "x"}}) == entry_key(
    {"b": ["x", "y"], "a": 0.5}
  )
  with pytest.raises(TypeError, match="has no place in the key"):
    entry_key({"a": object()})
