"""Contract, section 8: modules by handles that are no folders."""

import io
import os
import pathlib
import tarfile

import hub_module_fns
import pytest
import upstream_hub

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
PUBLISHED = pathlib.Path(__file__).parents[3] / "shared" / "data" / "modules"


@pytest.fixture(autouse=True)
def settings(handle_settings):
  return handle_settings


def _archive(folder):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
    tar.add(folder, arcname=".")
  return buffer.getvalue()


def test_a_module_is_used_by_its_address(graph, scale_module, server):
  url = server.serve("/scale/1", _archive(scale_module))
  module = hub.Module(url, trainable=True)
  assert hub_module_fns.run(module([2.0])).tolist() == [10.0]
  assert list(module.variable_map) == ["w"]
  assert hub.resolve(url).startswith(os.environ["TFHUB_CACHE_DIR"])
  assert len(server.requests) == 1


def test_a_module_is_used_by_its_archive(graph, scale_module, tmp_path):
  archive = tmp_path / "scale.tgz"
  archive.write_bytes(_archive(scale_module))
  module = hub.Module(str(archive))
  assert hub_module_fns.run(module([2.0])).tolist() == [10.0]


def test_hub_load_takes_addresses(scale_module, server):
  url = server.serve("/scale/1", _archive(scale_module))
  loaded = hub.load(url)
  result = loaded.signatures["default"](tf.constant([2.0]))
  assert result["default"].numpy().tolist() == [10.0]


def test_a_tf2_saved_model_is_fetched_and_said_to_be_one(server, tmp_path):
  class Doubler(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, x):
      return 2.0 * x

  tf.saved_model.save(Doubler(), str(tmp_path / "tf2"))
  url = server.serve("/tf2/1", _archive(tmp_path / "tf2"))
  assert hub.load(url)(tf.constant([2.0])).numpy().tolist() == [4.0]
  with pytest.raises(tf.errors.NotFoundError, match="TF2 SavedModel"):
    hub.load_module_spec(url)


def test_resolvers_and_the_cache_are_public_names():
  for name in ("ModuleCache", "Resolver", "register_resolver", "resolve"):
    assert name in hub.__all__
    assert hasattr(hub, name)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="no published modules here")
def test_a_published_module_by_its_address(graph, server):
  archive = PUBLISHED / "half_plus_two_v1" / "half_plus_two_v1.tar.gz"
  url = server.serve("/half_plus_two/1", archive.read_bytes())
  module = hub.Module(url)
  assert hub_module_fns.run(module([4.0])).tolist() == [4.0]


def _upstream(url):
  """Resolves an address with tensorflow_hub, in a process of its own."""
  program = (
    "import json, sys, tensorflow_hub;"
    "print('FOUND' + json.dumps(tensorflow_hub.resolve(sys.argv[1])))"
  )
  return upstream_hub.run("-c", program, url)


def test_a_cache_that_tensorflow_hub_filled_is_used(scale_module, server):
  url = server.serve("/scale/1", _archive(scale_module))
  folder = _upstream(url)
  assert len(server.requests) == 1
  before = sorted(os.listdir(folder))
  assert hub.resolve(url) == folder
  assert len(server.requests) == 1
  assert sorted(os.listdir(folder)) == before
  pathlib.Path(folder, "variables", "variables.index").unlink()
  assert hub.resolve(url) == folder
  assert len(server.requests) == 2
  assert sorted(os.listdir(folder)) == sorted([*before, ".manifest.json"])


def test_a_cache_that_we_filled_serves_tensorflow_hub(scale_module, server):
  url = server.serve("/scale/1", _archive(scale_module))
  folder = hub.resolve(url)
  assert _upstream(url) == folder
  assert len(server.requests) == 1
