"""Modules that others have published; skipped where they are not at hand."""

import json
import pathlib

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
run = hub_module_fns.run

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_MODULES = _REPOSITORY.parent / "shared" / "data" / "modules"


def _path(*parts):
  path = _MODULES.joinpath(*parts)
  if not path.exists():
    pytest.skip(f"{'/'.join(parts)} is not among the data beside the project")
  return path


def test_half_plus_two(graph):
  module = hub.Module(str(_path("half_plus_two_v1", "module")))
  signatures = module.get_signature_names()
  assert "default" in signatures
  (output,) = module([2.0, 6.0], as_dict=True).values()
  assert run(output).tolist() == [3.0, 5.0]
  assert len(module.variables) == 2


def test_half_plus_two_is_trained_and_exported_again(tmp_path, graph):
  module = hub.Module(str(_path("half_plus_two_v1", "module")), trainable=True)
  (output,) = module([2.0], as_dict=True).values()
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    assert session.run(output).tolist() == [3.0]
    for name, value in zip(sorted(module.variable_map), (0.25, 1.0)):
      module.variable_map[name].load(value, session)
    module.export(str(tmp_path / "module"), session)
  (output,) = hub.Module(str(tmp_path / "module"))([8.0], as_dict=True).values()
  assert run(output).tolist() == [3.0]


def test_a_module_without_variables_and_assets_folder(graph):
  module = hub.Module(str(_path("module_v1_mini")))
  (output,) = module([1.0, 2.5], as_dict=True).values()
  assert run(output).tolist() == [2.0, 3.5]
  assert module.variable_map == {}


def test_a_tf2_saved_model_is_refused():
  path = _path("saved_model_v2_mini")
  with pytest.raises(
    tf.errors.NotFoundError,
    match="is not a TF1 Hub module.*It is a TF2 SavedModel; use "
    r"tf.saved_model.load\(\)",
  ) as caught:
    hub.load_module_spec(str(path))
  assert isinstance(caught.value, errors.UserError)


@pytest.fixture
def dm21(graph):
  return hub.Module(str(_path("dm21")), trainable=True, name="m")


def test_dm21_outputs_and_gradients(dm21):
  golden = np.load(_path("dm21", "golden.npz"))
  inputs = {
    key[len("in_") :]: golden[key] for key in golden if key.startswith("in_")
  }
  norms = json.loads(_path("dm21", "golden_grads.json").read_text())["gradnorm"]
  outputs = dm21(inputs, as_dict=True)
  gradients = tf1.gradients(
    tf.reduce_sum(outputs["grid_contribution"]), dm21.variables
  )
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    values, gradient_values = session.run([outputs, gradients])
  assert len(values) == 2
  for key, value in values.items():
    np.testing.assert_allclose(value, golden[f"out_{key}"], rtol=1e-5)
  found = {
    variable.op.name: np.linalg.norm(gradient)
    for variable, gradient in zip(dm21.variables, gradient_values)
  }
  assert len(found) == 28
  assert found == pytest.approx(norms, rel=1e-5)


def test_dm21_collections_and_attachment(dm21, graph):
  assert len(graph.get_collection("variables")) == 28
  assert len(graph.get_collection("trainable_variables")) == 28
  losses = graph.get_collection("regularization_losses")
  assert len(losses) == 12
  assert all(loss >= 0.0 for loss in run(losses))
  assert len(dm21.spec.variant(dm21.tags).attachments) == 1


def test_dm21_exports_again_with_equal_values(dm21, tmp_path):
  path = str(tmp_path / "dm21")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    dm21.export(path, session)
  original = tf.train.load_checkpoint(
    str(_path("dm21") / "variables" / "variables")
  )
  written = tf.train.load_checkpoint(f"{path}/variables/variables")
  shapes = written.get_variable_to_shape_map()
  assert shapes == original.get_variable_to_shape_map()
  for name in shapes:
    np.testing.assert_array_equal(
      written.get_tensor(name), original.get_tensor(name)
    )
