"""The errors that the contract names but those of modules (section 4).

One row for each, in the order of the contract. An error says the rule, what
was given and what there is instead, in one line; it is a UserError, which a
command prints and tests elsewhere look at more closely.
"""

import re

import error_rows
import hub_module_fns
import numpy as np
import pytest
from error_rows import TAGS, define, export, spec

from hub_estimator import hub
from hub_estimator.file_formats import hub_messages
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1
fns = hub_module_fns

# What rows call with the folder of a test: it raises the error.


def _collection():
  fns.double()
  tf1.add_to_collection("losses", tf.constant(1.0))


def _state_with_other_ops():
  other = tf.constant(1.0, name="other")
  with tf1.colocate_with(other):
    tf1.get_variable("w", initializer=1.0)
  fns.double()


def _colocated_input():
  with tf1.colocate_with(tf.constant(1.0, name="other")):
    x = fns.placeholder()
  hub.add_signature(inputs=x, outputs=x)


def _bad_asset():
  fns.double()
  tf1.add_to_collection("asset_filepaths", fns.placeholder([], tf.string, "f"))


def _with_module_def(content):
  def row(path):
    export(path)
    (path / "m" / "tfhub_module.pb").write_bytes(content)
    hub.load_module_spec(str(path / "m"))

  return row


def _without(file):
  def row(path):
    (path / "words.txt").write_text("a\n")
    export(path, fns.table(path / "words.txt"))
    (path / "m" / file).unlink()
    hub.Module(str(path / "m"))

  return row


def _with_saved_model(change):
  def row(path):
    (path / "words.txt").write_text("a\n")
    export(path, fns.table(path / "words.txt"))
    file = path / "m" / "saved_model.pb"
    saved_model = graph_symbols.SavedModel.FromString(file.read_bytes())
    change(saved_model.meta_graphs[0])
    file.write_bytes(saved_model.SerializeToString())
    hub.load_module_spec(str(path / "m"))

  return row


def _add_losses(meta_graph):
  meta_graph.collection_def["losses"].node_list.value.append("y:0")


def _move_asset(meta_graph):
  (packed,) = meta_graph.collection_def["saved_model_assets"].any_list.value
  asset = graph_symbols.AssetFileDef.FromString(packed.value)
  asset.filename = "../../words.txt"
  packed.value = asset.SerializeToString()


def _damage_saved_model(path):
  export(path)
  (path / "m" / "saved_model.pb").write_bytes(b"\xff\xff")
  hub.load_module_spec(str(path / "m"))


def _checkpoint(path, name, shape):
  with tf.Graph().as_default():
    tf1.get_variable(name, shape)
    with tf1.Session() as session:
      fns.initialize(session)
      return tf1.train.Saver().save(session, str(path / "model"))


def _export_spec(name, shape):
  def row(path):
    checkpoint_path = _checkpoint(path, name, shape)
    spec().export(str(path / "m"), checkpoint_path=checkpoint_path)

  return row


def _register_twice(path):
  for _ in range(2):
    hub.register_module_for_export(hub.Module(spec()), "encoder")


def _saved_model_without_its_tags(path):
  with tf.Graph().as_default(), tf1.Session() as session:
    x = fns.placeholder()
    tf1.saved_model.simple_save(session, str(path / "s"), {"x": x}, {"y": x})
  saved = hub.create_module_spec_from_saved_model(str(path / "s"))
  saved.get_signature_names()


