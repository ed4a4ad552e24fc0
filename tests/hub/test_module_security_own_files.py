"""A module's own assets and checkpoints are no reason for suspicion."""

import hub_module_fns
import pytest
import security_modules

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
node, function = security_modules.node, security_modules.function


def ops(path):
  return [finding.op for finding in hub.scan_module(str(path))]


@pytest.fixture
def vocabulary(tmp_path):
  path = tmp_path / "words.txt"
  path.write_text("a\nb\n")
  return str(path)


def read_asset(path, change=lambda y: y):
  """Returns a module_fn: the content of an asset."""

  def module_fn():
    name = tf.constant(path, name="asset")
    tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, name)
    hub.add_signature(outputs=tf.io.read_file(change(name)))

  return module_fn


def test_an_asset_by_itself_or_through_identity(tmp_path, vocabulary):
  for name, change in {
    "alone": lambda y: y,
    "identity": lambda y: tf.identity(tf.identity(y)),
  }.items():
    path = hub_module_fns.export(
      read_asset(vocabulary, change), tmp_path / name
    )
    assert ops(path) == []


def test_a_path_computed_from_an_asset(tmp_path, vocabulary):
  path = hub_module_fns.export(
    read_asset(vocabulary, lambda y: y + "/../../variables"), tmp_path / "m"
  )
  assert ops(path) == ["ReadFile"]


@pytest.mark.parametrize(
  "value", ["/etc/passwd", "{path}/assets/../../x", "{path}/assets", "x"]
)
def test_a_constant_that_is_only_said_to_be_an_asset(value, tmp_path):
  path = tmp_path / "module"
  security_modules.write(
    path,
    security_modules.meta_graph(
      [
        security_modules.constant("asset", value.format(path=path)),
        node("ReadFile", inputs=["asset"]),
      ],
      asset_nodes=["asset"],
    ),
  )
  assert ops(path) == ["ReadFile"]


def test_an_asset_that_functions_get(tmp_path, vocabulary):
  @tf.function
  def inner(name):
    return tf.io.read_file(name)

  @tf.function
  def outer(name):
    return inner(tf.identity(name))

  path = hub_module_fns.export(read_asset(vocabulary), tmp_path / "plain")
  assert ops(path) == []

  def module_fn():
    name = tf.constant(vocabulary)
    tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, name)
    hub.add_signature(outputs=outer(name))

  assert ops(hub_module_fns.export(module_fn, tmp_path / "all")) == []

  def module_fn_with_another_call():
    x = hub_module_fns.placeholder([], tf.string)
    hub.add_signature("other", x, outer(x))
    module_fn()

  path = hub_module_fns.export(module_fn_with_another_call, tmp_path / "other")
  assert ops(path) == ["ReadFile"]


def test_an_asset_in_the_branches_of_a_cond(
  v2_control_flow, tmp_path, vocabulary
):
  def module_fn():
    x = hub_module_fns.placeholder([], tf.string)
    name = tf.constant(vocabulary)
    tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, name)
    y = tf.cond(tf.equal(x, ""), lambda: tf.io.read_file(name), lambda: x)
    hub.add_signature(inputs=x, outputs=y)

  assert ops(hub_module_fns.export(module_fn, tmp_path / "module")) == []


_CALL = node("PartitionedCall", "call", ["asset"], f="read")
_MAPPED = node("MapDataset", "map", ["asset"], f="read")


@pytest.mark.parametrize(
  ("calls", "is_found"),
  [
    ([_CALL], False),
    ([node("read", "call", ["asset"])], False),
    ([node("StatelessIf", "if", ["x", "asset"], then_branch="read")], False),
    ([], True),
    ([_MAPPED], True),
    ([_CALL, _MAPPED], True),
    ([node("If", "if", ["asset", "x"], then_branch="read")], True),
    ([node("While", "while", ["asset"], body="read")], True),
    ([node("PartitionedCall", "call", f="read")], True),
    ([node("PartitionedCall", "call", ["asset"], f="other")], True),
    ([node("PartitionedCall", "call", ["asset"], f="read", g="read")], True),
  ],
)
def test_who_calls_a_function_that_reads(calls, is_found, tmp_path):
  path = tmp_path / "module"
  asset = security_modules.constant("asset", f"{path}/assets/words.txt")
  reader = function("read", [node("ReadFile", inputs=["name"])], ["name"])
  graph = security_modules.meta_graph([asset, *calls], [reader], ["asset"])
  security_modules.write(path, graph)
  assert ops(path) == (["ReadFile"] if is_found else [])


