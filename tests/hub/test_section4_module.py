"""Section 4 of the format: instantiating a Module."""

import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


# Construction


def test_a_spec_or_the_handle_of_one(scale_spec, scale_module, tmp_path, graph):
  by_spec = hub.Module(scale_spec)
  by_handle = hub.Module(scale_module)
  by_path = hub.Module(tmp_path / "scale")
  ys = [module([2.0]) for module in (by_spec, by_handle, by_path)]
  assert [y.tolist() for y in hub_module_fns.run(ys)] == [[6.0], [10.0], [10.0]]


@pytest.mark.parametrize("spec", [None, 3, b"path", ["path"]])
def test_something_else_is_no_spec(spec, graph):
  with pytest.raises(ValueError, match="Unknown module spec type") as caught:
    hub.Module(spec)
  assert isinstance(caught.value, errors.UserError)


def test_unknown_tags_list_those_there_are(graph):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )
  with pytest.raises(ValueError) as caught:
    hub.Module(spec, tags={"train", "big"})
  assert str(caught.value) == (
    "No such graph variant: tags=['big', 'train']. The tag sets of module_fn "
    "batch_norm are: {}, {train}."
  )
  assert isinstance(caught.value, errors.UserError)
  assert graph.get_operations() == []


@pytest.mark.parametrize("tags", ["train", b"train", 3, [1], [["train"]]])
def test_tags_that_are_no_set_of_strings_are_refused(tags, graph):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )
  with pytest.raises(ValueError, match="tags must be a set or list") as caught:
    hub.Module(spec, tags=tags)
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("tags", [["train"], {"train"}, ("train", "train")])
def test_tags_choose_the_variant(tags, graph):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )
  module = hub.Module(spec, tags=tags)
  assert module.tags == frozenset({"train"})
  # Training centers by the batch's mean, 3; beta is 1.
  assert hub_module_fns.run(module([2.0, 4.0])).tolist() == [0.0, 2.0]
  module = hub.Module(spec)
  assert hub_module_fns.run(module([2.0, 4.0])).tolist() == [3.0, 5.0]


def test_eager_execution_is_refused(scale_spec):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  with pytest.raises(RuntimeError, match="needs a graph") as caught:
    hub.Module(scale_spec)
  assert isinstance(caught.value, errors.UserError)


def test_attributes(scale_spec, graph):
  module = hub.Module(scale_spec, trainable=True)
  assert module.spec is scale_spec
  assert module.graph is graph
  assert module.is_trainable
  assert not hub.Module(scale_spec).is_trainable


# Naming


def _name_of_w(spec, **kwargs):
  return hub.Module(spec, **kwargs).variable_map["w"].op.name


def test_names(scale_spec, graph):
  assert _name_of_w(scale_spec) == "module/w"
  assert _name_of_w(scale_spec) == "module_1/w"
  assert _name_of_w(scale_spec, name="encoder") == "encoder/w"
  assert _name_of_w(scale_spec, name="a/b") == "a/b/w"
  with tf.name_scope("name_scope"):
    assert _name_of_w(scale_spec) == "module_2/w"
  with tf1.variable_scope("vs"):
    assert _name_of_w(scale_spec) == "vs/module/w"
    assert _name_of_w(scale_spec) == "vs/module_1/w"
    with tf.name_scope("inside"):
      assert _name_of_w(scale_spec) == "vs/module_2/w"


@pytest.mark.parametrize("name", ["", "/", "a/", "/a", "my module", "a//b"])
def test_a_malformed_name_is_refused(scale_spec, graph, name):
  with pytest.raises(ValueError, match="is not the name of a module") as caught:
    hub.Module(scale_spec, name=name)
  assert isinstance(caught.value, errors.UserError)
  assert _name_of_w(scale_spec, name="module") == "module/w"


