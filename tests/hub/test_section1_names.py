"""Contract section 1: every public name, with its parameters in order.

A name may have further parameters, behind the contract's and with defaults.
"""

import inspect
import sys

import pytest

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

# Name -> its parameters as in a call; `=x` is a default.
_FUNCTIONS = {
  "create_module_spec": "module_fn tags_and_args=None drop_collections=None",
  "add_signature": "name=None inputs=None outputs=None",
  "attach_message": "key message",
  "load_module_spec": "path",
  "create_module_spec_from_saved_model": (
    "saved_model_path drop_collections=None"
  ),
  "eval_function_for_module": "spec tags=None",
  "register_module_for_export": "module export_name",
  "text_embedding_column": "key module_spec trainable=False",
  "image_embedding_column": "key module_spec image_size=None",
  "sparse_text_embedding_column": (
    "key module_spec combiner default_value trainable=False"
  ),
  "attach_image_module_info": "image_module_info",
  "get_expected_image_size": "module_or_spec signature=None input_name=None",
  "get_num_image_channels": "module_or_spec signature=None input_name=None",
  "resolve": "handle",
  "load": "handle tags=None options=None",
}
_METHODS = {
  "ModuleSpec.export": (
    "path _sentinel=None checkpoint_path=None name_transform_fn=None"
  ),
  "ModuleSpec.get_signature_names": "tags=None",
  "ModuleSpec.get_tags": "",
  "ModuleSpec.get_input_info_dict": "signature=None tags=None",
  "ModuleSpec.get_output_info_dict": "signature=None tags=None",
  "ModuleSpec.get_attached_message": (
    "key message_type tags=None required=False"
  ),
  "Module.__init__": "spec trainable=False name='module' tags=None",
  "Module.__call__": "inputs=None _sentinel=None signature=None as_dict=None",
  "Module.export": "path session",
  "Module.get_signature_names": "",
  "Module.get_input_info_dict": "signature=None",
  "Module.get_output_info_dict": "signature=None",
  "Module.get_attached_message": "key message_type required=False",
  "LatestModuleExporter.__init__": "name serving_input_fn exports_to_keep=5",
  "LatestModuleExporter.export": (
    "estimator export_path checkpoint_path=None eval_result=None"
    " is_the_final_export=None"
  ),
}
_PROPERTIES = (
  "Module.variable_map",
  "Module.variables",
  "LatestModuleExporter.name",
)


def _assert_takes(function, described):
  own = [
    parameter.replace(annotation=parameter.empty)
    for parameter in inspect.signature(function).parameters.values()
    if parameter.name != "self"
  ]
  wanted = described.split()
  assert [str(parameter) for parameter in own[: len(wanted)]] == wanted
  assert all(p.default is not p.empty for p in own[len(wanted) :]), own


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_functions(name):
  assert name in hub.__all__
  _assert_takes(getattr(hub, name), _FUNCTIONS[name])


@pytest.mark.parametrize("name", _METHODS)
def test_methods(name):
  class_name, method = name.split(".")
  assert class_name in hub.__all__
  _assert_takes(getattr(getattr(hub, class_name), method), _METHODS[name])


@pytest.mark.parametrize("name", _PROPERTIES)
def test_properties(name):
  class_name, attribute = name.split(".")
  assert isinstance(getattr(getattr(hub, class_name), attribute), property)


def test_image_module_info():
  info = hub.ImageModuleInfo()
  info.default_image_size.height = 3
  info.default_image_size.width = 4
  assert info.SerializeToString() == b"\x0a\x04\x08\x03\x10\x04"


def test_all_names_are_there():
  assert all(hasattr(hub, name) for name in hub.__all__)
  assert sorted(hub.__all__) == hub.__all__
  with pytest.raises(AttributeError, match="has no attribute 'KerasLayers'"):
    _ = hub.KerasLayers


class _FakeHub:
  """A tensorflow_hub that has what is given."""

  def __init__(self, **names):
    self.__spec__ = None
    self.__dict__.update(names)


