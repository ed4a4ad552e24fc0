"""What people look at: the report of a run, and files for TensorBoard."""

from hub_estimator.reports.report import REPORT_FILE, write_report

__all__ = ["REPORT_FILE", "write_report"]
