"""Section 3 of the format: ModuleSpec."""

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


@pytest.fixture
def signatures_spec():
  return hub.create_module_spec(hub_module_fns.multiple_signatures)


@pytest.fixture
def tags_spec():
  return hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )


@pytest.fixture
def checkpoint(tmp_path):
  """A checkpoint with outer/w = 7, a wrong shape, a wrong dtype, w_2x4."""
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("outer/w", initializer=7.0)
    tf1.get_variable("long", initializer=[1.0, 2.0])
    tf1.get_variable("double", initializer=tf.constant(1.0, tf.float64))
    tf1.get_variable(
      "w_2x4", initializer=np.arange(8, 16, dtype=np.float32).reshape(2, 4)
    )
    session.run(tf1.global_variables_initializer())
    return tf1.train.Saver().save(session, str(tmp_path / "run" / "model"), 3)


def test_tags_are_frozensets(tags_spec):
  assert tags_spec.get_tags() == [frozenset(), frozenset({"train"})]
  assert all(isinstance(tags, frozenset) for tags in tags_spec.get_tags())


@pytest.mark.parametrize(
  "ask",
  [
    lambda spec: spec.get_signature_names(tags={"x", "y"}),
    lambda spec: spec.get_input_info_dict(tags={"x", "y"}),
    lambda spec: spec.get_output_info_dict(tags=["y", "x"]),
    # Even where the message would not be required.
    lambda spec: spec.get_attached_message("k", tf1.NodeDef, tags={"x", "y"}),
  ],
)
def test_unknown_tags_are_a_key_error_that_lists_the_tags(tags_spec, ask):
  with pytest.raises(KeyError) as caught:
    ask(tags_spec)
  assert str(caught.value) == (
    "SavedModelHandler has no graph with tags: ['x', 'y']. The tag sets of "
    "module_fn batch_norm are: {}, {train}."
  )
  assert isinstance(caught.value, errors.UserError)


@pytest.mark.parametrize("method", ["input", "output"])
def test_an_unknown_signature_is_a_value_error_that_lists_them(
  scale_spec, method, graph
):
  for owner in (scale_spec, hub.Module(scale_spec)):
    with pytest.raises(ValueError) as caught:
      getattr(owner, f"get_{method}_info_dict")("x")
    assert str(caught.value) == (
      "Signature 'x' is missing from meta graph. The signatures of this module "
      "are: ['default']."
    )
    assert isinstance(caught.value, errors.UserError)


def test_signature_names(signatures_spec, graph):
  expected = {
    "default",
    "sum",
    "difference",
    "w",
    "sparse",
    "ragged",
    "integers",
  }
  assert set(signatures_spec.get_signature_names()) == expected
  assert set(hub.Module(signatures_spec).get_signature_names()) == expected


def test_what_is_said_of_a_tensor(signatures_spec, graph):
  for owner in (signatures_spec, hub.Module(signatures_spec)):
    infos = owner.get_input_info_dict("sum")
    assert set(infos) == {"x", "y"}
    info = infos["x"]
    assert info.dtype == tf.float32
    assert info.get_shape().as_list() == [None]
    assert not info.is_sparse
    assert not info.is_composite
    assert info.is_supported_type
    assert info.type_spec == tf.TensorSpec([None], tf.float32)
    assert owner.get_output_info_dict("w")["default"].get_shape().rank == 0


def test_what_is_said_of_a_sparse_tensor(signatures_spec):
  info = signatures_spec.get_input_info_dict("sparse")["default"]
  assert info.dtype == tf.float32
  assert info.get_shape().as_list() == [None, 3]
  assert info.is_sparse
  assert info.is_composite
  assert info.is_supported_type
  assert info.type_spec == tf.SparseTensorSpec([None, 3], tf.float32)


def test_what_is_said_of_a_ragged_tensor(signatures_spec):
  info = signatures_spec.get_input_info_dict("ragged")["default"]
  assert info.dtype == tf.float32
  assert info.get_shape().as_list() == [None, None]
  assert not info.is_sparse
  assert info.is_composite
  assert info.is_supported_type
  assert info.type_spec == tf.RaggedTensorSpec([None, None], tf.float32, 1)


def test_an_attached_message_is_fresh_each_time(graph):
  def module_fn():
    hub_module_fns.double()
    hub.attach_message("node", tf1.NodeDef(name="n"))

  spec = hub.create_module_spec(module_fn)
  for owner in (spec, hub.Module(spec)):
    first = owner.get_attached_message("node", tf1.NodeDef)
    first.name = "changed"
    second = owner.get_attached_message("node", tf1.NodeDef, required=True)
    assert second.name == "n"
    assert owner.get_attached_message("other", tf1.NodeDef) is None
    with pytest.raises(
      KeyError, match=r"no attached message 'other'.*\['node'\]"
    ) as caught:
      owner.get_attached_message("other", tf1.NodeDef, required=True)
    assert isinstance(caught.value, errors.UserError)


