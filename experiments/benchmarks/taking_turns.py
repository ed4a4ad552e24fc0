"""Times runs of `hub_estimator.train` beside bare loops of their graphs."""

import io
import shutil
import tempfile
import time

import numpy as np

from hub_estimator import estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training import feature_stage
from hub_estimator.training.group_movement import COMPARED_STEPS
from hub_estimator.training.progress_bar import Progress

tf1 = tf.compat.v1


def time_chunks(run, chunk_steps):
  """Trains a run, and its last stage's graph in a bare loop beside it.

  The bare side is a loop of `session.run(train_op)`; ours is the whole run with
  its hooks: progress, NaN check, summaries. A chunk of steps is one side's
  turn, so that the machine's drift meets both. Ours ends with the step whose
  progress is reported, after `chunk_steps` or a few more; the bare loop does as
  many. Left out are the steps before bursts begin, the first chunk of each,
  which warms up, and all of the stages before the last.

  Args:
    run: a TrainingRun.
    chunk_steps: steps of a chunk, at least.

  Returns:
    [num_chunks, 2, 2] float64 seconds a step in each chunk, of the bare loop
    and of ours: by the clock, and of the process's CPU time, which other work
    on the machine disturbs less.
  """
  first_step = run.plan.stages[-1].first_step
  folder, pairs = tempfile.mkdtemp(), []
  bare = _BareLoop(run, folder)
  try:
    run.train(
      folder,
      lambda total_steps, batch_size, initial_step: (
        _TakingTurns(bare, pairs, chunk_steps, total_steps, batch_size)
        if initial_step >= first_step
        else Progress(total_steps, batch_size, stream=io.StringIO())
      ),
    )
  finally:
    shutil.rmtree(folder)
    bare.close()
  return np.array(pairs)


class _BareLoop:
  """The same graph in a session of its own."""

  def __init__(self, run, folder):
    # The run finds what is cached here.
    data = feature_stage.prepare(
      folder, run.model, run.plan, run.input_pipeline, seed=0
    ).cached_input
    graph = tf.Graph()
    with graph.as_default():
      tf1.random.set_random_seed(0)
      tf1.train.create_global_step()
      data = data or run.input_pipeline
      dataset = data.input_fn(estimator.ModeKeys.TRAIN)()
      iterator = tf1.data.make_initializable_iterator(dataset)
      features, labels = iterator.get_next()
      # That of the last stage.
      self._train_op = run.create_model_fn()(
        features=features,
        labels=labels,
        mode=estimator.ModeKeys.TRAIN,
        config=None,
      ).train_op
      initializers = [
        iterator.initializer,
        tf1.global_variables_initializer(),
        tf1.local_variables_initializer(),
        tf1.tables_initializer(),
      ]
    self._session = tf1.Session(graph=graph)
    self._session.run(initializers)

  def seconds(self, num_steps):
    started = _now()
    for _ in range(num_steps):
      self._session.run(self._train_op)
    return _now() - started

  def close(self):
    self._session.close()


class _TakingTurns(Progress):
  """A progress report to nowhere that lets the bare loop run between chunks."""

  def __init__(self, bare, pairs, chunk_steps, *arguments):
    super().__init__(*arguments, stream=io.StringIO())
    self._bare, self._pairs = bare, pairs
    self._chunk_steps = chunk_steps
    self._first_step = self._started = None

  def update(self, step, loss):
    super().update(step, loss)
    if self._first_step is None:
      self._first_step = step + COMPARED_STEPS
    num_steps = step - self._first_step
    if num_steps < self._chunk_steps:
      return
    ended = _now()
    bare = self._bare.seconds(num_steps)
    if self._started is not None:  # The first chunk of both warms up.
      self._pairs.append(
        (bare / num_steps, (ended - self._started) / num_steps)
      )
    self._first_step, self._started = step, _now()


def _now():
  """Returns seconds by the clock, and of the process's CPU time."""
  return np.array([time.perf_counter(), time.process_time()])
