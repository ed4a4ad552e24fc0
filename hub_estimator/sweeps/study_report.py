"""report.html of a study: all trials in one file, at any moment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from hub_estimator.hub import folders
from hub_estimator.reports import page
from hub_estimator.reports.html_text import Html
from hub_estimator.reports.page_style import STYLE
from hub_estimator.reports.report import REPORT_FILE
from hub_estimator.sweeps import curve_figures, figures, report_tables
from hub_estimator.sweeps.figure_html import (
  PLOT_STYLE,
  POLICY,
  drawing_scripts,
  picture_html,
)
from hub_estimator.sweeps.figure_style import Picture
from hub_estimator.sweeps.importance import importance_figure
from hub_estimator.sweeps.parallel_figure import parallel_figure
from hub_estimator.sweeps.records import COMPLETE, StudyRecord

if TYPE_CHECKING:
  import optuna


def write_study_report(
  study: StudyRecord, optuna_study: Optional[optuna.Study] = None
) -> str:
  """Writes `report.html` of a study: one file that needs no network.

  Any state of the study will do: without a finished trial there are sentences
  in place of the pictures. Links lead to the files that are there by now:
  `best.gin`, `leaderboard.csv`, the trials' reports.

  Args:
    study: what has been found so far.
    optuna_study: where parameters' ranges are read for the importances; those
      of the trials are taken if None.

  Returns:
    the path, in the study's folder.
  """
  path = os.path.join(study.study_dir, REPORT_FILE)
  folders.write_file(path, create_study_page(study, optuna_study).encode())
  return path


def create_study_page(
  study: StudyRecord, optuna_study: Optional[optuna.Study] = None
) -> str:
  """Returns the report as HTML; see `write_study_report`."""
  title = f"Study {study.name}"
  return page.create_page(
    title,
    report_tables.facts(study),
    _sections(study, optuna_study),
    f"{STYLE}{PLOT_STYLE}",
    POLICY,
    drawing_scripts(),
  )


def _sections(
  study: StudyRecord, optuna_study: Optional[optuna.Study]
) -> dict[str, Html]:
  pictures = _pictures(study, optuna_study)
  parts: dict[str, Optional[Html]] = {
    name: picture_html(picture, f"figure-{number}", name)
    for number, (name, picture) in enumerate(pictures.items())
  }
  parts["Trials"] = report_tables.trials_section(study)
  parts["Failures"] = report_tables.failures_section(study)
  parts["Modules"] = report_tables.handles_section(study)
  parts["Modules left out"] = report_tables.left_out_section(study)
  return {name: part for name, part in parts.items() if part is not None}


def _pictures(
  study: StudyRecord, optuna_study: Optional[optuna.Study]
) -> dict[str, Picture]:
  objectives = list(enumerate(study.objectives))
  curves = {"Learning curves": curve_figures.curves_figure(study)}
  if not study.of_state(COMPLETE):
    # One sentence instead of one for each picture.
    first = study.objectives[0].name
    pictures = {f"Best {first} so far": figures.progress_figure(study)}
    return {**pictures, **(curves if study.trials else {})}
  pictures = {}
  if len(objectives) > 1:
    pictures["Pareto front"] = curve_figures.front_figure(study)
  for index, objective in objectives:
    name = f"Best {objective.name} so far"
    pictures[name] = figures.progress_figure(study, index)
  group = figures.group_name(study)
  by = "module" if group == study.handle_name else group
  for index, objective in objectives if group is not None else ():
    name = f"By {by}: {objective.name}"
    pictures[name] = figures.group_figure(study, index)
  pictures["Parameters of all trials"] = parallel_figure(study)
  pictures["Importance of parameters"] = importance_figure(study, optuna_study)
  return {**pictures, **curves}
