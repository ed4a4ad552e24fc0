"""Compares training a head on cached features with running the frozen module.

python experiments/benchmarks/cached_features.py [--rounds=5]
    [--num_examples=2048] [--batch_size=32] [--image_size=64] [--num_blocks=50]

The module is the residual network of 150 convolutions of hub_graph.py, on
images of 64×64, frozen; the head is linear, with ten classes. Both sides train
it by the same model_fn and `Optimization`, in this process:

  uncached  each step reads images and runs the module
  cached    each example passed through the module once; each step reads its
            features from the cache

Each round measures, side after side,

  first epoch   everything: on the uncached side the graph, its session and one
                pass over the training examples; on the cached side the features
                of the training examples (and of an evaluation split of ten),
                written to an empty cache, then the graph, its session and one
                pass
  after it      one pass more (cached: as many as take about a second)

and the table shows, over the rounds, the fastest of each side, which other work
on the machine disturbed least, and medians; for the first epoch also the
seconds of processor time. Asked for: a first epoch of at most 1.1 times the
uncached one, and at least 20 times the examples per second after it.
"""

import math
import statistics
import tempfile
import time

import numpy as np
from absl import app, flags

from hub_estimator import estimator, hub, models
from hub_estimator.inputs import NumpyInput
from hub_estimator.models import feature_cache
from hub_estimator.optimization import (
  Optimization,
  create_constant_schedule_fn,
  create_sgd_optimizer_fn,
)
from hub_estimator.recipes import FeatureExtraction
from hub_estimator.tf_compat import tf

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Measurements of each side.")
_NUM_EXAMPLES = flags.DEFINE_integer("num_examples", 2048, "To train on.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Examples in a batch.")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 64, "Side of an image.")
_NUM_BLOCKS = flags.DEFINE_integer(
  "num_blocks", 50, "Residual blocks of three convolutions each."
)

tf1 = tf.compat.v1
_NUM_CLASSES = 10
_MAX_RATIO_OF_FIRST_EPOCHS = 1.1
_MIN_SPEED_UP = 20


def _network():
  """The network of hub_graph.py, in inference."""

  def convolution(x, name, filters, size):
    with tf1.variable_scope(name):
      kernel = tf1.get_variable(
        "kernel",
        [size, size, x.shape[-1], filters],
        initializer=tf1.glorot_uniform_initializer(),
      )
      x = tf.nn.conv2d(x, kernel, 1, "SAME")
      zeros, ones = tf1.zeros_initializer(), tf1.ones_initializer()
      gamma = tf1.get_variable("gamma", [filters], initializer=ones)
      beta = tf1.get_variable("beta", [filters], initializer=zeros)
      mean, variance = (
        tf1.get_variable(name, [filters], initializer=value, trainable=False)
        for name, value in (("moving_mean", zeros), ("moving_variance", ones))
      )
      return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

  size = _IMAGE_SIZE.value
  images = tf1.placeholder(tf.float32, [None, size, size, 3], name="images")
  x = tf.nn.relu(convolution(images, "stem", 16, 3))
  for block in range(_NUM_BLOCKS.value):
    with tf1.variable_scope(f"block{block}"):
      y = tf.nn.relu(convolution(x, "reduce", 4, 1))
      y = tf.nn.relu(convolution(y, "middle", 4, 3))
      x = tf.nn.relu(x + convolution(y, "expand", 16, 1))
  hub.add_signature(
    inputs={"images": images}, outputs=tf.reduce_mean(x, [1, 2])
  )


def write_module(path):
  """Writes the network with random weights, as a module."""
  spec = hub.create_module_spec(_network)
  with tf.Graph().as_default():
    module = hub.Module(spec)
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      module.export(path, session)


def create_arrays():
  """Returns the data: {"train_features": …}, images as [number, 64, 64, 3]."""
  random = np.random.RandomState(0)
  size, arrays = _IMAGE_SIZE.value, {}
  for split, number in (
    ("train", _NUM_EXAMPLES.value),
    ("eval", _NUM_CLASSES),
  ):
    arrays[f"{split}_features"] = random.randint(
      0, 256, [number, size, size, 3], np.uint8
    )
    arrays[f"{split}_labels"] = np.arange(number) % _NUM_CLASSES
  return arrays


