"""Every config of the project: it is whole, and it trains."""

import pathlib
import shutil

import config_data
import gin
import pytest

from hub_estimator import errors, hub
from hub_estimator.training import gin_config, launch

# pytest sets filters of its own and shows what the package silences.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted(
  path
  for folder in ("configs", "experiments")
  for path in (ROOT / folder).rglob("*.gin")
)
# Parts that other configs include: they do not say what to train on what.
FRAGMENTS = {
  "configs/fine_tuning.gin",
  "experiments/digits/data.gin",
  "experiments/digits/sweep.gin",
  "experiments/module_comparison/protocol.gin",
  "experiments/module_comparison/sweep.gin",
  "experiments/sign_digits/data.gin",
  "experiments/sign_digits/network.gin",
}
RUNNABLE = [
  path for path in FILES if str(path.relative_to(ROOT)) not in FRAGMENTS
]
MACROS = (
  "MODULE_HANDLE",
  "TRAIN_STEPS",
  "BATCH_SIZE",
  "LEARNING_RATE",
  "TRAINABLE",
  "RECIPE",
  "SEED",
)
# Config -> the macros that it requires, and what of `config_data` they get.
TABLE_OF_TEXTS = {
  "MODULE_HANDLE": "text_module",
  "TRAIN_FILE": "classes",
  "EVAL_FILE": "classes",
}
JSON_LINES = {"TRAIN_FILE": "json_lines"}
SIGNS = {"TRAIN_DIR": "signs"}
REQUIRED = {
  "configs/array_classification.gin": {
    "MODULE_HANDLE": "tiny_module",
    "SOURCE": "arrays",
  },
  "configs/image_classification.gin": {
    "MODULE_HANDLE": "color_module",
    "TRAIN_DIR": "signs",
    "EVAL_DIR": "signs",
  },
  "configs/multi_label_text.gin": {
    **TABLE_OF_TEXTS,
    "TRAIN_FILE": "label_lists",
    "EVAL_FILE": "label_lists",
  },
  "configs/text_classification.gin": TABLE_OF_TEXTS,
  "configs/text_pairs.gin": TABLE_OF_TEXTS,
  "configs/text_regression.gin": {
    **TABLE_OF_TEXTS,
    "TRAIN_FILE": "numbers",
    "EVAL_FILE": "numbers",
  },
  "configs/tfrecord_classification.gin": {
    "MODULE_HANDLE": "text_module",
    "TRAIN_FILES": "records",
    "EVAL_FILES": "records",
  },
  "experiments/digits/fine_tune.gin": {"MODULE_HANDLE": "digits_module"},
  "experiments/digits/from_scratch.gin": {},
  "experiments/digits/pretrain.gin": {},
  "experiments/glove_module/fine_tune.gin": {
    "MODULE_HANDLE": "text_module",
    "SOURCE": "texts",
  },
  "experiments/glove_module/from_scratch.gin": {
    "VOCABULARY_FILE": "vocabulary",
    "SOURCE": "texts",
  },
  "experiments/module_comparison/digits.gin": {"SOURCE": "cut_grey_images"},
  "experiments/module_comparison/signs.gin": {
    **SIGNS,
    "EVAL_DIR": "signs",
  },
  "experiments/module_comparison/texts.gin": {
    "VOCABULARY_FILE": "vocabulary",
    "TRAIN_FILE": "classes",
    "EVAL_FILE": "classes",
  },
  "experiments/movie_reviews/fine_tune.gin": TABLE_OF_TEXTS,
  "experiments/movie_reviews/from_scratch.gin": {
    "VOCABULARY_FILE": "vocabulary",
    "TRAIN_FILE": "classes",
    "EVAL_FILE": "classes",
  },
  "experiments/sign_digits/fine_tune.gin": {
    "MODULE_HANDLE": "grey_module",
    **SIGNS,
  },
  "experiments/sign_digits/from_scratch.gin": SIGNS,
  "experiments/sign_digits/pretrain.gin": SIGNS,
  "experiments/sign_digits/pretrain_on_digits.gin": {"SOURCE": "grey_images"},
  "experiments/trec/fine_tune.gin": {
    "MODULE_HANDLE": "text_module",
    **JSON_LINES,
  },
  "experiments/trec/from_scratch.gin": {
    "VOCABULARY_FILE": "vocabulary",
    **JSON_LINES,
  },
}
# Bindings that make the network of a config small, which has a new one.
SMALL = {
  "experiments/digits/from_scratch.gin": (2,),
  "experiments/digits/pretrain.gin": (2,),
  "experiments/module_comparison/digits.gin": (1, 1, 2),
  "experiments/module_comparison/signs.gin": (1, 1, 2),
  "experiments/sign_digits/from_scratch.gin": (1, 1, 2),
  "experiments/sign_digits/pretrain.gin": (1, 1, 2),
  "experiments/sign_digits/pretrain_on_digits.gin": (1, 1, 2),
}
# What the head of a config gives, where it is not "accuracy".
METRICS = {
  "configs/multi_label_text.gin": "auc",
  "configs/text_regression.gin": "average_loss",
}


