"""What we write tensorflow_hub loads, and the other way round.

tensorflow_hub is a black box here, run in a process of its own.
"""

import json
import pathlib
import re

import hub_interop
import hub_module_fns
import pytest
import upstream_hub

from hub_estimator import hub
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1

_HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Has `ours`, and a vocabulary that is only there for the writing."""
  folder = tmp_path_factory.mktemp("interop")
  (folder / "words.txt").write_text("a\nb\n")
  was_v2 = tf1.control_flow_v2_enabled()
  tf1.disable_control_flow_v2()
  hub_interop.write(hub, folder / "ours", folder / "words.txt")
  if was_v2:
    tf1.enable_control_flow_v2()
  return folder


@pytest.fixture(scope="module")
def found(folder):
  """What tensorflow_hub 0.15.0 finds in `ours` and in `theirs`, its own."""
  upstream_hub.require("0.15.0")
  return upstream_hub.run(
    _HERE / "hub_interop.py",
    folder / "ours",
    folder / "theirs",
    folder / "words.txt",
  )


@pytest.fixture(scope="module")
def found_by_us(folder, found):
  return {
    name: json.loads(json.dumps(hub_interop.describe(hub, folder / name)))
    for name in ("ours", "theirs")
  }


def _comparable(application):
  """Leaves the names out that pruning may change."""
  collections = dict(application["collections"])
  for name in ("regularization_losses", "update_ops"):
    collections[name] = len(collections[name])
  return {**application, "collections": collections}


@pytest.mark.parametrize("written_by", ["ours", "theirs"])
@pytest.mark.parametrize("case", hub_interop.CASES)
def test_both_find_the_same(case, written_by, found, found_by_us):
  expected = [_comparable(a) for a in found["theirs"][case]]
  assert [_comparable(a) for a in found[written_by][case]] == expected
  assert [_comparable(a) for a in found_by_us[written_by][case]] == expected


def test_the_values_are_those_worked_out_by_hand(found):
  (plain,) = found["ours"]["plain"]
  # y, no losses, dy/dw = 1 + 2, w.
  assert plain["values"] == [{"default": [5.0, 10.0]}, [], [[3.0]], [5.0]]
  inference, training = found["ours"]["batch_norm_with_tags"]
  assert inference["values"][0] == {"default": [0.0, 1.0]}
  assert training["values"][0] == {"default": [0.5, 1.5]}
  # beta and the moving mean: halfway from 2 to 1.5.
  assert training["updated"] == [1.0, 1.75]
  (words,) = found["ours"]["table_with_asset"]
  assert words["values"][0] == {"default": [1, -1, 0]}


def _saved_model(path):
  saved_model = graph_symbols.SavedModel()
  saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
  return saved_model


def _contents(meta_graph):
  """Returns the parts of a MetaGraphDef, keyed so that order is left out."""
  contents = {
    "tags": sorted(meta_graph.meta_info_def.tags),
    "stripped_default_attrs": meta_graph.meta_info_def.stripped_default_attrs,
    "ops": sorted(
      op.name for op in meta_graph.meta_info_def.stripped_op_list.op
    ),
    "saver_def": meta_graph.HasField("saver_def"),
    "object_graph_def": meta_graph.HasField("object_graph_def"),
    "functions": len(meta_graph.graph_def.library.function),
    "versions": meta_graph.graph_def.versions.producer,
  }
  for name, signature in meta_graph.signature_def.items():
    contents[f"signature {name}"] = signature
  for node in meta_graph.graph_def.node:
    if node.op == "HashTableV2":
      # Where upstream leaves the path of the file, ours has its name.
      name = node.attr["shared_name"]
      name.s = re.sub(rb"/.*/", b"", name.s)
    contents[f"node {node.name}"] = node
  for name, collection in meta_graph.collection_def.items():
    kind = collection.WhichOneof("kind")
    values = list(getattr(collection, kind).value)
    if name == "hub_module_attachments":
      values.sort()
    contents[f"collection {name}"] = (kind, values)
  return contents


@pytest.mark.parametrize("case", hub_interop.CASES)
def test_both_write_the_same(case, folder, found):
  ours, theirs = folder / "ours" / case, folder / "theirs" / case
  our_model, their_model = _saved_model(ours), _saved_model(theirs)
  assert (
    our_model.saved_model_schema_version
    == their_model.saved_model_schema_version
  )
  our_graphs = [_contents(m) for m in our_model.meta_graphs]
  their_graphs = [_contents(m) for m in their_model.meta_graphs]
  our_graphs.sort(key=lambda contents: contents["tags"])
  their_graphs.sort(key=lambda contents: contents["tags"])
  assert our_graphs == their_graphs
  for name in ("tfhub_module.pb",):
    assert (ours / name).read_bytes() == (theirs / name).read_bytes()
  assert _layout(ours) == _layout(theirs)
  if (theirs / "variables" / "variables.index").exists():
    ours_reader, theirs_reader = (
      tf.train.load_checkpoint(str(path / "variables" / "variables"))
      for path in (ours, theirs)
    )
    shapes = theirs_reader.get_variable_to_shape_map()
    assert ours_reader.get_variable_to_shape_map() == shapes
    assert (
      ours_reader.get_variable_to_dtype_map()
      == theirs_reader.get_variable_to_dtype_map()
    )
    for name in shapes:
      assert (
        ours_reader.get_tensor(name).tolist()
        == theirs_reader.get_tensor(name).tolist()
      )


def _layout(path):
  return sorted(str(file.relative_to(path)) for file in path.rglob("*"))


# What TensorFlow 2 loads

_LOAD_PROGRAM = """
import json, sys, types
try:
  import pkg_resources
