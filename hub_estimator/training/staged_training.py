"""Training through the stages of a plan, each with a graph of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional

from hub_estimator import estimator
from hub_estimator.evaluation import Outcomes
from hub_estimator.inputs import InputPipeline
from hub_estimator.inputs.pipeline import TEST_SPLIT, TRAIN_SPLIT
from hub_estimator.models import ModuleModel
from hub_estimator.recipes import FineTuningPlan, Stage
from hub_estimator.tf_compat.checkpoint_saver import AlignedCheckpointSaver
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training import training_bursts
from hub_estimator.training.early_stopping import EarlyStopping
from hub_estimator.training.evaluation_loop import EvaluationFn, EvaluationLoop
from hub_estimator.training.group_movement import GroupMovement
from hub_estimator.training.stop_signals import StopOnSignal, StopSignals
from hub_estimator.training.training_bursts import Period, TrainingBursts
from hub_estimator.training.training_hooks import TrainingMonitor


class Schedule(NamedTuple):
  """When a run saves, evaluates and summarizes.

  Attributes:
    every_steps: steps between checkpoints, each of which is evaluated and
      exported, counted from the start of a stage; None goes by time.
    every_secs: seconds between checkpoints; with `every_steps`, the least
      between two evaluations.
    save_summary_steps: steps between summaries.
  """

  every_steps: Optional[int] = None
  every_secs: Optional[float] = None
  save_summary_steps: int = 100


class Trained(NamedTuple):
  """What training gave.

  Attributes:
    global_step: of the newest checkpoint.
    metrics: those of the last evaluation.
    movement: group -> how far it had moved after the first steps of its stage.
    stop_reason: why training ended before its last step; None if it did not.
    test_metrics: those of the test split; None if there is none.
    outcomes: split -> what came out for each example, "train" left out.
  """

  global_step: int
  metrics: dict[str, Any]
  movement: dict[str, float]
  stop_reason: Optional[str]
  test_metrics: Optional[dict[str, Any]]
  outcomes: dict[str, Outcomes]


class StagedTraining:
  """Trains, evaluates and exports; goes on from the newest checkpoint."""

  def __init__(
    self,
    model: ModuleModel,
    plan: FineTuningPlan,
    create_config: Callable[[str], estimator.RunConfig],
    input_pipeline: InputPipeline,
    exporters: Sequence[estimator.Exporter],
    schedule: Schedule,
    cached_input: Optional[InputPipeline] = None,
    selected_features: Optional[list[int]] = None,
    early_stopping: Optional[EarlyStopping] = None,
    evaluation_fn: Optional[EvaluationFn] = None,
  ):
    """Holds the parts.

    Args:
      model: the model.
      plan: the run's plan.
      create_config: folder -> RunConfig.
      input_pipeline: the data.
      exporters: called after each evaluation.
      schedule: when to save and evaluate.
      cached_input: the data for stages that use cached features.
      selected_features: the numbers of the features to use.
      early_stopping: when to end before the last step.
      evaluation_fn: called with the step and the metrics of each evaluation.
    """
    self._evaluation_fn = evaluation_fn
    self._model = model
    self._plan = plan
    self._create_config = create_config
    self._input = input_pipeline
    self._exporters = exporters
    self._schedule = schedule
    self._cached_input = cached_input
    self._selected_features = selected_features
    self._early_stopping = early_stopping
    # Of the stage that was evaluated last.
    self._loop: Optional[EvaluationLoop] = None
    self._loop_stage: Optional[Stage] = None

  def run(
    self,
    model_dir: str,
    monitor: TrainingMonitor,
    is_exported: Callable[[int], bool],
    signals: Optional[StopSignals] = None,
  ) -> Trained:
    """Trains to the last step of the plan.

    Args:
      model_dir: the run's folder.
      monitor: the hook that shows progress.
      is_exported: whether the checkpoint of a step was exported before.
      signals: what ends training after a step, with a checkpoint.

    Raises:
      Stopped: a signal came.
    """
    try:
      return self._run(
        model_dir, monitor, is_exported, signals or StopSignals()
      )
    finally:
      self._close_loop()

  def _run(self, model_dir, monitor, is_exported, signals) -> Trained:
    movement: dict[str, float] = {}
    stop_reason = None
    has_trained = False
    step = model_dirs.newest_step(model_dir)
    if step:
      # What a run that was killed after its checkpoint did not come to.
      loop = self._loop_of(self._plan.stage_at(step - 1), model_dir, signals)
      loop.catch_up()
      stop_reason = loop.stop_reason
    for stage in self._plan.stages:
      if stop_reason or step >= stage.last_step:
        continue
      self._announce(stage, monitor)
      loop = self._loop_of(stage, model_dir, signals)
      movement_hook = GroupMovement(monitor.write)
      self._train_stage(loop, stage, step, monitor, movement_hook, signals)
      has_trained = True
      movement.update(movement_hook.moved)
      step = model_dirs.newest_step(model_dir)
      stop_reason = loop.stop_reason
    if not has_trained:
      print(
        f"The newest checkpoint in {model_dir} is of step {step}, and "
        f"{self._plan.train_steps} are asked for: nothing was trained.",
        file=sys.stderr,
      )
      if not loop.has_exported and not is_exported(step):
        loop.export()
    elif stop_reason is not None and step < self._plan.train_steps:
      monitor.write(
        f"Training ended before step {self._plan.train_steps}: {stop_reason}."
      )
    test_metrics = None
    for split in self._input.splits:
      if split == TEST_SPLIT:
        test_metrics = loop.evaluate_split(split)
      elif split != TRAIN_SPLIT and split not in loop.outcomes:
        # Nobody knew that the last evaluation would be the last; or this
        # process has made none.
        loop.evaluate_split(split)
    outcomes = {s: o for s, o in loop.outcomes.items() if o is not None}
    return Trained(
      step, loop.metrics, movement, stop_reason, test_metrics, outcomes
    )

  def _train_stage(
    self, loop, stage: Stage, step, monitor, movement_hook, signals
  ) -> None:
    trained = loop.estimator
    runs_per_step = self._model.optimization.accumulate_steps
    saver = AlignedCheckpointSaver(
      trained.model_dir,
      first_step=stage.first_step,
      save_steps=self._schedule.every_steps,
      save_secs=None
      if self._schedule.every_steps
      else self._schedule.every_secs,
    )
    hooks = [monitor, StopOnSignal(signals, monitor), movement_hook, saver]
    if training_bursts.are_possible(trained.config):
      hooks.append(
        TrainingBursts(
          monitor, stage.last_step, self._periods(stage, step), runs_per_step
        )
      )
    data = self._input_of(stage)
    with signals.deferred():
      trained.train(
        data.training_input_fn(first_batch=step * runs_per_step),
        hooks=hooks,
        max_steps=stage.last_step,
        saving_listeners=[loop],
      )
    signals.check()

  def _periods(self, stage: Stage, step: int) -> list[Period]:
    """Returns when hooks act in a session that starts at a step."""
    # The first summary is written at the session's first step.
    periods = [Period(self._schedule.save_summary_steps, first=1)]
    if self._schedule.every_steps:
      periods.append(
        Period(self._schedule.every_steps, first=stage.first_step - step)
      )
    return periods

  def _loop_of(
    self, stage: Stage, model_dir: str, signals: StopSignals
  ) -> EvaluationLoop:
    """Returns the loop of a stage; there is one at a time."""
    if stage is not self._loop_stage:
      self._close_loop()
      self._loop_stage = stage
      self._loop = EvaluationLoop(
        self._create_estimator(stage, model_dir),
        self._input_of(stage),
        self._exporters,
        self._plan.train_steps,
        self._early_stopping,
        throttle_secs=(
          (self._schedule.every_secs or 0) if self._schedule.every_steps else 0
        ),
        signals=signals,
        evaluation_fn=self._evaluation_fn,
      )
    return self._loop

  def _close_loop(self) -> None:
    if self._loop is not None:
      self._loop.close()
    self._loop = self._loop_stage = None

  def _create_estimator(self, stage: Stage, model_dir: str):
    return estimator.Estimator(
      self._model.create_model_fn(
        self._input, self._plan, stage, self._selected_features
      ),
      config=self._create_config(model_dir),
    )

  def _input_of(self, stage: Stage) -> InputPipeline:
    if stage.uses_cached_features and self._cached_input is not None:
      return self._cached_input
    return self._input

  def _announce(self, stage: Stage, monitor: TrainingMonitor) -> None:
    if len(self._plan.stages) == 1:
      return
    monitor.write(
      f"Stage {stage.number} of {len(self._plan.stages)}, steps "
      f"{stage.first_step} to {stage.last_step}: trains "
      f"{stage.describe_groups()}."
    )


def announce_late_variables(
  plan: FineTuningPlan, write: Callable[[str], None]
) -> None:
  """Warns of variables whose turn comes after the last step."""
  late = plan.late_variables
  if late:
    first = min(v.first_step for v in late)
    write(
      f"warning: {len(late)} of {len(plan.module_variables)} trainable "
      f"variables of the module stay as they are: their turn comes at step "
      f"{first}, and the run ends at step {plan.train_steps} (TRAIN_STEPS)."
    )
