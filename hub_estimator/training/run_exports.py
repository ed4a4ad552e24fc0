"""What a run exports, where, and how each export is verified."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import numpy as np

from hub_estimator import estimator, handles, hub
from hub_estimator.inputs import InputPipeline
from hub_estimator.tf_compat import tf
from hub_estimator.training import results
from hub_estimator.training.evaluation_loop import export_folder

# The exporter of the newest weights.
MODULE_EXPORTER = "tf_hub"
# That of the best evaluation, and where it keeps its checkpoint.
BEST_EXPORTER = "best"
BEST_FOLDER = "best"


class RunExports:
  """The exporters of a run.

  Attributes:
    exporters: for the evaluation loop.
  """

  def __init__(
    self,
    input_pipeline: InputPipeline,
    export_name: str,
    exports_to_keep: Optional[int],
    best_metric: Optional[str] = None,
    best_mode: str = "auto",
    verify: bool = True,
    metadata_fn: Optional[Callable[[], dict[str, Any]]] = None,
  ):
    """Creates the exporters.

    Args:
      input_pipeline: gives the serving receiver, and a batch to verify with.
      export_name: the name of the module's folder in an export.
      exports_to_keep: how many exports of the newest weights stay.
      best_metric: see `TrainingRun`.
      best_mode: see `TrainingRun`.
      verify: whether exports are compared with the model.
      metadata_fn: what to write beside the modules.
    """
    self._export_name = export_name
    common: dict[str, Any] = {
      "serving_input_fn": input_pipeline.serving_input_receiver_fn(),
      "metadata_fn": metadata_fn,
      "verification_batch_fn": _EvalBatch(input_pipeline) if verify else None,
    }
    self.exporters: list[estimator.Exporter] = [
      hub.LatestModuleExporter(
        MODULE_EXPORTER, exports_to_keep=exports_to_keep, **common
      )
    ]
    if best_metric is not None:
      self.exporters.append(
        hub.BestModuleExporter(
          BEST_EXPORTER, metric=best_metric, mode=best_mode, **common
        )
      )

  def newest(self, model_dir: str) -> dict[str, str]:
    """Returns exporter name -> the folder of its newest module.

    Args:
      model_dir: the run's folder.
    """
    found = {}
    for exporter in self.exporters:
      folder = export_folder(model_dir, exporter.name)
      if os.path.isdir(folder) and handles.exports(folder):
        found[exporter.name] = os.path.abspath(
          handles.resolve(folder, self._export_name)
        )
    return found


def is_exported(model_dir: str, global_step: int) -> bool:
  """Whether a checkpoint was exported: `results.json` comes after that.

  Args:
    model_dir: the run's folder.
    global_step: that of the checkpoint.
  """
  written = results.read_results(model_dir) or {}
  path = written.get("exports", {}).get(MODULE_EXPORTER, "")
  return written.get("global_step") == global_step and os.path.isdir(path)


class _EvalBatch:
  """The features of the first batch of the eval split, read once."""

  def __init__(self, input_pipeline: InputPipeline):
    self._input = input_pipeline
    self._batch: Optional[dict[str, np.ndarray]] = None

  def __call__(self) -> dict[str, np.ndarray]:
    if self._batch is None:
      with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        dataset = self._input.input_fn(estimator.ModeKeys.PREDICT)().take(1)
        iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
        features = iterator.get_next()
        session.run(iterator.initializer)
        self._batch = session.run(
          {name: features[name] for name in self._input.feature_spec()}
        )
    return self._batch
