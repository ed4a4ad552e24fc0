"""Every config of the project: it is whole, and it trains."""

import pathlib

import gin
import numpy as np
import pytest
import tiny_models
import tiny_runs

from hub_estimator import hub
from hub_estimator.publishing.convolutional_network import (
  convolutional_network,
)
from hub_estimator.publishing.embedding_export import export_text_embedding
from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config, launch

tf1 = tf.compat.v1

# pytest sets filters of its own and shows what the package silences.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted(
  path
  for folder in ("configs", "experiments")
  for path in (ROOT / folder).rglob("*.gin")
)
# Parts that other configs include: they do not say what to train on what.
FRAGMENTS = {"configs/fine_tuning.gin", "experiments/digits/data.gin"}
RUNNABLE = [
  path for path in FILES if str(path.relative_to(ROOT)) not in FRAGMENTS
]
MACROS = (
  "MODULE_HANDLE",
  "TRAIN_STEPS",
  "BATCH_SIZE",
  "LEARNING_RATE",
  "TRAINABLE",
  "SEED",
)


def name_of(path):
  return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def digits_module(tmp_path_factory):
  """A module for the images of the digits."""
  path = str(tmp_path_factory.mktemp("digits") / "module")
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(convolutional_network(num_filters=(2,)))
    session.run(tf1.global_variables_initializer())
    module.export(path, session)
  return path


@pytest.fixture
def text_bindings(tmp_path):
  """A text module, its vocabulary, and texts of two classes."""
  (tmp_path / "vectors.txt").write_text("good 1 2\nbad -1 -2\n")
  module = str(tmp_path / "text_module")
  export_text_embedding(str(tmp_path / "vectors.txt"), module)
  source = str(tmp_path / "texts.npz")
  arrays = {"features": ["good", "so bad"] * 4, "labels": [1, 0] * 4}
  np.savez(
    source,
    **{
      f"{split}_{k}": v
      for split in ("train", "eval")
      for k, v in arrays.items()
    },
  )
  return {
    "MODULE_HANDLE": module,
    "VOCABULARY_FILE": f"{module}/assets/vocabulary.txt",
    "SOURCE": source,
  }


def bindings(values, *names):
  return [f"{name} = '{values[name]}'" for name in names]


@pytest.fixture
def handles_and_data(digits_module, text_bindings, tmp_path):
  """Config -> the values of its required macros, and smaller modules."""
  tiny_models.export_module(tmp_path / "module")
  source = tiny_runs.write_data(tmp_path / "data.npz")
  digits = [f"MODULE_HANDLE = '{digits_module}'"]
  small = ["convolutional_network.num_filters = (2,)"]
  return {
    "configs/array_classification.gin": [
      f"MODULE_HANDLE = '{tmp_path}/module'",
      f"SOURCE = '{source}'",
    ],
    "experiments/digits/fine_tune.gin": digits,
    "experiments/digits/from_scratch.gin": small,
    "experiments/digits/pretrain.gin": small,
    "experiments/glove_module/fine_tune.gin": bindings(
      text_bindings, "MODULE_HANDLE", "SOURCE"
    ),
    "experiments/glove_module/from_scratch.gin": bindings(
      text_bindings, "VOCABULARY_FILE", "SOURCE"
    ),
  }


def test_every_config_is_known(handles_and_data):
  # A new config is to be added above, so that it is trained here.
  assert {name_of(path) for path in RUNNABLE} == set(handles_and_data)
  assert {name_of(path) for path in FILES} >= FRAGMENTS


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_runnable_config_has_the_macros(path):
  launch.register_configurables()
  gin_config.parse_config([path])
  for name in MACROS:
    # Raises if there is no such macro.
    gin.query_parameter(f"{name}/macro.value")


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_runnable_config_trains(path, handles_and_data, tmp_path):
  launch.register_configurables()
  results = launch.launch(
    [path],
    [*handles_and_data[name_of(path)], "TRAIN_STEPS = 2", "BATCH_SIZE = 4"],
    str(tmp_path / "run"),
  )
  assert results["global_step"] == 2
  assert 0 <= results["metrics"]["accuracy"] <= 1
  assert results["module_trainable_parameters"] > 0
  assert hub.load_module_spec(results["exports"]["tf_hub"])


def test_fine_tuning_alone_says_what_it_needs():
  launch.register_configurables()
  gin_config.parse_config([ROOT / "configs" / "fine_tuning.gin"])
  with pytest.raises(gin_config.GinConfigError) as caught:
    gin_config.check_config()
  message = str(caught.value)
  assert "MODULE_HANDLE is required" in message
  assert "INPUT_PIPELINE is required" in message
