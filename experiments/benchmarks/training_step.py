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

import gin
import numpy as np
import taking_turns
from absl import app, flags

from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config, launch

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


def main(_):
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.WARN)
  launch.register_configurables()
  num_steps = (_NUM_CHUNKS.value + 1) * _CHUNK_STEPS.value
  gin_config.parse_config(
    _GIN_FILE.value, [*_GIN_PARAM.value, f"TRAIN_STEPS = {num_steps}"]
  )
  run = gin.get_configurable(launch.ROOT)()
  pairs = taking_turns.time_chunks(run, _CHUNK_STEPS.value)
  bare_speeds, our_speeds = run.input_pipeline.batch_size / pairs[:, :, 0].T
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
