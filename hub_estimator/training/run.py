"""The injection root of every training config, `train`."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Optional

import gin

from hub_estimator import errors, estimator, handles, hub
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import ModuleModel
from hub_estimator.tf_compat.session_fetches import kept_fetches
from hub_estimator.training import dry_run, results
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training.log_lines import package_log_lines
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
    keep_checkpoint_max: Optional[int] = 5,
    exports_to_keep: Optional[int] = 5,
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
      keep_checkpoint_max: how many checkpoints stay; None for all.
      exports_to_keep: how many exports stay; None for all.

    Raises:
      UserError: an argument of another kind or out of range, or data that does
        not fit the module or the head.
    """
    _check_kind(
      "input_pipeline", input_pipeline, InputPipeline, "@NumpyInput()"
    )
    _check_kind("model", model, ModuleModel, "@ModuleModel()")
    _check_count("train_steps", train_steps)
    _check_count("seed", seed, least=0)
    _check_count("save_summary_steps", save_summary_steps)
    for name, value in (
      ("eval_every_steps", eval_every_steps),
      ("keep_checkpoint_max", keep_checkpoint_max),
      ("exports_to_keep", exports_to_keep),
    ):
      if value is not None:
        _check_count(name, value)
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

  def check_graph(self, model_dir: Optional[str] = None) -> None:
    """Builds the TRAIN graph, and compares it with a checkpoint.

    Args:
      model_dir: the folder of a run that training is to go on from.

    Raises:
      UserError: a checkpoint of another model, or a graph that cannot be built.
    """
    graph, _ = dry_run.build_graph(
      self.create_model_fn(),
      self.input_pipeline,
      self._run_config(model_dir),
      estimator.ModeKeys.TRAIN,
    )
    if model_dir is not None:
      model_dirs.check_checkpoint_fits(model_dir, graph)

  def check_overwrite(self, model_dir: str) -> None:
    """Raises UserValueError if deleting a run would delete the module."""
    handle = os.path.realpath(self._model.encoder.handle)
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
    self, model_dir: str, create_progress: Callable[..., Progress] = Progress
  ) -> dict[str, Any]:
    """Trains to `train_steps`, evaluates, exports and writes `results.json`.

    Goes on from the newest checkpoint in `model_dir` if there is one; see
    `check_graph`.

    Args:
      model_dir: the run's folder.
      create_progress: as `Progress`: (total_steps, batch_size, initial_step).

    Returns:
      what `results.json` holds.

    Raises:
      UserError: a loss that is not a number.
    """
    monitor = TrainingMonitor(
      lambda step: create_progress(
        self._train_steps, self.input_pipeline.batch_size, step
      )
    )
    trained = estimator.Estimator(
      self.create_model_fn(), config=self._run_config(model_dir)
    )
    try:
      with kept_fetches(), package_log_lines(monitor.write):
        metrics, exports = self._train_and_evaluate(trained, monitor)
    except estimator.NanLossDuringTrainingError as error:
      raise errors.UserValueError(
        f"The loss became NaN (not a number) at step {monitor.step}. The "
        "likeliest causes: a learning rate that is too high (LEARNING_RATE), "
        "features that are not scaled, labels that are wrong. The last "
        f"checkpoint in {model_dir} is from before."
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
      # Its two hooks would cost every step, and say what the progress says.
      log_step_count_steps=None,
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
      print(
        f"The newest checkpoint in {trained.model_dir} is of step "
        f"{metrics['global_step']}, and {self._train_steps} are asked for: "
        "nothing was trained.",
        file=sys.stderr,
      )
      if not self._is_exported(trained.model_dir, metrics["global_step"]):
        exporter.export(trained, export_path)
    exports = {
      MODULE_EXPORTER: os.path.abspath(
        handles.resolve(export_path, self._model.export_name)
      )
    }
    return metrics, exports

  def _is_exported(self, model_dir, global_step) -> bool:
    """Whether a checkpoint was exported: `results.json` comes after that."""
    written = results.read_results(model_dir) or {}
    path = written.get("exports", {}).get(MODULE_EXPORTER, "")
    return written.get("global_step") == global_step and os.path.isdir(path)

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
    seconds, examples_per_second = self._speed(model_dir, monitor, global_step)
    content = {
      "module_handle": self._model.encoder.handle,
      "global_step": global_step,
      "metrics": metrics,
      "exports": exports,
      "num_parameters": summary.num_parameters,
      "num_trainable_parameters": summary.num_trainable_parameters,
      "module_trainable_parameters": summary.module_trainable_parameters,
      "train_seconds": seconds,
      "examples_per_second": examples_per_second,
      "versions": results.versions(),
    }
    return results.write_results(model_dir, content)

  def _speed(self, model_dir, monitor, global_step):
    """Returns seconds in training and examples per second.

    They are those of this process's steps; if it had none to do, of the process
    that did the last ones.
    """
    if monitor.num_steps:
      num_examples = monitor.num_steps * self.input_pipeline.batch_size
      return monitor.train_seconds, num_examples / monitor.train_seconds
    written = results.read_results(model_dir) or {}
    if written.get("global_step") != global_step:
      return 0.0, None
    return written["train_seconds"], written["examples_per_second"]


def _check_kind(name, value, kind, example) -> None:
  if not isinstance(value, kind):
    raise errors.UserTypeError(
      f"train.{name} = {value!r}: it is an object such as {example} makes; "
      "write the parentheses."
    )


def _check_count(name, value, least=1) -> None:
  if not isinstance(value, int) or isinstance(value, bool) or value < least:
    raise errors.UserValueError(
      f"train.{name} = {value!r}: it is a whole number of at least {least}."
    )
