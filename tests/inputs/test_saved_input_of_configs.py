"""Each config's run is made of the description of its input, without data."""

import config_data
import gin
import pytest
import test_configs

from hub_estimator import inputs
from hub_estimator.training import gin_config, launch

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

CONFIGS = [path for path in test_configs.RUNNABLE if "configs" in path.parts]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
  return config_data.write_all(tmp_path_factory.mktemp("data"))


def _create_run(path, paths, *params, **arguments):
  launch.register_configurables()
  required = [
    f"{macro} = '{paths[of]}'"
    for macro, of in test_configs.REQUIRED[test_configs.name_of(path)].items()
  ]
  gin_config.parse_config([path], [*required, "BATCH_SIZE = 4", *params])
  return gin.get_configurable("train")(**arguments)


@pytest.mark.parametrize("path", CONFIGS, ids=test_configs.name_of)
def test_a_run_without_data(path, paths):
  run = _create_run(path, paths)
  saved = inputs.SavedInput(run.input_pipeline.description())
  again = _create_run(path, paths, input_pipeline=saved)
  assert (
    again.input_pipeline.feature_spec() == run.input_pipeline.feature_spec()
  )
  assert again.plan == run.plan
  assert again.input_pipeline.description() == run.input_pipeline.description()


def test_a_recipe_chooses_alike_without_data(paths):
  (path,) = [p for p in CONFIGS if "image" in p.name]
  run = _create_run(path, paths, "RECIPE = @auto()")
  saved = inputs.SavedInput(run.input_pipeline.description())
  again = _create_run(path, paths, "RECIPE = @auto()", input_pipeline=saved)
  assert again.input_pipeline.batch_size == run.input_pipeline.batch_size
  assert again.plan == run.plan


def test_balanced_class_weights_without_data(paths):
  (path,) = [p for p in CONFIGS if p.name == "text_classification.gin"]
  param = "create_multi_class_head_fn.class_weights = 'balanced'"
  run = _create_run(path, paths, param)
  saved = inputs.SavedInput(run.input_pipeline.description())
  assert _create_run(path, paths, param, input_pipeline=saved)
