"""Section 5 of the format: what a module is on disk."""

import os

import hub_module_fns
import pytest
from google.protobuf import any_pb2

from hub_estimator import errors, hub
from hub_estimator.file_formats import hub_messages
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1
run = hub_module_fns.run


def _files(path):
  return sorted(
    str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()
  )


def _saved_model(path):
  saved_model = graph_symbols.SavedModel()
  saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
  return saved_model


def _write_saved_model(path, saved_model):
  (path / "saved_model.pb").write_bytes(saved_model.SerializeToString())


@pytest.fixture
def path(tmp_path):
  """An exported `scale` module, w = 5."""
  hub_module_fns.export(hub_module_fns.scale, tmp_path / "m", {"w": 5.0})
  return tmp_path / "m"


# What is written


def test_files(path):
  assert _files(path) == [
    "saved_model.pb",
    "tfhub_module.pb",
    "variables/variables.data-00000-of-00001",
    "variables/variables.index",
  ]
  assert (path / "assets").is_dir()
  assert (path / "tfhub_module.pb").read_bytes() == b"\x08\x03"


def test_files_without_variables(tmp_path):
  hub_module_fns.export(hub_module_fns.double, tmp_path / "m")
  assert _files(tmp_path / "m") == ["saved_model.pb", "tfhub_module.pb"]
  assert (tmp_path / "m" / "variables").is_dir()
  assert (tmp_path / "m" / "assets").is_dir()


def test_saved_model(tmp_path):
  hub_module_fns.export(
    hub_module_fns.batch_norm,
    tmp_path / "m",
    tags_and_args=hub_module_fns.BATCH_NORM_TAGS,
  )
  saved_model = _saved_model(tmp_path / "m")
  assert saved_model.saved_model_schema_version == 0
  assert [list(m.meta_info_def.tags) for m in saved_model.meta_graphs] == [
    [],
    ["train"],
  ]
  for meta_graph in saved_model.meta_graphs:
    assert not meta_graph.HasField("saver_def")
    assert not meta_graph.HasField("object_graph_def")
    assert list(meta_graph.signature_def) == ["default"]
    signature = meta_graph.signature_def["default"]
    assert signature.method_name == ""
    assert signature.inputs["default"].name == "x:0"
    assert meta_graph.meta_info_def.stripped_default_attrs
    assert meta_graph.meta_info_def.stripped_op_list.op
  assert set(saved_model.meta_graphs[0].collection_def) == {
    "variables",
    "trainable_variables",
  }
  assert set(saved_model.meta_graphs[1].collection_def) == {
    "variables",
    "trainable_variables",
    "update_ops",
  }


def test_attachments(tmp_path):
  def module_fn():
    hub_module_fns.double()
    hub.attach_message("b", tf1.NodeDef(name="second"))
    hub.attach_message("a", tf1.NodeDef(name="first"))

  hub_module_fns.export(module_fn, tmp_path / "m")
  (meta_graph,) = _saved_model(tmp_path / "m").meta_graphs
  values = meta_graph.collection_def["hub_module_attachments"].bytes_list.value
  attachments = [
    hub_messages.ModuleAttachment.FromString(value) for value in values
  ]
  assert [attachment.key for attachment in attachments] == ["a", "b"]
  nodes = [tf1.NodeDef.FromString(a.value).name for a in attachments]
  assert nodes == ["first", "second"]
  # Field 1, key; field 2, the message: NodeDef's field 1, name.
  assert values[0] == b"\x0a\x01a\x12\x07\x0a\x05first"
  spec = hub.load_module_spec(str(tmp_path / "m"))
  assert spec.get_attached_message("a", tf1.NodeDef).name == "first"


