"""All that is written for people to look at after a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from hub_estimator.reports import hparams_messages, tensorboard_files
from hub_estimator.reports.report import write_report
from hub_estimator.reports.report_sections import Evaluations
from hub_estimator.training.kept_evaluation import eval_folder
from hub_estimator.training.results import read_results

_RUNNING = "resumable"


def write_all(
  model_dir: str,
  evaluations: Optional[Evaluations] = None,
  hparams: Optional[Mapping[str, Any]] = None,
  group_name: Optional[str] = None,
) -> str:
  """Writes `report.html` and the files for TensorBoard; again after a resume.

  Call it after `results.json` is written.

  Args:
    model_dir: the run's folder.
    evaluations: split -> (Outcomes, metrics of `evaluation.compute_metrics`).
    hparams: what the HParams page shows of the run, by name; None leaves it
      out.
    group_name: runs of one group are repetitions of each other there.

  Returns:
    the path of the report.
  """
  results = read_results(model_dir) or {}
  for split, (_, metrics) in (evaluations or {}).items():
    step = metrics.get("global_step", results.get("global_step", 0))
    folder = eval_folder(model_dir, split)
    tensorboard_files.write_confusion_matrix(folder, metrics, step)
  if hparams is not None:
    is_running = results.get("status") == _RUNNING
    tensorboard_files.write_hparams(
      model_dir,
      hparams,
      group_name,
      hparams_messages.RUNNING if is_running else hparams_messages.SUCCESS,
    )
  return write_report(model_dir, evaluations)
