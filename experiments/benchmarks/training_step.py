"""Compares a training step of `hub_estimator.train` with a bare Session.run.

python experiments/benchmarks/training_step.py [--gin_file=FILE …]
    [--gin_param='NAME = value' …] [--num_chunks=20] [--chunk_steps=100]

Both sides run the TRAIN graph of the same config, input pipeline included, in
one process. The bare side is a loop of `session.run(train_op)`; ours is the
whole run with its hooks: progress, NaN check, summaries. They take turns, a
chunk of steps each, so that the machine's drift meets both. Prints quantiles of
the examples per second of both sides' chunks and their ratio ours / bare; the
fastest chunks are the ones that other work on the machine disturbed least.
"""

import io
import shutil
import tempfile
import time

import gin
import numpy as np
from absl import app, flags

from hub_estimator import estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config, launch
from hub_estimator.training.progress_bar import Progress

# A network whose step takes about 15 ms on two cores.
_WIDE = "convolutional_network.num_filters = (64, 128)"
_GIN_FILE = flags.DEFINE_multi_string(
  "gin_file", ["experiments/digits/pretrain.gin"], "Gin files."
)
_GIN_PARAM = flags.DEFINE_multi_string(
  "gin_param", ["BATCH_SIZE = 256", _WIDE], "Further bindings."
)
_NUM_CHUNKS = flags.DEFINE_integer("num_chunks", 20, "Timed chunks.")
_CHUNK_STEPS = flags.DEFINE_integer("chunk_steps", 100, "Steps of a chunk.")


class _BareLoop:
  """The same graph in a session of its own."""

  def __init__(self, run):
    graph = tf.Graph()
    with graph.as_default():
      tf.compat.v1.random.set_random_seed(0)
      tf.compat.v1.train.create_global_step()
      dataset = run.input_pipeline.input_fn(estimator.ModeKeys.TRAIN)()
      iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
      features, labels = iterator.get_next()
      self._train_op = run.create_model_fn()(
        features=features,
        labels=labels,
        mode=estimator.ModeKeys.TRAIN,
        config=None,
      ).train_op
      initializers = [
        iterator.initializer,
        tf.compat.v1.global_variables_initializer(),
        tf.compat.v1.local_variables_initializer(),
        tf.compat.v1.tables_initializer(),
      ]
    self._session = tf.compat.v1.Session(graph=graph)
    self._session.run(initializers)

  def seconds(self, num_steps):
    started = time.perf_counter()
    for _ in range(num_steps):
      self._session.run(self._train_op)
    return time.perf_counter() - started


class _TakingTurns(Progress):
  """A progress report to nowhere that lets the bare loop run between chunks."""

  def __init__(self, bare, pairs, *arguments):
    super().__init__(*arguments, stream=io.StringIO())
    self._bare, self._pairs = bare, pairs
    self._started = None

  def update(self, step, loss):
    super().update(step, loss)
    if step % _CHUNK_STEPS.value:
      return
    ours = time.perf_counter() - (self._started or 0.0)
    bare = self._bare.seconds(_CHUNK_STEPS.value)
    if self._started is not None:  # The first chunk of both warms up.
      self._pairs.append((bare, ours))
    self._started = time.perf_counter()


def main(_):
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.WARN)
  launch.register_configurables()
  num_steps = (_NUM_CHUNKS.value + 1) * _CHUNK_STEPS.value
  gin_config.parse_config(
    _GIN_FILE.value, [*_GIN_PARAM.value, f"TRAIN_STEPS = {num_steps}"]
  )
  run = gin.get_configurable(launch.ROOT)()
  bare, pairs = _BareLoop(run), []
  folder = tempfile.mkdtemp()
  try:
    run.train(folder, lambda *a: _TakingTurns(bare, pairs, *a))
  finally:
    shutil.rmtree(folder)
  num_examples = _CHUNK_STEPS.value * run.input_pipeline.batch_size
  bare_speeds = [num_examples / bare_secs for bare_secs, _ in pairs]
  our_speeds = [num_examples / ours_secs for _, ours_secs in pairs]
  print(
    f"TensorFlow {tf.__version__}, {num_steps} steps of "
    f"{run.input_pipeline.batch_size} examples"
  )
  print("chunks     bare examples/s  ours examples/s  ratio")
  for name, quantile in (("fastest", 1.0), ("fast 10%", 0.9), ("median", 0.5)):
    bare_speed = np.quantile(bare_speeds, quantile)
    our_speed = np.quantile(our_speeds, quantile)
    print(
      f"{name:<9}  {bare_speed:15,.0f}  {our_speed:15,.0f}  "
      f"{our_speed / bare_speed:5.3f}"
    )


if __name__ == "__main__":
  app.run(main)
