"""What happens to modules that reach outside of their graphs."""

import shutil

import hub_module_fns
import pytest
import security_modules

from hub_estimator import errors, handles, hub
from hub_estimator.hub.security import policy
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

_WARNING_END = (
  " It does so with your rights whenever it runs; TFHUB_SECURITY_POLICY=refuse "
  "keeps such modules out, TFHUB_SECURITY_POLICY=allow keeps this warning away."
)
_REFUSAL_END = (
  " TFHUB_SECURITY_POLICY is 'refuse': nothing of it was loaded. If you trust "
  "whoever made it, set TFHUB_SECURITY_POLICY=allow."
)


def told(path):
  return (
    f"Module {path} has 1 operation that reaches outside of the graph: read "
    "(ReadFile, reads files) in graph {}. To look closer: python -m "
    f"hub_estimator.inspect_module {path} --security."
  )


@pytest.fixture(autouse=True)
def no_policy(monkeypatch):
  monkeypatch.delenv(policy.VARIABLE, raising=False)


@pytest.fixture
def reader(tmp_path):
  """A module that returns the content of any file."""

  def module_fn():
    x = hub_module_fns.placeholder([], tf.string)
    hub.add_signature(inputs=x, outputs=tf.io.read_file(x, name="read"))

  return hub_module_fns.export(module_fn, tmp_path / "reader")


