"""The injection root of every training config, `train`."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import gin

from hub_estimator import errors, estimator
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import ModuleModel
from hub_estimator.optimization import argument_checks
from hub_estimator.recipes import RunSettings, as_recipes
from hub_estimator.tf_compat.session_fetches import kept_fetches
from hub_estimator.training import (
  dry_run,
  failures,
  feature_stage,
  image_settings,
  input_file,
  plan_report,
  results,
  run_exports,
  staged_training,
  vocabulary_files,
)
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training.early_stopping import EarlyStopping
from hub_estimator.training.evaluation_loop import EvaluationFn
from hub_estimator.training.log_lines import package_log_lines
from hub_estimator.training.progress_bar import Progress
from hub_estimator.training.report_values import ReportFn, report
from hub_estimator.training.run_checks import check_count, check_kind
from hub_estimator.training.stop_signals import StopSignals
from hub_estimator.training.training_hooks import TrainingMonitor

# Between evaluations, if a config says nothing.
_EVAL_EVERY_SECS = 600


@gin.register("train", module="hub_estimator")
class TrainingRun:
  """A training run, as a config describes it.

  Attributes:
    input_pipeline: the data, as recipes chose it.
    model: the model.
    plan: what trains when.
    chosen_gin_text: the bindings that recipes stand for; None if they chose
      no settings.
  """

  def __init__(
    self,
    input_pipeline: InputPipeline = gin.REQUIRED,
    model: ModuleModel = gin.REQUIRED,
    train_steps: int = gin.REQUIRED,
    recipe: Any = (),
    seed: int = 0,
    eval_every_steps: Optional[int] = None,
    eval_every_secs: Optional[float] = None,
    early_stopping: Optional[EarlyStopping] = None,
    save_summary_steps: int = 100,
    keep_checkpoint_max: Optional[int] = 5,
    exports_to_keep: Optional[int] = 5,
    best_metric: Optional[str] = None,
    best_mode: str = "auto",
    verify_exports: bool = True,
  ):
    """Holds the parts of the run, and checks that they fit each other.

    Args:
      input_pipeline: the data.
      model: the model.
      train_steps: the global step to train to.
      recipe: a recipe, or a list of them, which are applied in their order;
        without any, all that the model's encoder says trains, at one rate.
      seed: of the graph's random ops; the data has its own.
      eval_every_steps: evaluate, save and export every so many steps, counted
        from the start of the run, or of its stage; None goes by time. The end
        of the run, and of a stage of it, always does.
      eval_every_secs: evaluate, save and export every so many seconds; if None
        and without `eval_every_steps`, every 10 minutes. Beside
        `eval_every_steps`: of the checkpoints, evaluate those that come so long
        after the last evaluation.
      early_stopping: when to end before `train_steps`; never if None.
      save_summary_steps: steps between TensorBoard summaries.
      keep_checkpoint_max: how many checkpoints stay; None for all.
      exports_to_keep: how many exports of the newest weights stay; None for
        all.
      best_metric: also export the module of the best evaluation by this metric,
        such as "accuracy", to `export/best`, and keep its checkpoint in `best`;
        None does not.
      best_mode: which values of it are good: "max", "min", or "auto", which
        goes by its name.
      verify_exports: whether each export is loaded and compared with the model
        on a batch of the eval split before it appears.

    Raises:
      UserError: an argument of another kind or out of range, or data that does
        not fit the module or the head.
    """
    check_kind("input_pipeline", input_pipeline, InputPipeline, "@NumpyInput()")
    check_kind("model", model, ModuleModel, "@ModuleModel()")
    if early_stopping is not None:
      check_kind(
        "early_stopping", early_stopping, EarlyStopping, "@EarlyStopping()"
      )
    check_count("train_steps", train_steps)
    check_count("seed", seed, least=0)
    check_count("save_summary_steps", save_summary_steps)
    for name, value in (
      ("eval_every_steps", eval_every_steps),
      ("keep_checkpoint_max", keep_checkpoint_max),
      ("exports_to_keep", exports_to_keep),
    ):
      if value is not None:
        check_count(name, value)
    self._recipes = as_recipes(recipe)
    settings = RunSettings(
      image_settings.with_module_image_size(input_pipeline, model.encoder),
      model.optimization,
      train_steps,
    )
    for item in self._recipes:
      settings = item.choose_settings(settings)
    self.chosen_gin_text = settings.gin_text
    self.input_pipeline = settings.input_pipeline
    self.model = model.with_optimization(settings.optimization)
    self._train_steps = settings.train_steps
    self._seed = seed
    if eval_every_secs is not None:
      argument_checks.check_number("train.eval_every_secs", eval_every_secs, 0)
    if eval_every_steps is None and eval_every_secs is None:
      eval_every_secs = _EVAL_EVERY_SECS
    self._schedule = staged_training.Schedule(
      eval_every_steps, eval_every_secs, save_summary_steps
    )
    self._early_stopping = early_stopping
    self._keep_checkpoint_max = keep_checkpoint_max
    self._exports_to_keep = exports_to_keep
    self._best_metric = best_metric
    self._best_mode = best_mode
    self._verify_exports = verify_exports
    self.model.check(self.input_pipeline)
    self._create_exports("")  # Which checks the metric's name.
    self.plan = self.model.create_plan(self._recipes, self._train_steps)
    feature_stage.check(self.plan, self.input_pipeline, self.model.encoder)

  def describe(self) -> str:
    """Builds all three graphs and returns the text of a dry run."""
    return dry_run.describe(
      self.model,
      self.input_pipeline,
      self.plan,
      self._recipes,
      self._run_config(model_dir=None),
      self.chosen_gin_text,
    )

  def check_graph(self, model_dir: Optional[str] = None) -> None:
    """Builds the TRAIN graph, and compares it with a checkpoint.

    Args:
      model_dir: the folder of a run that training is to go on from.

    Raises:
      UserError: a checkpoint of another model, or a graph that cannot be built.
    """
    step = 0 if model_dir is None else model_dirs.newest_step(model_dir)
    # That of the stage which wrote the checkpoint: a stage that starts with it
    # adds slots.
    graph, _ = self._build_training_graph(max(0, step - 1))
    if model_dir is not None:
      model_dirs.check_checkpoint_fits(model_dir, graph)

  def check_overwrite(self, model_dir: str) -> None:
    """Raises UserValueError if deleting a run would delete the module."""
    handle = os.path.realpath(self.model.encoder.handle)
    folder = os.path.realpath(model_dir)
    # A module that is trained from scratch has no folder.
    if (
      os.path.exists(handle) and os.path.commonpath([handle, folder]) == folder
    ):
      raise errors.UserValueError(
        f"--overwrite would delete the module to train, {handle}: it is in "
        f"--model_dir={model_dir}. Give another --model_dir."
      )

  def train(
    self,
    model_dir: str,
    create_progress: Callable[..., Progress] = Progress,
    signals: Optional[StopSignals] = None,
    report_fn: Optional[ReportFn] = None,
    evaluation_fn: Optional[EvaluationFn] = None,
  ) -> dict[str, Any]:
    """Trains to `train_steps`, evaluates, exports and writes `results.json`.

    Goes on from the newest checkpoint in `model_dir` if there is one; see
    `check_graph`.

    Args:
      model_dir: the run's folder.
      create_progress: as `Progress`: (total_steps, batch_size, initial_step).
      signals: what ends training after a step, with a checkpoint.
      report_fn: called when `results.json` is written.
      evaluation_fn: called after each evaluation; see `launch.launch`.

    Returns:
      what `results.json` holds.

    Raises:
      UserError: a loss that is not finite, too little memory, a full disk.
      Stopped: a signal came.
    """
    optimization = self.model.optimization
    monitor = TrainingMonitor(
      lambda step: create_progress(
        self._train_steps, self._examples_per_step, step
      ),
      runs_per_step=optimization.accumulate_steps,
    )
    exports = self._create_exports(model_dir)
    try:
      reading = failures.reading_errors_of(self.input_pipeline)
      explaining = failures.explaining(
        lambda: self._failure_context(model_dir, monitor), monitor.write
      )
      with (
        reading,
        kept_fetches(),
        package_log_lines(monitor.write),
        explaining,
      ):
        if self.chosen_gin_text:
          monitor.write(f"RECIPE stands for:\n{self.chosen_gin_text}\n")
        for note in self.input_pipeline.notes():
          monitor.write(f"warning: {note}")
        staged_training.announce_late_variables(self.plan, monitor.write)
        vocabulary_files.write(model_dir, self.input_pipeline.vocabularies())
        input_file.write(model_dir, self.input_pipeline.description())
        features = feature_stage.prepare(
          model_dir, self.model, self.plan, self.input_pipeline, self._seed
        )
        trained = staged_training.StagedTraining(
          self.model,
          self.plan,
          self._run_config,
          self.input_pipeline,
          exports.exporters,
          self._schedule,
          features.cached_input,
          features.selected_features,
          self._early_stopping,
          evaluation_fn,
        ).run(
          model_dir,
          monitor,
          lambda step: run_exports.is_exported(model_dir, step),
          signals,
        )
    finally:
      monitor.close()
    written = self._write_results(
      model_dir, monitor, trained, exports.newest(model_dir), features.seconds
    )
    if report_fn is not None:
      report(report_fn, model_dir, trained, self.hyperparameters())
    return written

  def hyperparameters(self) -> dict[str, Any]:
    """Returns name -> value of what runs are compared by."""
    rates = plan_report.peak_rates(self.model.optimization, self.plan)
    return {
      "module": str(self.model.encoder.handle),
      "recipe": ", ".join(r.describe() for r in self._recipes) or "none",
      "train_steps": self._train_steps,
      "batch_size": self.input_pipeline.batch_size,
      "learning_rate": max(rates.values()),
      "seed": self._seed,
    }

  def create_model_fn(
    self, selected_features: Optional[list[int]] = None
  ) -> Callable:
    """Creates the model_fn of the last stage, for the run's own features.

    See `ModuleModel.create_model_fn`.

    Args:
      selected_features: what the run has chosen, if its recipe selects.
    """
    return self.model.create_model_fn(
      self.input_pipeline, self.plan, self.plan.stages[-1], selected_features
    )

  def create_config(self, model_dir: Optional[str] = None):
    """Creates the RunConfig of an Estimator for the run.

    Args:
      model_dir: the run's folder.
    """
    return self._run_config(model_dir)

  def _failure_context(self, model_dir, monitor) -> failures.Context:
    return failures.Context(
      model_dir,
      self.input_pipeline.batch_size,
      self.model.optimization.accumulate_steps,
      monitor.step,
    )

  @property
  def _examples_per_step(self) -> int:
    return (
      self.input_pipeline.batch_size * self.model.optimization.accumulate_steps
    )

  def _build_training_graph(self, step: int):
    """Returns the TRAIN graph of the stage at a step, and its summary."""
    return dry_run.build_graph(
      self.model.create_model_fn(
        self.input_pipeline, self.plan, self.plan.stage_at(step)
      ),
      self.input_pipeline,
      self._run_config(None),
      estimator.ModeKeys.TRAIN,
    )

  def _run_config(self, model_dir: Optional[str]) -> estimator.RunConfig:
    return estimator.RunConfig(
      model_dir=model_dir,
      tf_random_seed=self._seed,
      save_summary_steps=self._schedule.save_summary_steps,
      # Its two hooks would cost every step, and say what the progress says.
      log_step_count_steps=None,
      keep_checkpoint_max=self._keep_checkpoint_max,
    )

  def _create_exports(self, model_dir: str) -> run_exports.RunExports:
    return run_exports.RunExports(
      self.input_pipeline,
      self.model.export_name,
      self._exports_to_keep,
      self._best_metric,
      self._best_mode,
      self._verify_exports,
      metadata_fn=lambda: self._export_metadata(model_dir),
    )

  def _export_metadata(self, model_dir: str) -> dict[str, Any]:
    """Returns what is written beside exported modules."""
    return {
      "module_handle": self.model.encoder.handle,
      "recipe": [recipe.describe() for recipe in self._recipes],
      "config": model_dirs.read_config(model_dir),
      "packages": results.versions(),
    }

  def _write_results(
    self, model_dir, monitor, trained, exports, feature_seconds
  ):
    metrics = dict(trained.metrics or {})
    metrics.pop("global_step", None)
    global_step = trained.global_step
    summary = monitor.summary
    if summary is None:
      summary = self._build_training_graph(max(0, global_step - 1))[1]
    seconds, examples_per_second = results.speed(
      model_dir, monitor, global_step, self._examples_per_step
    )
    written = results.read_results(model_dir) or {}
    # Groups whose stage was trained by an earlier process moved there.
    moved = {
      name: group.get("moved")
      for name, group in written.get("groups", {}).items()
    }
    moved.update(trained.movement)
    content = {
      "module_handle": self.model.encoder.handle,
      "recipe": [recipe.describe() for recipe in self._recipes],
      "global_step": global_step,
      "metrics": metrics,
      "test_metrics": trained.test_metrics,
      "exports": exports,
      "status": "stopped_early" if trained.stop_reason else "finished",
      "stopped_early": trained.stop_reason,
      "num_parameters": summary.num_parameters,
      "num_trainable_parameters": summary.num_trainable_parameters,
      "module_trainable_parameters": summary.module_trainable_parameters,
      "groups": plan_report.group_results(self.plan, moved),
      "skipped_examples": self.input_pipeline.skipped_examples(),
      "feature_extraction_seconds": feature_seconds,
      "train_seconds": seconds,
      "examples_per_second": examples_per_second,
      "versions": results.versions(),
    }
    return results.write_results(model_dir, content)
