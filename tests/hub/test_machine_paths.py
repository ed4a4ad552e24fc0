"""Paths of the machine in the graphs of exported modules."""

import os
import tempfile

import hub_module_fns
import pytest
from exported_estimators import (
  Clock,
  create_estimator,
  input_fn,
  serving_input_fn,
)

from hub_estimator import errors, hub
from hub_estimator.hub import machine_paths
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1


def _export(tmp_path, module_fn, with_folder=None):
  trained = create_estimator(tmp_path / "run", {"m": module_fn})
  trained.train(input_fn, steps=1)
  exporter = hub.LatestModuleExporter("tf_hub", serving_input_fn, clock=Clock())
  return exporter.export(trained, str(tmp_path / "exports"))


def _constant(text):
  def module_fn():
    x = hub_module_fns.placeholder(dtype=tf.string)
    hub.add_signature(inputs=x, outputs=x + tf.constant(text, name="path"))

  return module_fn


@pytest.mark.parametrize("where", ["run/file", "exports", "elsewhere/file"])
def test_a_path_that_the_graph_computes_with_is_refused(tmp_path, where):
  path = str(tmp_path / where)
  with pytest.raises(errors.UserRuntimeError) as caught:
    _export(tmp_path, _constant(path))
  message = str(caught.value)
  what = {
    "run/file": f"{tmp_path}/run (model_dir)",
    "exports": f"{tmp_path}/exports (exports)",
    "elsewhere/file": f"{tempfile.gettempdir()} (temporary files)",
  }[where]
  assert message == (
    "An export was refused, and removed: the graph of a module has a path of "
    "this machine, which others do not have. Module 'm', node path (Const), "
    f"attribute 'value': {path!r}, in {what}. If the graph reads this file, "
    "add the tensor of its path to the collection ASSET_FILEPATHS in the "
    "module_fn, and the file comes with the module; otherwise leave the path "
    "out of it."
  )
  assert os.listdir(tmp_path / "exports") == []


def test_a_path_in_the_home_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", "/home/somebody")
  with pytest.raises(errors.UserError, match=r"/home/somebody \(home\)"):
    _export(tmp_path, _constant("file:///home/somebody/words"))


def test_a_path_within_a_function(tmp_path, v2_control_flow):
  def module_fn():
    x = hub_module_fns.placeholder([], dtype=tf.string)
    path = str(tmp_path / "words")
    y = tf1.cond(tf.equal(x, ""), lambda: tf.constant(path), lambda: x)
    hub.add_signature(inputs=x, outputs=y)

  with pytest.raises(errors.UserError, match="node .* of function cond_true"):
    _export(tmp_path, module_fn)


@pytest.mark.parametrize("home", ["/", "/scope"])
def test_names_and_other_text_are_no_paths(tmp_path, monkeypatch, home):
  monkeypatch.setenv("HOME", home)

  def module_fn():
    x = hub_module_fns.placeholder()
    with tf1.variable_scope("my/scope"):
      w = tf1.get_variable("w", initializer=3.0)
    text = tf.constant(["usr/scope/w", "/scopes", "and/or"])
    hub.add_signature(inputs=x, outputs={"default": x * w, "text": text})

  path = _export(tmp_path, module_fn)
  graph = graph_symbols.SavedModel.FromString(
    machine_paths.read_graphs(os.path.join(path, "m"))
  )
  (shared_name,) = [
    node.attr["shared_name"].s
    for node in graph.meta_graphs[0].graph_def.node
    if node.op == "VarHandleOp"
  ]
  assert shared_name == b"my/scope/w"


def test_tables_have_names_without_paths(tmp_path):
  """Two files of one base name are two tables still."""
  paths = []
  for i, words in enumerate(("a\nb\n", "b\na\n")):
    (tmp_path / str(i)).mkdir()
    paths.append(tmp_path / str(i) / "words.txt")
    paths[-1].write_text(words)

  def module_fn():
    words = hub_module_fns.placeholder(dtype=tf.string, name="words")
    tables = [
      tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
          str(path),
          tf.string,
          tf.lookup.TextFileIndex.WHOLE_LINE,
          tf.int64,
          tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
      )
      for path in paths
    ]
    hub.add_signature(
      inputs=words, outputs=tf.stack([t.lookup(words) for t in tables])
    )

  path = os.path.join(_export(tmp_path, module_fn), "m")
  content = machine_paths.read_graphs(path)
  assert str(tmp_path).encode() not in content
  graph = graph_symbols.SavedModel.FromString(content)
  shared_names = {
    node.attr["shared_name"].s
    for node in graph.meta_graphs[0].graph_def.node
    if node.op == "HashTableV2"
  }
  assert len(shared_names) == 2
  assert all(b"words.txt" in name for name in shared_names)
  # Found on another machine, where the files lie elsewhere.
  for written in paths:
    written.unlink()
  with tf.Graph().as_default():
    ids = hub_module_fns.run(hub.Module(path)(["a", "b"]))
  assert ids.tolist() == [[0, 1], [1, 0]]


def test_a_module_exported_from_a_session_has_such_names_too(tmp_path):
  (tmp_path / "words.txt").write_text("a\n")
  path = hub_module_fns.export(
    hub_module_fns.table(tmp_path / "words.txt"), tmp_path / "m"
  )
  assert str(tmp_path).encode() not in machine_paths.read_graphs(path)


def test_what_the_source_has_already_is_not_refused(tmp_path, log_records):
  """Who trains a module that another published cannot mend it."""
  text = str(tmp_path / "words")
  source = hub_module_fns.export(_constant(text), tmp_path / "source")

  def model_fn(features, labels, mode):
    module = hub.Module(source)
    hub.register_module_for_export(module, "m")
    step = tf1.train.get_or_create_global_step()
    return estimator.EstimatorSpec(
      mode,
      predictions=features,
      loss=tf.constant(0.0),
      train_op=step.assign_add(1),
    )

  from hub_estimator import estimator

  trained = estimator.Estimator(model_fn, str(tmp_path / "run"))
  trained.train(input_fn, steps=1)
  exporter = hub.LatestModuleExporter("tf_hub", serving_input_fn)
  assert exporter.export(trained, str(tmp_path / "exports"))
  assert any(
    "a module has a path of another machine, as the module has that it was "
    "made from: 'm', node path (Const), attribute 'value': " in r.getMessage()
    for r in log_records
  )
