"""Compares a training step of `hub_estimator.train` with a bare Session.run.

python experiments/benchmarks/training_step.py [--gin_file=FILE …]
    [--gin_param='NAME = value' …] [--num_steps=300] [--num_rounds=5]

Both sides run the TRAIN graph of the same config, input pipeline included, in
one process, in turn. The bare side is a loop of `session.run(train_op)`; ours
is the whole run with its hooks: progress, NaN check, summaries, checkpoints.
Time is taken from the end of step 50 to the end of the last step. Prints
examples per second of each round and the ratio ours / bare.
"""

import io
import shutil
import statistics
import tempfile
import time

import gin
from absl import app, flags

from hub_estimator import estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config, launch
from hub_estimator.training.progress_bar import Progress

_GIN_FILE = flags.DEFINE_multi_string(
  "gin_file", ["experiments/digits/pretrain.gin"], "Gin files."
)
_GIN_PARAM = flags.DEFINE_multi_string("gin_param", [], "Further bindings.")
_NUM_STEPS = flags.DEFINE_integer("num_steps", 300, "Timed steps a round.")
_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", 5, "Rounds of each side.")

_WARM_UP_STEPS = 50


class _Clock(Progress):
  """A progress report to nowhere that notes when steps end."""

  def __init__(self, total_steps, batch_size, initial_step):
    super().__init__(
      total_steps, batch_size, initial_step, stream=io.StringIO()
    )
    self.first = self.last = 0.0

  def update(self, step, loss):
    super().update(step, loss)
    self.last = time.perf_counter()
    if step == _WARM_UP_STEPS:
      self.first = self.last


def time_ours(run):
  clocks = []

  def create_progress(*arguments):
    clocks.append(_Clock(*arguments))
    return clocks[-1]

  folder = tempfile.mkdtemp()
  try:
    run.train(folder, create_progress)
  finally:
    shutil.rmtree(folder)
  return clocks[0].last - clocks[0].first


def time_bare(run):
  with tf.Graph().as_default() as graph:
    tf.compat.v1.random.set_random_seed(0)
    tf.compat.v1.train.create_global_step(graph)
    dataset = run.input_pipeline.input_fn(estimator.ModeKeys.TRAIN)()
    iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
    features, labels = iterator.get_next()
    train_op = run.create_model_fn()(
      features=features,
      labels=labels,
      mode=estimator.ModeKeys.TRAIN,
      config=None,
    ).train_op
    with tf.compat.v1.Session() as session:
      session.run(
        [
          iterator.initializer,
          tf.compat.v1.global_variables_initializer(),
          tf.compat.v1.local_variables_initializer(),
          tf.compat.v1.tables_initializer(),
        ]
      )
      for _ in range(_WARM_UP_STEPS):
        session.run(train_op)
      started = time.perf_counter()
      for _ in range(_NUM_STEPS.value):
        session.run(train_op)
      return time.perf_counter() - started


def main(_):
  num_steps = _WARM_UP_STEPS + _NUM_STEPS.value
  launch.register_configurables()
  gin_config.parse_config(
    _GIN_FILE.value, [*_GIN_PARAM.value, f"TRAIN_STEPS = {num_steps}"]
  )
  run = gin.get_configurable(launch.ROOT)()
  num_examples = _NUM_STEPS.value * run.input_pipeline.batch_size
  ratios = []
  print("round  bare examples/s  ours examples/s  ratio")
  for number in range(1, _NUM_ROUNDS.value + 1):
    # In turn, and the first of a pair changes: the machine's speed drifts.
    sides = [time_bare, time_ours]
    if number % 2 == 0:
      sides.reverse()
    seconds = {side: side(run) for side in sides}
    bare, ours = (num_examples / seconds[s] for s in (time_bare, time_ours))
    ratios.append(ours / bare)
    print(f"{number:5}  {bare:15,.0f}  {ours:15,.0f}  {ours / bare:5.3f}")
  print(
    f"ratio ours / bare: minimum {min(ratios):.3f}, median "
    f"{statistics.median(ratios):.3f}, maximum {max(ratios):.3f}"
  )


if __name__ == "__main__":
  app.run(main)
