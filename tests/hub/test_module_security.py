"""Real modules whose graphs and functions reach outside."""

import hub_module_fns
import numpy as np
import pytest
import security_modules

from hub_estimator import hub
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1


def found(module_fn, path):
  """Exports a module and returns (node, op, kind) of what is found in it."""
  path = hub_module_fns.export(module_fn, path)
  return [(f.node, f.op, f.kind) for f in hub.scan_module(path)]


def with_input(use):
  """Returns a module_fn: what `use` makes of the input, a scalar text."""

  def module_fn():
    x = hub_module_fns.placeholder([], tf.string)
    hub.add_signature(inputs=x, outputs=use(x))

  return module_fn


def read(x):
  return tf.io.read_file(x, name="read")


def write(x):
  with tf.control_dependencies([tf.io.write_file("/tmp/x", x, name="write")]):
    return tf.identity(x)


def list_files(x):
  return tf.io.matching_files(x, name="list")


def call_python(x):
  return tf.py_function(lambda x: x, [x], tf.string, name="call")


def call_numpy(x):
  return tf.numpy_function(lambda x: x, [x], tf.string, name="call")


def call_numpy_without_state(x):
  return tf.numpy_function(
    lambda x: x, [x], tf.string, stateful=False, name="call"
  )


def print_to_file(x):
  printed = tf.print(x, output_stream="file:///tmp/x", name="print")
  with tf.control_dependencies([printed]):
    return tf.identity(x)


def print_to_terminal(x):
  with tf.control_dependencies([tf.print(x)]):
    return tf.identity(x)


def save(x):
  saved = tf.raw_ops.SaveV2(
    prefix=x,
    tensor_names=["x"],
    shape_and_slices=[""],
    tensors=[x],
    name="save",
  )
  with tf.control_dependencies([saved]):
    return tf.identity(x)


def restore(x):
  return tf.raw_ops.RestoreV2(
    prefix=x,
    tensor_names=["x"],
    shape_and_slices=[""],
    dtypes=[tf.string],
    name="restore",
  )[0]


def map_memory(x):
  return tf.raw_ops.ImmutableConst(
    dtype=tf.string, shape=[], memory_region_name="/tmp/x", name="map"
  ) + (x)


def write_summaries(x):
  writer = tf.raw_ops.SummaryWriter(shared_name="w")
  opened = tf.raw_ops.CreateSummaryFileWriter(
    writer=writer,
    logdir="/tmp/x",
    max_queue=1,
    flush_millis=1,
    filename_suffix="",
    name="open",
  )
  with tf.control_dependencies([opened]):
    return tf.identity(x)


@pytest.mark.parametrize(
  ("use", "expected"),
  [
    (read, ("read", "ReadFile", "reads files")),
    (write, ("write", "WriteFile", "writes files")),
    (list_files, ("list", "MatchingFiles", "reads files")),
    (call_python, ("call", "EagerPyFunc", "runs Python")),
    (call_numpy, ("call", "PyFunc", "runs Python")),
    (call_numpy_without_state, ("call", "PyFuncStateless", "runs Python")),
    (print_to_file, ("print", "PrintV2", "writes files")),
    (print_to_terminal, None),
    (save, ("save", "SaveV2", "writes files")),
    (restore, ("restore", "RestoreV2", "reads files")),
    (map_memory, ("map", "ImmutableConst", "reads files")),
    (write_summaries, ("open", "CreateSummaryFileWriter", "writes files")),
  ],
  ids=lambda value: getattr(value, "__name__", ""),
)
def test_operations_of_a_graph(use, expected, tmp_path):
  expected = [expected] if expected else []
  assert found(with_input(use), tmp_path / "module") == expected


def test_ordinary_modules_have_none(tmp_path):
  for name in ("scale", "batch_norm_", "multiple_signatures", "counter"):
    module_fn = {"batch_norm_": lambda: hub_module_fns.batch_norm(True)}.get(
      name
    ) or getattr(hub_module_fns, name)
    assert found(module_fn, tmp_path / name) == []


def test_all_graphs_are_looked_at_by_their_tags(tmp_path):
  def module_fn(is_training):
    x = hub_module_fns.placeholder([], tf.string)
    y = tf.io.read_file(x, name="read") if is_training else x
    hub.add_signature(inputs=x, outputs=y)

  path = hub_module_fns.export(
    module_fn, tmp_path / "module", tags_and_args=hub_module_fns.BATCH_NORM_TAGS
  )
  assert hub.scan_module(path) == [
    (("train",), "read", "ReadFile", "reads files", "returns a file's content")
  ]


def test_branches_of_a_cond(v2_control_flow, tmp_path):
  def use(x):
    return tf.cond(tf.equal(x, ""), lambda: read(x), lambda: x)

  ((node, op, kind),) = found(with_input(use), tmp_path / "module")
  assert node.startswith("function cond_true_")
  assert ", node " in node
  assert (op, kind) == ("ReadFile", "reads files")