# export


def _value_of_w(path):
  reader = tf.train.load_checkpoint(f"{path}/variables/variables")
  return reader.get_tensor("w")


@pytest.mark.parametrize("checkpoint_path", [None, ""])
def test_export_needs_a_checkpoint(scale_spec, tmp_path, checkpoint_path):
  path = tmp_path / "module"
  with pytest.raises(
    ValueError, match="Missing mandatory `checkpoint_path` parameter"
  ) as caught:
    scale_spec.export(str(path), checkpoint_path=checkpoint_path)
  assert isinstance(caught.value, errors.UserError)
  with pytest.raises(ValueError, match="Missing mandatory `checkpoint_path`"):
    scale_spec.export(str(path), "given by position")
  assert not path.exists()


def test_export_takes_the_values_of_a_checkpoint(
  scale_spec, checkpoint, tmp_path, graph
):
  path = str(tmp_path / "module")
  scale_spec.export(
    path,
    checkpoint_path=checkpoint,
    name_transform_fn=lambda name: "outer/" + name,
  )
  assert graph.get_operations() == []  # Nothing is added to the caller's graph.
  assert _value_of_w(path) == 7.0
  assert hub_module_fns.run(hub.Module(path)([2.0])).tolist() == [14.0]


def test_export_takes_the_newest_checkpoint_of_a_folder(
  scale_spec, checkpoint, tmp_path
):
  scale_spec.export(
    str(tmp_path / "module"),
    checkpoint_path=str(tmp_path / "run"),
    name_transform_fn=lambda name: "outer/w",
  )
  assert _value_of_w(tmp_path / "module") == 7.0


@pytest.mark.parametrize("axis", [0, 1])
def test_a_partitioned_variable_is_one_entry(checkpoint, tmp_path, axis, graph):
  names = []

  def transform(name):
    names.append(name)
    return "w_2x4"

  path = str(tmp_path / "module")
  hub.create_module_spec(hub_module_fns.partitioned(axis)).export(
    path, checkpoint_path=checkpoint, name_transform_fn=transform
  )
  assert set(names) == {"w"}
  # [1 0] @ [[8 9 10 11] [12 13 14 15]] is the first row.
  y = hub.Module(path)([[1.0, 0.0]])
  assert hub_module_fns.run(y).tolist() == [[8.0, 9.0, 10.0, 11.0]]


@pytest.mark.parametrize(
  ("source", "text"),
  [
    ("w", "Tensor w is not found in .* checkpoint"),
    (
      "nowhere",
      r"Tensor nowhere \(for module variable w\) is not found in .*The "
      "checkpoint holds: double, long, outer/w, w_2x4",
    ),
    (
      "long",
      r"Shape of variable w \(\(\)\) doesn't match with shape of tensor long "
      r"\(\[2\]\)",
    ),
    (
      "double",
      r"Dtype of variable w \(float32\) doesn't match with dtype of tensor "
      r"double \(float64\)",
    ),
  ],
)
def test_export_refuses_a_checkpoint_that_does_not_fit(
  scale_spec, checkpoint, tmp_path, source, text
):
  path = tmp_path / "module"
  with pytest.raises(ValueError, match=text) as caught:
    scale_spec.export(
      str(path),
      checkpoint_path=checkpoint,
      name_transform_fn=lambda name: source,
    )
  assert isinstance(caught.value, errors.UserError)
  assert not path.exists()


def test_export_from_no_checkpoint(scale_spec, tmp_path):
  path = str(tmp_path / "module")
  with pytest.raises(tf.errors.NotFoundError, match="no checkpoint") as caught:
    scale_spec.export(path, checkpoint_path=str(tmp_path / "nowhere"))
  assert isinstance(caught.value, (errors.UserError, ValueError))
  (tmp_path / "empty").mkdir()
  with pytest.raises(ValueError, match="empty holds no checkpoint"):
    scale_spec.export(path, checkpoint_path=str(tmp_path / "empty"))
  (tmp_path / "damaged.index").write_bytes(b"not a table")
  with pytest.raises(ValueError, match="Cannot read checkpoint .*damaged"):
    scale_spec.export(path, checkpoint_path=str(tmp_path / "damaged"))


def test_export_writes_the_variables_of_the_variant_without_tags(
  checkpoint, tmp_path
):
  spec = hub.create_module_spec(hub_module_fns.scale, [({"train"}, {})])
  with pytest.raises(
    ValueError, match=r"No such graph variant: tags=\[\].*are: \{train\}"
  ) as caught:
    spec.export(str(tmp_path / "module"), checkpoint_path=checkpoint)
  assert isinstance(caught.value, errors.UserError)
