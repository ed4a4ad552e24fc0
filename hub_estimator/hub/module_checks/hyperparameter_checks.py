"""Checks of batch norm's momentum and of dropout rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from hub_estimator.hub.module_checks.checked_graph import CheckedGraph
from hub_estimator.hub.module_checks.dropouts import find_dropouts
from hub_estimator.hub.module_checks.module_warning import (
  ModuleWarning,
  count,
  format_number,
  list_names,
)
from hub_estimator.hub.module_checks.moving_averages import (
  find_moving_averages,
)

HIGH_MOMENTUM = "high_batch_norm_momentum"
FIXED_MOMENTUM = "fixed_batch_norm_momentum"
FIXED_DROPOUT = "fixed_dropout_rate"

# After n steps momentum^n of the old statistics is left. With 0.99, the default
# of Keras and of tf.layers, it takes 459 steps until 1 % is left, which the 500
# to 1,000 steps that fine-tuning on some thousand examples takes
# (BiT-HyperRule, VTAB) leave room for. With 0.997 it takes 1,533, with 0.999
# 4,603: training is over, and the evaluation still uses the statistics of the
# data that the module was made with.
MAX_MOMENTUM = 0.99
_REMAINDER = 0.01
# A momentum is computed from float32 numbers.
_TOLERANCE = 1e-5

_WAY_OUT = (
  "Make it an input of a signature with hub.hyperparameter_input(), besides a "
  "signature without it"
)


def hyperparameter_warnings(graph: CheckedGraph) -> Iterator[ModuleWarning]:
  """Yields warnings of momenta that are too high, and of what could be set.

  Args:
    graph: one that the module is trained with.
  """
  tags = graph.variant.tags
  averages = find_moving_averages(graph, graph.fixed)
  momenta: dict[float, list[str]] = {}
  for average in averages:
    if average.momentum is not None:
      momentum = round(average.momentum, 6)
      momenta.setdefault(momentum, []).append(average.variable)
  high = [m for m in momenta if m > MAX_MOMENTUM + _TOLERANCE]
  for momentum in sorted(high, reverse=True):
    yield _high_momentum(tags, momentum, momenta[momentum])
  # A high momentum has been complained of already.
  if (
    momenta
    and not high
    and not _is_settable(
      [a.momentum for a in averages],
      [a.momentum for a in find_moving_averages(graph, graph.settable)],
    )
  ):
    names = [name for group in momenta.values() for name in group]
    yield ModuleWarning(
      FIXED_MOMENTUM,
      tags,
      tuple(names),
      f"The momentum of {count(len(names), 'moving average')} "
      f"({list_names(names)}) is fixed at {_numbers(momenta)}: a smaller data "
      f"set needs a lower one, and nobody can set it. {_WAY_OUT}.",
    )
  yield from _fixed_dropout(graph)


def _high_momentum(tags, momentum, names) -> ModuleWarning:
  num_steps = math.ceil(math.log(_REMAINDER) / math.log(momentum))
  return ModuleWarning(
    HIGH_MOMENTUM,
    tags,
    tuple(names),
    f"Batch norm's momentum is {format_number(momentum)} in "
    f"{count(len(names), 'moving average')} ({list_names(names)}): the "
    f"statistics need about {num_steps:,} steps to follow new data (until 1 % "
    "of the old ones is left), longer than fine-tuning on a small data set "
    f"takes. Use at most {MAX_MOMENTUM}. {_WAY_OUT}.",
  )


def _fixed_dropout(graph) -> Iterator[ModuleWarning]:
  dropouts = find_dropouts(graph, graph.fixed)
  fixed = [d for d in dropouts if d.rate is not None and 0.0 < d.rate < 1.0]
  if fixed and not _is_settable(
    [d.rate for d in dropouts],
    [d.rate for d in find_dropouts(graph, graph.settable)],
  ):
    names = [dropout.name for dropout in fixed]
    yield ModuleWarning(
      FIXED_DROPOUT,
      graph.variant.tags,
      tuple(names),
      f"The rate of {count(len(names), 'dropout')} ({list_names(names)}) is "
      f"fixed at {_numbers(dropout.rate for dropout in fixed)}: how much is "
      "right depends on the size of the data set, and nobody can set it. "
      f"{_WAY_OUT}.",
    )


def _is_settable(fixed: list, settable: list) -> bool:
  """Whether a number is known only once the signatures' scalars are."""
  return settable.count(None) < fixed.count(None)


def _numbers(values: Iterable[float]) -> str:
  return ", ".join(format_number(v) for v in sorted(set(map(_rounded, values))))


def _rounded(value: float) -> float:
  return round(value, 6)
