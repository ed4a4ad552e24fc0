"""Evaluations, exports and the decision to stop, at a run's checkpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Callable, Optional

from hub_estimator import estimator
from hub_estimator.evaluation import Outcomes
from hub_estimator.inputs.pipeline import (
  EVAL_SPLIT,
  TEST_SPLIT,
  TRAIN_SPLIT,
  InputPipeline,
)
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training.early_stopping import EarlyStopping
from hub_estimator.training.evaluation_history import (
  create_evaluation,
  read_history,
  with_evaluation,
  write_history,
)
from hub_estimator.training.kept_evaluation import KeptEvaluation
from hub_estimator.training.stop_signals import StopSignals

# Takes the global step of an evaluation and the metrics of the eval split.
EvaluationFn = Callable[[int, dict[str, Any]], None]

# Examples that a report shows of each split.
_NUM_WORST = 24


def export_folder(model_dir: str, exporter_name: str) -> str:
  """Returns where an exporter's exports are."""
  return os.path.join(model_dir, "export", exporter_name)


class EvaluationLoop(estimator.CheckpointSaverListener):
  """Evaluates the checkpoints of a stage, and hands them to exporters.

  What comes after a checkpoint is complete when the evaluation stands in
  `evaluations.json`, which is written last: a run that was killed before makes
  up for it, see `catch_up`.

  Attributes:
    estimator: the Estimator.
    evaluation: what evaluates its checkpoints.
    metrics: those of the last evaluation, by name, with "global_step"; those in
      `evaluations.json` if there was nothing to catch up on.
    stop_reason: why training ends before its last step; None if it does not.
    has_exported: whether the exporters were called.
    outcomes: split -> what came out for each example, of the last evaluation if
      it was that of the last step; None for a head that gives no scores.
  """

  def __init__(
    self,
    trained: estimator.Estimator,
    data: InputPipeline,
    exporters: Sequence[estimator.Exporter],
    last_step: int,
    early_stopping: Optional[EarlyStopping] = None,
    throttle_secs: float = 0.0,
    signals: Optional[StopSignals] = None,
    clock: Callable[[], float] = time.monotonic,
    evaluation_fn: Optional[EvaluationFn] = None,
  ):
    """Holds the parts.

    Args:
      trained: the Estimator; its model_dir gets summaries and exports.
      data: what to evaluate on: "eval", and the splits that are neither
        "train" nor "test".
      exporters: called after each evaluation.
      last_step: the global step at which the run ends.
      early_stopping: what to end training by.
      throttle_secs: checkpoints within so many seconds of the last evaluation
        are not evaluated, that of the last step excepted.
      signals: what ends an evaluation or export at once.
      clock: gives seconds.
      evaluation_fn: called after each evaluation, when it is written and
        exported.
    """
    self.estimator = trained
    self._model_dir = trained.model_dir
    self._exporters = exporters
    self._last_step = last_step
    self._early_stopping = early_stopping
    self._throttle_secs = throttle_secs
    self._signals = signals or StopSignals()
    self._clock = clock
    self._evaluation_fn = evaluation_fn
    self._evaluated_at = -float("inf")
    self._splits = [
      split
      for split in data.splits
      if split not in (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT)
    ]
    self.evaluation = KeptEvaluation(trained.model_fn, data, trained.config)
    self.metrics: Optional[dict[str, Any]] = None
    self.stop_reason: Optional[str] = None
    self.has_exported = False
    self.outcomes: dict[str, Optional[Outcomes]] = {}

  def after_save(self, session, global_step_value) -> bool:
    """Evaluates the checkpoint; returns whether training is to end."""
    del session
    if global_step_value == 0:
      return False
    is_late = self._clock() - self._evaluated_at >= self._throttle_secs
    with self._signals.immediate():
      if is_late or global_step_value >= self._last_step:
        self._evaluate()
    return self.stop_reason is not None

  def end(self, session, global_step_value) -> None:
    """Evaluates the last checkpoint, if it is not done."""
    del session
    is_done = (
      self.metrics is not None
      and self.metrics["global_step"] == global_step_value
    )
    with self._signals.immediate():
      if not is_done:
        self._evaluate()

  def catch_up(self) -> None:
    """Evaluates the newest checkpoint, if there is one and it is not done."""
    step = model_dirs.newest_step(self._model_dir)
    if not step:
      return
    done = {e.global_step: e for e in read_history(self._model_dir)}
    if step not in done:
      self._evaluate()
      return
    self.metrics = {**done[step].metrics, "global_step": step}
    if self._early_stopping is not None:
      self.stop_reason = self._early_stopping.reason(self._model_dir)

  def export(self) -> None:
    """Hands the newest checkpoint, and the last metrics, to the exporters."""
    is_final = (
      self.stop_reason is not None
      or self.metrics["global_step"] >= self._last_step
    )
    for exporter in self._exporters:
      exporter.export(
        self.estimator,
        export_folder(self._model_dir, exporter.name),
        checkpoint_path=self.estimator.latest_checkpoint(),
        eval_result=self.metrics,
        is_the_final_export=is_final,
      )
    self.has_exported = True

  def evaluate_split(self, split: str) -> dict[str, Any]:
    """Returns the newest checkpoint's metrics by name.

    Notes the outcomes of a run's last step.

    Args:
      split: one of the data's splits.
    """
    checkpoint = self.estimator.latest_checkpoint()
    step = model_dirs.newest_step(self._model_dir)
    if step < self._last_step and self.stop_reason is None:
      return self.evaluation.evaluate(checkpoint, split)
    metrics, self.outcomes[split] = self.evaluation.outcomes(
      checkpoint, split, _NUM_WORST
    )
    return metrics

  def close(self) -> None:
    """Frees the session that evaluates."""
    self.evaluation.close()

  def _evaluate(self) -> None:
    metrics, *others = [
      self.evaluate_split(split) for split in (EVAL_SPLIT, *self._splits)
    ]
    history = with_evaluation(
      read_history(self._model_dir),
      create_evaluation(metrics, dict(zip(self._splits, others))),
    )
    self.metrics = metrics
    if self._early_stopping is not None:
      self.stop_reason = self._early_stopping.reason_in(history)
    self.export()
    write_history(self._model_dir, history)
    self._evaluated_at = self._clock()
    if self._evaluation_fn is not None:
      self._evaluation_fn(history[-1].global_step, dict(history[-1].metrics))
