"""Section 2 of the format: defining a module."""

import os

import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _graph_def(spec, tags=None):
  return spec.variant(tags).meta_graph.graph_def


def _nodes(spec):
  return {node.name: node for node in _graph_def(spec).node}


def test_module_fn_is_called_once_per_tag_set_with_its_arguments():
  calls = []

  def module_fn(**kwargs):
    calls.append(kwargs)
    hub_module_fns.double()
    return "ignored"

  spec = hub.create_module_spec(
    module_fn, [(set(), {}), ({"train", "big"}, {"size": 3})]
  )
  assert calls == [{}, {"size": 3}]
  assert spec.get_tags() == [frozenset(), frozenset({"train", "big"})]


@pytest.mark.parametrize("tags_and_args", [None, [], ()])
def test_no_tags_and_args_is_one_variant_without_tags(tags_and_args):
  spec = hub.create_module_spec(hub_module_fns.double, tags_and_args)
  assert spec.get_tags() == [frozenset()]


def test_nothing_of_the_callers_graph_leaks_in(graph):
  seeds = []

  def module_fn():
    seeds.append(tf1.get_default_graph().seed)
    hub_module_fns.scale()

  tf1.set_random_seed(7)
  with tf1.variable_scope("scope"), tf1.device("/device:CPU:0"):
    with tf.control_dependencies([tf.constant(1.0, name="before")]):
      spec = hub.create_module_spec(module_fn)
  assert seeds == [None]
  assert {n.name.split("/")[0] for n in _graph_def(spec).node} == {
    "x",
    "w",
    "y",
  }
  for node in _graph_def(spec).node:
    assert node.device == ""
    assert not [name for name in node.input if name.startswith("^")]
  assert [op.name for op in graph.get_operations()] == ["scope/before"]


def test_variables_are_resource_variables():
  spec = hub.create_module_spec(hub_module_fns.scale)
  assert _nodes(spec)["w"].op == "VarHandleOp"


def test_default_attributes_are_stripped():
  def module_fn():
    x = hub_module_fns.placeholder([None, 2])
    hub.add_signature(inputs=x, outputs=tf.matmul(x, x, name="product"))

  node = _nodes(hub.create_module_spec(module_fn))["product"]
  # Neither transpose_a nor transpose_b.
  assert sorted(node.attr) == ["T", "_output_shapes"]


def test_no_signature_is_refused():
  with pytest.raises(ValueError, match="No signatures present") as caught:
    hub.create_module_spec(lambda: None)
  assert isinstance(caught.value, errors.UserError)


def test_an_error_of_module_fn_is_not_changed():
  def module_fn():
    raise ZeroDivisionError("mine")

  with pytest.raises(ZeroDivisionError, match="mine"):
    hub.create_module_spec(module_fn)


def test_the_same_tag_set_twice_is_refused():
  with pytest.raises(
    ValueError, match=r"Tags \['a', 'b'\] used repeatedly"
  ) as caught:
    hub.create_module_spec(
      hub_module_fns.double, [({"a", "b"}, {}), (["b", "a"], {})]
    )
  assert isinstance(caught.value, errors.UserError)


def test_state_colocated_with_an_op_without_state_is_refused():
  def module_fn():
    other = tf.constant(1.0, name="other")
    with tf1.colocate_with(other):
      w = tf1.get_variable("w", initializer=3.0)
    hub.add_signature(outputs=w.read_value())

  with pytest.raises(
    ValueError, match=r"w \(VarHandleOp\) is colocated with other \(Const\)"
  ):
    hub.create_module_spec(module_fn)


def test_state_colocated_with_state_is_fine(graph):
  def module_fn():
    v = tf1.get_variable("v", initializer=1.0)
    with tf1.colocate_with(v.handle):
      w = tf1.get_variable("w", initializer=3.0)
    hub.add_signature(outputs=w + v)

  module = hub.Module(hub.create_module_spec(module_fn))
  assert module.variable_map["w"].op.colocation_groups() == [b"loc:@module/v"]
  assert hub_module_fns.run(module()) == 4.0


def _with_collection(name):
  def module_fn():
    hub_module_fns.double()
    tf1.add_to_collection(name, tf1.get_default_graph().get_operations()[0])

  return module_fn


@pytest.mark.parametrize(
  "name",
  ["losses", "summaries", "local_variables", "global_step", "train_op", "mine"],
)
def test_other_collections_are_refused_unless_dropped(name):
  with pytest.raises(ValueError) as caught:
    hub.create_module_spec(_with_collection(name))
  assert str(caught.value) == (
    f"Unsupported collections in graph: ['{name}']\nUse "
    "hub.create_module_spec(..., drop_collections=[...]) as appropriate."
  )
  assert isinstance(caught.value, errors.UserError)
  spec = hub.create_module_spec(
    _with_collection(name), drop_collections=[name, "unknown"]
  )
  assert not spec.variant().meta_graph.collection_def


def test_an_emptied_collection_is_no_collection():
  def module_fn():
    hub_module_fns.double()
    tf1.get_default_graph().get_collection_ref("losses")

  hub.create_module_spec(module_fn)


