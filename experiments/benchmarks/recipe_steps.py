"""Compares a training step of each recipe with a bare Session.run.

python experiments/benchmarks/recipe_steps.py [--recipe=NAME …]
    [--gin_file=FILE …] [--gin_param='NAME = value' …] [--num_chunks=20]
    [--chunk_steps=50]

Both sides run the TRAIN graph of the same config and recipe, input pipeline
included, in one process, as in training_step.py. The bare side is a loop of
`session.run(train_op)`; ours is the whole run with its hooks. They take turns,
a chunk of steps each. Of recipes in stages, the last is measured, and the
others have one step each; `cached_features` is feature_extraction with
`cache_features = True`, in a cache of its own. The module is the convolutional
network of experiments/digits with more filters and random weights, in a folder.

Prints the examples per second of the fastest chunks, which other work on the
machine disturbed least, and the ratios ours / bare: of the fastest chunks, of
the medians, of all chunks together (summaries, written every 100 steps, are in
few chunks), and of the medians by the process's CPU time. The last is nearly
free of other work, but can hide half of what Python adds to a step where the
step keeps two cores busy and Python one. Asked for: at least 0.97.
"""

import os
import tempfile

import gin
import numpy as np
import taking_turns
from absl import app, flags

from hub_estimator import hub
from hub_estimator.models.feature_cache import cache_folder
from hub_estimator.publishing.convolutional_network import convolutional_network
from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config, launch

# Recipe -> its bindings.
_RECIPES = {
  "none": [],
  "feature_extraction": [],
  "cached_features": [
    "RECIPE = @feature_extraction()",
    "feature_extraction.cache_features = True",
  ],
  "full_fine_tuning": [],
  "linear_probe_then_fine_tune": [
    "linear_probe_then_fine_tune.probe_steps = 1"
  ],
  "discriminative_learning_rates": [],
  "gradual_unfreezing": ["gradual_unfreezing.steps_per_group = 1"],
  "l2_sp": [],
  "bias_only": [],
  "normalization_only": [],
}
_RECIPE = flags.DEFINE_multi_enum(
  "recipe", list(_RECIPES), list(_RECIPES), "Recipes to measure."
)
_GIN_FILE = flags.DEFINE_multi_string(
  "gin_file",
  ["configs/fine_tuning.gin", "experiments/digits/data.gin"],
  "Gin files.",
)
# A step that takes about 15 ms on two cores.
_GIN_PARAM = flags.DEFINE_multi_string(
  "gin_param",
  [
    "BATCH_SIZE = 256",
    "LEARNING_RATE = 0.01",
    "NumpyInput.eval_fraction = 0.2",
  ],
  "Further bindings.",
)
_NUM_CHUNKS = flags.DEFINE_integer("num_chunks", 20, "Timed chunks.")
_CHUNK_STEPS = flags.DEFINE_integer(
  "chunk_steps", 50, "Steps of a chunk, at least."
)

# More steps than the stages before the last have together.
_EARLIER_STEPS = 20
# By so many steps a chunk may be longer.
_BURST_STEPS = 50


def _write_module(path):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.compat.v1.random.set_random_seed(0)
    module = hub.Module(convolutional_network(num_filters=(64, 128)))
    session.run(tf.compat.v1.global_variables_initializer())
    module.export(path, session)


def _time_recipe(name, module):
  """Returns examples per second, by the clock and of CPU time.

  Each is [num_chunks, 2]: of the bare loop and of ours.
  """
  num_steps = _EARLIER_STEPS + (_NUM_CHUNKS.value + 1) * (
    _CHUNK_STEPS.value + _BURST_STEPS
  )
  recipe = "[]" if name in ("none", "cached_features") else f"@{name}()"
  gin.clear_config()
  gin_config.parse_config(
    _GIN_FILE.value,
    [
      f"MODULE_HANDLE = {module!r}",
      f"RECIPE = {recipe}",
      f"TRAIN_STEPS = {num_steps}",
      *_RECIPES[name],
      *_GIN_PARAM.value,
    ],
  )
  run = gin.get_configurable(launch.ROOT)()
  secs = taking_turns.time_chunks(run, _CHUNK_STEPS.value)
  speeds = run.input_pipeline.batch_size / secs[: _NUM_CHUNKS.value]
  return np.moveaxis(speeds, -1, 0)


def main(_):
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.WARN)
  launch.register_configurables()
  print(
    f"TensorFlow {tf.__version__}, {_NUM_CHUNKS.value} chunks of "
    f"{_CHUNK_STEPS.value} steps"
  )
  print(
    f"{'':<30}{'examples/s, fastest':^22}{'ratio':^35}\n"
    f"{'recipe':<30}{'bare':>10}{'ours':>11}{'fastest':>10}{'median':>9}"
    f"{'all':>8}{'CPU':>8}"
  )
  with tempfile.TemporaryDirectory() as folder:
    module = f"{folder}/module"
    _write_module(module)
    os.environ[cache_folder.VARIABLE] = f"{folder}/features"
    for name in _RECIPE.value:
      speeds, cpu_speeds = _time_recipe(name, module)
      fastest, median = speeds.max(axis=0), np.median(speeds, axis=0)
      # Chunks are about equal: the harmonic mean is examples by seconds.
      overall = 1 / (1 / speeds).mean(axis=0)
      by_cpu = np.median(cpu_speeds, axis=0)
      print(
        f"{name:<30}{fastest[0]:10,.0f}{fastest[1]:11,.0f}"
        + f"{fastest[1] / fastest[0]:10.3f}{median[1] / median[0]:9.3f}"
        + f"{overall[1] / overall[0]:8.3f}{by_cpu[1] / by_cpu[0]:8.3f}",
        flush=True,
      )


if __name__ == "__main__":
  app.run(main)