def test_a_name_scope_that_is_taken(scale_spec, graph):
  with tf.name_scope("module"):
    tf.constant(1.0)
  with pytest.raises(RuntimeError) as caught:
    hub.Module(scale_spec)
  assert str(caught.value).startswith(
    "variable_scope module was unused but the corresponding name_scope was "
    "already taken."
  )
  assert isinstance(caught.value, errors.UserError)
  assert _name_of_w(scale_spec, name="other") == "other/w"


def test_a_name_scope_of_another_variable_scope_is_not_in_the_way(
  scale_spec, graph
):
  with tf.name_scope("vs/module"):
    tf.constant(1.0)
  assert _name_of_w(scale_spec) == "module/w"


@pytest.mark.parametrize("reuse", [True, None, tf1.AUTO_REUSE])
def test_variables_are_not_shared_by_reentering_a_scope(
  scale_spec, graph, reuse
):
  with tf1.variable_scope("vs"):
    hub.Module(scale_spec)
  with tf1.variable_scope("vs", reuse=reuse):
    with pytest.raises(RuntimeError, match="name_scope was already taken"):
      hub.Module(scale_spec)


def test_variables_are_not_shared_by_make_template(scale_spec, graph):
  template = tf1.make_template("vs", lambda: hub.Module(scale_spec)([1.0]))
  template()
  with pytest.raises(RuntimeError, match="name_scope was already taken"):
    template()


def test_reuse_has_no_other_effect(scale_spec, graph):
  with tf1.variable_scope("vs", reuse=True):
    assert _name_of_w(scale_spec) == "vs/module/w"


def test_outer_checkpoints_hold_the_scoped_names(scale_spec, tmp_path, graph):
  with tf1.variable_scope("vs"):
    hub.Module(scale_spec)
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    path = tf1.train.Saver().save(session, str(tmp_path / "model"))
  assert tf.train.list_variables(path) == [("vs/module/w", [])]


def test_the_name_scope_of_the_state_is_taken(scale_spec, graph):
  hub.Module(scale_spec)
  assert tf.constant(1.0, name="module").op.name == "module_1"


# State import


def _collections(graph):
  return {
    name: [getattr(item, "name", item) for item in graph.get_collection(name)]
    for name in graph.get_all_collection_keys()
    if graph.get_collection_ref(name)
  }


def test_collections_of_a_frozen_module(graph):
  module = hub.Module(hub.create_module_spec(hub_module_fns.regularized))
  module([1.0])
  assert _collections(graph) == {
    "variables": ["module/a:0", "module/b:0"],
    "model_variables": ["module/b:0"],
  }
  # What the module's author said of the variable stays.
  assert module.variable_map["a"].trainable
  assert not module.variable_map["b"].trainable


def test_collections_of_a_trainable_module(graph):
  spec = hub.create_module_spec(hub_module_fns.regularized)
  module = hub.Module(spec, trainable=True)
  module([1.0])
  module([2.0])
  collections = _collections(graph)
  losses = collections.pop("regularization_losses")
  assert collections == {
    "variables": ["module/a:0", "module/b:0"],
    "model_variables": ["module/b:0"],
    "trainable_variables": ["module/a:0"],
  }
  # One loss, a², once for the instance, in the scope of the state.
  assert len(losses) == 1
  assert losses[0].startswith("module/")
  (loss,) = graph.get_collection("regularization_losses")
  assert hub_module_fns.run(loss) == 9.0
  (gradient,) = tf1.gradients(loss, module.variable_map["a"])
  assert hub_module_fns.run(gradient) == 6.0


def test_collections_of_tables_and_assets(tmp_path, graph):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  hub.Module(hub.create_module_spec(hub_module_fns.table(vocabulary)))
  collections = _collections(graph)
  assert set(collections) == {"table_initializer", "asset_filepaths"}
  (asset,) = graph.get_collection("asset_filepaths")
  assert asset.name.startswith("module/")
  with tf1.Session() as session:
    assert session.run(asset) == str(vocabulary).encode()


