"""Section 9 of the format: where tensorflow_hub is not to be followed.

String tags, the second positional argument and values that are no tensors are
refused in the tests of sections 2 and 4.
"""

import os
import shutil

import hub_module_fns
import pytest
from google.protobuf import any_pb2

from hub_estimator import errors, hub
from hub_estimator.hub import folders, registration
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1
run = hub_module_fns.run


def _tree(path):
  """Returns {relative path: content} of all files, None for folders."""
  return {
    str(file.relative_to(path)): file.read_bytes() if file.is_file() else None
    for file in path.rglob("*")
  }


# Containment of assets


@pytest.fixture
def asset_module(tmp_path):
  """A module with an asset, and a file beside it that is not its own."""
  asset = tmp_path / "hello.txt"
  asset.write_text("hello")

  def module_fn():
    path = tf.constant(str(asset), name="asset")
    tf1.add_to_collection("asset_filepaths", path)
    hub.add_signature(outputs=tf.io.read_file(path))

  path = tmp_path / "module"
  hub_module_fns.export(module_fn, path)
  (path / "assets_evil").mkdir()
  (path / "assets_evil" / "x").write_text("evil")
  (path / "assets" / "inside").mkdir()
  shutil.copy(path / "assets" / "hello.txt", path / "assets" / "inside")
  return path


def _name_asset(path, file_name):
  saved_model = graph_symbols.SavedModel()
  saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
  collection = saved_model.meta_graphs[0].collection_def["saved_model_assets"]
  (packed,) = collection.any_list.value
  asset = graph_symbols.AssetFileDef()
  packed.Unpack(asset)
  asset.filename = file_name
  changed = any_pb2.Any()
  changed.Pack(asset)
  packed.CopyFrom(changed)
  (path / "saved_model.pb").write_bytes(saved_model.SerializeToString())


@pytest.mark.parametrize(
  "file_name",
  [
    "../assets_evil/x",
    "../../hello.txt",
    "/etc/passwd",
    "a/../../x",
    "..\\x",
    "a//x",
    "..",
    "",
  ],
)
def test_an_asset_outside_of_the_module_is_refused(asset_module, file_name):
  _name_asset(asset_module, file_name)
  with pytest.raises(
    ValueError, match="asset files must lie in its folder 'assets'"
  ) as caught:
    hub.load_module_spec(str(asset_module))
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("file_name", ["inside/hello.txt", "hello.txt"])
def test_an_asset_inside_of_the_module_is_read(asset_module, file_name, graph):
  _name_asset(asset_module, file_name)
  assert run(hub.Module(str(asset_module))()) == b"hello"


@pytest.mark.parametrize("file_name", ["..foo", "a..b", "...", " x", "ä.txt"])
def test_odd_names_of_assets_are_legal(asset_module, file_name, graph):
  (asset_module / "assets" / file_name).write_text("odd")
  _name_asset(asset_module, file_name)
  assert run(hub.Module(str(asset_module))()) == b"odd"


# Assets at definition


@pytest.mark.parametrize(
  ("build", "kind"),
  [
    (lambda: tf1.placeholder(tf.string, []), "Placeholder"),
    (lambda: tf.constant(["a", "b"]), "Const"),
    (lambda: tf.constant([["a"]]), "Const"),
    (lambda: tf.strings.join([tf.constant("a"), "b"]), "StringJoin"),
    (lambda: tf.constant(1.0), "Const"),
    (lambda: tf1.get_variable("v", initializer="a").handle, "VarHandleOp"),
  ],
)
def test_a_bad_asset_is_found_at_definition(build, kind):
  def module_fn():
    hub_module_fns.double()
    tf1.add_to_collection("asset_filepaths", build())

  with pytest.raises(
    TypeError, match=rf"ASSET_FILEPATHS holds \w+:0, a {kind}: .*must be a con"
  ) as caught:
    hub.create_module_spec(module_fn)
  assert isinstance(caught.value, errors.UserError)


# Exports appear whole or not at all


def _export_scale(path, value=9.0):
  hub_module_fns.export(hub_module_fns.scale, path, {"w": value})


def test_an_export_never_touches_an_existing_module(tmp_path):
  _export_scale(tmp_path / "module", 5.0)
  before = _tree(tmp_path)
  with pytest.raises(tf.errors.AlreadyExistsError):
    _export_scale(tmp_path / "module")
  assert _tree(tmp_path) == before


@pytest.mark.parametrize(
  "entry", ["tfhub_module.pb", "saved_model.pb", "variables", "assets"]
)
def test_an_export_never_touches_a_part_of_a_module(tmp_path, entry):
  _export_scale(tmp_path / "whole")
  (tmp_path / "module").mkdir()
  (tmp_path / "whole" / entry).rename(tmp_path / "module" / entry)
  before = _tree(tmp_path)
  with pytest.raises(tf.errors.AlreadyExistsError, match=f"holds {entry}:"):
    _export_scale(tmp_path / "module")
  assert _tree(tmp_path) == before


def test_an_export_to_a_file_is_refused(tmp_path):
  (tmp_path / "module").write_text("mine")
  with pytest.raises(tf.errors.AlreadyExistsError, match="is a file"):
    _export_scale(tmp_path / "module")
  assert (tmp_path / "module").read_text() == "mine"


