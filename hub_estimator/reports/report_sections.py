"""The parts of a report that come from results and evaluations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Optional

from hub_estimator.evaluation import Outcomes
from hub_estimator.evaluation.metrics_table import worst_classes
from hub_estimator.inputs.label_encoding import REGRESSION
from hub_estimator.reports import evaluation_charts
from hub_estimator.reports.confusion_view import confusion_view
from hub_estimator.reports.html_text import (
  Html,
  element,
  format_number,
  join,
  scrolling,
  table,
)
from hub_estimator.reports.worst_view import worst_view

# split -> its examples' outcomes, and what `compute_metrics` says of them.
Evaluations = Mapping[str, tuple[Outcomes, Mapping[str, Any]]]

# The first of these that there is stands at the top.
_MAIN_METRICS = (
  "accuracy",
  "rmse",
  "auc",
  "average_loss",
  "loss",
)
_MULTI_LABEL_MAIN = "micro_f1"
_MAX_TARGETS = 6
# What takes more room than a number.
_WIDE = ("module", "recipe", "status")
_MAX_CLASSES = 200


def main_metric(name_to_value: Mapping[str, Any]) -> Optional[str]:
  """Returns the metric to name first: "accuracy", "rmse", … or None."""
  names = (_MULTI_LABEL_MAIN, *_MAIN_METRICS)
  return next((n for n in names if name_to_value.get(n) is not None), None)


def facts(
  results: Mapping[str, Any],
  split_to_metrics: Mapping[str, Mapping[str, Any]],
  written: str,
) -> Html:
  """Returns the headline: the main metric of each split, and what was run.

  Args:
    results: of results.json.
    split_to_metrics: metrics of each split.
    written: when the results were written.
  """
  parts = []
  for split, metrics in split_to_metrics.items():
    name = main_metric(metrics)
    if name is not None:
      value = format_number(metrics[name])
      parts.append(_fact(f"{name} ({split})", value, "main"))
  rows = {
    "module": results.get("module_handle"),
    "recipe": "; ".join(results.get("recipe") or []) or None,
    "steps": results.get("global_step"),
    "status": _status(results),
    "trained for": _duration(results.get("train_seconds")),
    "parameters": _parameters(results),
    "results of": written,
  }
  parts += [
    _fact(name, format_number(value), "wide" if name in _WIDE else None)
    for name, value in rows.items()
    if value is not None
  ]
  return element("dl", *parts, class_="facts")


def _fact(name: str, value: Any, kind: Optional[str] = None) -> Html:
  return element("div", element("dt", name), element("dd", value), class_=kind)


def _status(results) -> Optional[str]:
  status, reason = results.get("status"), results.get("stopped_early")
  if status is not None:
    status = str(status).replace("_", " ")
  if reason:
    return f"{status or 'stopped early'}: {reason}"
  return status


def _duration(seconds: Optional[float]) -> Optional[str]:
  if seconds is None:
    return None
  minutes, rest = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  if hours:
    return f"{hours} h {minutes} min"
  return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _parameters(results) -> Optional[str]:
  number = results.get("num_parameters")
  if number is None:
    return None
  trained = results.get("num_trainable_parameters")
  return f"{number:,}, of which {trained:,} train" if trained else f"{number:,}"


def metrics_section(
  split_to_metrics: Mapping[str, Mapping[str, Any]],
) -> Optional[Html]:
  """Returns a table of all scalars, a column for each split."""
  splits = list(split_to_metrics)
  scalars: dict[str, list[Any]] = {}
  for column, metrics in enumerate(split_to_metrics.values()):
    for name, value in metrics.items():
      if not isinstance(value, (list, dict)):
        scalars.setdefault(name, [None] * len(splits))[column] = value
  if not scalars:
    return None
  rows = [[name, *values] for name, values in scalars.items()]
  return table(["metric", *splits], rows, "Metrics")


def evaluation_section(
  outcomes: Outcomes,
  metrics: Mapping[str, Any],
  value_range: Optional[tuple[float, float]],
) -> Html:
  """Returns what there is to see of a split.

  Args:
    outcomes: of its examples.
    metrics: of `evaluation.compute_metrics`.
    value_range: of images.
  """
  parts: list[Any] = []
  if metrics.get("notes"):
    notes = (element("li", note) for note in metrics["notes"])
    parts.append(element("ul", *notes, class_="notes soft"))
  confusions = confusion_view(metrics)
  if confusions is not None:
    parts += [element("h3", "Confusion matrix"), confusions]
  if metrics.get("per_class"):
    parts += [element("h3", "Classes"), _classes_table(metrics["per_class"])]
  if metrics.get("per_target"):
    rows = [list(row.values()) for row in metrics["per_target"]]
    names = list(metrics["per_target"][0])
    parts += [element("h3", "Targets"), table(names, rows, "Targets")]
  charts = []
  if metrics.get("calibration_bins"):
    charts.append(
      evaluation_charts.reliability_diagram(metrics["calibration_bins"])
    )
  if outcomes.kind == REGRESSION:
    charts += [
      evaluation_charts.regression_scatter(outcomes, target)
      for target in range(min(outcomes.num_columns, _MAX_TARGETS))
    ]
  if charts:
    parts.append(element("div", *charts, class_="grid parts"))
  if outcomes.worst:
    parts.append(element("h3", "Examples with the largest loss"))
    parts.append(worst_view(outcomes, value_range))
  return join(parts)


def _classes_table(per_class) -> Html:
  note = None
  if len(per_class) > _MAX_CLASSES:
    note = element(
      "p",
      f"The {_MAX_CLASSES} of {len(per_class):,} classes with the lowest F1.",
      class_="soft",
    )
    per_class = worst_classes(per_class, _MAX_CLASSES)
  rows = [list(row.values()) for row in per_class]
  names = [name.replace("num_examples", "examples") for name in per_class[0]]
  return join([note or "", table(names, rows, "Classes", tall=True)])


def groups_section(results: Mapping[str, Any]) -> Optional[Html]:
  """Returns a table of the groups of variables; None if there are none."""
  groups = results.get("groups") or {}
  if not groups:
    return None
  rows = [
    [
      name,
      group.get("first_step"),
      group.get("learning_rate_multiplier"),
      group.get("num_parameters"),
      group.get("moved"),
    ]
    for name, group in groups.items()
  ]
  headers = ["group", "first step", "rate", "parameters", "moved"]
  return join(
    [
      table(headers, rows, "Groups of variables"),
      element(
        "p",
        "Rate: a multiple of the schedule's. Moved: how far after the first "
        "steps of its stage, relative to where it was.",
        class_="soft",
      ),
    ]
  )


def exports_section(
  results: Mapping[str, Any], model_dir: str
) -> Optional[Html]:
  """Returns the exported modules; None if there are none."""
  exports = results.get("exports") or {}
  if not exports:
    return None
  rows = []
  for name, path in exports.items():
    inside = os.path.relpath(str(path), model_dir)
    shown = path if inside.startswith("..") else inside
    rows.append([name, element("code", shown)])
  return table(["exporter", "newest module"], rows, "Exports")


def versions_section(results: Mapping[str, Any]) -> Optional[Html]:
  """Returns the versions of packages; None if they are not known."""
  rows = [
    [name, text] for name, text in (results.get("versions") or {}).items()
  ]
  return table(["package", "version"], rows, "Versions") if rows else None


def config_section(config: Optional[str]) -> Optional[Html]:
  """Returns the config; None if there is none."""
  if config is None:
    return None
  return element(
    "details",
    element("summary", "config.gin"),
    scrolling(element("pre", config), "config.gin", "tall"),
    open=True if config.count("\n") <= 60 else None,
  )
