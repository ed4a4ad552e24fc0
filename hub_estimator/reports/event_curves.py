"""Scalars of a run, read from its event files."""

from __future__ import annotations

import glob
import os
from typing import NamedTuple

from hub_estimator.tf_compat import tf

# What the folders of evaluations start with: `eval` is that of the split eval,
# `eval_test` that of test.
_EVAL = "eval"
_START = tf.compat.v1.SessionLog.START

# tag -> (step, value), by steps.
Curves = dict[str, list[tuple[int, float]]]


class RunCurves(NamedTuple):
  """The scalars of a run.

  Attributes:
    train: those that training wrote.
    evaluations: split -> those of its evaluations.
  """

  train: Curves
  evaluations: dict[str, Curves]


def read_run_curves(model_dir: str) -> RunCurves:
  """Reads the event files of a run.

  Args:
    model_dir: the run's folder.
  """
  evaluations = {}
  for folder in sorted(
    glob.glob(os.path.join(glob.escape(model_dir), "eval*"))
  ):
    name = os.path.basename(folder)
    if name != _EVAL and not name.startswith(f"{_EVAL}_"):
      continue
    curves = read_scalars(folder)
    if curves:
      evaluations[name.removeprefix(f"{_EVAL}_")] = curves
  return RunCurves(read_scalars(model_dir), evaluations)


def read_scalars(folder: str) -> Curves:
  """Reads the scalars of the event files in a folder, of all sessions.

  As in TensorBoard, a session that starts at a step takes the place of what an
  earlier one wrote for later steps, and the value that was written last wins.
  A file that a killed process left incomplete counts up to where it is whole.

  Args:
    folder: it is not searched for other folders.
  """
  found: dict[str, dict[int, float]] = {}
  for path in _event_files(folder):
    try:
      for event in tf.compat.v1.train.summary_iterator(path):
        if event.HasField("session_log") and event.session_log.status == _START:
          _purge(found, event.step)
        for value in event.summary.value:
          number = _number(value)
          if number is not None:
            found.setdefault(value.tag, {})[event.step] = number
    except tf.errors.DataLossError:
      pass
  return {tag: sorted(points.items()) for tag, points in found.items()}


def _event_files(folder: str) -> list[str]:
  paths = glob.glob(os.path.join(glob.escape(folder), "*.tfevents.*"))
  # Names begin with the second in which they were made.
  return sorted(paths, key=lambda path: (os.path.basename(path), path))


def _purge(found, step: int) -> None:
  for points in found.values():
    for later in [s for s in points if s > step]:
      del points[later]


def _number(value):
  if value.HasField("simple_value"):
    return value.simple_value
  plugin = value.metadata.plugin_data.plugin_name
  if value.HasField("tensor") and plugin == "scalars":
    return float(tf.make_ndarray(value.tensor))
  return None
