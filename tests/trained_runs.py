"""A finished run of each kind of task, on the data of `config_data`."""

import pathlib

import config_data

from hub_estimator.training import launch

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "configs"

_TABLE = {"TRAIN_FILE": "classes", "EVAL_FILE": "classes"}
# Kind of task -> config, and what of `config_data` its macros get.
TASKS = {
  "classes": (
    "text_classification",
    {"MODULE_HANDLE": "text_module", **_TABLE},
  ),
  "numbers": (
    "text_regression",
    {
      "MODULE_HANDLE": "text_module",
      "TRAIN_FILE": "numbers",
      "EVAL_FILE": "numbers",
    },
  ),
  "label_lists": (
    "multi_label_text",
    {
      "MODULE_HANDLE": "text_module",
      "TRAIN_FILE": "label_lists",
      "EVAL_FILE": "label_lists",
    },
  ),
  "pairs": ("text_pairs", {"MODULE_HANDLE": "text_module", **_TABLE}),
  "images": (
    "image_classification",
    {
      "MODULE_HANDLE": "color_module",
      "TRAIN_DIR": "signs",
      "EVAL_DIR": "signs",
    },
  ),
  "arrays": (
    "array_classification",
    {"MODULE_HANDLE": "tiny_module", "SOURCE": "arrays"},
  ),
}


def train(task, folder, *params):
  """Trains for 3 steps; returns the run's folder and the paths of the data."""
  folder = pathlib.Path(folder)
  (folder / "data").mkdir()
  paths = config_data.write_all(folder / "data")
  name, required = TASKS[task]
  launch.register_configurables()
  launch.launch(
    [CONFIGS / f"{name}.gin"],
    [
      *(f"{macro} = '{paths[of]}'" for macro, of in required.items()),
      "TRAIN_STEPS = 3",
      "BATCH_SIZE = 4",
      *params,
    ],
    str(folder / "run"),
  )
  return folder / "run", paths