_ROWS = [
  # 2
  (
    "2 no signature",
    ValueError,
    "No signatures present",
    define(lambda: None),
  ),
  (
    "2 state colocated",
    ValueError,
    r"w \(VarHandleOp\) is colocated with other \(Const\)",
    define(_state_with_other_ops),
  ),
  (
    "2 tags twice",
    ValueError,
    r"Tags \['a'\] used repeatedly",
    lambda path: spec(fns.double, [({"a"}, {}), (["a"], {})]),
  ),
  (
    "2 collections",
    ValueError,
    r"Unsupported collections in graph: \['losses'\]\n"
    r"Use hub.create_module_spec\(..., drop_collections=\[...\]\)",
    define(_collection),
  ),
  (
    "2 colocated input",
    ValueError,
    r"must not have colocation constraints.*colocated with \['loc:@other'\]",
    define(_colocated_input),
  ),
  (
    "2 types of a signature",
    ValueError,
    r"should have one of the types Tensor, SparseTensor, RaggedTensor: "
    r"output 'default' has type float",
    define(lambda: hub.add_signature(outputs=1.0)),
  ),
  (
    "2 attachment key",
    ValueError,
    r"malformed key '1a': it must be a letter followed by",
    define(lambda: hub.attach_message("1a", tf1.NodeDef())),
  ),
  (
    "2 tags of a SavedModel",
    KeyError,
    r"no graph with tags: \[\]\. The tag sets of .* are: \{serve\}",
    _saved_model_without_its_tags,
  ),
  # 3
  (
    "3 unknown tags",
    KeyError,
    r"no graph with tags: \['x'\]\. .* are: \{\}, \{train\}",
    lambda path: spec(fns.batch_norm, TAGS).get_signature_names({"x"}),
  ),
  (
    "3 unknown tags, message",
    KeyError,
    r"no graph with tags: \['x'\]\. .* are: \{\}",
    lambda path: spec().get_attached_message("a", tf1.NodeDef, tags={"x"}),
  ),
  (
    "3 unknown signature",
    ValueError,
    r"Signature 'x' is missing from meta graph\. .* are: \['default'\]",
    lambda path: spec().get_input_info_dict("x"),
  ),
  (
    "3 required message",
    KeyError,
    r"has no attached message 'a'\. Its attachments are: \[\]",
    lambda path: spec().get_attached_message("a", tf1.NodeDef, required=True),
  ),
  (
    "3 no checkpoint_path",
    ValueError,
    "Missing mandatory `checkpoint_path` parameter",
    lambda path: spec().export(str(path / "m")),
  ),
  (
    "3 missing name",
    ValueError,
    r"Tensor w is not found in .*model checkpoint.* holds: v\.",
    _export_spec("v", []),
  ),
  (
    "3 wrong shape",
    ValueError,
    r"Shape of variable w \(\(\)\) doesn't match with shape of tensor w "
    r"\(\[2\]\)",
    _export_spec("w", [2]),
  ),
  # 5
  (
    "5 export over a module",
    tf.errors.AlreadyExistsError,
    "already exists and holds assets, saved_model.pb, tfhub_module.pb, vari",
    lambda path: [export(path) for _ in range(2)],
  ),
  (
    "5 bad asset",
    TypeError,
    "ASSET_FILEPATHS holds f:0, a Placeholder: .* constant scalar string",
    define(_bad_asset),
  ),
  (
    "5 asset outside",
    ValueError,
    r"names the asset '../../words.txt': asset files must lie in its folder",
    _with_saved_model(_move_asset),
  ),
  (
    "5 missing asset",
    OSError,
    r"assets/words.txt is missing: .*saved_model.pb needs it",
    _without("assets/words.txt"),
  ),
  (
    "5 missing path",
    OSError,
    "nowhere does not exist",
    lambda path: hub.load_module_spec(str(path / "nowhere")),
  ),
  (
    "5 no module",
    tf.errors.NotFoundError,
    "is not a TF1 Hub module: it has no tfhub_module.pb. The folder is empty",
    lambda path: hub.load_module_spec(str(path)),
  ),
  (
    "5 format",
    ValueError,
    "Unsupported module def format: .*tfhub_module.pb says 2; .* format is 3",
    _with_module_def(b"\x08\x02"),
  ),
  (
    "5 features",
    ValueError,
    r"Unsupported features: \['x'\]",
    _with_module_def(
      hub_messages.ModuleDef(
        format=3, required_features=["x"]
      ).SerializeToString()
    ),
  ),
  (
    "5 damaged saved_model.pb",
    OSError,
    "Cannot parse file .*saved_model.pb",
    _damage_saved_model,
  ),
  (
    "5 missing saved_model.pb",
    OSError,
    "saved_model.pb does not exist",
    _without("saved_model.pb"),
  ),
  (
    "5 collections on loading",
    ValueError,
    r"Unsupported collections in graph: \['losses'\]",
    _with_saved_model(_add_losses),
  ),
  # 6
  (
    "6 registered twice",
    ValueError,
    "encoder",
    _register_twice,
  ),
  (
    "6 exports_to_keep",
    ValueError,
    "must be a positive number.*0",
    lambda path: hub.LatestModuleExporter("tf_hub", lambda: None, 0),
  ),
  # 7
  (
    "7 text embedding",
    ValueError,
    "is not a text-embedding",
    lambda path: hub.text_embedding_column("text", spec()),
  ),
  (
    "7 image embedding",
    ValueError,
    "not usable as image embedding",
    lambda path: hub.image_embedding_column("image", spec()),
  ),
  (
    "7 image size",
    ValueError,
    "images",
    lambda path: hub.get_expected_image_size(spec()),
  ),
  (
    "7 image channels",
    ValueError,
    "images",
    lambda path: hub.get_num_image_channels(spec()),
  ),
  # 9
  (
    "9 second positional argument",
    TypeError,
    r"one positional argument: got 'sum' as a second one\. Write signature=",
    lambda path: hub.Module(spec(fns.multiple_signatures))([1.0], "sum"),
  ),
  (
    "9 tags that are a string",
    ValueError,
    r"got the string 'serve'\. Write tags=\{'serve'\}",
    lambda path: hub.Module(spec(), tags="serve"),
  ),
  (
    "9 a handle that is no string",
    ValueError,
    "handle is a string: got 3 of int",
    lambda path: hub.load_module_spec(3),
  ),
  (
    "9 an input that is no tensor",
    ValueError,
    "input 'default' has type ndarray",
    define(lambda: hub.add_signature(inputs=np.zeros(2), outputs=tf.zeros(2))),
  ),
  (
    "9 export_name",
    ValueError,
    re.escape("../../evil"),
    lambda path: hub.register_module_for_export(
      hub.Module(spec()), "../../evil"
    ),
  ),
]


@pytest.mark.parametrize(
  ("error", "text", "row"),
  [row[1:] for row in _ROWS],
  ids=[row[0] for row in _ROWS],
)
def test_errors(error, text, row, tmp_path, graph):
  error_rows.check_error(error, text, row, tmp_path)
