"""BestModuleExporter: the weights of the best evaluation."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from typing import Any, Callable, Optional

from hub_estimator import errors
from hub_estimator.hub import metric_direction
from hub_estimator.hub.module_exporters import best_folder, export_folders
from hub_estimator.hub.module_exporters.best_folder import Best, BestFolder
from hub_estimator.hub.module_exporters.module_exporter import (
  ExportPath,
  ModuleExporter,
)
from hub_estimator.tf_compat import tf


class BestModuleExporter(ModuleExporter):
  """Exports the registered modules after the best evaluation so far.

  Give it to an EvalSpec. When a metric is better than ever before, it writes
  what `LatestModuleExporter` would, and keeps the checkpoint in `best_dir`,
  whatever the Saver deletes: `tf.train.latest_checkpoint(best_dir)` finds it.
  A metric that is NaN or infinite is never the best, and of equal ones the
  first is.

  `best.json` in `best_dir` says what is the best, so that a run that goes on
  does not follow a better module with a worse one. The checkpoint is written
  first, then the export, then `best.json`: a process that is killed in between
  leaves files that the next evaluation deletes, or an export that it notes.
  """

  def __init__(
    self,
    name: str,
    serving_input_fn: Callable,
    metric: str,
    mode: str = "auto",
    exports_to_keep: Optional[int] = 1,
    best_dir: Optional[str] = None,
    clock: Callable[[], float] = time.time,
    verification_batch_fn: Optional[Callable[[], Mapping[str, Any]]] = None,
    metadata_fn: Optional[Callable[[], Mapping[str, Any]]] = None,
  ):
    """Configures the exporter.

    Args:
      name: its name: train_and_evaluate exports to
        `<model_dir>/export/<name>`.
      serving_input_fn: returns a ServingInputReceiver whose features the
        model_fn is called with in PREDICT mode.
      metric: name of a metric of the evaluation, a number.
      mode: which values are good: "max", "min", or "auto", which goes by the
        metric's name.
      exports_to_keep: how many of its exports stay, of the last improvements;
        None keeps all.
      best_dir: the folder of the best checkpoint, and of nothing else:
        `<model_dir>/best` if None.
      clock: gives the time in seconds since the epoch.
      verification_batch_fn: see `ModuleExporter`.
      metadata_fn: see `ModuleExporter`.

    Raises:
      UserTypeError: the metric is no name.
      UserValueError: `exports_to_keep` is not positive, `mode` is none of the
        three, or the metric's name does not say which values are good.
    """
    super().__init__(
      name,
      serving_input_fn,
      exports_to_keep,
      clock,
      verification_batch_fn,
      metadata_fn,
    )
    if not isinstance(metric, str) or not metric:
      raise errors.UserTypeError(
        "`BestModuleExporter.metric` is a metric's name, such as 'loss'; got "
        f"{metric!r}."
      )
    self._metric = metric
    self._sign = metric_direction.sign_of(
      metric, mode, "BestModuleExporter.metric", "BestModuleExporter.mode"
    )
    self._best_dir = best_dir

  def export(
    self,
    estimator,
    export_path,
    checkpoint_path=None,
    eval_result=None,
    is_the_final_export=None,
  ) -> Optional[ExportPath]:
    """Exports the registered modules if the evaluation is the best so far.

    Args:
      estimator: the Estimator.
      export_path: the folder to put the export in.
      checkpoint_path: the checkpoint's prefix; the newest one if None.
      eval_result: the metrics.
      is_the_final_export: not used.

    Returns:
      the path of the new export; None if the evaluation is not the best or,
      with a warning, if the model_fn registered no module.

    Raises:
      UserValueError: `eval_result` has no such metric, or it is no number; or
        `best_dir` is the checkpoint's folder.
      UserError: there is no checkpoint, or it lacks a module's variable; or the
        export is refused; or `best.json` cannot be read.
    """
    del is_the_final_export
    export_path = os.fsdecode(export_path)
    checkpoint_path = self._checkpoint(estimator, checkpoint_path)
    value = self._value(eval_result)
    folder = BestFolder(
      self._best_dir or os.path.join(estimator.model_dir, "best")
    )
    folder.check_apart_from(checkpoint_path)
    self._take_over(export_path)
    best = self._recover(folder, estimator, export_path)
    if not math.isfinite(value):
      tf.compat.v1.logging.warning(
        f"Exporter {self._name!r}: {self._metric} is {value}, which is never "
        "the best."
      )
      return None
    if not best_folder.is_better(self._sign, value, best and best.value):
      return None
    folder.add_checkpoint(checkpoint_path)
    name = os.path.basename(checkpoint_path)
    path = self._export_checkpoint(
      estimator, export_path, folder.prefix(name), eval_result
    )
    if path is None:
      folder.tidy(best)
      return None
    self._note(folder, export_path, os.path.basename(path))
    self._delete_old_exports(export_path)
    return path

  def _value(self, eval_result) -> float:
    metrics = dict(eval_result or {})
    numbers = sorted(
      name
      for name, value in metrics.items()
      if export_folders.as_number(value) is not None and name != "global_step"
    )
    if self._metric not in metrics:
      raise errors.UserValueError(
        f"`BestModuleExporter.metric` = {self._metric!r} is no metric of the "
        f"evaluation. There are: {', '.join(numbers) or 'none'}."
      )
    value = export_folders.as_number(metrics[self._metric])
    if value is None:
      raise errors.UserValueError(
        f"`BestModuleExporter.metric` = {self._metric!r} is no single number: "
        f"{metrics[self._metric]!r}. There are: {', '.join(numbers) or 'none'}."
      )
    return value

  def _recover(self, folder, estimator, export_path) -> Optional[Best]:
    """Brings in order what a killed process may have left; returns the best."""
    best = folder.read()
    own = export_folders.own_exports(export_path, self._name)
    if own and (best is None or own[-1] > best.export):
      # Killed between the export and the note of it.
      found = self._read_export(export_path, own[-1])
      if found is not None and folder.has_checkpoint(found.checkpoint):
        folder.write(found)
        return self._in_metric(found)
    if best is not None and not folder.has_checkpoint(best.checkpoint):
      tf.compat.v1.logging.warning(
        f"Exporter {self._name!r}: {folder.path} no longer holds the best "
        f"checkpoint, {best.checkpoint}. What it was stays the best."
      )
    folder.tidy(best)
    return self._in_metric(best)

  def _in_metric(self, best: Optional[Best]) -> Optional[Best]:
    """Returns the best with its value in the metric that counts now.

    The metric may have been another when it was noted; without a value in this
    one it cannot be compared.
    """
    if best is None or best.metric == self._metric:
      return best
    value = best.metrics.get(self._metric)
    if value is None:
      tf.compat.v1.logging.warning(
        f"Exporter {self._name!r}: the best so far, of step "
        f"{best.global_step}, was found by {best.metric!r} and has no "
        f"{self._metric!r}: the next evaluation counts as the best."
      )
      return None
    return best._replace(metric=self._metric, value=value)

  def _read_export(self, export_path: str, name: str) -> Optional[Best]:
    metadata = export_folders.read_metadata(os.path.join(export_path, name))
    mode = "max" if self._sign > 0 else "min"
    return best_folder.from_metadata(metadata or {}, name, self._metric, mode)

  def _note(self, folder, export_path, name) -> None:
    best = self._read_export(export_path, name)
    assert best is not None
    folder.write(best)
