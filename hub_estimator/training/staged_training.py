"""Training through the stages of a plan, each with a graph of its own."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, NamedTuple, Optional

from hub_estimator import estimator, handles, hub
from hub_estimator.inputs import InputPipeline
from hub_estimator.inputs.pipeline import TEST_SPLIT
from hub_estimator.models import ModuleModel
from hub_estimator.recipes import FineTuningPlan, Stage
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training import training_bursts
from hub_estimator.training.early_stopping import EarlyStopping
from hub_estimator.training.group_movement import GroupMovement
from hub_estimator.training.training_bursts import Period, TrainingBursts
from hub_estimator.training.training_hooks import TrainingMonitor

MODULE_EXPORTER = "tf_hub"


class Trained(NamedTuple):
  """What training gave.

  Attributes:
    metrics: those of the last evaluation.
    exports: exporter name -> the module's folder.
    movement: group -> how far it had moved after the first steps of its stage.
    stop_reason: why training ended before its last step; None if it did not.
    test_metrics: those of the test split; None if there is none.
  """

  metrics: dict[str, Any]
  exports: dict[str, str]
  movement: dict[str, float]
  stop_reason: Optional[str]
  test_metrics: Optional[dict[str, Any]]


class StagedTraining:
  """Trains, evaluates and exports; goes on from the newest checkpoint."""

  def __init__(
    self,
    model: ModuleModel,
    plan: FineTuningPlan,
    create_config: Callable[[str], estimator.RunConfig],
    input_pipeline: InputPipeline,
    cached_input: Optional[InputPipeline] = None,
    selected_features: Optional[list[int]] = None,
    early_stopping: Optional[EarlyStopping] = None,
    exports_to_keep: Optional[int] = 5,
  ):
    """Holds the parts.

    Args:
      model: the model.
      plan: the run's plan.
      create_config: folder -> RunConfig.
      input_pipeline: the data.
      cached_input: the data for stages that use cached features.
      selected_features: the numbers of the features to use.
      early_stopping: when to end before the last step.
      exports_to_keep: how many exports stay.
    """
    self._model = model
    self._plan = plan
    self._create_config = create_config
    self._input = input_pipeline
    self._cached_input = cached_input
    self._selected_features = selected_features
    self._early_stopping = early_stopping
    self._exporter = hub.LatestModuleExporter(
      MODULE_EXPORTER,
      input_pipeline.serving_input_receiver_fn(),
      exports_to_keep=exports_to_keep,
    )

  def run(
    self,
    model_dir: str,
    monitor: TrainingMonitor,
    is_exported: Callable[[int], bool],
  ) -> Trained:
    """Trains to the last step of the plan.

    Args:
      model_dir: the run's folder.
      monitor: the hook that shows progress.
      is_exported: whether the checkpoint of a step was exported before.
    """
    movement: dict[str, float] = {}
    metrics = None
    step = model_dirs.newest_step(model_dir)
    stopped = self._early_stopping and self._early_stopping.has_stopped(
      model_dir
    )
    for stage in self._plan.stages:
      if stopped or step >= stage.last_step:
        continue
      self._announce(stage, monitor)
      trained = self._create_estimator(stage, model_dir)
      movement_hook = GroupMovement(monitor.write)
      metrics = self._train_stage(trained, stage, monitor, movement_hook)
      movement.update(movement_hook.moved)
      step = model_dirs.newest_step(model_dir)
      stopped = step < stage.last_step
    stage = self._plan.stage_at(max(0, step - 1))
    trained = self._create_estimator(stage, model_dir)
    export_path = os.path.join(model_dir, "export", MODULE_EXPORTER)
    if metrics is None:
      # The checkpoint was at the last step already: nothing was trained, hence
      # nothing evaluated.
      metrics = trained.evaluate(
        self._input_of(stage).input_fn(estimator.ModeKeys.EVAL)
      )
      print(
        f"The newest checkpoint in {model_dir} is of step "
        f"{metrics['global_step']}, and {self._plan.train_steps} are asked "
        "for: nothing was trained.",
        file=sys.stderr,
      )
      if not is_exported(int(metrics["global_step"])):
        self._exporter.export(trained, export_path)
    exports = {
      MODULE_EXPORTER: os.path.abspath(
        handles.resolve(export_path, self._model.export_name)
      )
    }
    reason = None
    if self._early_stopping is not None and step < self._plan.train_steps:
      reason = self._early_stopping.reason(model_dir)
      if reason is not None:
        monitor.write(
          f"Training ended before step {self._plan.train_steps}: {reason}."
        )
    return Trained(
      metrics, exports, movement, reason, self._test(trained, stage)
    )

  def _train_stage(self, trained, stage: Stage, monitor, movement_hook):
    data = self._input_of(stage)
    hooks = [monitor, movement_hook]
    exporters = [self._exporter]
    if self._early_stopping is not None:
      watch = self._early_stopping.watch(trained.model_dir)
      exporters.append(watch.exporter)
      hooks.append(watch.hook)
    if training_bursts.are_possible(trained.config):
      hooks.append(self._create_bursts(trained.config, stage, monitor))
    metrics, _ = estimator.train_and_evaluate(
      trained,
      estimator.TrainSpec(
        data.input_fn(estimator.ModeKeys.TRAIN),
        max_steps=stage.last_step,
        hooks=hooks,
      ),
      estimator.EvalSpec(
        data.input_fn(estimator.ModeKeys.EVAL),
        steps=None,
        exporters=exporters,
        start_delay_secs=0,
        throttle_secs=0,
      ),
    )
    return metrics

  def _create_bursts(self, config, stage: Stage, monitor: TrainingMonitor):
    # The first summary is written at the first step.
    periods = [Period(config.save_summary_steps, first=1)]
    if config.save_checkpoints_steps:
      periods.append(Period(config.save_checkpoints_steps))
    return TrainingBursts(
      monitor,
      stage.last_step,
      periods,
      self._model.optimization.accumulate_steps,
    )

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

  def _test(self, trained, stage: Stage) -> Optional[dict[str, Any]]:
    """Evaluates the test split, if there is one."""
    data = self._input_of(stage)
    if TEST_SPLIT not in data.splits:
      return None
    return trained.evaluate(data.ordered_input_fn(TEST_SPLIT), name=TEST_SPLIT)

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
