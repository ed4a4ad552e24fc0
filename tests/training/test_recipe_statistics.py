"""Batch norm under recipes: its statistics, and training it alone."""

import linear_runs
import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf
from hub_estimator.training import launch as launching

tf1 = tf.compat.v1
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

STATISTICS = ("layer_1/mean", "layer_2/mean")


def normalized_module_fn(is_training=False):
  """Two layers x w, each with a batch norm of its own making."""
  x = tf1.placeholder(tf.float32, [None, 2])
  y = x
  for name in ("layer_1", "layer_2"):
    with tf1.variable_scope(name):
      kernel = tf1.get_variable("kernel", initializer=[[1.0, 0.5], [-0.5, 1.0]])
      gamma = tf1.get_variable("gamma", initializer=[1.0, 1.0])
      beta = tf1.get_variable("beta", initializer=[0.0, 0.0])
      mean = tf1.get_variable("mean", initializer=[0.0, 0.0], trainable=False)
      y = tf.matmul(y, kernel)
      used, variance = tf.nn.moments(y, axes=[0])
      if is_training:
        tf1.add_to_collection(
          tf1.GraphKeys.UPDATE_OPS, mean.assign_sub((mean - used) / 2).op
        )
      else:
        used = mean
      y = tf.nn.batch_normalization(y, used, variance, beta, gamma, 1e-3)
  hub.add_signature("default", {"x": x}, y)


def run(folder, *gin_params, text=""):
  config = linear_runs.write_config(folder, text)
  module = str(folder / "normalized")
  spec = hub.create_module_spec(
    normalized_module_fn,
    [(set(), {"is_training": False}), ({"train"}, {"is_training": True})],
  )
  with tf.Graph().as_default(), tf1.Session() as session:
    built = hub.Module(spec)
    session.run(tf1.global_variables_initializer())
    built.export(module, session)
  launching.register_configurables()
  launching.launch(
    [str(config)],
    [f"MODULE_HANDLE = '{module}'", *gin_params],
    str(folder / "run"),
  )
  return {
    step: read(folder / "run" / f"model.ckpt-{step}") for step in range(7)
  }


def read(checkpoint):
  reader = tf.train.load_checkpoint(str(checkpoint))
  return {
    name[len("module/") :]: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if name.startswith("module/")
  }


def moved(found, name):
  """The steps in which a variable changed."""
  return [
    step
    for step in range(6)
    if not np.array_equal(found[step][name], found[step + 1][name])
  ]


def test_statistics_of_frozen_groups_stay(tmp_path):
  found = run(
    tmp_path,
    "RECIPE = @gradual_unfreezing()",
    text="gradual_unfreezing.steps_per_group = 2",
  )
  assert moved(found, "layer_1/mean") == [4, 5]
  assert moved(found, "layer_2/mean") == [2, 3, 4, 5]
  for name in ("kernel", "gamma", "beta"):
    assert moved(found, f"layer_2/{name}") == [2, 3, 4, 5]


def test_a_module_in_inference_mode_keeps_its_statistics(tmp_path):
  found = run(tmp_path, "RECIPE = @feature_extraction()")
  assert not any(moved(found, name) for name in found[0])


def test_all_statistics_move_in_full_fine_tuning(tmp_path):
  found = run(tmp_path, "RECIPE = @full_fine_tuning()")
  # Halfway from 0 to the mean of x w over the four examples.
  mean = (linear_runs.X @ [[1, 0.5], [-0.5, 1]]).mean(axis=0)
  np.testing.assert_allclose(found[1]["layer_1/mean"], mean / 2, rtol=1e-6)
  assert all(moved(found, name) == list(range(6)) for name in STATISTICS)


def test_normalization_only(tmp_path):
  found = run(tmp_path, "RECIPE = @normalization_only()")
  for layer in ("layer_1", "layer_2"):
    assert moved(found, f"{layer}/kernel") == []
    assert moved(found, f"{layer}/gamma")
    assert moved(found, f"{layer}/beta")
  assert all(moved(found, name) for name in STATISTICS)
