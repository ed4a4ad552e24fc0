"""The command `inspect_module`: what it prints, and mistakes."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from hub_estimator import hub, inspect_module
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
  """The folder of two exports of a module that has everything."""
  folder = tmp_path_factory.mktemp("exports")
  vocabulary = folder / "words.txt"
  vocabulary.write_text("a\nb\n")

  def module_fn(is_training):
    x = tf1.placeholder(tf.float32, [None, 2], name="x")
    w = tf1.get_variable(
      "w", [2, 3], regularizer=lambda w: tf.reduce_sum(w * w)
    )
    parts = tf1.get_variable(
      "parts", [4, 3], partitioner=tf1.fixed_size_partitioner(2)
    )
    steps = tf1.get_variable("steps", initializer=0, trainable=False)
    if is_training:
      tf1.add_to_collection(
        tf1.GraphKeys.UPDATE_OPS, steps.assign_add(1, name="count").op
      )
    y = tf.matmul(x, w) + tf.reduce_sum(tf.identity(parts))
    hub.add_signature("default", {"x": x}, {"default": y, "input": x})
    words = tf1.sparse_placeholder(tf.string, name="words")
    table = tf.lookup.StaticVocabularyTable(
      tf.lookup.TextFileInitializer(
        str(vocabulary),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
      ),
      1,
    )
    hub.add_signature("words", words, table.lookup(words))
    # A message of 7 bytes: tag, length and 5 letters.
    hub.attach_message("note", tf.train.BytesList(value=[b"hello"]))

  spec = hub.create_module_spec(
    module_fn,
    [(set(), {"is_training": False}), ({"train"}, {"is_training": True})],
  )
  with tf.Graph().as_default():
    module = hub.Module(spec)
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      for name in ("1700000000", "1700000001"):
        module.export(str(folder / name / "module"), session)
  return folder


@pytest.fixture
def inspect(run_command):
  def run(*arguments):
    return run_command(inspect_module, *arguments, positionals=("HANDLE",))

  return run


def num_bytes(folder):
  return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def test_text(inspect, exports):
  status, output, error = inspect(exports)
  assert (status, error) == (0, "")
  path = exports / "1700000001" / "module"
  lines = output.splitlines()
  assert lines[:2] == [
    f"Module  {path}",
    "Format  TF1 Hub module (format 3)",
  ]
  assert lines[2] == f"Size    {num_bytes(path) / 1000:.1f} kB"
  assert lines[3] == "Tags    {}, {train}"
  # w is 2 x 3 floats, parts 4 x 3 of them, steps one int32.
  expected = """
  signature default
    input  x: float32 [?, 2]
    output default: float32 [?, 3]
    output input: float32 [?, 2]
  signature words
    input  default: SparseTensor string of unknown shape
    output default: SparseTensor int64 of unknown shape
  variables: 3 with 19 parameters, 2 trainable with 18
    parts  float32 [4, 3]  48 B  trainable in 2 parts
    steps  int32 []  4 B
    w      float32 [2, 3]  24 B  trainable
  regularization losses: 1
    w/Regularizer/Sum:0
  update ops: {update_ops}
  assets: 1
    words.txt
  attachments: 1
    note  7 B
"""
  *graphs, warnings = output.split("\n\n")[1:]
  for graph, tags, update_ops in zip(
    graphs, ("{}", "{train}"), ("0", "1\n    count")
  ):
    title, _, body = graph.partition("\n")
    assert title.startswith(f"Graph {tags}: ")
    assert title.endswith(" nodes")
    assert body.strip("\n") == (
      expected.format(update_ops=update_ops).strip("\n")
    )
  assert len(graphs) == 2
  # parts are 12 of the 18 parameters of weights.
  assert (
    warnings
    == """\
Warnings for whoever publishes it: 2
  weights_without_regularization_loss, graph {train}
    No regularization loss depends on 1 of 2 trainable weights, which hold 67%
    of their parameters (parts [4, 3]). Give the layers, or get_variable(), a
    regularizer: what it adds to REGULARIZATION_LOSSES travels with the module.
  uncommon_signature, graph {}
    Signature 'default' is none of the common signatures (text_embedding,
    image_feature_vector, image_classification): it takes neither text nor
    images (x: Tensor of float32 with shape (None, 2)). Programs that swap
    modules by their handle cannot take this one. If it is made for other data,
    nothing is wrong.
