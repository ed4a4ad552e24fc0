"""A run, taken up again from its folder alone."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Optional

import gin

from hub_estimator import errors, estimator, handles
from hub_estimator.inputs import SavedInput
from hub_estimator.tf_compat import tf
from hub_estimator.training import (
  checkpoint_care,
  feature_stage,
  gin_config,
  gin_internals,
  input_file,
  launch,
)
from hub_estimator.training import model_dir as model_dirs
from hub_estimator.training.evaluation_loop import export_folder
from hub_estimator.training.run import TrainingRun
from hub_estimator.training.run_exports import BEST_FOLDER, MODULE_EXPORTER

_HANDLE = "MODULE_HANDLE/macro.value"


class RunFolder:
  """The folder of a run: its config, its data's description, its checkpoints.

  Attributes:
    model_dir: the folder.
    run: the TrainingRun; unless it was opened with its data, its input pipeline
      is a `SavedInput`.
    description: of the data; see `InputPipeline.description`.
  """

  def __init__(
    self, model_dir: str, run: TrainingRun, description: dict[str, Any]
  ):
    """Holds the parts; see `open_run`."""
    self.model_dir = model_dir
    self.run = run
    self.description = description

  def checkpoint(self, path: Optional[str] = None, best: bool = False) -> str:
    """Returns the prefix of a checkpoint that is whole.

    Args:
      path: which one, such as "run/model.ckpt-300", or its name in the run's
        folder; the newest one if None.
      best: that of the best evaluation, which `train.best_metric` keeps.

    Raises:
      UserError: there is none, or it is damaged.
    """
    if path is not None and best:
      raise errors.UserValueError(
        "--checkpoint_path and --best both say which checkpoint: leave one out."
      )
    if path is not None:
      return self._named_checkpoint(path)
    if best:
      folder = os.path.join(self.model_dir, BEST_FOLDER)
      found = tf.train.latest_checkpoint(folder)
      if found is None:
        raise errors.UserValueError(
          f"{folder} holds no checkpoint: a run keeps that of its best "
          "evaluation with train.best_metric = 'accuracy', or another metric."
        )
      return found
    found = checkpoint_care.newest_whole(self.model_dir, _write)
    if found is None:
      raise errors.UserValueError(
        f"--model_dir={self.model_dir} holds no checkpoint: the run has not "
        "come to its first one."
      )
    return found

  def create_model_fn(self) -> Callable:
    """Creates the model_fn, with what the run selected."""
    plan = self.run.plan
    selected = None
    if plan.selection is not None:
      selected = feature_stage.read_selection(self.model_dir, plan)
      if selected is None:
        raise errors.UserValueError(
          f"{self.model_dir} has no {feature_stage.SELECTION_FILE}: the run "
          "has not come to its selection of features."
        )
    return self.run.create_model_fn(selected)

  def create_estimator(self) -> estimator.Estimator:
    """Creates an Estimator of the run."""
    return estimator.Estimator(
      self.create_model_fn(), config=self.run.create_config(self.model_dir)
    )

  def _named_checkpoint(self, path: str) -> str:
    for prefix in (path, os.path.join(self.model_dir, path)):
      prefix = prefix.removesuffix(".index")
      if os.path.exists(f"{prefix}.index"):
        damage = checkpoint_care.find_damage(prefix)
        if damage is not None:
          raise errors.UserOSError(f"Checkpoint {prefix} is damaged: {damage}")
        return prefix
    names = [
      name.removesuffix(".index")
      for name in sorted(os.listdir(self.model_dir))
      if name.startswith("model.ckpt-") and name.endswith(".index")
    ]
    raise errors.UserValueError(
      f"--checkpoint_path={path} is no checkpoint. {self.model_dir} has: "
      f"{', '.join(names) or 'none'}."
    )


def open_run(model_dir: str, with_data: bool = False) -> RunFolder:
  """Opens the folder of a run; Gin's bindings stay as they are.

  Args:
    model_dir: the folder.
    with_data: whether the data is read that the config names; without it, the
      run can predict and export.

  Raises:
    UserError: it is no folder of a run, or the config does not fit what there
      is.
  """
  model_dir = model_dirs.check_path(model_dir)
  config = model_dirs.config_path(model_dir)
  if not os.path.exists(config):
    raise errors.UserOSError(
      f"--model_dir={model_dir} is no folder of a run: it has no "
      f"{model_dirs.CONFIG_FILE}, which `python -m hub_estimator.train` writes."
    )
  description = input_file.read(model_dir)
  launch.register_configurables()
  with gin_internals.kept():
    gin_config.parse_config([config])
    _find_module(model_dir)
    if not with_data:
      gin.bind_parameter("train.input_pipeline", SavedInput(description))
    run = gin.get_configurable(launch.ROOT)()
  return RunFolder(model_dir, run, description)


def _find_module(model_dir: str) -> None:
  """Takes the run's own export for a module that is gone.

  Checkpoints have all its weights; what is needed is its graph.
  """
  try:
    handle = gin.query_parameter(_HANDLE)
  except ValueError:  # A config of its own has no such macro.
    return
  exports = export_folder(model_dir, MODULE_EXPORTER)
  if not isinstance(handle, str) or not os.path.isdir(exports):
    return
  try:
    handles.resolve(handle)
  except errors.UserError as error:
    _write(
      f"The module is not to be had ({error}); its graph is taken from the "
      f"newest export in {exports}."
    )
    gin.bind_parameter(_HANDLE, exports)


def _write(line: str) -> None:
  print(line, file=sys.stderr, flush=True)
