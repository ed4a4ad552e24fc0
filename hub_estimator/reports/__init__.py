"""What people look at: the report of a run, and files for TensorBoard."""

from hub_estimator.reports.projector_files import (
  write_embeddings,
  write_split_embeddings,
)
from hub_estimator.reports.report import REPORT_FILE, write_report
from hub_estimator.reports.tensorboard_files import (
  write_confusion_matrix,
  write_hparams,
)
from hub_estimator.reports.writing import write_all

__all__ = [
  "REPORT_FILE",
  "write_all",
  "write_confusion_matrix",
  "write_embeddings",
  "write_hparams",
  "write_report",
  "write_split_embeddings",
]
