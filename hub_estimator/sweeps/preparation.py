"""What is done before the first trial: the config, and all trials' checks."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Callable, Optional

from hub_estimator import errors, handles
from hub_estimator.sweeps import objective_values, point_checks
from hub_estimator.sweeps.forked_calls import call_forked
from hub_estimator.sweeps.point_checks import PointCheck
from hub_estimator.sweeps.resources import Resources
from hub_estimator.sweeps.sampled_points import fixed_points, num_possible
from hub_estimator.sweeps.search_space import SearchSpace
from hub_estimator.sweeps.study_plan import CONFIG_FILE, SEED_NAME, StudyPlan
from hub_estimator.training import (
  gin_config,
  gin_internals,
  gin_resolution,
  launch,
)

_CONFIG_HEADER = "The config that all trials share, with all that it binds."
# Combinations of choices whose graphs are built; further ones are looked at
# without.
_MAX_GRAPHS = 200
# So many take long enough to say so.
_MANY_GRAPHS = 20
# Points of which Gin is asked.
_MAX_POINTS = 2000
_MAX_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class BaseConfig:
  """The config that trials share.

  Attributes:
    text: of a Gin file; a module that was the newest export is pinned.
    texts: left side of each binding -> its value, as the user wrote them.
    seed: what SEED is; None without it.
    orphans: left sides of bindings that were made for what another binding
      replaced. A trial may use them, and none needs to.
  """

  text: str
  texts: Mapping[str, str]
  seed: Optional[int]
  orphans: frozenset[str] = frozenset()


def read_base_config(
  gin_files: Sequence[str], gin_params: Sequence[str]
) -> BaseConfig:
  """Reads the config, and leaves it bound.

  Args:
    gin_files: as `launch.launch`.
    gin_params: as `launch.launch`.

  Raises:
    UserError: what is wrong in it.
  """
  gin_config.parse_config(gin_files, gin_params)
  used = gin_config.bound_texts()
  gin_config.parse_config(gin_files, gin_params, keep_orphans=True)
  texts = gin_config.bound_texts()
  launch.pin_newest_export()
  seed = launch.bound_value(f"{SEED_NAME}/macro.value")
  return BaseConfig(
    gin_config.whole_config_text(_CONFIG_HEADER),
    texts,
    seed if isinstance(seed, int) else None,
    frozenset(texts) - frozenset(used),
  )


def pinned_handles(space: SearchSpace) -> dict[str, str]:
  """Returns handle -> the module that it means now, where it may change."""
  if space.handle_name is None:
    return {}
  export_name = launch.bound_value("ModuleEncoder.export_name")
  found = {}
  for choice in space.parameter(space.handle_name).values:
    if isinstance(choice, str) and not choice.startswith(("@", "%")):
      pinned = handles.pinned(choice, export_name)
      if pinned != choice:
        found[choice] = pinned
  return found


@dataclasses.dataclass(frozen=True)
class _Point:
  params: Mapping[str, Any]
  depth: str


def check_plan(
  plan: StudyPlan,
  config: BaseConfig,
  resources: Sequence[Resources],
  write: Callable[[str], None],
) -> StudyPlan:
  """Checks the trials of a plan, before there is a study.

  All combinations of modules, recipes and other choices have their graphs
  built, as `train --dry_run` does; both ends of ranges are given to what takes
  them; and Gin is asked about every trial that is known.

  Args:
    plan: what is to be done.
    config: that trials share.
    resources: of the processes that check.
    write: takes a line of text.

  Returns:
    the plan, without modules that do not fit if it leaves them out.

  Raises:
    UserValueError: with all problems.
  """
  points = _points(plan)
  num_graphs = sum(point.depth == point_checks.GRAPHS for point in points)
  if num_graphs >= _MANY_GRAPHS:
    write(f"builds the graphs of {num_graphs} combinations of choices first")
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, CONFIG_FILE)
    with open(path, "w", encoding="utf-8") as file:
      file.write(config.text)
    found = call_forked(
      point_checks.check,
      [
        PointCheck(path, plan.bindings(point.params), point.depth)
        for point in points
      ],
      resources,
    )
  checks = [
    {"problem": "the process that checked it died", "unused": {}, "metrics": []}
    if check is None
    else check
    for check in found
  ]
  plan = _without_unfit(plan, points, checks, write)
  kept = [
    (point, check)
    for point, check in zip(points, checks)
    if point.params.get(plan.space.handle_name) not in plan.left_out
  ]
  problems = _problems(plan, kept, config.orphans)
  if problems:
    raise errors.UserValueError(_text(problems))
  return plan


def _points(plan: StudyPlan) -> list[_Point]:
  """Returns the points to check, each once, as thoroughly as it has to be."""
  depths: dict[tuple[str, ...], _Point] = {}
  space = plan.space
  count = min(plan.num_wanted or _MAX_POINTS, _MAX_POINTS)
  for depth, points in (
    (point_checks.GRAPHS, space.structural_points(_MAX_GRAPHS)),
    (point_checks.OBJECTS, space.extreme_points()),
    (point_checks.CONFIG, fixed_points(plan.settings, space, count)),
  ):
    for params in points:
      depths.setdefault(space.bindings(params), _Point(params, depth))
  return list(depths.values())


def _without_unfit(plan, points, checks, write) -> StudyPlan:
  """Tells of modules of which nothing can be trained."""
  name = plan.space.handle_name
  if name is None:
    return plan
  problems: dict[Any, list[Optional[str]]] = {}
  for point, check in zip(points, checks):
    if point.depth != point_checks.CONFIG:
      problems.setdefault(point.params.get(name), []).append(check["problem"])
  unfit = {
    handle: next(filter(None, of_handle))
    for handle, of_handle in problems.items()
    if handle is not None and all(of_handle)
  }
  if len(unfit) == len(problems) and len(set(unfit.values())) == 1:
    return plan  # It is not the modules: told once, as any other problem.
  if not unfit:
    return plan
  lines = [f"{name} = {handle!r}: {why}" for handle, why in unfit.items()]
  if plan.settings.unfit_modules != "leave_out" or len(unfit) == len(problems):
    them, verb = ("it", "does") if len(unfit) == 1 else ("them", "do")
    way_out = (
      f"Correct {them}, or take {them} out of the search space"
      if len(unfit) == len(problems)
      else f"Take {them} out of the search space, or set sweep.unfit_modules = "
      "'leave_out'"
    )
    raise errors.UserValueError(
      f"{len(unfit)} of {len(problems)} modules {verb} not fit: "
      f"{_text(lines)} {way_out}."
    )
  for line in lines:
    write(f"warning: left out: {line}")
  space = plan.space.without(name, set(unfit))
  return dataclasses.replace(
    plan,
    space=space,
    num_wanted=num_possible(plan.settings, space, plan.num_wanted),
    left_out={str(k): v for k, v in unfit.items()},
  )


def _problems(plan: StudyPlan, kept, orphans: Collection[str]) -> list[str]:
  by_problem: dict[str, list[_Point]] = {}
  for point, check in kept:
    if check["problem"]:
      by_problem.setdefault(check["problem"], []).append(point)
  problems = []
  for problem, points in by_problem.items():
    if len(points) == len(kept):
      problems.append(problem)
      continue
    bindings = "; ".join(plan.space.bindings(points[0].params))
    others = f" and {len(points) - 1} more" if len(points) > 1 else ""
    problems.append(f"with {bindings}{others}: {problem}")
  if problems:
    return problems
  problems = point_checks.unused_everywhere(
    [check for _, check in kept],
    [_canonical_names(point.params) for point, _ in kept],
    orphans,
  )
  metrics = {name for _, check in kept for name in check["metrics"]}
  missing = objective_values.missing_objectives(
    plan.settings.objectives, (*metrics, *objective_values.RUN_NUMBERS)
  )
  return [*problems, *([missing] if missing else [])]


def _canonical_names(names) -> set[str]:
  """Returns binding names as the config's checks write them."""
  found = set()
  for name in names:
    path, _, parameter = name.rpartition(".")
    scope, _, selector = path.rpartition("/")
    selectors = gin_internals.find_configurables(selector) if selector else []
    if len(selectors) == 1:
      name = gin_resolution.parameter_name(scope, selectors[0], parameter)
    found.add(name)
  return found


def _text(problems: Sequence[str]) -> str:
  shown = [problem.rstrip(".") for problem in problems[:_MAX_SHOWN]]
  if len(problems) > _MAX_SHOWN:
    shown.append(f"and {len(problems) - _MAX_SHOWN} more")
  text = "; ".join(shown)
  return text if text.endswith("?") else f"{text}."