@pytest.mark.parametrize("name", ["KerasLayer", "text_embedding_column_v2"])
def test_names_of_tf2_are_tensorflow_hubs(monkeypatch, name):
  found = object()
  fake = _FakeHub(**{name: found})
  monkeypatch.setitem(sys.modules, "tensorflow_hub", fake)
  assert getattr(hub, name) is found


def test_names_of_tf2_that_tensorflow_hub_lacks(monkeypatch):
  fake = _FakeHub(__version__="0.99", __file__="x.py")
  monkeypatch.setitem(sys.modules, "tensorflow_hub", fake)
  with pytest.raises(errors.UserImportError) as raised:
    _ = hub.text_embedding_column_v2
  assert str(raised.value) == (
    "hub.text_embedding_column_v2 is for TF2 SavedModels and comes from "
    "tensorflow_hub, and tensorflow-hub 0.99 does not have it. Only "
    "tensorflow-hub below 0.16, on TensorFlow 2.15, has it. Instead, "
    "hub.text_embedding_column takes TF1 Hub modules."
  )


def test_names_of_tf2_without_tensorflow_hub(monkeypatch):
  monkeypatch.delitem(sys.modules, "tensorflow_hub", raising=False)
  monkeypatch.setattr(sys, "path", [])
  monkeypatch.setattr(sys, "meta_path", [])
  with pytest.raises(
    ImportError, match="no version that fits is installed: run"
  ):
    _ = hub.KerasLayer


def test_names_of_tf2_where_tensorflow_hub_fails(monkeypatch, tmp_path):
  monkeypatch.delitem(sys.modules, "tensorflow_hub", raising=False)
  (tmp_path / "tensorflow_hub.py").write_text("import pkg_resources_is_gone\n")
  monkeypatch.syspath_prepend(str(tmp_path))
  with pytest.raises(ImportError) as raised:
    from hub_estimator.hub import KerasLayer  # noqa: F401
  assert (
    "whose import fails with ModuleNotFoundError: No module named "
    "'pkg_resources_is_gone'. Beside TensorFlow 2.16 and later run `pip "
    "install 'tensorflow-hub>=0.16'`."
  ) in str(raised.value)


def test_resolve(tmp_path, scale_module):
  assert hub.resolve(scale_module) == scale_module
  assert hub.resolve(str(tmp_path)) == str(tmp_path)
  with pytest.raises(OSError, match="missing does not exist"):
    hub.resolve(str(tmp_path / "missing"))
  with pytest.raises(ValueError, match="handle is a string: got 3 of int"):
    hub.resolve(3)


def test_load_a_module(scale_module):
  loaded = hub.load(scale_module)
  found = loaded.signatures["default"](tf.constant([2.0]))
  assert found["default"].numpy().tolist() == [10.0]
  with pytest.raises(
    RuntimeError, match=r"No such graph variant: tags=\['train'\].* has: \[\]\."
  ):
    hub.load(scale_module, tags={"train"})
  with pytest.raises(errors.UserRuntimeError, match=r"tags=\['train'\]\."):
    hub.load(scale_module, tags="train")


def test_load_a_saved_model(tmp_path):
  class Double(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, x):
      return 2.0 * x

  tf.saved_model.save(Double(), str(tmp_path))
  options = tf.saved_model.LoadOptions()
  loaded = hub.load(str(tmp_path), tags=["serve"], options=options)
  assert loaded(tf.constant([2.0])).numpy().tolist() == [4.0]
  with pytest.raises(
    ValueError, match=r"tags=\['train'\]\. .* has: \['serve'\]\."
  ):
    hub.load(str(tmp_path), tags=["train"])


def test_load_what_is_no_saved_model(tmp_path):
  with pytest.raises(ValueError, match="no SavedModel and no module.*is empty"):
    hub.load(str(tmp_path))
  with pytest.raises(OSError, match="does not exist"):
    hub.load(str(tmp_path / "missing"))