@pytest.fixture
def tf2_reader(tmp_path):
  """A TF2 SavedModel that does the same."""

  class Reader(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def __call__(self, name):
      return tf.io.read_file(name)

  tf.saved_model.save(Reader(), str(tmp_path / "tf2"))
  return str(tmp_path / "tf2")


@pytest.fixture
def downloaded(monkeypatch):
  """Has every handle's module come from a server."""
  find = handles.find
  monkeypatch.setattr(
    handles, "find", lambda handle: find(handle)._replace(is_downloaded=True)
  )


def policy_warnings(log_records):
  return [
    record.getMessage()
    for record in log_records
    if record.levelname == "WARNING" and "--security" in record.getMessage()
  ]


def use(path):
  """Returns what the module at a path reads of its own file of graphs."""
  with tf.Graph().as_default():
    return hub_module_fns.run(hub.Module(path)(f"{path}/tfhub_module.pb"))


def test_local_modules_are_let_through(reader, log_records):
  assert use(reader) == b"\x08\x03"
  hub.load(reader)
  assert policy_warnings(log_records) == []


def test_downloaded_modules_get_one_warning(reader, downloaded, log_records):
  assert use(reader) == b"\x08\x03"
  assert policy_warnings(log_records) == [told(reader) + _WARNING_END]
  log_records.clear()
  hub.load(reader)
  assert policy_warnings(log_records) == [told(reader) + _WARNING_END]


def test_downloaded_modules_without_findings(
  scale_module, downloaded, log_records
):
  hub.load_module_spec(scale_module)
  hub.load(scale_module)
  assert policy_warnings(log_records) == []


@pytest.mark.parametrize("origin", ["local", "downloaded"])
def test_warn(origin, request, reader, monkeypatch, log_records):
  if origin == "downloaded":
    request.getfixturevalue("downloaded")
  monkeypatch.setenv(policy.VARIABLE, "warn")
  hub.load_module_spec(reader)
  assert policy_warnings(log_records) == [told(reader) + _WARNING_END]


@pytest.mark.parametrize("origin", ["local", "downloaded"])
def test_refuse(origin, request, reader, monkeypatch, log_records):
  if origin == "downloaded":
    request.getfixturevalue("downloaded")
  monkeypatch.setenv(policy.VARIABLE, "refuse")
  with tf.Graph().as_default() as graph:
    tf.constant(1.0, name="before")
    before = graph.as_graph_def().SerializeToString()
    for load in (hub.load_module_spec, hub.Module, hub.load):
      with pytest.raises(hub.RefusedModuleError) as raised:
        load(reader)
      assert str(raised.value) == told(reader) + _REFUSAL_END
      assert isinstance(raised.value, errors.UserValueError)
    assert graph.as_graph_def().SerializeToString() == before
    assert not graph.get_all_collection_keys()
  assert policy_warnings(log_records) == []


@pytest.mark.parametrize("origin", ["local", "downloaded"])
def test_allow_does_not_even_look(
  origin, request, reader, monkeypatch, log_records
):
  if origin == "downloaded":
    request.getfixturevalue("downloaded")
  monkeypatch.setenv(policy.VARIABLE, "allow")
  monkeypatch.setattr(policy, "scan", None)
  assert use(reader) == b"\x08\x03"
  assert hub.load(reader).signatures["default"] is not None
  assert policy_warnings(log_records) == []


@pytest.mark.parametrize("value", ["", "Refuse", "0", "deny"])
def test_a_wrong_policy(value, reader, monkeypatch):
  monkeypatch.setenv(policy.VARIABLE, value)
  for load in (hub.load_module_spec, hub.load):
    with pytest.raises(errors.UserValueError) as raised:
      load(reader)
    assert str(raised.value) == (
      f"The environment variable TFHUB_SECURITY_POLICY is {value!r}: it must "
      "be one of allow, warn, refuse. Without it, modules that are downloaded "
      "get 'warn' and local ones 'allow'."
    )


def test_tf2_saved_models(tf2_reader, downloaded, monkeypatch, log_records):
  content = hub.load(tf2_reader)(tf.constant(f"{tf2_reader}/saved_model.pb"))
  assert len(content.numpy()) > 1000
  (warning,) = policy_warnings(log_records)
  assert warning.startswith(
    f"Module {tf2_reader} has 1 operation that reaches outside of the graph: "
    "function __inference___call___"
  )
  assert ", node ReadFile (ReadFile, reads files) in graph {serve}." in warning
  monkeypatch.setenv(policy.VARIABLE, "refuse")
  with pytest.raises(hub.RefusedModuleError, match="nothing of it was loaded"):
    hub.load(tf2_reader)


def test_the_file_that_tensorflow_reads_counts(
  tf2_reader, tmp_path, monkeypatch
):
  # Beside saved_model.pb, the text form is not read.
  (tmp_path / "tf2" / "saved_model.pbtxt").write_text("")
  monkeypatch.setenv(policy.VARIABLE, "refuse")
  with pytest.raises(hub.RefusedModuleError):
    hub.load(tf2_reader)


def test_tf1_saved_models(tmp_path, monkeypatch):
  path = str(tmp_path / "saved")
  with tf.Graph().as_default(), tf1.Session() as session:
    x = hub_module_fns.placeholder([], tf.string)
    y = tf.io.read_file(x, name="read")
    tf1.saved_model.simple_save(session, path, {"x": x}, {"y": y})
  spec = hub.create_module_spec_from_saved_model(path)
  assert spec.get_tags() == [{"serve"}]
  monkeypatch.setenv(policy.VARIABLE, "refuse")
  for load in (hub.create_module_spec_from_saved_model, hub.load):
    with pytest.raises(hub.RefusedModuleError) as raised:
      load(path)
    assert str(raised.value) == (
      told(path).replace("graph {}", "graph {serve}") + _REFUSAL_END
    )


def test_ten_operations_are_shown(tmp_path, monkeypatch):
  for count, end in ((10, ""), (12, "; and 2 more")):
    nodes = [security_modules.node("PyFunc", f"call{i}") for i in range(count)]
    path = security_modules.write(
      tmp_path / str(count), security_modules.meta_graph(nodes)
    )
    monkeypatch.setenv(policy.VARIABLE, "refuse")
    with pytest.raises(hub.RefusedModuleError) as raised:
      hub.load_module_spec(path)
    shown = "; ".join(
      f"call{i} (PyFunc, runs Python) in graph {{}}" for i in range(10)
    )
    assert str(raised.value).startswith(
      f"Module {path} has {count} operations that reach outside of the graph: "
      f"{shown}{end}. To look closer: "
    )


def test_names_cannot_write_to_the_terminal(tmp_path, monkeypatch):
  path = security_modules.write(
    tmp_path / "a b",
    security_modules.meta_graph(
      [security_modules.node("PyFunc", "x\x1b[2K\rharmless\n")], tags=["\x07"]
    ),
  )
  monkeypatch.setenv(policy.VARIABLE, "refuse")
  with pytest.raises(hub.RefusedModuleError) as raised:
    hub.load_module_spec(path)
  message = str(raised.value)
  assert message.isprintable()
  assert "x\\x1b[2K\\rharmless\\n (PyFunc" in message
  assert "in graph {\\x07}. " in message
  assert f"inspect_module '{path}' --security" in message


def test_unknown_ops_alone_are_not_refused(tmp_path, monkeypatch, log_records):
  path = security_modules.write(
    tmp_path / "module",
    security_modules.meta_graph([security_modules.node("SentencepieceOp")]),
  )
  for value in ("warn", "refuse"):
    monkeypatch.setenv(policy.VARIABLE, value)
    assert hub.load_module_spec(path).get_tags() == [frozenset()]
  assert policy_warnings(log_records) == []


def test_a_table_of_an_asset_is_not_refused(tmp_path, monkeypatch):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  path = hub_module_fns.export(
    hub_module_fns.table(vocabulary), tmp_path / "module"
  )
  shutil.move(path, tmp_path / "moved")
  monkeypatch.setenv(policy.VARIABLE, "refuse")
  with tf.Graph().as_default():
    found = hub_module_fns.run(hub.Module(str(tmp_path / "moved"))(["b"]))
  assert found.tolist() == [1]
  signature = hub.load(str(tmp_path / "moved")).signatures["default"]
  assert signature(tf.constant(["b"]))["default"].numpy().tolist() == [1]
