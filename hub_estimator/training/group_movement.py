"""Says how far each group of variables has moved, and whether one has not."""

from __future__ import annotations

from typing import Callable

import numpy as np

from hub_estimator import estimator
from hub_estimator.models.model_summary import graph_summary
from hub_estimator.tf_compat import tf

# By then a warm-up has left zero, and a mistake has cost little.
COMPARED_STEPS = 10
# Of each group so much is compared at most: values of a large module would be
# copied out of the session twice.
_MAX_ELEMENTS = 1 << 24


class GroupMovement(estimator.SessionRunHook):
  """Compares the weights of each group after some steps with those before.

  `trainable=True` that trains nothing is one of the most common failures of
  fine-tuning; it shows here, after a few steps.

  Attributes:
    moved: group -> |w - w0| / |w0| of what was compared, w0 the weights at the
      start of this process's stage; |w - w0| where w0 is all zeros.
  """

  def __init__(
    self, write: Callable[[str], None], num_steps: int = COMPARED_STEPS
  ):
    """Configures the hook.

    Args:
      write: takes a line.
      num_steps: how many session runs after the start to compare.
    """
    self._write = write
    self._num_steps = num_steps
    self.moved: dict[str, float] = {}

  def begin(self):
    """Finds the groups in the graph."""
    self._values = {}
    summary = graph_summary(tf.compat.v1.get_default_graph())
    for group in summary.groups:
      chosen, size = [], 0
      for variable in group.variables:
        size += variable.shape.num_elements() or 0
        if chosen and size > _MAX_ELEMENTS:
          break
        chosen.append(variable)
      self._values[group.name] = [v.value() for v in chosen]
    self._num_runs = 0
    self._is_done = False

  def after_create_session(self, session, coord):
    """Reads the weights that training goes on from."""
    del coord
    self._before = session.run(self._values)
    self._num_runs = 0

  def after_run(self, run_context, run_values):
    """Compares, once."""
    del run_values
    self._num_runs += 1
    if self._num_runs == self._num_steps:
      self._compare(run_context.session)

  def end(self, session):
    """Compares at the end of a shorter run."""
    if self._num_runs:
      self._compare(session)

  def _compare(self, session) -> None:
    if self._is_done:
      return
    self._is_done = True
    after = session.run(self._values)
    for name, values in self._before.items():
      self.moved[name] = _relative_distance(values, after[name])
    self._before = None
    distances = ", ".join(
      f"{name} {distance:.2g}" for name, distance in self.moved.items()
    )
    self._write(
      f"After {self._num_runs} steps the weights have moved, relative to their "
      f"size: {distances}."
    )
    still = [name for name, distance in self.moved.items() if distance == 0]
    if still:
      self._write(
        f"warning: {', '.join(still)} should train and has not moved: look at "
        "the learning rate, at whether the signature uses these variables, and "
        "at the gradients that are said to be missing."
      )


def _relative_distance(before, after) -> float:
  distance = sum(
    float(np.sum(np.square(b - a, dtype=np.float64)))
    for a, b in zip(before, after)
  )
  size = sum(float(np.sum(np.square(a, dtype=np.float64))) for a in before)
  return float(np.sqrt(distance / size if size else distance))
