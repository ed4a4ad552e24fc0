"""From Gin files to a run: what a run's config keeps."""

import shutil

import pytest
import tiny_runs

from hub_estimator import errors


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
  """The export folder of a run."""
  folder = tmp_path_factory.mktemp("pretrained")
  tiny_runs.launch(tiny_runs.write_config(folder), folder / "run")
  return folder / "run" / "export" / "tf_hub"


def test_config_gin_names_the_export_that_was_newest(exports, tmp_path):
  config = tiny_runs.write_config(tmp_path)
  handle = f"MODULE_HANDLE = '{exports}'"
  first = tiny_runs.launch(config, tmp_path / "a", handle)
  (module,) = exports.glob("*/module")
  assert first["module_handle"] == str(module)
  assert f'"{module}"' in (tmp_path / "a" / "config.gin").read_text().replace(
    "'", '"'
  )
  # A newer export does not change what config.gin stands for.
  newer = exports / "1999999999"
  shutil.copytree(module.parent, newer)
  again = tiny_runs.launch(tmp_path / "a" / "config.gin", tmp_path / "b")
  assert again["module_handle"] == str(module)
  # The same command means another module now, and says so.
  with pytest.raises(errors.UserValueError, match="1999999999"):
    tiny_runs.launch(config, tmp_path / "a", handle)
  shutil.rmtree(newer)


def test_a_named_module_of_an_export(exports, tmp_path):
  config = tiny_runs.write_config(tmp_path)
  (module,) = exports.glob("*/module")
  shutil.copytree(module, module.parent / "other")
  handle = f"MODULE_HANDLE = '{exports}'"
  with pytest.raises(errors.UserValueError, match="none is named"):
    tiny_runs.launch(config, tmp_path / "a", handle)
  results = tiny_runs.launch(
    config, tmp_path / "a", handle, "ModuleEncoder.export_name = 'other'"
  )
  assert results["module_handle"] == str(module.parent / "other")
  shutil.rmtree(module.parent / "other")