def test_stored_collections(tmp_path, v1_control_flow):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\n")

  def module_fn():
    x = hub_module_fns.placeholder([])
    a = tf1.get_variable(
      "a",
      initializer=1.0,
      regularizer=lambda value: value * value,
      collections=["variables", "model_variables"],
    )
    hub_module_fns.table(vocabulary)()
    tf1.add_to_collection("update_ops", a.assign_add(1.0).op)
    tf1.cond(x > 0, lambda: x, lambda: x + 1)
    tf1.while_loop(lambda i: i < 3, lambda i: i + 1, [0])
    hub.attach_message("key", tf1.NodeDef(name="n"))

  collections = (
    hub.create_module_spec(module_fn).variant().meta_graph.collection_def
  )
  assert set(collections) == {
    "variables",
    "trainable_variables",
    "model_variables",
    "table_initializer",
    "update_ops",
    "regularization_losses",
    "asset_filepaths",
    "cond_context",
    "while_context",
    "hub_module_attachments",
  }


@pytest.mark.parametrize("bad_tags", ["train", b"train"])
def test_a_string_of_tags_is_refused(bad_tags):
  with pytest.raises(ValueError, match="tags must be a set or list of str"):
    hub.create_module_spec(hub_module_fns.double, [(bad_tags, {})])


# add_signature


def _spec_of(*args, **kwargs):
  """A spec whose module_fn declares one signature of the given lambdas."""

  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature(*args, **{key: value(x) for key, value in kwargs.items()})

  return hub.create_module_spec(module_fn)


@pytest.mark.parametrize("name", [None, ""])
def test_the_default_signature_and_its_default_input_and_output(name):
  spec = _spec_of(name, inputs=lambda x: x, outputs=lambda x: x + 1.0)
  assert spec.get_signature_names() == ["default"]
  assert list(spec.get_input_info_dict()) == ["default"]
  assert list(spec.get_output_info_dict()) == ["default"]


def test_a_signature_without_inputs_and_outputs():
  spec = _spec_of("empty")
  assert spec.get_input_info_dict("empty") == {}
  assert spec.get_output_info_dict("empty") == {}


def test_a_signature_declared_again_replaces_the_earlier_one():
  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature(inputs={"a": x}, outputs={"b": x})
    hub.add_signature(inputs=x, outputs={"c": x})

  spec = hub.create_module_spec(module_fn)
  assert list(spec.get_input_info_dict()) == ["default"]
  assert list(spec.get_output_info_dict()) == ["c"]


def test_an_input_of_an_op_with_several_outputs_is_logged(log_records):
  _spec_of(
    inputs=lambda x: tf.split(x, 2)[0], outputs=lambda x: tf.constant(1.0)
  )
  messages = [r.getMessage() for r in log_records if r.levelname == "ERROR"]
  assert len(messages) == 1
  assert "input 'default' is split:0, one of 2 outputs" in messages[0]


def test_an_input_with_colocation_constraints_is_refused():
  def colocated(x):
    with tf1.colocate_with(x):
      return hub_module_fns.placeholder(name="colocated")

  with pytest.raises(
    ValueError, match=r"must not have colocation constraints.*colocated:0"
  ) as caught:
    _spec_of(inputs=colocated, outputs=lambda x: x)
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize(
  ("build", "kind"),
  [
    (lambda x: tf1.get_variable("w", initializer=1.0), "ResourceVariable"),
    (lambda x: tf1.Variable(1.0, use_resource=False), "RefVariable"),
    (lambda x: tf.IndexedSlices(x, tf.constant([0])), "IndexedSlices"),
    (lambda x: 1.0, "float"),
    (lambda x: [x], "list"),
    (lambda x: None, "NoneType"),
    (lambda x: x.op, "Operation"),
  ],
)
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_values_that_are_no_tensors_are_refused(build, kind, side):
  with pytest.raises(
    ValueError, match=rf"should have one of the types.*'key' has type \w*{kind}"
  ) as caught:
    _spec_of(**{side: lambda x: {"key": build(x)}})
  assert isinstance(caught.value, errors.UserError)


def test_any_tensor_may_be_an_input_and_an_input_an_output(graph):
  def module_fn():
    constant = tf.constant([1.0, 2.0])
    hub.add_signature(
      inputs=constant, outputs={"default": constant * 2.0, "same": constant}
    )

  module = hub.Module(hub.create_module_spec(module_fn))
  x = tf.constant([5.0, 6.0])
  outputs = module(x, as_dict=True)
  assert outputs["same"] is x
  assert hub_module_fns.run(outputs["default"]).tolist() == [10.0, 12.0]


# attach_message


