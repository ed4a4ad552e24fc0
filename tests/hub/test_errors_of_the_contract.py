"""Every error that the contract names: its type, its text, what it lists.

One row for each, in the order of the contract. An error says the rule, what
was given and what there is instead, in one line; it is a UserError, which a
command prints and tests elsewhere look at more closely.
"""

import re
from concurrent import futures

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.hub import protos
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1
fns = hub_module_fns

# What rows call with the folder of a test: it raises the error.


def _spec(module_fn=fns.scale, tags_and_args=None):
  return hub.create_module_spec(module_fn, tags_and_args)


def _export(path, module_fn=fns.scale, **arguments):
  return fns.export(module_fn, path / "m", **arguments)


def _define(build):
  """Returns a row that defines a module."""
  return lambda path: _spec(build)


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


def _two_outputs_of_a_state_op():
  tf.raw_ops.AnonymousIteratorV2(output_types=[tf.float32], output_shapes=[[]])
  fns.double()


def _no_default_output():
  x = fns.placeholder()
  hub.add_signature(inputs=x, outputs={"a": x, "b": x})


def _variable_with_tags(name):
  x = fns.placeholder()
  hub.add_signature(
    inputs=x, outputs=x * tf1.get_variable(name, initializer=1.0)
  )


def _call(build_inputs, module_fn=fns.multiple_signatures, **arguments):
  """Returns a row that calls a module."""
  return lambda path: hub.Module(_spec(module_fn))(build_inputs(), **arguments)


def _call_elsewhere(path):
  module = hub.Module(_spec())
  with tf.Graph().as_default():
    module([1.0])


def _apply_with_half_of_an_op(path):
  def module_fn():
    a, b = tf.split(tf.zeros([2]), 2)
    with tf1.colocate_with(a.op):
      y = tf.identity(b)
    hub.add_signature(inputs={"a": a}, outputs=y)

  hub.Module(_spec(module_fn))({"a": [1.0]})


def _name_scope_is_taken(path):
  with tf.name_scope("module"):
    tf.constant(1.0)
  hub.Module(_spec())


def _instantiate_eagerly(path):
  spec = _spec()
  # A new thread has no default graph.
  with futures.ThreadPoolExecutor(1) as executor:
    if not executor.submit(tf.executing_eagerly).result():
      pytest.skip("Eager execution has been disabled in this process.")
    executor.submit(hub.Module, spec).result()


def _unregistered_op(path):
  _export(path)
  file = path / "m" / "saved_model.pb"
  file.write_bytes(file.read_bytes().replace(b"VarHandleOp", b"VarHandleXx"))
  hub.Module(str(path / "m"))


def _export_from(other_graph, other_session):
  def row(path):
    module = hub.Module(_spec())
    own, other = tf1.get_default_graph(), tf.Graph()
    session = tf1.Session(graph=other if other_session else own)
    try:
      with (other if other_graph else own).as_default():
        module.export(str(path / "m"), session)
    finally:
      session.close()

  return row


def _variable_of_another_variant(path):
  handle = _export(
    path,
    _variable_with_tags,
    tags_and_args=[(set(), {"name": "w"}), ({"b"}, {"name": "bias"})],
  )
  hub.Module(handle, tags={"b"})


def _evaluate(path):
  with hub.eval_function_for_module(_spec(fns.multiple_signatures)) as f:
    f([1.0], signature="nope")


def _with_module_def(content):
  def row(path):
    _export(path)
    (path / "m" / "tfhub_module.pb").write_bytes(content)
    hub.load_module_spec(str(path / "m"))

  return row


def _without(file):
  def row(path):
    (path / "words.txt").write_text("a\n")
    _export(path, fns.table(path / "words.txt"))
    (path / "m" / file).unlink()
    hub.Module(str(path / "m"))

  return row


def _with_saved_model(change):
  def row(path):
    (path / "words.txt").write_text("a\n")
    _export(path, fns.table(path / "words.txt"))
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
  _export(path)
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
    _spec().export(str(path / "m"), checkpoint_path=checkpoint_path)

  return row


def _register_twice(path):
  for _ in range(2):
    hub.register_module_for_export(hub.Module(_spec()), "encoder")


def _saved_model_without_its_tags(path):
  with tf.Graph().as_default(), tf1.Session() as session:
    x = fns.placeholder()
    tf1.saved_model.simple_save(session, str(path / "s"), {"x": x}, {"y": x})
  spec = hub.create_module_spec_from_saved_model(str(path / "s"))
  spec.get_signature_names()


