"""The settings of a sweep, as the sweep file binds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

import gin

from hub_estimator.sweeps import objective_settings
from hub_estimator.sweeps.range_parameter import RangeParameter
from hub_estimator.sweeps.records import Objective
from hub_estimator.sweeps.search_space import SearchSpace
from hub_estimator.training import gin_problems, gin_values
from hub_estimator.training.gin_resolution import value_text

SAMPLERS = ("grid", "random", "tpe", "cmaes")
PRUNERS = ("none", "median", "successive_halving", "hyperband")
UNFIT_MODULES = ("refuse", "leave_out")
# NumPy's generators take seeds below it.
SEED_LIMIT = 2**32


@gin.register("sweep", module="hub_estimator")
@dataclasses.dataclass(frozen=True)
class SweepSettings:
  """What `sweep.*` says in a sweep file.

  Attributes:
    search_space: what is varied; see `SearchSpace.parse`.
    objective: a metric of the eval split or a number of `results.json`, or a
      list of two for a Pareto front.
    direction: "max" if high values are good, "min" if low ones are, "auto" to
      go by the name; a list beside a list of objectives.
    sampler: "grid" for all points in turn, "random", "tpe" for the
      tree-structured Parzen estimator (Bergstra et al., 2011,
      https://papers.nips.cc/paper/4443) or "cmaes" for the covariance matrix
      adaptation evolution strategy (Hansen, 2016,
      https://arxiv.org/abs/1604.00772).
    pruner: "none", "median", "successive_halving" (Li et al., 2018,
      https://arxiv.org/abs/1810.05934) or "hyperband" (Li et al., 2018,
      https://jmlr.org/papers/v18/16-558.html), on evaluations.
    num_trials: how many points are tried; None for all points of a grid, or
      until the command's time is over.
    repeats: runs of each point, with different seeds.
    seed: of the sampler.
    max_failures: the sweep stops when so many trials have failed and none has
      succeeded.
    unfit_modules: what is done with modules whose signatures do not fit the
      task: "refuse" or "leave_out".
    startup_trials: random trials before "tpe" and "cmaes" use what they know,
      and trials before "median" prunes.
    space: what `search_space` says.
    objectives: what `objective` and `direction` say.
  """

  search_space: Any
  objective: Any
  direction: Any = "auto"
  sampler: str = "tpe"
  pruner: str = "none"
  num_trials: Optional[int] = None
  repeats: int = 1
  seed: int = 0
  max_failures: int = 5
  unfit_modules: str = "refuse"
  startup_trials: int = 10
  space: SearchSpace = dataclasses.field(init=False, repr=False, compare=False)
  objectives: tuple[Objective, ...] = dataclasses.field(
    init=False, repr=False, compare=False
  )

  def __post_init__(self):
    checked = CheckedSettings(vars(self), {})
    if checked.problems:
      raise gin_problems.GinConfigError(checked.problems)
    object.__setattr__(self, "space", checked.space)
    object.__setattr__(self, "objectives", checked.objectives)


class CheckedSettings:
  """Settings with what is wrong in them.

  Attributes:
    problems: sentences.
    space: the search space, if nothing is wrong with it.
    objectives: the objectives, if nothing is wrong with them.
  """

  def __init__(self, values: Mapping[str, Any], places: Mapping[str, str]):
    """Checks settings.

    Args:
      values: parameter of `sweep` -> value; those missing have their default.
      places: parameter -> where it is bound, for messages.
    """
    self.problems: list[str] = []
    self.space: Optional[SearchSpace] = None
    self.objectives: tuple[Objective, ...] = ()
    self._places = places
    fields = dataclasses.fields(SweepSettings)
    defaults = {
      f.name: f.default
      for f in fields
      if f.init and f.default is not dataclasses.MISSING
    }
    self._values = {**defaults, **values}
    if "search_space" in self._values:
      self._check_space()
    if "objective" in self._values:
      self._check_objectives()
    self._check_word("sampler", SAMPLERS)
    self._check_word("pruner", PRUNERS)
    self._check_word("unfit_modules", UNFIT_MODULES)
    if self._values["num_trials"] is not None:
      self._check_count("num_trials", 1, "trials")
    self._check_count("repeats", 1, "runs of each trial")
    self._check_count("max_failures", 1, "failed trials")
    self._check_count("startup_trials", 0, "trials")
    self._check_count("seed", 0, "", SEED_LIMIT)
    self._check_together()

  def _problem(self, name: str, sentence: str) -> None:
    place = self._places.get(name)
    prefix = f"{place}: " if place else ""
    self.problems.append(f"{prefix}{sentence}")

  def _check_space(self) -> None:
    place = self._places.get("search_space", "")
    try:
      self.space = SearchSpace.parse(self._values["search_space"], place)
    except gin_problems.GinConfigError as error:
      self.problems += error.problems

  def _check_objectives(self) -> None:
    self.objectives, problems = objective_settings.read_objectives(
      self._values["objective"], self._values["direction"]
    )
    for problem in problems:
      name = problem.partition(":")[0].removeprefix("sweep.")
      self._problem(name, problem)

  def _check_word(self, name: str, words: tuple[str, ...]) -> None:
    value = self._values[name]
    if value not in words:
      hint = ""
      if isinstance(value, str):
        match = gin_problems.nearest(value, words)
        hint = f"; did you mean {match!r}?" if match else ""
      self._problem(
        name,
        f"sweep.{name} is one of {', '.join(map(repr, words))}; got "
        f"{_shown(value)}{hint}",
      )

  def _check_count(
    self, name: str, least: int, what: str, limit: Optional[int] = None
  ) -> None:
    value = self._values[name]
    is_count = isinstance(value, int) and not isinstance(value, bool)
    if is_count and value >= least and (limit is None or value < limit):
      return
    rule = f"a whole number{f' of {what}' if what else ''}, at least {least}"
    if limit is not None:
      rule += f" and below {limit}"
    self._problem(name, f"sweep.{name} is {rule}; got {_shown(value)}")

  def _check_together(self) -> None:
    sampler, pruner = self._values["sampler"], self._values["pruner"]
    if len(self.objectives) > 1:
      if pruner in PRUNERS and pruner != "none":
        self._problem(
          "pruner",
          f"sweep.pruner = {pruner!r}: Optuna prunes by one objective, and "
          "there are two; take 'none', or one objective",
        )
      if sampler == "cmaes":
        self._problem(
          "sampler",
          "sweep.sampler = 'cmaes': CMA-ES is for one objective, and there are "
          "two; take 'tpe', or one objective",
        )
    if self.space is None:
      return
    if sampler == "grid":
      for problem in self.space.grid_problems():
        self._problem("search_space", f"{problem}; or take another sampler")
    ranges = [p for p in self.space.parameters if isinstance(p, RangeParameter)]
    if sampler == "cmaes" and all(p.when for p in ranges):
      reason = (
        "the search space has choices alone"
        if not ranges
        else "all ranges of the search space have a condition"
      )
      self._problem(
        "sampler",
        "sweep.sampler = 'cmaes': CMA-ES moves numbers of ranges that every "
        f"trial has, and {reason}; take 'tpe' or 'random'",
      )


def _shown(value: Any) -> str:
  if isinstance(value, gin_values.Reference):
    return value_text(value)
  return repr(value)
