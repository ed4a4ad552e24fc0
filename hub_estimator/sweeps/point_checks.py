"""One point of a search space, checked as `train --dry_run` checks a config.

For a process of its own: graphs are built, and Gin's bindings replaced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import traceback
from collections.abc import Collection, Sequence
from typing import Any

import gin

from hub_estimator import errors, estimator
from hub_estimator.training import dry_run, gin_config, launch

# How thoroughly a point is checked.
CONFIG = "config"  # What Gin can tell.
OBJECTS = "objects"  # Whether the run can be made: each argument's own checks.
GRAPHS = "graphs"  # Whether all graphs can be built, as a dry run does.


@dataclasses.dataclass(frozen=True)
class PointCheck:
  """A point to check.

  Attributes:
    config_path: of the config that trials share.
    bindings: "NAME = value", of the point.
    depth: `CONFIG`, `OBJECTS` or `GRAPHS`.
  """

  config_path: str
  bindings: tuple[str, ...]
  depth: str


def check(point: PointCheck) -> dict[str, Any]:
  """Checks a point.

  Returns:
    "problem": why no run can be made of it, a sentence, or None;
    "unused": left side of each binding without effect -> what is wrong;
    "metrics": names of the eval split's metrics, if graphs were built.
  """
  found: dict[str, Any] = {"problem": None, "unused": {}, "metrics": []}
  try:
    # What graphs print says nothing that the trials' logs will not say.
    with open(os.devnull, "w") as sink, contextlib.redirect_stderr(sink):
      _check(point, found)
  except errors.UserError as error:
    found["problem"] = errors.one_line(error)
  except Exception as error:
    where = traceback.extract_tb(error.__traceback__)[-1]
    found["problem"] = (
      f"{type(error).__name__}: {errors.one_line(error)} "
      f"({os.path.basename(where.filename)}, line {where.lineno})"
    )
  if found["problem"]:
    found["problem"] = _placed(found["problem"], point)
  found["unused"] = {
    name: _placed(text, point) for name, text in found["unused"].items()
  }
  return found


def _placed(text: str, point: PointCheck) -> str:
  """Returns a message that says where the bindings of a point come from."""
  for binding in point.bindings:
    name = binding.partition(" = ")[0]
    place = f'--gin_param "{binding}": '
    for before in (f"{place}{name}: ", place):
      text = text.replace(before, f"sweep.search_space[{name!r}]: ")
  return text


def _check(point: PointCheck, found: dict[str, Any]) -> None:
  gin_config.parse_config([point.config_path], point.bindings)
  gin_config.check_config(launch.ROOT, allow_unused=True)
  found["unused"] = gin_config.unused_bindings(launch.ROOT)
  if point.depth == CONFIG:
    return
  run = gin.get_configurable(launch.ROOT)()
  if point.depth == GRAPHS:
    run.describe()
    found["metrics"] = _metric_names(run)


def _metric_names(run) -> list[str]:
  model_fn = run.create_model_fn()
  specs: list[estimator.EstimatorSpec] = []

  def noting(**arguments):
    specs.append(model_fn(**arguments))
    return specs[-1]

  dry_run.build_graph(
    noting, run.input_pipeline, run.create_config(), estimator.ModeKeys.EVAL
  )
  return sorted({"loss", *(specs[0].eval_metric_ops or {})})


def unused_everywhere(
  checks: Sequence[dict[str, Any]],
  bound: Sequence[Collection[str]],
  allowed: Collection[str] = (),
) -> list[str]:
  """Returns what is wrong with bindings that no point uses.

  Args:
    checks: of the points.
    bound: the names of the search space that each point binds, as
      `unused_bindings` has them; what else is bound is bound in all.
    allowed: names that need not be used.
  """
  varied = {name for names in bound for name in names}
  problems = {k: v for found in checks for k, v in found["unused"].items()}
  used = {
    name
    for found, names in zip(checks, bound)
    for name in problems
    if name not in found["unused"] and (name in names or name not in varied)
  }
  return [
    text
    for name, text in problems.items()
    if name not in used and name not in allowed
  ]
