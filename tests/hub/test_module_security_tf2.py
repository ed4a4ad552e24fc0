"""TF2 SavedModels: what their functions read, and what is their own."""

import pytest
import security_modules

from hub_estimator import hub
from hub_estimator.tf_compat import tf


def ops(path):
  return [finding.op for finding in hub.scan_module(path)]


@pytest.fixture
def vocabulary(tmp_path):
  path = tmp_path / "words.txt"
  path.write_text("a\nb\n")
  return str(path)


class WithAsset(tf.Module):
  """A TF2 SavedModel with a variable, a table and an asset of its own."""

  def __init__(self, path):
    super().__init__()
    self.v = tf.Variable(2.0)
    self.asset = tf.saved_model.Asset(path)
    self.table = tf.lookup.StaticHashTable(
      tf.lookup.TextFileInitializer(
        path,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
      ),
      -1,
    )

  @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
  def __call__(self, words):
    return tf.cast(self.table.lookup(words), tf.float32) * self.v

  @tf.function(input_signature=[])
  def read(self):
    return tf.io.read_file(self.asset.asset_path)


def test_a_tf2_saved_model(tmp_path, vocabulary, monkeypatch):
  path = str(tmp_path / "saved")
  tf.saved_model.save(WithAsset(vocabulary), path)
  assert hub.scan_module(path) == []
  monkeypatch.setenv("TFHUB_SECURITY_POLICY", "refuse")
  loaded = hub.load(path)
  assert loaded(tf.constant(["b"])).numpy().tolist() == [2.0]
  assert loaded.read().numpy() == b"a\nb\n"

  def leave_the_folder(meta_graph):
    for asset in meta_graph.asset_file_def:
      asset.filename = "../../../etc/passwd"

  security_modules.rewrite(path, leave_the_folder)
  assert set(ops(path)) == {"ReadFile", "InitializeTableFromTextFileV2"}
  with pytest.raises(hub.RefusedModuleError):
    hub.load(path)


def test_functions_of_objects_that_get_something_else(tmp_path, vocabulary):
  path = str(tmp_path / "saved")
  tf.saved_model.save(WithAsset(vocabulary), path)

  def capture(change):
    def change_all(meta_graph):
      objects = meta_graph.object_graph_def
      for function_name, saved in objects.concrete_functions.items():
        if "_read_" in function_name or "_wrapper_" in function_name:
          saved.bound_inputs[:] = change(list(saved.bound_inputs))

    security_modules.rewrite(path, change_all)

  asset = []
  capture(lambda bound: asset.extend(bound) or bound)
  assert asset
  for bound in ([0], [-1], [10_000], [0, asset[0]], []):
    capture(lambda _, bound=bound: bound)
    assert ops(path) == ["ReadFile"], bound
  capture(lambda _: asset[:1])
  assert ops(path) == []


def test_a_tf2_saved_model_that_reads_what_it_is_told(tmp_path):
  class Reader(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def read(self, name):
      return tf.io.read_file(name)

    @tf.function(input_signature=[])
    def steal(self):
      return tf.io.read_file("/etc/passwd")

  tf.saved_model.save(Reader(), str(tmp_path))
  findings = hub.scan_module(str(tmp_path))
  functions = sorted(finding.node.split("_")[3] for finding in findings)
  assert functions == ["read", "steal"]
