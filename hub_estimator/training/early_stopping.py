"""Early stopping on a metric of the evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Optional

import gin

from hub_estimator import errors, estimator
from hub_estimator.hub import metric_direction
from hub_estimator.optimization import argument_checks
from hub_estimator.training.evaluation_history import (
  Evaluation,
  create_evaluation,
  read_history,
  with_evaluation,
  write_history,
)


@gin.register(module="hub_estimator")
@dataclasses.dataclass(frozen=True)
class EarlyStopping:
  """Ends training when a metric of the evaluation no longer improves.

  Training ends after the first evaluation that makes `patience` in a row
  without a value better than the best one before by more than `min_delta`. The
  weights are those of that moment, not the best ones. Prechelt, "Early
  Stopping - But When?", 1998, https://doi.org/10.1007/3-540-49430-8_3, the
  class of criteria UP, counted in evaluations.

  The evaluations are kept in `evaluations.json` in the run's folder, so that
  a run that goes on from a checkpoint goes on counting, and another patience or
  metric counts from the evaluations that there were.

  For `estimator.train_and_evaluate` in one process. In a cluster the evaluator
  is a process of its own, which cannot end the others.

  Attributes:
    metric: a metric's name, as the evaluation reports it.
    patience: number of evaluations without improvement, at least 1.
    mode: which values are good: "max", "min", or "auto", which goes by the
      metric's name.
    min_delta: an improvement is more than this, at least 0.

  Raises:
    UserTypeError, UserValueError: an attribute is of the wrong kind or out of
      range, or the metric's name does not say which values are good.
  """

  metric: str = "loss"
  patience: int = 5
  mode: str = "auto"
  min_delta: float = 0.0

  def __post_init__(self):
    if not isinstance(self.metric, str) or not self.metric:
      raise errors.UserTypeError(
        "`EarlyStopping.metric` is a metric's name, such as 'loss'; got "
        f"{self.metric!r}."
      )
    argument_checks.check_count(
      "EarlyStopping.patience", self.patience, 1, "evaluations"
    )
    argument_checks.check_number("EarlyStopping.min_delta", self.min_delta, 0)
    self._sign()

  def watch(self, model_dir: str) -> EarlyStoppingWatch:
    """Returns what watches a run: an exporter and a hook.

    Args:
      model_dir: the run's folder.
    """
    return EarlyStoppingWatch(self, model_dir)

  def reason(self, model_dir: str) -> Optional[str]:
    """Returns why a run has stopped, or None if it has not.

    Args:
      model_dir: the run's folder.

    Raises:
      UserOSError: its `evaluations.json` cannot be read.
    """
    return self.reason_in(read_history(model_dir))

  def has_stopped(self, model_dir: str) -> bool:
    """Whether the evaluations of a run so far end it; see `reason`."""
    return self.reason(model_dir) is not None

  def reason_in(self, history: Sequence[Evaluation]) -> Optional[str]:
    """Returns why evaluations end a run, or None if they do not.

    Args:
      history: the run's evaluations in the order of their steps.

    Raises:
      UserValueError: the metric is not in the last of them.
    """
    if history and self.metric not in history[-1].metrics:
      raise errors.UserValueError(
        f"`EarlyStopping.metric` = {self.metric!r} is no metric of the "
        f"evaluation. There are: {', '.join(sorted(history[-1].metrics))}."
      )
    sign = self._sign()
    best = None
    num_without = 0
    for evaluation in history:
      value = evaluation.metrics.get(self.metric)
      if value is not None and (
        best is None
        or sign * (value - best.metrics[self.metric]) > self.min_delta
      ):
        best = evaluation
        num_without = 0
      else:
        num_without += 1
    if num_without < self.patience:
      return None
    by = f" by more than {self.min_delta:g}" if self.min_delta else ""
    text = (
      f"{self.metric} has not improved{by} for {num_without} "
      f"evaluation{'s' if num_without > 1 else ''}"
    )
    if best is None:
      return f"{text}: it was never a number"
    return (
      f"{text}; best {best.metrics[self.metric]:.6g} at step {best.global_step}"
    )

  def _sign(self) -> int:
    """Returns 1 if high values are good and -1 if low ones are."""
    return metric_direction.sign_of(
      self.metric,
      self.mode,
      "EarlyStopping.metric",
      "EarlyStopping.mode",
    )


class EarlyStoppingWatch:
  """Watches one run; its two parts go to `train_and_evaluate`.

  Attributes:
    exporter: for `EvalSpec.exporters`: notes each evaluation, and writes
      nothing under `export/`.
    hook: for `TrainSpec.hooks`: ends training.
    reason: why training was ended; None if it was not.
  """

  def __init__(self, early_stopping: EarlyStopping, model_dir: str):
    """Sets out to watch a run.

    Args:
      early_stopping: when to stop.
      model_dir: the run's folder.
    """
    self.reason: Optional[str] = None
    self._early_stopping = early_stopping
    self._model_dir = model_dir
    self._run_context = None
    self.exporter: estimator.Exporter = _Exporter(self)
    self.hook: estimator.SessionRunHook = _Hook(self)

  def set_run_context(self, run_context: Any) -> None:
    """Takes what the session's present run can be ended with."""
    self._run_context = run_context

  def add_evaluation(self, eval_result: dict[str, Any]) -> None:
    """Notes an evaluation, and ends training if it is time.

    Evaluations are made by a hook that saves checkpoints, after a run of the
    session, so asking that run to be the last ends training right there.

    Args:
      eval_result: the metrics by name, with "global_step".

    Raises:
      UserValueError: the metric is not among them.
    """
    history = with_evaluation(
      read_history(self._model_dir), create_evaluation(eval_result)
    )
    self.reason = self._early_stopping.reason_in(history)
    write_history(self._model_dir, history)
    if self.reason is not None and self._run_context is not None:
      self._run_context.request_stop()


class _Exporter(estimator.Exporter):
  """Hands each evaluation on."""

  def __init__(self, watch: EarlyStoppingWatch):
    self._watch = watch

  @property
  def name(self) -> str:
    """The exporter's name."""
    return "early_stopping"

  def export(
    self,
    estimator,
    export_path,
    checkpoint_path,
    eval_result,
    is_the_final_export,
  ) -> None:
    """Takes the metrics; exports nothing."""
    del estimator, export_path, checkpoint_path, is_the_final_export
    self._watch.add_evaluation(eval_result)


class _Hook(estimator.SessionRunHook):
  """Knows the session's present run."""

  def __init__(self, watch: EarlyStoppingWatch):
    self._watch = watch

  def before_run(self, run_context):
    """Notes the run, before any other hook evaluates after it."""
    self._watch.set_run_context(run_context)

  def end(self, session):
    """Forgets the run: the last evaluation comes when it is over."""
    del session
    self._watch.set_run_context(None)