def test_control_dependencies_are_cleared_for_the_state_only(scale_spec, graph):
  before = tf.constant(1.0, name="before")
  with tf.control_dependencies([before]):
    module = hub.Module(scale_spec)
    y = module([1.0])
  for op in graph.get_operations():
    if op.name.startswith("module/"):
      assert not op.control_inputs, op.name
  assert before.op in y.op.control_inputs


def test_shared_names_are_those_of_the_instance(tmp_path, graph):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\n")

  def module_fn():
    tf1.get_variable("w", initializer=1.0)
    queue = tf1.FIFOQueue(2, tf.float32, shared_name="queue")
    hub_module_fns.table(vocabulary)()
    hub.add_signature(inputs=None, outputs=queue.size(), name="size")
    x = hub_module_fns.placeholder([])
    with tf.control_dependencies([queue.enqueue(x)]):
      hub.add_signature("put", inputs=x, outputs=queue.size())

  spec = hub.create_module_spec(module_fn)
  modules = [hub.Module(spec), hub.Module(spec)]
  shared = [
    op.get_attr("shared_name").decode()
    for op in graph.get_operations()
    if op.type in ("VarHandleOp", "FIFOQueueV2", "HashTableV2")
  ]
  assert len(shared) == len(set(shared)) == 6
  assert {name.partition("/")[0] for name in shared} == {"module", "module_1"}
  put = modules[0](1.0, signature="put")
  sizes = [module(signature="size") for module in modules]
  with tf1.Session() as session:
    session.run(put)
    assert session.run(sizes) == [1, 0]


def test_shared_names_in_an_application_are_those_of_its_instance(graph):
  def module_fn():
    x = hub_module_fns.placeholder([])
    put = tf.raw_ops.Stage(values=[x], shared_name="stage")
    size = tf.raw_ops.StageSize(dtypes=[tf.float32], shared_name="stage")
    with tf.control_dependencies([put]):
      hub.add_signature(inputs=x, outputs=tf.identity(size))

  with tf1.variable_scope("vs"):
    module = hub.Module(hub.create_module_spec(module_fn))
  module(1.0)
  assert {
    op.get_attr("shared_name")
    for op in graph.get_operations()
    if op.type in ("Stage", "StageSize")
  } == {b"vs/module/stage"}


def test_two_instances_do_not_share_variables(scale_spec, graph):
  first, second = hub.Module(scale_spec), hub.Module(scale_spec)
  assign = first.variable_map["w"].assign(10.0)
  ys = [first([1.0]), second([1.0])]
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(assign)
    assert [y.tolist() for y in session.run(ys)] == [[10.0], [3.0]]