def test_a_function_that_may_stand_in_for_another_one(tmp_path):
  path = tmp_path / "module"
  asset = security_modules.constant("asset", f"{path}/assets/words.txt")
  reader = function("read", [node("ReadFile", inputs=["name"])], ["name"])
  reader.attr["api_implements"].s = b"lookup"
  graph = security_modules.meta_graph([asset, _CALL], [reader], ["asset"])
  security_modules.write(path, graph)
  assert ops(path) == ["ReadFile"]


def test_a_function_that_is_a_gradient(tmp_path):
  path = tmp_path / "module"
  asset = security_modules.constant("asset", f"{path}/assets/words.txt")
  reader = function("read", [node("ReadFile", inputs=["name"])], ["name"])
  graph = security_modules.meta_graph([asset, _CALL], [reader], ["asset"])
  graph.graph_def.library.gradient.add(function_name="f", gradient_func="read")
  security_modules.write(path, graph)
  assert ops(path) == ["ReadFile"]


def test_a_function_that_calls_itself(tmp_path):
  path = tmp_path / "module"
  recursive = function(
    "read",
    [
      node("ReadFile", inputs=["name"]),
      node("PartitionedCall", "again", ["name"], f="read"),
    ],
    ["name"],
  )
  graph = security_modules.meta_graph([], [recursive])
  assert ops(security_modules.write(path, graph)) == ["ReadFile"]


def write_saved_model(path, vocabulary, savers=1, sharded=False):
  """Writes a TF1 SavedModel with a variable and a table."""
  with tf.Graph().as_default(), tf1.Session() as session:
    words = hub_module_fns.placeholder(dtype=tf.string)
    w = tf1.get_variable("w", initializer=3.0)
    table = tf.lookup.StaticHashTable(
      tf.lookup.TextFileInitializer(
        vocabulary,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
      ),
      -1,
    )
    y = tf.cast(table.lookup(words), tf.float32) * w
    hub_module_fns.initialize(session)
    for number in range(savers):
      saver = tf1.train.Saver(name=f"saver{number}", sharded=sharded)
    builder = tf1.saved_model.Builder(str(path))
    builder.add_meta_graph_and_variables(
      session,
      ["serve"],
      {
        "serving_default": tf1.saved_model.predict_signature_def(
          {"words": words}, {"y": y}
        )
      },
      assets_collection=tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS),
      main_op=tf1.tables_initializer(),
      saver=saver,
    )
    builder.save()
  return str(path)


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("savers", [1, 2])
def test_a_tf1_saved_model(savers, sharded, tmp_path, vocabulary, monkeypatch):
  path = write_saved_model(tmp_path / "saved", vocabulary, savers, sharded)
  assert hub.scan_module(path) == []
  monkeypatch.setenv("TFHUB_SECURITY_POLICY", "refuse")
  spec = hub.create_module_spec_from_saved_model(path)
  saver_ops = {n.op for n in spec.variant(["serve"]).meta_graph.graph_def.node}
  assert {"SaveV2", "RestoreV2"} <= saver_ops
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(spec, tags=["serve"])
    hub_module_fns.initialize(session)
    module.export(str(tmp_path / "module"), session)
  assert hub.scan_module(str(tmp_path / "module")) == []
  with tf.Graph().as_default():
    module = hub.Module(str(tmp_path / "module"), tags=["serve"])
    outputs = module(["b"], signature="serving_default", as_dict=True)
    assert hub_module_fns.run(outputs["y"]).tolist() == [3.0]
  loaded = hub.load(path, tags=["serve"])
  y = loaded.signatures["serving_default"](words=tf.constant(["b"]))["y"]
  assert y.numpy().tolist() == [3.0]