"""
  )


def test_json(inspect, exports):
  status, output, error = inspect("--json", exports / "1700000000" / "module")
  assert (status, error) == (0, "")
  found = json.loads(output)
  assert found["path"] == str(exports / "1700000000" / "module")
  assert found["format"] == "TF1 Hub module (format 3)"
  assert found["total_bytes"] == num_bytes(exports / "1700000000" / "module")
  assert [(w["code"], w["tags"], w["names"]) for w in found["warnings"]] == [
    ("weights_without_regularization_loss", ["train"], ["parts"]),
    ("uncommon_signature", [], ["default"]),
  ]
  assert all(
    set(w) == {"code", "tags", "names", "message"} for w in found["warnings"]
  )
  inference, training = found["graphs"]
  assert inference["tags"] == []
  assert training["tags"] == ["train"]
  assert training["update_ops"] == ["count"]
  assert training["num_nodes"] > 10
  assert inference["signatures"]["default"] == {
    "inputs": {"x": {"kind": "Tensor", "dtype": "float32", "shape": [None, 2]}},
    "outputs": {
      "default": {"kind": "Tensor", "dtype": "float32", "shape": [None, 3]},
      "input": {"kind": "Tensor", "dtype": "float32", "shape": [None, 2]},
    },
  }
  assert inference["signatures"]["words"]["inputs"] == {
    "default": {"kind": "SparseTensor", "dtype": "string", "shape": None}
  }
  assert inference["variables"] == [
    {
      "name": "parts",
      "dtype": "float32",
      "shape": [4, 3],
      "num_parameters": 12,
      "num_bytes": 48,
      "num_parts": 2,
      "trainable": True,
    },
    {
      "name": "steps",
      "dtype": "int32",
      "shape": [],
      "num_parameters": 1,
      "num_bytes": 4,
      "num_parts": 1,
      "trainable": False,
    },
    {
      "name": "w",
      "dtype": "float32",
      "shape": [2, 3],
      "num_parameters": 6,
      "num_bytes": 24,
      "num_parts": 1,
      "trainable": True,
    },
  ]
  assert {
    key: inference[key]
    for key in (
      "num_variables",
      "num_trainable_variables",
      "num_parameters",
      "num_trainable_parameters",
      "regularization_losses",
      "update_ops",
      "assets",
      "attachments",
    )
  } == {
    "num_variables": 3,
    "num_trainable_variables": 2,
    "num_parameters": 19,
    "num_trainable_parameters": 18,
    "regularization_losses": ["w/Regularizer/Sum:0"],
    "update_ops": [],
    "assets": ["words.txt"],
    "attachments": {"note": 7},
  }


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "HANDLE is missing; the command takes HANDLE"),
    (
      ["{folder}/nope"],
      "{folder}/nope does not exist. A handle is the path of a module's "
      "folder.",
    ),
    (
      ["https://host/module"],
      "https://host/module is not in the cache {folder}/cache, and "
      "TFHUB_OFFLINE is set: nothing is downloaded. On a machine with a "
      "connection, python -m hub_estimator.cache fetch https://host/module "
      "downloads it; with a copy of the module here, python -m "
      "hub_estimator.cache import https://host/module FOLDER_OR_ARCHIVE puts a "
      "copy in its place; TFHUB_MIRRORS names a folder that has it.",
    ),
    (
      ["{folder}/words.txt"],
      "{folder}/words.txt is not a TF1 Hub module: it has no tfhub_module.pb. "
      "It is a file, not a folder.",
    ),
    (
      ["{folder}/1700000000/module/assets"],
      "{folder}/1700000000/module/assets is not a TF1 Hub module: it has no "
      "tfhub_module.pb. It is a part of the module "
      "{folder}/1700000000/module: give {folder}/1700000000/module.",
    ),
    (
      ["{folder}", "--jsn"],
      "there is no flag --jsn; did you mean --json?",
    ),
  ],
)
def test_mistakes(inspect, exports, monkeypatch, arguments, message):
  monkeypatch.setenv("TFHUB_OFFLINE", "1")
  monkeypatch.setenv("TFHUB_CACHE_DIR", f"{exports}/cache")
  result = inspect(*(a.format(folder=exports) for a in arguments))
  assert result == (2, "", f"error: {message.format(folder=exports)}\n")


@pytest.fixture
def reader(tmp_path):
  """The path of a module that reads a file and has an op of a library."""

  def module_fn():
    path = tf1.placeholder(tf.string, [], name="path")
    hub.add_signature("default", path, tf.io.read_file(path, name="read"))

  spec = hub.create_module_spec(module_fn)
  with tf.Graph().as_default(), tf1.Session() as session:
    hub.Module(spec).export(str(tmp_path / "reader"), session)
  file_path = tmp_path / "reader" / "saved_model.pb"
  saved_model = graph_symbols.SavedModel.FromString(file_path.read_bytes())
  saved_model.meta_graphs[0].graph_def.node.add(name="own", op="OwnOp")
  file_path.write_bytes(saved_model.SerializeToString())
  return tmp_path / "reader"


_SECURITY = """\
Security: 1 operation that reaches outside of the graph
  reads files: read, graph {}
    ReadFile returns a file's content.