def test_devices_of_the_module_stay_and_unset_fields_are_filled(graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    w = tf1.get_variable("w", initializer=3.0)
    with tf1.device("/device:CPU:1"):
      y = tf.multiply(x, w, name="y")
    hub.add_signature(inputs=x, outputs=y + w)

  with tf1.device("/job:worker/device:CPU:0"):
    module = hub.Module(hub.create_module_spec(module_fn))
    y = module([1.0])
  assert module.variable_map["w"].device == "/job:worker/device:CPU:0"
  assert y.device == "/job:worker/device:CPU:0"
  (product,) = [op for op in graph.get_operations() if op.name.endswith("/y")]
  assert product.device == "/job:worker/device:CPU:1"


def test_parameter_servers_hold_the_variables_and_restore_them(tmp_path, graph):
  def module_fn():
    x = hub_module_fns.placeholder()
    v = tf1.get_variable("v", initializer=2.0)
    w = tf1.get_variable("w", initializer=3.0)
    u = tf1.get_variable("u", initializer=4.0)
    hub.add_signature(inputs=x, outputs=x * v * w * u)

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  placement = tf1.train.replica_device_setter(
    ps_tasks=2, worker_device="/job:worker/task:7"
  )
  with tf1.device(placement):
    module = hub.Module(path)
    y = module([1.0])
  devices = {name: v.device for name, v in module.variable_map.items()}
  assert sorted(set(devices.values())) == ["/job:ps/task:0", "/job:ps/task:1"]
  restores = [op for op in graph.get_operations() if op.type == "RestoreV2"]
  # One for each task, on the CPU of the task that holds the variables.
  assert sorted(op.device for op in restores) == [
    "/job:ps/task:0/device:CPU:0",
    "/job:ps/task:1/device:CPU:0",
  ]
  for name, variable in module.variable_map.items():
    restored = variable.initializer.inputs[1].op
    while restored.type != "RestoreV2":
      restored = restored.inputs[0].op
    assert restored.device.startswith(devices[name])
  assert y.device == "/job:worker/task:7"


def test_attributes_that_are_newer_than_this_tensorflow(scale_spec, graph):
  """They are dropped where they have their default, as the module says it."""
  meta_graph = tf1.MetaGraphDef()
  meta_graph.CopyFrom(scale_spec.variant().meta_graph)
  for op_def in meta_graph.meta_info_def.stripped_op_list.op:
    attr = op_def.attr.add(name="newer", type="bool")
    attr.default_value.b = False
  for node in meta_graph.graph_def.node:
    node.attr["newer"].b = False
  y = hub.Module(hub.ModuleSpec([meta_graph]))([2.0])
  assert hub_module_fns.run(y).tolist() == [6.0]


# State map


def test_a_state_op_with_several_outputs_is_refused(graph):
  def module_fn():
    tf.raw_ops.AnonymousIteratorV2(
      output_types=[tf.float32], output_shapes=[[]]
    )
    hub_module_fns.double()

  with pytest.raises(
    ValueError, match=r"AnonymousIteratorV2\) holds state and has 2 outputs"
  ) as caught:
    hub.Module(hub.create_module_spec(module_fn))
  assert isinstance(caught.value, errors.UserError)


# A failed import leaves the graph as it was


def _without_checkpoint(path):
  hub_module_fns.export(hub_module_fns.scale, path)
  for file in (path / "variables").iterdir():
    file.unlink()
  return {}


def _with_a_damaged_checkpoint(path):
  hub_module_fns.export(hub_module_fns.scale, path)
  (path / "variables" / "variables.index").write_bytes(b"damaged")
  return {}


def _with_an_unknown_op(path):
  hub_module_fns.export(hub_module_fns.scale, path)
  file = path / "saved_model.pb"
  # Of the same length, so that the message stays well-formed.
  file.write_bytes(file.read_bytes().replace(b"VarHandleOp", b"VarHandleXx"))
  return {}


def _with_unknown_tags(path):
  hub_module_fns.export(hub_module_fns.scale, path)
  return {"tags": {"train"}}


@pytest.mark.parametrize(
  ("break_module", "error", "text"),
  [
    (_without_checkpoint, tf.errors.NotFoundError, "There is no checkpoint"),
    (_with_a_damaged_checkpoint, ValueError, "Cannot read checkpoint"),
    (
      _with_an_unknown_op,
      tf.errors.NotFoundError,
      r"ops that are not registered here: \['VarHandleXx'\]",
    ),
    (_with_unknown_tags, ValueError, "No such graph variant"),
  ],
)
def test_a_failed_import_leaves_the_graph_as_it_was(
  break_module, error, text, tmp_path, scale_spec, graph
):
  arguments = break_module(tmp_path / "broken")
  tf.constant(1.0, name="before")
  before = graph.as_graph_def()
  with pytest.raises(error, match=text) as caught:
    hub.Module(str(tmp_path / "broken"), **arguments)
  assert isinstance(caught.value, errors.UserError)
  assert graph.as_graph_def() == before
  assert _collections(graph) == {}
  assert _name_of_w(scale_spec) == "module/w"
