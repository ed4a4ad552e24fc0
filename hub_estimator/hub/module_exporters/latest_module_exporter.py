"""LatestModuleExporter: the newest weights, after every evaluation."""

from __future__ import annotations

import os
from typing import Optional

from hub_estimator.hub.module_exporters.module_exporter import (
  ExportPath,
  ModuleExporter,
)


class LatestModuleExporter(ModuleExporter):
  """Exports the registered modules of a model with its newest weights.

  Give it to an EvalSpec. After an evaluation it writes
  `<export_path>/<unix seconds>/<export name>/` for every module that the
  model_fn registered in PREDICT mode (`register_module_for_export`), and
  deletes its own older exports.
  """

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
      eval_result: metrics, which are noted in `export.json`.
      is_the_final_export: not used.

    Returns:
      the path of the new export; None, with a warning, if the model_fn
      registered no module.

    Raises:
      UserError: there is no checkpoint, or it lacks a module's variable; or the
        export is refused.
    """
    del is_the_final_export
    export_path = os.fsdecode(export_path)
    folder = self._export_checkpoint(
      estimator,
      export_path,
      self._checkpoint(estimator, checkpoint_path),
      eval_result,
    )
    if folder is not None:
      self._delete_old_exports(export_path)
    return folder