def name_of(path):
  return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
  return config_data.write_all(tmp_path_factory.mktemp("data"))


def test_every_config_is_known():
  # A new config is to be added above, so that it is trained here.
  assert {name_of(path) for path in RUNNABLE} == set(REQUIRED)
  assert {name_of(path) for path in FILES} >= FRAGMENTS


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_runnable_config_has_the_macros(path):
  launch.register_configurables()
  gin_config.parse_config([path])
  for name in MACROS:
    # Raises if there is no such macro.
    gin.query_parameter(f"{name}/macro.value")


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_a_runnable_config_trains(path, paths, tmp_path):
  launch.register_configurables()
  name = name_of(path)
  params = [f"{macro} = '{paths[of]}'" for macro, of in REQUIRED[name].items()]
  if name in SMALL:
    params.append(f"convolutional_network.num_filters = {SMALL[name]}")
  results = launch.launch(
    [path],
    [*params, "TRAIN_STEPS = 2", "BATCH_SIZE = 4"],
    str(tmp_path / "run"),
  )
  assert results["global_step"] == 2
  assert results["metrics"][METRICS.get(name, "accuracy")] >= 0
  assert results["module_trainable_parameters"] > 0
  assert hub.load_module_spec(results["exports"]["tf_hub"])


AUGMENTED = (
  "ImageFolderInput.flip_horizontally = True",
  "ImageFolderInput.crop_fraction = 0.5",
  "ImageFolderInput.mixup_alpha = 0.2",
)


def train_on_signs(paths, model_dir, *params):
  launch.register_configurables()
  name = "configs/image_classification.gin"
  required = [
    f"{macro} = '{paths[of]}'" for macro, of in REQUIRED[name].items()
  ]
  return launch.launch(
    [ROOT / name],
    [*required, "TRAIN_STEPS = 3", "BATCH_SIZE = 4", *AUGMENTED, *params],
    str(model_dir),
  )


def test_images_that_are_varied_train(paths, tmp_path):
  results = train_on_signs(paths, tmp_path / "run")
  assert results["global_step"] == 3
  assert results["groups"]["module"]["moved"] > 0


def test_images_that_are_varied_are_not_cached(paths, tmp_path):
  with pytest.raises(errors.UserValueError) as caught:
    train_on_signs(paths, tmp_path / "run", "RECIPE = @head2toe()")
  for binding in AUGMENTED:
    assert binding in str(caught.value)
  assert not (tmp_path / "run").exists()


def test_an_image_that_fails_when_it_is_read_is_named(paths, tmp_path):
  signs = tmp_path / "signs"
  shutil.copytree(paths["signs"], signs)
  damaged = sorted(path for path in signs.rglob("*") if path.is_file())[0]
  content = bytearray(damaged.read_bytes())
  # The header is whole, which is looked at before the first step.
  for place in range(len(content) // 2, len(content) // 2 + 8):
    content[place] ^= 255
  damaged.write_bytes(content)
  with pytest.raises(errors.UserError, match=damaged.name):
    train_on_signs(
      {**paths, "signs": str(signs)}, tmp_path / "run", "TRAIN_STEPS = 30"
    )


def test_fine_tuning_alone_says_what_it_needs():
  launch.register_configurables()
  gin_config.parse_config([ROOT / "configs" / "fine_tuning.gin"])
  with pytest.raises(gin_config.GinConfigError) as caught:
    gin_config.check_config()
  message = str(caught.value)
  assert "MODULE_HANDLE is required" in message
  assert "INPUT_PIPELINE is required" in message