def test_exports_of_the_same_module_are_the_same_bytes(tmp_path):
  def module_fn():
    hub_module_fns.regularized()
    for key in "cab":
      hub.attach_message(key, tf1.NodeDef(name=key))

  for name in ("first", "second"):
    hub_module_fns.export(module_fn, tmp_path / name)
  for file in _files(tmp_path / "first"):
    first, second = (tmp_path / name / file for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes(), file


# Assets


def _assets_fn(paths):
  def module_fn():
    for path in paths:
      tf1.add_to_collection(
        "asset_filepaths", tf.constant(str(path), name="asset")
      )
    graph = tf1.get_default_graph()
    hub.add_signature(
      outputs={
        str(i): tf.io.read_file(asset)
        for i, asset in enumerate(graph.get_collection("asset_filepaths"))
      }
    )

  return module_fn


@pytest.fixture
def asset_paths(tmp_path):
  """Files that say which they are: three hello.txt and the first again."""
  paths = []
  for folder in ("a", "b", "c"):
    (tmp_path / folder).mkdir()
    paths.append(tmp_path / folder / "hello.txt")
    paths[-1].write_text(folder)
  return [*paths, paths[0]]


def test_assets_are_copied_once_and_clashes_are_numbered(
  tmp_path, asset_paths, graph
):
  path = hub_module_fns.export(_assets_fn(asset_paths), tmp_path / "m")
  assert {
    name: (tmp_path / "m/assets" / name).read_text()
    for name in os.listdir(tmp_path / "m/assets")
  } == {"hello.txt": "a", "hello.txt0": "b", "hello.txt1": "c"}
  for asset_path in set(asset_paths):
    asset_path.unlink()
  module = hub.Module(path)
  contents = run(module(as_dict=True))
  assert contents == {"0": b"a", "1": b"b", "2": b"c", "3": b"a"}


def test_asset_paths_do_not_leak(tmp_path, asset_paths):
  hub_module_fns.export(_assets_fn(asset_paths), tmp_path / "m")
  assert (
    str(tmp_path).encode()
    not in (tmp_path / "m" / "saved_model.pb").read_bytes()
  )
  (meta_graph,) = _saved_model(tmp_path / "m").meta_graphs
  constants = {
    node.name: node.attr["value"].tensor.string_val[0]
    for node in meta_graph.graph_def.node
    if node.name.startswith("asset")
  }
  assert set(constants.values()) == {b"SAVEDMODEL-ASSET"}
  collections = meta_graph.collection_def
  assert len(collections["asset_filepaths"].node_list.value) == 4
  saved = []
  for packed in collections["saved_model_assets"].any_list.value:
    asset = graph_symbols.AssetFileDef()
    assert packed.Unpack(asset)
    saved.append((asset.tensor_info.name, asset.filename))
  assert saved == [
    ("asset:0", "hello.txt"),
    ("asset_1:0", "hello.txt0"),
    ("asset_2:0", "hello.txt1"),
    ("asset_3:0", "hello.txt"),
  ]


def test_loaded_assets_lie_in_the_module(tmp_path, asset_paths):
  path = hub_module_fns.export(_assets_fn(asset_paths), tmp_path / "m")
  meta_graph = hub.load_module_spec(path).variant().meta_graph
  assert "saved_model_assets" not in meta_graph.collection_def
  assert "asset_filepaths" in meta_graph.collection_def
  nodes = {node.name: node for node in meta_graph.graph_def.node}
  assert nodes["asset_1"].attr["value"].tensor.string_val[0].decode() == str(
    tmp_path / "m" / "assets" / "hello.txt0"
  )


def test_assets_are_exported_again(tmp_path, asset_paths, graph):
  path = hub_module_fns.export(_assets_fn(asset_paths), tmp_path / "m")
  module = hub.Module(path)
  with tf1.Session() as session:
    module.export(str(tmp_path / "again"), session)
  contents = run(hub.Module(str(tmp_path / "again"))(as_dict=True))
  assert contents == {"0": b"a", "1": b"b", "2": b"c", "3": b"a"}


def test_assets_of_all_variants_share_the_folder(tmp_path, asset_paths, graph):
  def module_fn(index):
    _assets_fn([asset_paths[index]])()

  path = hub_module_fns.export(
    module_fn,
    tmp_path / "m",
    tags_and_args=[(set(), {"index": 0}), ({"b"}, {"index": 1})],
  )
  outputs = [hub.Module(path), hub.Module(path, tags=["b"])]
  contents = run([module(as_dict=True)["0"] for module in outputs])
  assert contents == [b"a", b"b"]


# Loading


def test_a_missing_path(tmp_path):
  with pytest.raises(OSError, match="nowhere does not exist") as caught:
    hub.load_module_spec(str(tmp_path / "nowhere"))
  assert isinstance(caught.value, errors.UserError)
  with pytest.raises(OSError, match="Neither does its parent folder"):
    hub.load_module_spec(str(tmp_path / "no" / "where"))


def test_a_bare_checkpoint_by_its_prefix(path):
  with pytest.raises(OSError, match="It is the prefix of a bare checkpoint"):
    hub.load_module_spec(str(path / "variables" / "variables"))


def _not_a_module(path, text):
  with pytest.raises(tf.errors.NotFoundError) as caught:
    hub.load_module_spec(str(path))
  assert isinstance(caught.value, errors.UserError)
  assert str(caught.value) == (
    f"{path} is not a TF1 Hub module: it has no tfhub_module.pb. {text}"
  )


def test_folders_that_are_no_modules(path, tmp_path):
  for part in ("variables", "assets", "saved_model.pb"):
    _not_a_module(
      path / part, f"It is a part of the module {path}: give {path}."
    )
  (tmp_path / "other.txt").write_text("")
  _not_a_module(
    tmp_path, f"There is a module one level down: give {tmp_path}/m."
  )
  (path / "tfhub_module.pb").unlink()
  _not_a_module(tmp_path, "It holds m, other.txt.")
  _not_a_module(
    path,
    "It holds the graph of a TF1 Hub module, and its tfhub_module.pb may have "
    "been deleted or not been copied: copy the module again, or use "
    "hub.create_module_spec_from_saved_model(path) to make a module of it.",
  )
  (path / "saved_model.pb").write_bytes(b"\xff\xff")
  _not_a_module(path, "Its saved_model.pb is damaged.")
  (path / "saved_model.pb").rename(path / "saved_model.pbtxt")
  _not_a_module(
    path, "It is a SavedModel in text form; use tf.saved_model.load() for it."
  )


def test_a_tf2_saved_model_is_no_module(tmp_path):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
  _not_a_module(
    tmp_path / "m",
    "It is a TF2 SavedModel; use tf.saved_model.load() or tensorflow_hub's "
    "hub.load() for it.",
  )


@pytest.mark.parametrize(
  ("content", "text"),
  [
    (b"", "Unsupported module def format: .* says 0"),
    (b"\x08\x02", "Unsupported module def format: .* says 2"),
    (b"\xff", "Unsupported module def format: .* is damaged"),
    (b"\x08\x03\x12\x03new", r"Unsupported features: \['new'\]"),
  ],
)
def test_other_formats_and_features(path, content, text):
  (path / "tfhub_module.pb").write_bytes(content)
  with pytest.raises(ValueError, match=text) as caught:
    hub.load_module_spec(str(path))
  assert isinstance(caught.value, errors.UserError)


def test_a_damaged_or_missing_saved_model(path):
  (path / "saved_model.pb").write_bytes(b"\xff\xff")
  with pytest.raises(OSError, match="Cannot parse file .*pb") as caught:
    hub.load_module_spec(str(path))
  assert isinstance(caught.value, errors.UserError)
  (path / "saved_model.pb").unlink()
  with pytest.raises(OSError, match="saved_model.pb does not exist") as caught:
    hub.load_module_spec(str(path))
  assert isinstance(caught.value, errors.UserError)


def test_collections_are_checked_on_loading(path):
  saved_model = _saved_model(path)
  collections = saved_model.meta_graphs[0].collection_def
  collections["empty"].SetInParent()
  _write_saved_model(path, saved_model)
  hub.load_module_spec(str(path))
  collections["losses"].node_list.value.append("y:0")
  _write_saved_model(path, saved_model)
  with pytest.raises(
    ValueError, match=r"Unsupported collections in graph: \['losses'\]"
  ) as caught:
    hub.load_module_spec(str(path))
  assert isinstance(caught.value, errors.UserError)


def test_an_asset_of_no_constant_is_refused(path):
  saved_model = _saved_model(path)
  asset = graph_symbols.AssetFileDef(filename="hello.txt")
  values = saved_model.meta_graphs[0].collection_def["saved_model_assets"]
  for name in ("nowhere:0", "x:0"):
    asset.tensor_info.name = name
    packed = any_pb2.Any()
    packed.Pack(asset)
    del values.any_list.value[:]
    values.any_list.value.add().CopyFrom(packed)
    _write_saved_model(path, saved_model)
    with pytest.raises(
      ValueError, match=f"tensor {name} holds the path.*no such constant"
    ) as caught:
      hub.load_module_spec(str(path))
    assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("handle", [None, 3, b"module"])
def test_a_handle_is_a_string(handle):
  with pytest.raises(ValueError, match="handle is a string") as caught:
    hub.load_module_spec(handle)
  assert isinstance(caught.value, errors.UserError)


def test_tensorflow_loads_it_as_a_saved_model(tmp_path):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  table_path = hub_module_fns.export(
    hub_module_fns.table(vocabulary), tmp_path / "table"
  )
  vocabulary.unlink()
  scale_path = hub_module_fns.export(
    hub_module_fns.scale, tmp_path / "m", {"w": 5.0}
  )
  loaded = tf.saved_model.load(scale_path, tags=[])
  outputs = loaded.signatures["default"](tf.constant([2.0]))
  assert outputs["default"].numpy().tolist() == [10.0]
  assert [v.numpy() for v in loaded.variables] == [5.0]
  loaded = tf.saved_model.load(table_path, tags=[])
  outputs = loaded.signatures["default"](tf.constant(["b", "x"]))
  assert outputs["default"].numpy().tolist() == [1, -1]


# A handle that is the folder of an exporter


def _exports(folder, names):
  for name in names:
    hub_module_fns.export(
      hub_module_fns.scale, folder / name, {"w": float(len(name))}
    )


def test_the_newest_export_of_a_folder(tmp_path, graph):
  for number, name in enumerate(["1000000001", "1000000002", "999999999"]):
    hub_module_fns.export(
      hub_module_fns.scale, tmp_path / name / "module", {"w": float(number)}
    )
  (tmp_path / "1000000003").mkdir()  # Without a module.
  (tmp_path / "2000000000").write_text("a file")
  assert run(hub.Module(str(tmp_path))([1.0])).tolist() == [1.0]


def test_an_export_of_several_modules(tmp_path):
  from hub_estimator import handles

  _exports(tmp_path / "1000000001", ["a", "bb"])
  with pytest.raises(
    ValueError,
    match=f"{tmp_path} holds 2 modules and none is named: give one of "
    f"{tmp_path}/1000000001/a, {tmp_path}/1000000001/bb",
  ) as caught:
    hub.load_module_spec(str(tmp_path))
  assert isinstance(caught.value, errors.UserError)
  path = handles.resolve(str(tmp_path), export_name="bb")
  assert path == f"{tmp_path}/1000000001/bb"
  with pytest.raises(
    ValueError, match="has no module 'c': it has a, bb"
  ) as caught:
    handles.resolve(str(tmp_path), export_name="c")
  assert isinstance(caught.value, errors.UserError)


def test_a_runs_folder_says_where_its_modules_are(tmp_path):
  (tmp_path / "export" / "tf_hub").mkdir(parents=True)
  (tmp_path / "checkpoint").write_text("")
  _not_a_module(
    tmp_path,
    f"It is the folder of a run: give {tmp_path}/export/tf_hub.",
  )