@pytest.mark.parametrize("end", ["", "/"])
def test_an_export_into_a_folder_with_other_things(tmp_path, graph, end):
  (tmp_path / "module").mkdir()
  (tmp_path / "module" / "README.md").write_text("mine")
  _export_scale(str(tmp_path / "module") + end)
  assert (tmp_path / "module" / "README.md").read_text() == "mine"
  assert run(hub.Module(str(tmp_path / "module"))([1.0])).tolist() == [9.0]
  assert os.listdir(tmp_path) == ["module"]


def test_folders_above_are_made(tmp_path, graph):
  path = hub_module_fns.export(hub_module_fns.scale, tmp_path / "a" / "b")
  assert run(hub.Module(path)([1.0])).tolist() == [3.0]


def _two_assets_fn(missing):
  def module_fn():
    hub_module_fns.scale()
    for path in (__file__, str(missing)):
      tf1.add_to_collection("asset_filepaths", tf.constant(path))

  return module_fn


def test_nothing_is_left_of_an_export_without_its_asset(tmp_path):
  with pytest.raises(
    tf.errors.NotFoundError,
    match=f"The asset file {tmp_path}/nowhere does not exist or is a folder",
  ) as caught:
    hub_module_fns.export(
      _two_assets_fn(tmp_path / "nowhere"), tmp_path / "module"
    )
  assert isinstance(caught.value, errors.UserError)
  assert isinstance(caught.value, OSError)
  assert os.listdir(tmp_path) == []


def test_a_folder_is_no_asset(tmp_path):
  (tmp_path / "folder").mkdir()
  with pytest.raises(tf.errors.NotFoundError, match="folder does not exist or"):
    hub_module_fns.export(
      _two_assets_fn(tmp_path / "folder"), tmp_path / "module"
    )
  assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("at", ["saved_model.pb", "tfhub_module.pb"])
def test_nothing_is_left_of_an_export_that_died(tmp_path, monkeypatch, at):
  write_file = folders.write_file

  def failing(path, content):
    if path.endswith(at):
      raise KeyboardInterrupt
    write_file(path, content)

  monkeypatch.setattr(folders, "write_file", failing)
  with pytest.raises(KeyboardInterrupt):
    _export_scale(tmp_path / "module")
  assert os.listdir(tmp_path) == []


def test_two_exports_at_once(tmp_path, monkeypatch):
  """The slower one finds the faster one's module, and leaves it alone."""
  write_file = folders.write_file

  def write_file_while_another_exports(path, content):
    monkeypatch.setattr(folders, "write_file", write_file)
    _export_scale(tmp_path / "module", 5.0)
    write_file(path, content)

  monkeypatch.setattr(folders, "write_file", write_file_while_another_exports)
  with pytest.raises(tf.errors.AlreadyExistsError):
    _export_scale(tmp_path / "module", 9.0)
  assert os.listdir(tmp_path) == ["module"]
  with tf.Graph().as_default():
    assert run(hub.Module(str(tmp_path / "module"))([1.0])).tolist() == [5.0]


# Export names


@pytest.mark.parametrize(
  "export_name",
  [
    "../../evil",
    "a/b",
    "/a",
    "",
    ".",
    "..",
    ".hidden",
    "-f",
    "a b",
    "a\n",
    "a\\b",
    "ä",
  ],
)
def test_an_export_name_is_the_name_of_a_folder(export_name, scale_spec, graph):
  module = hub.Module(scale_spec)
  with pytest.raises(ValueError, match="is not the name of a fold") as caught:
    hub.register_module_for_export(module, export_name)
  assert isinstance(caught.value, errors.UserError)
  assert registration.registered_modules(graph) == {}


@pytest.mark.parametrize("export_name", ["a", "0", "A-b_c.d", "_x", "a..b"])
def test_good_export_names(export_name, scale_spec, graph):
  module = hub.Module(scale_spec)
  hub.register_module_for_export(module, export_name)
  assert registration.registered_modules(graph) == {export_name: module}


# Update ops


def test_updates_that_do_not_depend_on_inputs_step_once(graph):
  spec = hub.create_module_spec(hub_module_fns.counter)
  module = hub.Module(spec, trainable=True)
  for _ in range(3):
    module([1.0])
  updates = graph.get_collection("update_ops")
  assert len(updates) == 1
  other = hub.Module(spec, trainable=True)
  other([1.0])
  assert len(graph.get_collection("update_ops")) == 2
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(graph.get_collection("update_ops"))
    steps = [m.variable_map["steps"] for m in (module, other)]
    assert session.run(steps) == [1.0, 1.0]


def test_updates_of_another_signatures_inputs_are_left_out(graph):
  def module_fn():
    x = hub_module_fns.placeholder([])
    other = hub_module_fns.placeholder([], name="other")
    total = tf1.get_variable("total", initializer=0.0, trainable=False)
    tf1.add_to_collection("update_ops", total.assign_add(x).op)
    hub.add_signature(inputs=x, outputs=x + 1.0)
    hub.add_signature("other", inputs=other, outputs=other * 2.0)

  module = hub.Module(hub.create_module_spec(module_fn), trainable=True)
  module(1.0, signature="other")
  assert graph.get_collection("update_ops") == []
  module(4.0)
  updates = graph.get_collection("update_ops")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(updates)
    assert session.run(module.variable_map["total"]) == 4.0