def test_attached_messages_are_of_a_variant_and_the_last_of_a_key_wins(graph):
  def module_fn(name):
    hub_module_fns.double()
    hub.attach_message("node", tf1.NodeDef(name="replaced"))
    hub.attach_message("node", tf1.NodeDef(name=name))

  spec = hub.create_module_spec(
    module_fn, [(set(), {"name": "a"}), ({"train"}, {"name": "b"})]
  )
  get = spec.get_attached_message
  assert get("node", tf1.NodeDef).name == "a"
  assert get("node", tf1.NodeDef, tags={"train"}).name == "b"
  module = hub.Module(spec, tags={"train"})
  assert module.get_attached_message("node", tf1.NodeDef).name == "b"


@pytest.mark.parametrize("key", ["", "9a", "_a", "a-b", "a b", "a\n", "ä"])
def test_a_malformed_attachment_key_is_refused(graph, key):
  with pytest.raises(ValueError, match="malformed key") as caught:
    hub.attach_message(key, tf1.NodeDef())
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("key", ["a", "A9_", "image_module_info"])
def test_well_formed_attachment_keys(graph, key):
  hub.attach_message(key, tf1.NodeDef())


# create_module_spec_from_saved_model


@pytest.fixture
def saved_model(tmp_path):
  """A TF1 SavedModel of y = w x, w = 5, with a main op and a global step."""
  path = str(tmp_path / "saved_model")
  with tf.Graph().as_default(), tf1.Session() as session:
    x = hub_module_fns.placeholder()
    w = tf1.get_variable("w", initializer=5.0)
    tf1.train.create_global_step()
    session.run(tf1.global_variables_initializer())
    builder = tf1.saved_model.Builder(path)
    builder.add_meta_graph_and_variables(
      session,
      ["serve"],
      {
        "serving_default": tf1.saved_model.predict_signature_def(
          {"x": x}, {"y": x * w}
        )
      },
      main_op=tf.no_op("main"),
    )
    builder.save()
  return path


def test_a_saved_model_keeps_its_tags_signatures_and_values(saved_model, graph):
  spec = hub.create_module_spec_from_saved_model(saved_model)
  assert spec.get_tags() == [frozenset({"serve"})]
  with pytest.raises(KeyError, match=r"no graph with tags: \[\]"):
    spec.get_signature_names()
  assert spec.get_signature_names(["serve"]) == ["serving_default"]
  module = hub.Module(spec, tags=["serve"])
  y = module({"x": [2.0]}, signature="serving_default", as_dict=True)["y"]
  assert hub_module_fns.run(y).tolist() == [10.0]
  # The collection global_step is dropped, its variable is one like others.
  assert sorted(module.variable_map) == ["global_step", "w"]
  assert not graph.get_collection("global_step")
  assert not graph.get_collection("saved_model_main_op")


def test_a_module_is_exported_from_a_saved_model(saved_model, tmp_path, graph):
  spec = hub.create_module_spec_from_saved_model(saved_model)
  module = hub.Module(spec, tags=["serve"])
  path = str(tmp_path / "module")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.export(path, session)
  assert os.path.exists(os.path.join(path, "tfhub_module.pb"))
  loaded = hub.Module(path, tags=["serve"])
  y = loaded({"x": [3.0]}, signature="serving_default", as_dict=True)["y"]
  assert hub_module_fns.run(y).tolist() == [15.0]


def test_other_collections_of_a_saved_model_are_refused_unless_dropped(
  tmp_path,
):
  path = str(tmp_path / "saved_model")
  with tf.Graph().as_default(), tf1.Session() as session:
    x = hub_module_fns.placeholder()
    tf1.add_to_collection("losses", x)
    tf1.saved_model.simple_save(session, path, {"x": x}, {"y": x + 1.0})
  with pytest.raises(ValueError, match=r"Unsupported collections.*\['losses'"):
    hub.create_module_spec_from_saved_model(path)
  spec = hub.create_module_spec_from_saved_model(path, ["losses", "unknown"])
  assert spec.get_tags() == [frozenset({"serve"})]


def test_a_saved_model_is_given_by_its_folder_and_not_by_a_handle(
  tmp_path, saved_model
):
  run_folder = tmp_path / "exports"
  (run_folder / "1234567890").mkdir(parents=True)
  os.rename(saved_model, run_folder / "1234567890" / "module")
  with pytest.raises(OSError, match="saved_model.pb does not exist"):
    hub.create_module_spec_from_saved_model(str(run_folder))


def test_assets_and_tables_of_a_saved_model(tmp_path, graph):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  path = str(tmp_path / "saved_model")
  with tf.Graph().as_default() as saved_graph, tf1.Session() as session:
    hub_module_fns.table(vocabulary)()
    words = saved_graph.get_tensor_by_name("words:0")
    ids = next(
      op for op in saved_graph.get_operations() if "Find" in op.type
    ).outputs[0]
    hub_module_fns.initialize(session)
    tf1.saved_model.simple_save(
      session,
      path,
      {"words": words},
      {"ids": ids},
      legacy_init_op=tf1.tables_initializer(),
    )
  vocabulary.unlink()
  module = hub.Module(
    hub.create_module_spec_from_saved_model(path), tags=["serve"]
  )
  ids = module(["b", "c"], signature="serving_default", as_dict=True)["ids"]
  assert hub_module_fns.run(ids).tolist() == [1, -1]
