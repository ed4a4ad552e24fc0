"""LatestModuleExporter: writes fine-tuned modules as an Estimator trains."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from typing import Callable, Optional

from hub_estimator import errors, handles
from hub_estimator.estimator import Exporter, ModeKeys
from hub_estimator.hub.module_checks import export_warnings
from hub_estimator.hub.registration import registered_modules
from hub_estimator.tf_compat import tf


class ExportPath(str):
  """The path of an export.

  tensorflow_hub returned bytes here; `decode` keeps programs running that were
  written for it.
  """

  __slots__ = ()

  def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Returns the path itself, which is text already."""
    del encoding, errors
    return str(self)


class LatestModuleExporter(Exporter):
  """Exports the registered modules of a model with its newest weights.

  Give it to an EvalSpec. After an evaluation it writes
  `<export_path>/<unix seconds>/<export_name>/` for every module that the
  model_fn registered in PREDICT mode (`register_module_for_export`), and
  deletes its own older exports. An export appears whole or not at all.

  The values are copied from the checkpoint: no session restores the model. Only
  if the model_fn brings a Scaffold with a saver of its own, whose names may
  differ from the variables', a session restores with that saver.
  """

  def __init__(
    self,
    name: str,
    serving_input_fn: Callable,
    exports_to_keep: Optional[int] = 5,
    clock: Callable[[], float] = time.time,
  ):
    """Configures the exporter.

    Args:
      name: its name: train_and_evaluate exports to
        `<model_dir>/export/<name>`.
      serving_input_fn: returns a ServingInputReceiver whose features the
        model_fn is called with in PREDICT mode.
      exports_to_keep: how many of its exports stay; None keeps all.
      clock: gives the time in seconds since the epoch.

    Raises:
      ValueError: `exports_to_keep` is not positive.
    """
    if exports_to_keep is not None and exports_to_keep <= 0:
      raise errors.UserValueError(
        "`exports_to_keep`, if provided, must be a positive number: got "
        f"{exports_to_keep}."
      )
    self._name = name
    self._serving_input_fn = serving_input_fn
    self._exports_to_keep = exports_to_keep
    self._clock = clock

  @property
  def name(self) -> str:
    """The exporter's name."""
    return self._name

  def export(
    self,
    estimator,
    export_path,
    checkpoint_path=None,
    eval_result=None,
    is_the_final_export=None,
  ) -> Optional[ExportPath]:
    """Exports the registered modules.

    Args:
      estimator: the Estimator.
      export_path: the folder to put the export in.
      checkpoint_path: the checkpoint's prefix; the newest one if None.
      eval_result: not used.
      is_the_final_export: not used.

    Returns:
      the path of the new export; None, with a warning, if the model_fn
      registered no module.

    Raises:
      ValueError: there is no checkpoint, or it lacks a module's variable.
    """
    del eval_result, is_the_final_export
    checkpoint_path = checkpoint_path or estimator.latest_checkpoint()
    if not checkpoint_path:
      raise errors.UserValueError(
        f"Couldn't find a trained model at {estimator.model_dir}: there is no "
        "checkpoint to export from."
      )
    with tf.Graph().as_default() as graph:
      tf.compat.v1.train.create_global_step(graph)
      tf.compat.v1.random.set_random_seed(estimator.config.tf_random_seed)
      receiver = self._serving_input_fn()
      estimator_spec = estimator.model_fn(
        features=receiver.features,
        labels=None,
        mode=ModeKeys.PREDICT,
        config=estimator.config,
      )
      modules = registered_modules(graph)
      if not modules:
        tf.compat.v1.logging.warning(
          f"Exporter {self._name!r} wrote nothing: the model_fn registered no "
          "module in PREDICT mode. Call hub.register_module_for_export()."
        )
        return None
      folder = self._write(
        os.fsdecode(export_path), modules, estimator_spec, checkpoint_path
      )
    self._delete_old_exports(os.fsdecode(export_path))
    return ExportPath(folder)

  def _write(self, export_path, modules, estimator_spec, checkpoint_path):
    # Not a sibling that looks like an export: nobody takes it for one.
    temporary = os.path.join(export_path, f"temp-{uuid.uuid4().hex[:12]}")
    tf.io.gfile.makedirs(temporary)
    try:
      scaffold = estimator_spec.scaffold
      if scaffold is not None and scaffold.saver is not None:
        with tf.compat.v1.Session() as session:
          scaffold.saver.restore(session, checkpoint_path)
          for name, module in modules.items():
            module.export(os.path.join(temporary, name), session)
            export_warnings.log_export_warnings(
              module.spec,
              lambda: export_warnings.read_training_graph(checkpoint_path),
              module.variable_map,
            )
      else:
        for name, module in modules.items():
          module.export_from_checkpoint(
            os.path.join(temporary, name), checkpoint_path
          )
      return self._move_into_place(temporary, export_path)
    except BaseException:
      with contextlib.suppress(tf.errors.OpError):
        tf.io.gfile.rmtree(temporary)
      raise

  def _move_into_place(self, temporary: str, export_path: str) -> str:
    """Renames an export to its time; two in one second follow each other."""
    seconds = int(self._clock())
    while True:
      folder = os.path.join(export_path, str(seconds))
      if not tf.io.gfile.exists(folder):
        tf.io.gfile.rename(temporary, folder)
        return folder
      seconds += 1

  def _delete_old_exports(self, export_path: str) -> None:
    if self._exports_to_keep is None:
      return
    own = [
      name
      for name in handles.exports(export_path)
      if _is_module_export(os.path.join(export_path, name))
    ]
    for name in own[: -self._exports_to_keep]:
      tf.io.gfile.rmtree(os.path.join(export_path, name))


def _is_module_export(folder: str) -> bool:
  """Whether a folder holds modules and nothing else."""
  entries = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
  return bool(entries) and sorted(entries) == handles.module_names(folder)
