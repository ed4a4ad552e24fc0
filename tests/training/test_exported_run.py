"""What a run of the digits exports, as others load it.

tensorflow_hub is a black box here, run in a process of its own.
"""

import importlib.metadata
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf
from hub_estimator.training import launch

tf1 = tf.compat.v1

# pytest sets filters of its own and shows what the package silences.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Writes the outputs that tensorflow_hub gives: of hub.load, and where it has
# modules, of hub.Module.
PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

path, images_path, outputs_path = sys.argv[1:]
images = np.load(images_path)
loaded = hub.load(path).signatures["image_feature_vector"]
outputs = {"load_" + k: v for k, v in loaded(tf.constant(images)).items()}
if hasattr(hub, "Module"):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    module = hub.Module(path)
    called = module(images, signature="image_feature_vector", as_dict=True)
    session.run(tf.compat.v1.global_variables_initializer())
    outputs |= {"module_" + k: v for k, v in session.run(called).items()}
np.savez(outputs_path, **outputs)
"""


def test_tensorflow_hub_gives_the_same_outputs(tmp_path):
  try:
    version = importlib.metadata.version("tensorflow-hub")
  except importlib.metadata.PackageNotFoundError:
    pytest.skip("needs tensorflow-hub")
  launch.register_configurables()
  results = launch.launch(
    [ROOT / "experiments" / "digits" / "pretrain.gin"],
    ["TRAIN_STEPS = 3", "convolutional_network.num_filters = (2, 3)"],
    str(tmp_path / "run"),
  )
  path = results["exports"]["tf_hub"]
  images = np.random.RandomState(0).uniform(size=[5, 8, 8, 1])
  images = images.astype(np.float32)
  np.save(tmp_path / "images.npy", images)
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(path)
    outputs = module(images, signature="image_feature_vector", as_dict=True)
    session.run(tf1.global_variables_initializer())
    ours = session.run(outputs)
  assert set(ours) == {"block_1", "block_2", "default"}
  assert ours["default"].std() > 0
  subprocess.run(
    [
      *[sys.executable, "-c", PROGRAM, path],
      *[tmp_path / "images.npy", tmp_path / "outputs.npz"],
    ],
    check=True,
  )
  with np.load(tmp_path / "outputs.npz") as theirs:
    ways = ["load", "module"] if version == "0.15.0" else ["load"]
    assert set(theirs) == {f"{way}_{name}" for way in ways for name in ours}
    for name, value in theirs.items():
      expected = ours[name.partition("_")[2]]
      np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)