def test_the_body_of_a_loop(v2_control_flow, tmp_path):
  def use(x):
    return tf.while_loop(lambda y: tf.equal(y, ""), lambda y: (read(y),), [x])[
      0
    ]

  ((node, op, _),) = found(with_input(use), tmp_path / "module")
  assert node.startswith("function while_body_")
  assert op == "ReadFile"


def test_functions_within_functions(tmp_path):
  @tf.function
  def inner(x):
    return write(x)

  @tf.function
  def outer(x):
    return inner(x)

  found_nodes = found(with_input(outer), tmp_path / "module")
  ((node, op, _),) = set(found_nodes)
  assert node.startswith("function __inference_inner_")
  assert node.endswith(", node write")
  assert op == "WriteFile"


def test_data_sets_within_a_function(tmp_path):
  @tf.function
  def count_lines(x):
    lines = tf.data.TextLineDataset(x).map(tf.io.read_file)
    return lines.cache("/tmp/x").reduce("", lambda state, line: line)

  found_nodes = found(with_input(count_lines), tmp_path / "module")
  assert {op for _, op, _ in found_nodes} == {
    "TextLineDataset",
    "CacheDatasetV2",
    "ReadFile",
  }
  assert all(node.startswith("function ") for node, _, _ in found_nodes)


def test_a_table_of_an_asset(tmp_path):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  assert found(hub_module_fns.table(vocabulary), tmp_path / "module") == []


def test_a_table_of_another_file(tmp_path):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")

  def module_fn():
    words = hub_module_fns.placeholder(dtype=tf.string)
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    fill = tf.raw_ops.InitializeTableFromTextFileV2(
      table_handle=table,
      filename=str(vocabulary),
      key_index=-2,
      value_index=-1,
      name="fill",
    )
    tf1.add_to_collection(tf1.GraphKeys.TABLE_INITIALIZERS, fill)
    ids = tf.raw_ops.LookupTableFindV2(
      table_handle=table, keys=words, default_value=np.int64(-1)
    )
    hub.add_signature(inputs=words, outputs=ids)

  assert found(module_fn, tmp_path / "module") == [
    ("fill", "InitializeTableFromTextFileV2", "reads files")
  ]


def test_order(tmp_path):
  graphs = [
    security_modules.meta_graph(
      [
        security_modules.node("WriteFile", "z"),
        security_modules.node("ReadFile", "a"),
      ],
      [
        security_modules.function("g", [security_modules.node("PyFunc")]),
        security_modules.function("f", [security_modules.node("Send")]),
      ],
      tags=tags,
    )
    for tags in (["train"], [])
  ]
  path = security_modules.write(tmp_path / "module", *graphs)
  findings = hub.scan_module(path)
  nodes = ["z", "a", "function g, node risky", "function f, node risky"]
  assert [(f.tags, f.node) for f in findings] == [
    (tags, node) for tags in ((), ("train",)) for node in nodes
  ]
  assert findings == hub.scan_module(path)
  assert findings[4].as_dict() == {
    "tags": ["train"],
    "node": "z",
    "op": "WriteFile",
    "kind": "writes files",
    "reason": "writes a file",
  }


def test_graphs_are_not_changed(tmp_path, monkeypatch):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")

  def module_fn():
    hub_module_fns.table(vocabulary)()
    x = hub_module_fns.placeholder([], tf.string)
    hub.add_signature("others", x, {"a": read(x), "b": print_to_file(x)})

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  monkeypatch.setenv("TFHUB_SECURITY_POLICY", "allow")
  untouched = hub.load_module_spec(path).variant().meta_graph
  monkeypatch.setenv("TFHUB_SECURITY_POLICY", "warn")
  scanned = hub.load_module_spec(path).variant().meta_graph
  assert scanned.SerializeToString(deterministic=True) == (
    untouched.SerializeToString(deterministic=True)
  )


def test_what_is_no_module(tmp_path, scale_module):
  with pytest.raises(ValueError, match="no SavedModel and no module"):
    hub.scan_module(str(tmp_path / "scale" / "variables"))
  with pytest.raises(OSError, match="nope does not exist"):
    hub.scan_module(str(tmp_path / "nope"))


def test_a_damaged_graph(tmp_path):
  graph = security_modules.meta_graph(
    [security_modules.node("RestoreV2", inputs=["missing"])]
  )
  path = security_modules.write(tmp_path / "module", graph)
  with pytest.raises(
    OSError, match="is damaged: it refers to a node 'missing'"
  ):
    hub.scan_module(path)


def test_a_saved_model_in_text_form(tmp_path):
  graph = security_modules.meta_graph(
    [security_modules.node("ReadFile")], tags=["serve"]
  )
  (tmp_path / "saved_model.pbtxt").write_text(
    str(graph_symbols.SavedModel(meta_graphs=[graph]))
  )
  assert [f.node for f in hub.scan_module(str(tmp_path))] == ["risky"]