def restored_by_signature(meta_graph):
  info = meta_graph.signature_def["serving_default"].outputs["stolen"]
  info.name = "saver0/RestoreV2:0"


def saved_by_update_op(meta_graph):
  meta_graph.collection_def["update_ops"].node_list.value.append(
    "saver0/SaveV2"
  )


def restored_from_elsewhere(meta_graph):
  for restore in meta_graph.graph_def.node:
    if restore.op == "RestoreV2":
      meta_graph.graph_def.node.append(
        security_modules.constant("elsewhere", "/etc/passwd")
      )
      restore.input[0] = "elsewhere"
      return


@pytest.mark.parametrize(
  ("change", "expected"),
  [
    (restored_by_signature, {"RestoreV2"}),
    (saved_by_update_op, {"SaveV2"}),
    (restored_from_elsewhere, {"RestoreV2"}),
  ],
)
@pytest.mark.parametrize("kind", ["saved_model", "module"])
def test_savers_that_something_else_uses(
  kind, change, expected, tmp_path, vocabulary
):
  path = write_saved_model(tmp_path / "saved", vocabulary)
  if kind == "module":
    with tf.Graph().as_default(), tf1.Session() as session:
      spec = hub.create_module_spec_from_saved_model(path)
      module = hub.Module(spec, tags=["serve"])
      hub_module_fns.initialize(session)
      path = str(tmp_path / "module")
      module.export(path, session)
  security_modules.rewrite(path, change)
  assert set(ops(path)) == expected


def test_a_variable_that_is_initialized_from_a_checkpoint(tmp_path):
  path = hub_module_fns.export(hub_module_fns.scale, tmp_path / "module")

  def change(meta_graph):
    meta_graph.graph_def.node.append(
      node("RestoreV2", "restore", ["name", "name", "name"])
    )
    meta_graph.graph_def.node.append(security_modules.constant("name", "/x"))

  security_modules.rewrite(path, change)
  assert ops(path) == []  # Nothing can run it.

  def name_it(meta_graph):
    collection = meta_graph.collection_def["variables"].bytes_list
    with tf.Graph().as_default():
      proto = tf1.get_variable("v", initializer=1.0).to_proto()
    proto.ParseFromString(collection.value[0])
    proto.initial_value_name = "restore:0"
    collection.value[0] = proto.SerializeToString()

  security_modules.rewrite(path, name_it)
  assert ops(path) == ["RestoreV2"]


def test_two_functions_of_one_name(tmp_path):
  graph = security_modules.meta_graph(
    [],
    [function("f", [node("ReadFile")]), function("f", [])],
  )
  path = security_modules.write(tmp_path / "module", graph)
  with pytest.raises(OSError, match="is damaged: it has functions of the same"):
    hub.scan_module(path)


@pytest.mark.parametrize(
  ("value", "file_name", "is_found"),
  [
    ("SAVEDMODEL-ASSET", "words.txt", False),
    # TensorFlow's loader gives the path to the init op alone.
    ("/etc/passwd", "words.txt", True),
    ("SAVEDMODEL-ASSET", "../words.txt", True),
    ("SAVEDMODEL-ASSET", "/etc/passwd", True),
  ],
)
def test_assets_of_a_graph_as_it_was_saved(
  value, file_name, is_found, tmp_path
):
  graph = security_modules.meta_graph(
    [
      security_modules.constant("asset", value),
      node("ReadFile", inputs=["asset"]),
    ],
    tags=["serve"],
  )
  graph.asset_file_def.add(filename=file_name).tensor_info.name = "asset:0"
  graph.signature_def["serving_default"].outputs["y"].name = "risky:0"
  path = security_modules.write(tmp_path / "saved", graph, is_module=False)
  assert ops(path) == (["ReadFile"] if is_found else [])
