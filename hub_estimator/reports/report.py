"""report.html: a run in one file, for who did not watch it."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from typing import Any, Optional

from hub_estimator.hub import folders
from hub_estimator.reports import page, report_sections
from hub_estimator.reports.curve_sections import curve_section
from hub_estimator.reports.event_curves import read_run_curves
from hub_estimator.reports.page_style import STYLE
from hub_estimator.reports.report_sections import Evaluations
from hub_estimator.training.input_file import INPUT_FILE
from hub_estimator.training.model_dir import CONFIG_FILE
from hub_estimator.training.results import RESULTS_FILE, read_results

REPORT_FILE = "report.html"
# Nothing is loaded or run: texts of users are in the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(
  model_dir: str,
  evaluations: Optional[Evaluations] = None,
  path: Optional[str] = None,
) -> str:
  """Writes the report of a run: one file that needs no other and no network.

  It shows `results.json`, the scalars of the event files, `config.gin` and the
  evaluations, as far as they are there; a run that has not ended will do.

  Args:
    model_dir: the run's folder.
    evaluations: split -> (Outcomes, metrics of `evaluation.compute_metrics`);
      confusion matrix, calibration and the worst examples are shown for these.
    path: where to write; `report.html` in the run's folder if None.

  Returns:
    the path.
  """
  if path is None:
    path = os.path.join(model_dir, REPORT_FILE)
  folders.write_file(path, create_page(model_dir, evaluations or {}).encode())
  return path


def create_page(model_dir: str, evaluations: Evaluations) -> str:
  """Returns the report as HTML; see `write_report`."""
  results = read_results(model_dir) or {}
  split_to_metrics = _metrics_of_splits(results, evaluations)
  title = os.path.basename(os.path.abspath(model_dir))
  value_range = _value_range(model_dir)
  sections = {
    "Curves": curve_section(read_run_curves(model_dir)),
    "Metrics": report_sections.metrics_section(split_to_metrics),
    **{
      f"Split {split}": report_sections.evaluation_section(
        outcomes, metrics, value_range
      )
      for split, (outcomes, metrics) in evaluations.items()
    },
    "Groups of variables": report_sections.groups_section(results),
    "Exports": report_sections.exports_section(results, model_dir),
    "Config": report_sections.config_section(_read(model_dir, CONFIG_FILE)),
    "Versions": report_sections.versions_section(results),
  }
  shown = {name: part for name, part in sections.items() if part is not None}
  facts = report_sections.facts(results, split_to_metrics, _written(model_dir))
  return page.create_page(title, facts, shown, STYLE, _POLICY)


def _metrics_of_splits(
  results: Mapping[str, Any], evaluations: Evaluations
) -> dict[str, Mapping[str, Any]]:
  if evaluations:
    return {split: metrics for split, (_, metrics) in evaluations.items()}
  found = {}
  for split, key in (("eval", "metrics"), ("test", "test_metrics")):
    if results.get(key):
      found[split] = results[key]
  return found


def _written(model_dir: str) -> Optional[str]:
  path = os.path.join(model_dir, RESULTS_FILE)
  if not os.path.exists(path):
    return None
  time = datetime.datetime.fromtimestamp(os.path.getmtime(path)).astimezone()
  return time.strftime("%Y-%m-%d %H:%M %Z")


def _value_range(model_dir: str) -> Optional[tuple[float, float]]:
  """Returns black and white of the run's images, if its data has some."""
  text = _read(model_dir, INPUT_FILE)
  try:
    image = (json.loads(text) if text else {}).get("image") or {}
    low, high = image["value_range"]
    return float(low), float(high)
  except (ValueError, TypeError, KeyError, AttributeError):
    return None


def _read(model_dir: str, name: str) -> Optional[str]:
  path = os.path.join(model_dir, name)
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8", errors="replace") as file:
    return file.read()
