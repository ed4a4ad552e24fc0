"""FinalModuleExporter: the weights at the end of training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Callable, Optional

from hub_estimator.hub.module_exporters.latest_module_exporter import (
  LatestModuleExporter,
)
from hub_estimator.hub.module_exporters.module_exporter import ExportPath


class FinalModuleExporter(LatestModuleExporter):
  """Exports the registered modules of a model when training has ended.

  As `LatestModuleExporter`, but after the last evaluation only. Exports of
  earlier trainings to the same folder stay.
  """

  def __init__(
    self,
    name: str,
    serving_input_fn: Callable,
    clock: Callable[[], float] = time.time,
    verification_batch_fn: Optional[Callable[[], Mapping[str, Any]]] = None,
    metadata_fn: Optional[Callable[[], Mapping[str, Any]]] = None,
  ):
    """Configures the exporter; see `LatestModuleExporter`."""
    super().__init__(
      name,
      serving_input_fn,
      exports_to_keep=None,
      clock=clock,
      verification_batch_fn=verification_batch_fn,
      metadata_fn=metadata_fn,
    )

  def export(
    self,
    estimator,
    export_path,
    checkpoint_path=None,
    eval_result=None,
    is_the_final_export=None,
  ) -> Optional[ExportPath]:
    """Exports the registered modules if it is for the last time.

    Args:
      estimator: the Estimator.
      export_path: the folder to put the export in.
      checkpoint_path: the checkpoint's prefix; the newest one if None.
      eval_result: metrics, which are noted in `export.json`.
      is_the_final_export: whether training has ended.

    Returns:
      the path of the new export; None if it is not the last export or, with a
      warning, if the model_fn registered no module.

    Raises:
      UserError: as `LatestModuleExporter.export`.
    """
    if not is_the_final_export:
      return None
    return super().export(
      estimator,
      export_path,
      checkpoint_path,
      eval_result,
      is_the_final_export,
    )
