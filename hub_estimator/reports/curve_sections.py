"""The curves of a run, as charts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from hub_estimator.reports.event_curves import RunCurves
from hub_estimator.reports.html_text import Html, element
from hub_estimator.reports.line_chart import (
  Series,
  line_chart,
  with_running_mean,
)

_LOSS = "loss"
_RATE = "learning_rate"
# prefix of tags -> title of their chart.
_GROUPS = {
  "learning_rate": "Learning rate",
  "norm": "Norm of the weights",
  "penalty": "Penalties",
}
# Of groups whose rates differ by more, the small ones would lie on the axis.
_WIDE = 20


def curve_section(curves: RunCurves) -> Optional[Html]:
  """Returns the charts of a run; None if it wrote no scalars."""
  charts = [_loss_chart(curves), *_metric_charts(curves)]
  charts += [_group_chart(curves, *group) for group in _GROUPS.items()]
  charts += _other_charts(curves)
  shown = [chart for chart in charts if chart is not None]
  return element("div", *shown, class_="grid") if shown else None


def _loss_chart(curves: RunCurves) -> Optional[Html]:
  series = []
  if _LOSS in curves.train:
    series += with_running_mean("train", curves.train[_LOSS])
  for split, scalars in curves.evaluations.items():
    if _LOSS in scalars:
      series.append(Series(split, scalars[_LOSS]))
  return line_chart("Loss", series)


def _metric_charts(curves: RunCurves) -> Iterable[Optional[Html]]:
  tags = {
    tag: None for scalars in curves.evaluations.values() for tag in scalars
  }
  tags.pop(_LOSS, None)
  for tag in tags:
    yield line_chart(
      tag,
      [
        Series(split, scalars[tag])
        for split, scalars in curves.evaluations.items()
        if tag in scalars
      ],
    )


def _group_chart(curves: RunCurves, prefix: str, title: str):
  groups = {
    tag.removeprefix(f"{prefix}/"): points
    for tag, points in curves.train.items()
    if tag.startswith(f"{prefix}/")
  }
  if not groups and prefix in curves.train:
    groups = {title.lower(): curves.train[prefix]}
  peaks = [max((value for _, value in p), default=0) for p in groups.values()]
  peaks = [peak for peak in peaks if peak > 0]
  is_wide = bool(peaks) and max(peaks) > _WIDE * min(peaks)
  return line_chart(
    title,
    [Series(name, points) for name, points in sorted(groups.items())],
    is_log=True if is_wide else False if prefix == _RATE else None,
  )


def _other_charts(curves: RunCurves) -> Iterable[Optional[Html]]:
  for tag, points in sorted(curves.train.items()):
    if tag not in (_LOSS, _RATE) and tag.split("/")[0] not in _GROUPS:
      yield line_chart(tag, with_running_mean(tag, points))