_TAGS = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]

# (id, type, text, what raises it)
_ROWS = [
  # 2
  (
    "2 no signature",
    ValueError,
    "No signatures present",
    _define(lambda: None),
  ),
  (
    "2 state colocated",
    ValueError,
    r"w \(VarHandleOp\) is colocated with other \(Const\)",
    _define(_state_with_other_ops),
  ),
  (
    "2 tags twice",
    ValueError,
    r"Tags \['a'\] used repeatedly",
    lambda path: _spec(fns.double, [({"a"}, {}), (["a"], {})]),
  ),
  (
    "2 collections",
    ValueError,
    r"Unsupported collections in graph: \['losses'\]\n"
    r"Use hub.create_module_spec\(..., drop_collections=\[...\]\)",
    _define(_collection),
  ),
  (
    "2 colocated input",
    ValueError,
    r"must not have colocation constraints.*colocated with \['loc:@other'\]",
    _define(_colocated_input),
  ),
  (
    "2 types of a signature",
    ValueError,
    r"should have one of the types Tensor, SparseTensor, RaggedTensor: "
    r"output 'default' has type float",
    _define(lambda: hub.add_signature(outputs=1.0)),
  ),
  (
    "2 attachment key",
    ValueError,
    r"malformed key '1a': it must be a letter followed by",
    _define(lambda: hub.attach_message("1a", tf1.NodeDef())),
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
    lambda path: _spec(fns.batch_norm, _TAGS).get_signature_names({"x"}),
  ),
  (
    "3 unknown tags, message",
    KeyError,
    r"no graph with tags: \['x'\]\. .* are: \{\}",
    lambda path: _spec().get_attached_message("a", tf1.NodeDef, tags={"x"}),
  ),
  (
    "3 unknown signature",
    ValueError,
    r"Signature 'x' is missing from meta graph\. .* are: \['default'\]",
    lambda path: _spec().get_input_info_dict("x"),
  ),
  (
    "3 required message",
    KeyError,
    r"has no attached message 'a'\. Its attachments are: \[\]",
    lambda path: _spec().get_attached_message("a", tf1.NodeDef, required=True),
  ),
  (
    "3 no checkpoint_path",
    ValueError,
    "Missing mandatory `checkpoint_path` parameter",
    lambda path: _spec().export(str(path / "m")),
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
  # 4
  (
    "4 no spec",
    ValueError,
    "Unknown module spec type: .*int.*Give a handle or a ModuleSpec",
    lambda path: hub.Module(3),
  ),
  (
    "4 no such variant",
    ValueError,
    r"No such graph variant: tags=\['a', 'b'\]\. .* are: \{\}, \{train\}",
    lambda path: hub.Module(_spec(fns.batch_norm, _TAGS), tags=["b", "a"]),
  ),
  (
    "4 eager",
    RuntimeError,
    r"cannot be instantiated in eager execution.*tf\.Graph\(\)",
    _instantiate_eagerly,
  ),
  (
    "4 unregistered op",
    tf.errors.NotFoundError,
    r"ops that are not registered here: \['VarHandleXx'\]",
    _unregistered_op,
  ),
  (
    "4 name scope",
    RuntimeError,
    "variable_scope module was unused but the corresponding name_scope was "
    "already taken",
    _name_scope_is_taken,
  ),
  (
    "4 state op",
    ValueError,
    r"\(AnonymousIteratorV2\) holds state and has 2 outputs",
    lambda path: hub.Module(_spec(_two_outputs_of_a_state_op)),
  ),
  (
    "4 another graph",
    RuntimeError,
    "Module must be applied in the graph it was instantiated for",
    _call_elsewhere,
  ),
  (
    "4 no inputs",
    TypeError,
    "Signature expects no inputs",
    _call(lambda: [1.0], signature="w"),
  ),
  (
    "4 several inputs",
    TypeError,
    r"expects multiple inputs\. Use a dict\. Its inputs are: \['x', 'y'\]",
    _call(lambda: [1.0], signature="sum"),
  ),
  (
    "4 missing and extra",
    TypeError,
    r"missing \['y'\], extra given \['z'\]\. .* are: \['x', 'y'\]",
    _call(lambda: {"x": [1.0], "z": [2.0]}, signature="sum"),
  ),
  (
    "4 shape",
    TypeError,
    r"Can't convert 'default': Got Tensor of float32 with shape \(1, 1\)\. "
    r"Expected Tensor of float32 with shape \(None,\)",
    _call(lambda: [[1.0]]),
  ),
  (
    "4 kind",
    TypeError,
    "Can't convert 'default': Got SparseTensor. Expected Tensor",
    _call(lambda: tf.sparse.from_dense([1.0])),
  ),
  (
    "4 dtype",
    ValueError,
    r"Can't convert 'default': Got a Tensor of int32\. Expected Tensor of "
    "float32",
    _call(lambda: tf.constant([1])),
  ),
  (
    "4 unsupported type of an argument",
    ValueError,
    "Passed argument of type IndexedSlices, which is not supported",
    _call(lambda: tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]), [1])),
  ),
  (
    "4 unknown signature",
    ValueError,
    r"Signature 'nope' is missing from meta graph\. .*\['default'\]",
    _call(lambda: [1.0], fns.scale, signature="nope"),
  ),
  (
    "4 colocation",
    ValueError,
    "Failed to rewrite colocation constraints while applying hub.Module: .* is "
    "colocated with split, 1 of whose 2 outputs are fed",
    _apply_with_half_of_an_op,
  ),
  (
    "4 no default output",
    TypeError,
    r"There is no output named 'default'\. Use as_dict=True\. .*\['a', 'b'\]",
    _call(lambda: [1.0], _no_default_output),
  ),
  (
    "4 export from another graph",
    RuntimeError,
    "exported with its own graph",
    _export_from(other_graph=True, other_session=False),
  ),
  (
    "4 export with another session",
    RuntimeError,
    "with a session of the graph",
    _export_from(other_graph=False, other_session=True),
  ),
  (
    "4 a variable that was not exported",
    ValueError,
    r"Tensor bias is not found in .* checkpoint.*\['b'\] needs it.*holds: w",
    _variable_of_another_variant,
  ),
  ("4 evaluated signature", KeyError, r"nope.*\['default', ", _evaluate),
  # 5
  (
    "5 export over a module",
    tf.errors.AlreadyExistsError,
    "already exists and holds assets, saved_model.pb, tfhub_module.pb, vari",
    lambda path: [_export(path) for _ in range(2)],
  ),
  (
    "5 bad asset",
    TypeError,
    "ASSET_FILEPATHS holds f:0, a Placeholder: .* constant scalar string",
    _define(_bad_asset),
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
      protos.ModuleDef(format=3, required_features=["x"]).SerializeToString()
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
    lambda path: hub.text_embedding_column("text", _spec()),
  ),
  (
    "7 image embedding",
    ValueError,
    "not usable as image embedding",
    lambda path: hub.image_embedding_column("image", _spec()),
  ),
  (
    "7 image size",
    ValueError,
    "images",
    lambda path: hub.get_expected_image_size(_spec()),
  ),
  (
    "7 image channels",
    ValueError,
    "images",
    lambda path: hub.get_num_image_channels(_spec()),
  ),
  # 9
  (
    "9 second positional argument",
    TypeError,
    r"one positional argument: got 'sum' as a second one\. Write signature=",
    lambda path: hub.Module(_spec(fns.multiple_signatures))([1.0], "sum"),
  ),
  (
    "9 tags that are a string",
    ValueError,
    r"got the string 'serve'\. Write tags=\{'serve'\}",
    lambda path: hub.Module(_spec(), tags="serve"),
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
    _define(lambda: hub.add_signature(inputs=np.zeros(2), outputs=tf.zeros(2))),
  ),
  (
    "9 export_name",
    ValueError,
    re.escape("../../evil"),
    lambda path: hub.register_module_for_export(
      hub.Module(_spec()), "../../evil"
    ),
  ),
]


@pytest.mark.parametrize(
  ("error", "text", "row"),
  [row[1:] for row in _ROWS],
  ids=[row[0] for row in _ROWS],
)
def test_errors(error, text, row, tmp_path, graph):
  with pytest.raises(error, match=text) as caught:
    row(tmp_path)
  assert isinstance(caught.value, errors.UserError)
  # The two lines of the text about collections are given by the contract.
  assert "\n" not in str(caught.value).replace("\nUse hub.create_module", "")
  assert "Traceback" not in str(caught.value)