def _create_source():
  return NumpyInput(
    create_arrays(),
    batch_size=_BATCH_SIZE.value,
    scale=1 / 255,
    label_kind="class",
  )


class _Training:
  """The TRAIN graph of a model, in a session."""

  def __init__(self, model, pipeline):
    mode = estimator.ModeKeys.TRAIN
    with tf.Graph().as_default():
      tf1.train.create_global_step()
      iterator = tf1.data.make_initializable_iterator(pipeline.input_fn(mode)())
      features, labels = iterator.get_next()
      model_fn = model.create_model_fn(
        pipeline, model.create_plan([FeatureExtraction()])
      )
      spec = model_fn(features=features, labels=labels, mode=mode, config=None)
      self._session = tf1.Session()
      self._session.run(
        [
          iterator.initializer,
          tf1.global_variables_initializer(),
          tf1.local_variables_initializer(),
        ]
      )
      self._train_op = spec.train_op

  def run_epoch(self):
    for _ in range(math.ceil(_NUM_EXAMPLES.value / _BATCH_SIZE.value)):
      self._session.run(self._train_op)

  def examples_per_second(self, min_secs):
    """Runs passes for at least so long."""
    started, num_epochs = time.perf_counter(), 0
    while not num_epochs or time.perf_counter() - started < min_secs:
      self.run_epoch()
      num_epochs += 1
    secs = time.perf_counter() - started
    return num_epochs * _NUM_EXAMPLES.value / secs


def _measure(model, source, create_pipeline, min_secs):
  """Returns seconds and processor time of the first epoch, and speed after."""
  started, cpu_started = time.perf_counter(), time.process_time()
  training = _Training(model, create_pipeline(source))
  training.run_epoch()
  return {
    "secs": time.perf_counter() - started,
    "cpu_secs": time.process_time() - cpu_started,
    "speed": training.examples_per_second(min_secs),
  }


def main(_):
  tf1.logging.set_verbosity(tf1.logging.WARN)
  results = {"uncached": [], "cached": []}
  with tempfile.TemporaryDirectory() as folder:
    write_module(f"{folder}/module")
    source = _create_source()
    for number in range(_ROUNDS.value):
      encoder = models.ModuleEncoder(f"{folder}/module", trainable=False)
      model = models.ModuleModel(
        encoder,
        models.create_multi_class_head_fn(),
        Optimization(
          create_constant_schedule_fn(0.1), create_sgd_optimizer_fn()
        ),
      )

      def create_cached(source, encoder=encoder, number=number):
        return feature_cache.create_cached_input(
          source,
          encoder.spec,
          lambda module, features: {
            feature_cache.EMBEDDING: encoder.encode(module, features)
          },
          encoder.cache_description(),
          cache=feature_cache.FeatureCache(f"{folder}/cache_{number}"),
        )

      for side, create_pipeline, min_secs in (
        ("uncached", lambda source: source, 0.0),
        ("cached", create_cached, 1.0),
      ):
        results[side].append(_measure(model, source, create_pipeline, min_secs))
  _print_table(results)


def _print_table(results):
  size = _IMAGE_SIZE.value
  print(
    f"TensorFlow {tf.__version__}, {_NUM_EXAMPLES.value} images of "
    f"{size}x{size} in batches of {_BATCH_SIZE.value}, "
    f"{_ROUNDS.value} rounds"
  )
  print(f"{'':<32}{'uncached':>12}{'cached':>12}{'ratio':>10}{'asked':>10}")
  first = f"<= {_MAX_RATIO_OF_FIRST_EPOCHS}"
  after = f">= {_MIN_SPEED_UP}"
  for name, key, summarize, asked in (
    ("first epoch, fastest, s", "secs", min, first),
    ("first epoch, median, s", "secs", statistics.median, first),
    ("first epoch, processor s", "cpu_secs", statistics.median, first),
    ("after it, fastest, examples/s", "speed", max, after),
    ("after it, median, examples/s", "speed", statistics.median, after),
  ):
    uncached, cached = (
      summarize(result[key] for result in results[side])
      for side in ("uncached", "cached")
    )
    print(
      f"{name:<32}{uncached:12,.1f}{cached:12,.1f}{cached / uncached:10,.3f}"
      f"{asked:>10}"
    )


if __name__ == "__main__":
  app.run(main)
