"""Section 4 of the format: the variables of a Module, and exporting it."""

import hub_module_fns
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


# variable_map


def test_the_variable_map_has_the_same_keys_everywhere(graph):
  spec = hub.create_module_spec(hub_module_fns.regularized)
  with tf1.variable_scope("a/b"):
    module = hub.Module(spec, name="c")
  assert list(module.variable_map) == ["a", "b"]
  assert module.variable_map["a"].name == "a/b/c/a:0"
  assert module.variables == [
    module.variable_map["a"],
    module.variable_map["b"],
  ]


@pytest.mark.parametrize("axis", [0, 1])
def test_parts_are_listed_by_offset(axis, graph):
  module = hub.Module(hub.create_module_spec(hub_module_fns.partitioned(axis)))
  parts = module.variable_map["w"]
  assert [v.name for v in parts] == ["module/w/part_0:0", "module/w/part_1:0"]
  assert module.variables == parts
  shape = [2, 4]
  shape[axis] //= 2
  assert [v.shape.as_list() for v in parts] == [shape, shape]


def test_a_module_without_variables_has_an_empty_map(graph):
  module = hub.Module(hub.create_module_spec(hub_module_fns.double))
  assert module.variable_map == {}
  assert module.variables == []
  assert hub_module_fns.run(module([1.0])).tolist() == [2.0]


# Export


def test_export_writes_the_values_of_the_session(scale_spec, tmp_path, graph):
  with tf1.variable_scope("vs"):
    module = hub.Module(scale_spec)
  path = str(tmp_path / "module")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.variable_map["w"].load(11.0, session)
    graph.finalize()  # Nothing is added to the graph.
    module.export(path, session)
  variables = tf.train.list_variables(f"{path}/variables/variables")
  assert variables == [("w", [])]
  with tf.Graph().as_default():
    assert hub_module_fns.run(hub.Module(path)([1.0])).tolist() == [11.0]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_partitioned_variable_is_exported_as_one(axis, tmp_path, graph):
  spec = hub.create_module_spec(hub_module_fns.partitioned(axis))
  path = str(tmp_path / "module")
  module = hub.Module(spec)
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.export(path, session)
  reader = tf.train.load_checkpoint(f"{path}/variables/variables")
  assert reader.get_variable_to_shape_map() == {"w": [2, 4]}
  assert reader.get_tensor("w").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
  y = hub.Module(path)([[1.0, 1.0]])
  assert hub_module_fns.run(y).tolist() == [[4.0, 6.0, 8.0, 10.0]]


def test_all_variants_are_exported(tmp_path, graph):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )
  module = hub.Module(spec)
  path = str(tmp_path / "module")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.export(path, session)
  loaded = hub.load_module_spec(path)
  assert set(loaded.get_tags()) == {frozenset(), frozenset({"train"})}
  y = hub.Module(loaded, tags={"train"})([2.0, 4.0])
  assert hub_module_fns.run(y).tolist() == [0.0, 2.0]


def test_the_exported_variant_must_own_what_others_need(tmp_path, graph):
  def module_fn(with_bias):
    hub_module_fns.scale()
    if with_bias:
      tf1.get_variable("bias", initializer=1.0)

  spec = hub.create_module_spec(
    module_fn, [(set(), {"with_bias": False}), ({"b"}, {"with_bias": True})]
  )
  module = hub.Module(spec)
  path = str(tmp_path / "module")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.export(path, session)
  hub.Module(path)
  with pytest.raises(
    ValueError,
    match=r"Tensor bias is not found in .* checkpoint, and the graph with tags "
    r"\['b'\] needs it. The checkpoint holds: w\.",
  ) as caught:
    hub.Module(path, tags={"b"})
  assert isinstance(caught.value, errors.UserError)


def test_export_from_the_wrong_graph_or_session(scale_spec, tmp_path, graph):
  module = hub.Module(scale_spec)
  path = tmp_path / "module"
  with tf1.Session() as session, tf.Graph().as_default():
    with pytest.raises(
      RuntimeError, match="own graph as the default"
    ) as caught:
      module.export(str(path), session)
    assert isinstance(caught.value, errors.UserError)
  with tf.Graph().as_default():
    other = tf1.Session()
  with pytest.raises(RuntimeError, match="session of the graph") as caught:
    module.export(str(path), other)
  assert isinstance(caught.value, errors.UserError)
  assert not path.exists()


def test_export_does_not_initialize(scale_spec, tmp_path, graph):
  module = hub.Module(scale_spec)
  with tf1.Session() as session:
    with pytest.raises(tf.errors.FailedPreconditionError):
      module.export(str(tmp_path / "module"), session)
  assert list(tmp_path.iterdir()) == []


def test_export_over_a_module_is_refused(scale_spec, scale_module, graph):
  module = hub.Module(scale_spec)
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    with pytest.raises(tf.errors.AlreadyExistsError) as caught:
      module.export(scale_module, session)
  assert isinstance(caught.value, errors.UserError)
  assert str(caught.value) == (
    f"{scale_module} already exists and holds assets, saved_model.pb, "
    "tfhub_module.pb, variables: nothing is written over it. Give another "
    "path, or remove it first."
  )


def test_export_from_a_checkpoint_of_the_graph(scale_spec, tmp_path, graph):
  with tf1.variable_scope("vs"):
    module = hub.Module(scale_spec)
  tf1.get_variable("other", initializer=[1.0])
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.variable_map["w"].load(13.0, session)
    checkpoint = tf1.train.Saver().save(session, str(tmp_path / "model"))
  graph.finalize()
  path = str(tmp_path / "module")
  module.export_from_checkpoint(path, checkpoint)
  assert tf.train.list_variables(f"{path}/variables/variables") == [("w", [])]
  with tf.Graph().as_default():
    assert hub_module_fns.run(hub.Module(path)([1.0])).tolist() == [13.0]


def test_a_partitioned_variable_of_one_part(tmp_path, graph):
  def module_fn():
    parts = tf1.get_variable(
      "w",
      initializer=tf.constant([1.0, 2.0]),
      partitioner=tf1.fixed_size_partitioner(1),
    )
    hub.add_signature(outputs=tf.identity(parts))

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  module = hub.Module(path)
  assert hub_module_fns.run(module()).tolist() == [1.0, 2.0]
  (part,) = module.variable_map["w"]
  assert part.shape == [2]
