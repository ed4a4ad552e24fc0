"""The injection root of every training config, `train`."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import gin

from hub_estimator import errors, estimator, hub
from hub_estimator.hub import handles
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import ModuleModel
from hub_estimator.training import dry_run, results
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training.progress_bar import Progress
from hub_estimator.training.training_hooks import TrainingMonitor

MODULE_EXPORTER = "tf_hub"


@gin.register("train", module="hub_estimator")
class TrainingRun:
  """A training run, as a config describes it."""

  def __init__(
    self,
    input_pipeline: InputPipeline = gin.REQUIRED,
    model: ModuleModel = gin.REQUIRED,
    train_steps: int = gin.REQUIRED,
    seed: int = 0,
    eval_every_steps: Optional[int] = None,
    save_summary_steps: int = 100,
    keep_checkpoint_max: int = 5,
    exports_to_keep: int = 5,
  ):
    """Holds the parts of the run, and checks that they fit each other.

    Args:
      input_pipeline: the data.
      model: the model.
      train_steps: the global step to train to.
      seed: of the graph's random ops; the data has its own.
      eval_every_steps: evaluate, save and export every so many steps; None
        saves every 10 minutes. The end of the run always does.
      save_summary_steps: steps between TensorBoard summaries.
      keep_checkpoint_max: how many checkpoints stay.
      exports_to_keep: how many exports stay.

    Raises:
      UserError: a number of steps below 1, or data that does not fit the
        module or the head.
    """
    if train_steps < 1:
      raise errors.UserValueError(
        f"train.train_steps = {train_steps}: at least 1 step is needed."
      )
    self.input_pipeline = input_pipeline
    self._model = model
    self._train_steps = train_steps
    self._seed = seed
    self._eval_every_steps = eval_every_steps
    self._save_summary_steps = save_summary_steps
    self._keep_checkpoint_max = keep_checkpoint_max
    self._exports_to_keep = exports_to_keep
    model.check(input_pipeline)

  def describe(self) -> str:
    """Builds all three graphs and returns the text of a dry run."""
    summaries = dry_run.build_graphs(
      self.create_model_fn(),
      self.input_pipeline,
      self._run_config(model_dir=None),
    )
    report = dry_run.format_report(
      summaries, self._model.optimization.regularization_scale
    )
    examples = ", ".join(
      f"{self.input_pipeline.num_examples(mode):,} to {verb}"
      for mode, verb in (
        (estimator.ModeKeys.TRAIN, "train"),
        (estimator.ModeKeys.EVAL, "evaluate"),
      )
    )
    return (
      f"{report}\n\n{examples}; {self._train_steps:,} steps of "
      f"{self.input_pipeline.batch_size}. Nothing was written."
    )

  def train(
    self, model_dir: str, create_progress: Callable[..., Progress] = Progress
  ) -> dict[str, Any]:
    """Trains to `train_steps`, evaluates, exports and writes `results.json`.

    Goes on from the newest checkpoint in `model_dir` if there is one.

    Args:
      model_dir: the run's folder.
      create_progress: as `Progress`: (total_steps, batch_size, initial_step).

    Returns:
      what `results.json` holds.

    Raises:
      UserError: a checkpoint of another model, or a loss that is not a number.
    """
    model_fn = self.create_model_fn()
    config = self._run_config(model_dir)
    if model_dirs.holds_run(model_dir):
      graph, _ = dry_run.build_graph(
        model_fn, self.input_pipeline, config, estimator.ModeKeys.TRAIN
      )
      model_dirs.check_checkpoint_fits(model_dir, graph)
    monitor = TrainingMonitor(
      lambda step: create_progress(
        self._train_steps, self.input_pipeline.batch_size, step
      )
    )
    trained = estimator.Estimator(model_fn, config=config)
    try:
      metrics, exports = self._train_and_evaluate(trained, monitor)
    except estimator.NanLossDuringTrainingError as error:
      raise errors.UserValueError(
        f"The loss became NaN (not a number) after {monitor.num_steps} steps. "
        "The likeliest causes: a learning rate that is too high "
        "(LEARNING_RATE), features that are not scaled, labels that are wrong. "
        f"The last checkpoint in {model_dir} is from before."
      ) from error
    finally:
      monitor.close()
    return self._write_results(model_dir, monitor, metrics, exports)

  def create_model_fn(self) -> Callable:
    """Creates the Estimator's model_fn; see `ModuleModel.create_model_fn`."""
    return self._model.create_model_fn(self.input_pipeline)

  def _run_config(self, model_dir: Optional[str]) -> estimator.RunConfig:
    return estimator.RunConfig(
      model_dir=model_dir,
      tf_random_seed=self._seed,
      save_summary_steps=self._save_summary_steps,
      log_step_count_steps=self._save_summary_steps,
      keep_checkpoint_max=self._keep_checkpoint_max,
      **(
        {"save_checkpoints_steps": self._eval_every_steps}
        if self._eval_every_steps
        else {"save_checkpoints_secs": 600}
      ),
    )

  def _train_and_evaluate(self, trained, monitor):
    """Returns the final metrics and {exporter name: module's folder}."""
    exporter = hub.LatestModuleExporter(
      MODULE_EXPORTER,
      self.input_pipeline.serving_input_receiver_fn(),
      exports_to_keep=self._exports_to_keep,
    )
    eval_input_fn = self.input_pipeline.input_fn(estimator.ModeKeys.EVAL)
    metrics, _ = estimator.train_and_evaluate(
      trained,
      estimator.TrainSpec(
        self.input_pipeline.input_fn(estimator.ModeKeys.TRAIN),
        max_steps=self._train_steps,
        hooks=[monitor],
      ),
      estimator.EvalSpec(
        eval_input_fn,
        steps=None,
        exporters=[exporter],
        start_delay_secs=0,
        throttle_secs=0,
      ),
    )
    export_path = os.path.join(trained.model_dir, "export", MODULE_EXPORTER)
    if metrics is None:
      # The checkpoint was at `train_steps` already: nothing was trained, hence
      # nothing evaluated.
      metrics = trained.evaluate(eval_input_fn)
      if not handles.exports(export_path):
        exporter.export(trained, export_path)
    exports = {
      MODULE_EXPORTER: handles.resolve(export_path, self._model.export_name)
    }
    return metrics, exports

  def _write_results(self, model_dir, monitor, metrics, exports):
    metrics = dict(metrics)
    global_step = int(metrics.pop("global_step"))
    summary = monitor.summary
    if summary is None:
      summary = dry_run.build_graph(
        self.create_model_fn(),
        self.input_pipeline,
        self._run_config(model_dir),
        estimator.ModeKeys.TRAIN,
      )[1]
    seconds = monitor.train_seconds
    num_examples = monitor.num_steps * self.input_pipeline.batch_size
    content = {
      "module_handle": self._model.encoder.handle,
      "global_step": global_step,
      "metrics": metrics,
      "exports": exports,
      "num_parameters": summary.num_parameters,
      "num_trainable_parameters": summary.num_trainable_parameters,
      "module_trainable_parameters": summary.module_trainable_parameters,
      "train_seconds": seconds,
      "examples_per_second": num_examples / seconds if seconds else None,
      "versions": results.versions(),
    }
    return results.write_results(model_dir, content)
