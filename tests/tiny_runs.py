"""Runs of the model of `tiny_models`, from a Gin file to results.json."""

import pathlib

import numpy as np
import tiny_models

from hub_estimator import hub
from hub_estimator.tf_compat import tf
from hub_estimator.training import launch as launching

tf1 = tf.compat.v1

CONFIG = """
import tiny_models

include 'fine_tuning.gin'

MODULE_HANDLE = @tiny_module()
TRAIN_STEPS = 4
BATCH_SIZE = 4
SOURCE = '{source}'
INPUT_PIPELINE = @NumpyInput()

NumpyInput.source = %SOURCE
NumpyInput.feature_name = 'x'
NumpyInput.batch_size = %BATCH_SIZE
NumpyInput.seed = %SEED
NumpyInput.eval_fraction = 0.25

train.save_summary_steps = 1
"""


def write_data(path, labels=(0, 1, 2), **arguments):
  """Writes an .npz file of 20 examples."""
  np.savez(path, **tiny_models.arrays(labels, **arguments))
  return str(path)


def write_config(folder, text="", labels=(0, 1, 2)):
  """Writes data and a config of 4 steps; returns the config's path."""
  folder = pathlib.Path(folder)
  source = write_data(folder / "data.npz", labels)
  path = folder / "run.gin"
  path.write_text(CONFIG.format(source=source) + text)
  return str(path)


def launch(config, model_dir, *gin_params, **options):
  """Runs a config in this process; returns its results."""
  launching.register_configurables()
  return launching.launch([str(config)], gin_params, str(model_dir), **options)


def exported_weights(path):
  """Returns {name: value} of the variables of an exported module."""
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(hub.load_module_spec(path))
    session.run(tf1.global_variables_initializer())
    return session.run(module.variable_map)


def checkpoint_weights(model_dir, step=None):
  """Returns {name: value} of the module in a checkpoint, the newest if None."""
  path = str(model_dir) if step is None else f"{model_dir}/model.ckpt-{step}"
  reader = tf.train.load_checkpoint(path)
  return {
    name[len("module/") :]: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if name.startswith("module/") and "Momentum" not in name
  }


def assert_equal_weights(left, right):
  assert set(left) == set(right) == {"w", "mean", "w_seen"}
  for name, value in left.items():
    np.testing.assert_array_equal(value, right[name])


def scalars(folder):
  """Returns {tag: [(step, value), …]} of the event files in a folder."""
  found = {}
  for path in sorted(pathlib.Path(folder).glob("events.out.tfevents.*")):
    for event in tf1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        if value.HasField("simple_value"):
          found.setdefault(value.tag, []).append(
            (event.step, value.simple_value)
          )
  return found
