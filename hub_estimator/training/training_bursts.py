"""Trains several steps between two rounds of session hooks."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Callable, NamedTuple

from hub_estimator import estimator
from hub_estimator.training.group_movement import COMPARED_STEPS
from hub_estimator.training.training_hooks import TrainingMonitor

# Progress is shown, and a signal is noticed, at least so often.
_BURST_SECS = 0.05
# Hooks that act at a step work with a global step that may be that of one run
# before: they must see the run before theirs, too.
_WATCHED_STEPS = 2


def are_possible(config: estimator.RunConfig) -> bool:
  """Whether this process alone moves the global step.

  Args:
    config: of the run.
  """
  return config.train_distribute is None and config.num_worker_replicas <= 1


class Period(NamedTuple):
  """Steps at which a hook acts: `every` steps, the first after `first`.

  Attributes:
    every: the number of steps between.
    first: how many steps after the session's start the period begins.
  """

  every: int
  first: int = 0


class TrainingBursts(estimator.SessionRunHook):
  """Runs the train op several times before a step that hooks see.

  MonitoredSession and its hooks take 0.1 to 0.2 ms of Python a step. They have
  something to do at few of them: to write a summary, to save a checkpoint, to
  end. Steps between are trained in bursts, in which only the loss is looked at.

  It belongs last in the list of hooks. No burst leaps over a step at which
  another hook acts; all of them see the first `COMPARED_STEPS` steps.
  """

  def __init__(
    self,
    monitor: TrainingMonitor,
    last_step: int,
    periods: Sequence[Period],
    runs_per_step: int = 1,
    clock: Callable[[], float] = time.perf_counter,
  ):
    """Configures the hook.

    Args:
      monitor: counts the steps; stands before this hook.
      last_step: the global step at which training ends.
      periods: when other hooks act.
      runs_per_step: how many session runs make a step.
      clock: gives seconds.
    """
    self._monitor = monitor
    self._last_step = last_step
    self._periods = periods
    self._runs_per_step = runs_per_step
    self._clock = clock

  def after_create_session(self, session, coord):
    """Notes the step that training goes on from."""
    del session, coord
    self._first_step = self._monitor.step
    self._run = None
    self._run_secs = math.inf

  def before_run(self, run_context):
    """Trains a burst of steps, if there is room for one."""
    if self._run is None:
      self._run = run_context.session.make_callable(
        run_context.original_args.fetches
      )
    if self._monitor.is_between_steps:
      self._train(self._free_steps())
    self._started = self._clock()

  def after_run(self, run_context, run_values):
    """Notes how long a run takes."""
    del run_context, run_values
    self._run_secs = self._clock() - self._started

  def _free_steps(self) -> int:
    """Returns how many steps may go by without other hooks."""
    step = self._monitor.step
    if step < self._first_step + COMPARED_STEPS:
      return 0
    stops = [self._last_step]
    for every, first in self._periods:
      begun = self._first_step + first
      stops.append(begun + ((step - begun) // every + 1) * every)
    return min(stops) - step - _WATCHED_STEPS

  def _train(self, num_steps: int) -> None:
    step_secs = self._run_secs * self._runs_per_step
    latest = self._clock() + _BURST_SECS - step_secs
    for _ in range(num_steps):
      if self._clock() > latest:
        return
      for _ in range(self._runs_per_step):
        _, loss = self._run()
        self._monitor.count_run()
        if not math.isfinite(loss):
          # As in all other runs, see `TrainingMonitor`.
          raise estimator.NanLossDuringTrainingError