Security: 1 operation that cannot be judged
  unknown op: own, graph {}
    OwnOp is not TensorFlow's: it runs code of a library that the program loads,
    which nobody looked at here.
"""


@pytest.mark.parametrize("policy", ["allow", "warn", "refuse"])
def test_security(inspect, reader, monkeypatch, policy):
  monkeypatch.setenv("TFHUB_SECURITY_POLICY", policy)
  _, plain, _ = inspect(reader)
  assert "Security" not in plain
  assert inspect(reader, "--security") == (0, f"{plain}\n{_SECURITY}", "")


def test_security_of_a_module_that_reads_its_assets(inspect, exports):
  _, plain, _ = inspect(exports)
  assert inspect(exports, "--security") == (
    0,
    f"{plain}\nSecurity: nothing reaches outside of the graph\n",
    "",
  )
  status, output, _ = inspect(exports, "--security", "--json")
  assert status == 0
  assert json.loads(output)["security"] == []


def test_security_as_json(inspect, reader):
  _, plain, _ = inspect(reader, "--json")
  status, output, error = inspect(reader, "--json", "--security")
  assert (status, error) == (0, "")
  described = json.loads(output)
  assert described.pop("security") == [
    {
      "tags": [],
      "node": "read",
      "op": "ReadFile",
      "kind": "reads files",
      "reason": "returns a file's content",
    },
    {
      "tags": [],
      "node": "own",
      "op": "OwnOp",
      "kind": "unknown op",
      "reason": "is not TensorFlow's: it runs code of a library that the "
      "program loads, which nobody looked at here",
    },
  ]
  assert described == json.loads(plain)


def test_security_of_a_saved_model(inspect, tmp_path):
  class Printer(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def __call__(self, text):
      tf.print(text, output_stream="file:///tmp/x", name="print")

  path = tmp_path / "saved"
  tf.saved_model.save(Printer(), str(path))
  status, output, error = inspect(path, "--security")
  assert (status, error) == (0, "")
  lines = output.splitlines()
  assert lines[:2] == [f"Module  {path}", "Format  SavedModel"]
  assert lines[3:5] == ["Tags    {serve}", ""]
  assert lines[5].startswith("Graph {serve}: ")
  assert lines[6:8] == [
    "",
    "Security: 1 operation that reaches outside of the graph",
  ]
  assert lines[8].startswith("  writes files: function __inference___call___")
  assert lines[8].endswith(", node print, graph {serve}")
  assert lines[9:] == [
    "    PrintV2 prints to the file that its attribute names."
  ]
  assert inspect(path)[0] == 2  # Without the flag, it is no module.


def test_a_damaged_module(inspect, exports, tmp_path):
  path = tmp_path / "module"
  path.mkdir()
  (path / "tfhub_module.pb").write_bytes(b"\x08\x03")
  assert inspect(path) == (
    2,
    "",
    f"error: {path}/saved_model.pb does not exist.\n",
  )
  (path / "saved_model.pb").write_bytes(b"\xff\xff")
  status, _, error = inspect(path)
  assert status == 2
  assert error.startswith(f"error: Cannot parse file {path}/saved_model.pb: ")


def test_a_reader_that_has_enough(exports):
  command = [sys.executable, "-m", "hub_estimator.inspect_module", str(exports)]
  with subprocess.Popen(
    command,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  ) as process:
    process.stdout.close()  # Before anything is printed.
    assert process.stderr.read() == ""
    assert process.wait() == 141