except ImportError:  # Gone from newer setuptools; one function of it is used.
  import packaging.version
  sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
  sys.modules["pkg_resources"].parse_version = packaging.version.parse
from hub_estimator.tf_compat import tf
import tensorflow_hub as hub
found = {}
for name, feeds in json.loads(sys.argv[2]).items():
  loaded = hub.load(sys.argv[1] + "/" + name)
  for signature, inputs in feeds.items():
    function = loaded.signatures[signature]
    tensors = {
      key: tf.constant(value, dtype) for key, (value, dtype) in inputs.items()
    }
    outputs = function(**tensors)
    found[name + " " + signature] = {
      key: value.numpy().tolist() for key, value in outputs.items()
    }
print("FOUND" + json.dumps(found))
"""

_FEEDS = {
  "plain": {"default": {"default": ([1.0, 2.0], "float32")}},
  "ref_variable": {"default": {"default": ([1.0, 2.0], "float32")}},
  "no_variables": {"default": {"default": ([1.0, 2.0], "float32")}},
  "table_with_asset": {"default": {"default": (["b", "x", "a"], "string")}},
  "partitioned_rows": {"default": {"default": ([[1.0, 2.0]], "float32")}},
  "batch_norm_with_tags": {"default": {"default": ([1.0, 2.0], "float32")}},
  "signatures": {
    "sum": {"x": ([1.0, 2.0], "float32"), "y": ([3.0, 4.0], "float32")},
    "w": {},
    "integers": {"default": ([3], "int64")},
  },
  "v1_control_flow": {"default": {"default": (1.0, "float32")}},
}

_EXPECTED = {
  "plain default": {"default": [5.0, 10.0]},
  "ref_variable default": {"default": [6.0, 12.0]},
  "no_variables default": {"default": [2.0, 4.0]},
  "table_with_asset default": {"default": [1, -1, 0]},
  "partitioned_rows default": {"default": [[8.0, 11.0, 14.0, 17.0]]},
  "batch_norm_with_tags default": {"default": [0.0, 1.0]},
  "signatures sum": {"default": [4.0, 6.0], "x": [1.0, 2.0]},
  "signatures w": {"default": 4.0},
  "signatures integers": {"default": [4]},
  "v1_control_flow default": {"default": 31.0},
}


def test_hub_load_of_tensorflow_hub_0_16_1(folder):
  upstream_hub.require("0.16.1")
  found = upstream_hub.run(
    "-c", _LOAD_PROGRAM, folder / "ours", json.dumps(_FEEDS)
  )
  assert found == _EXPECTED


def test_saved_model_load(folder):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  found = {}
  for name, feeds in _FEEDS.items():
    loaded = tf.saved_model.load(str(folder / "ours" / name), tags=[])
    for signature, inputs in feeds.items():
      outputs = loaded.signatures[signature](
        **{key: tf.constant(*value) for key, value in inputs.items()}
      )
      found[f"{name} {signature}"] = {
        key: value.numpy().tolist() for key, value in outputs.items()
      }
  assert found == _EXPECTED
  train = tf.saved_model.load(
    str(folder / "ours" / "batch_norm_with_tags"), tags=["train"]
  )
  outputs = train.signatures["default"](tf.constant([1.0, 2.0]))
  assert outputs["default"].numpy().tolist() == [0.5, 1.5]
  assert hub_module_fns.hub is hub
