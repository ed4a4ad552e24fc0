"""Session hooks of a training run."""

from __future__ import annotations

import math
import sys
import time
from typing import Callable, Optional

from hub_estimator import estimator
from hub_estimator.models.model_summary import ModelSummary, graph_summary
from hub_estimator.tf_compat import tf
from hub_estimator.training.progress_bar import Progress

# So long between two steps, other hooks evaluated or saved: that is no part of
# the rate that is shown.
_PAUSE_SECS = 1.0


class TrainingMonitor(estimator.SessionRunHook):
  """Shows progress, measures time and notes what the TRAIN graph holds.

  Attributes:
    summary: the ModelSummary of the TRAIN graph, once it is built.
    train_seconds: seconds spent in training steps, waiting for input included,
      evaluation and checkpoints not.
    num_steps: how many steps they were.
    step: the global step after the last of them.
  """

  def __init__(
    self,
    create_progress: Callable[[int], Progress],
    clock: Callable[[], float] = time.monotonic,
    runs_per_step: int = 1,
  ):
    """Configures the hook.

    Args:
      create_progress: first step -> the progress to report to.
      clock: gives seconds.
      runs_per_step: how many session runs make a step: more than one where
        gradients are accumulated.
    """
    self._runs_per_step = runs_per_step
    self._num_runs = 0
    self._create_progress = create_progress
    self._clock = clock
    self._progress: Optional[Progress] = None
    self.step = 0
    self._started = self._ended = clock()
    self.summary: Optional[ModelSummary] = None
    self.train_seconds = 0.0
    self.num_steps = 0

  def begin(self):
    """Finds the loss, which Estimator has put into the LOSSES collection."""
    graph = tf.compat.v1.get_default_graph()
    self.summary = graph_summary(graph)
    losses = graph.get_collection(tf.compat.v1.GraphKeys.LOSSES)
    self._run_args = tf.compat.v1.train.SessionRunArgs(losses[-1])

  def after_create_session(self, session, coord):
    """Reads the step that training goes on from."""
    del coord
    # Gradients that a session did not finish accumulating are lost with it.
    self._num_runs = 0
    self.step = int(session.run(tf.compat.v1.train.get_global_step()))
    if self._progress is None:
      self._progress = self._create_progress(self.step)

  def before_run(self, run_context):
    """Asks for the loss and starts the clock."""
    del run_context
    now = self._clock()
    if now - self._ended > _PAUSE_SECS:
      self._progress.pause()
    self._started = now
    return self._run_args

  def after_run(self, run_context, run_values):
    """Counts the step.

    Raises:
      NanLossDuringTrainingError: the loss is NaN or infinite.
    """
    del run_context
    self._ended = self._clock()
    self.train_seconds += self._ended - self._started
    self.count_run()
    # TensorFlow's own hook sees NaN alone.
    if not math.isfinite(run_values.results):
      raise estimator.NanLossDuringTrainingError
    if self.is_between_steps:
      self._progress.update(self.step, run_values.results)

  @property
  def is_between_steps(self) -> bool:
    """Whether the last run completed a step."""
    return self._num_runs % self._runs_per_step == 0

  def count_run(self) -> None:
    """Counts a run of the train op; others' runs by their own word."""
    self._num_runs += 1
    if self.is_between_steps:
      self.num_steps += 1
      self.step += 1

  def end(self, session):
    """Closes the progress report."""
    del session
    self.close()

  def write(self, line: str) -> None:
    """Writes a line to where the progress is reported."""
    if self._progress is None:
      print(line, file=sys.stderr, flush=True)
    else:
      self._progress.write(line)

  def close(self):
    """Closes the progress report; may be called again."""
    if self._progress is not None:
      self._progress.close()
      self._progress = None
