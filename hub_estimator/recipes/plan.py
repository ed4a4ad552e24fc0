"""The plan of a fine-tuning run: what trains when, how fast, and penalized how.

Recipes write it before any graph is built; the model and the run read it. All
of it is in terms of the module's variables by name and of the head as a whole.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
  from hub_estimator.recipes.feature_selection import FeatureSelection
  from hub_estimator.recipes.penalties import Penalty

HEAD = "head"
MODULE = "module"


@dataclasses.dataclass(frozen=True)
class PlannedVariable:
  """A trainable variable of the module, and what is to happen to it.

  Attributes:
    name: its name in the module.
    shape: its shape.
    num_parameters: its number of elements.
    depth: the number of weight layers to its first use, from 1; None if the
      signature does not use it.
    kind: what it does, as `module_analysis` tells.
    is_bias: whether it is an offset that is added.
    is_normalization: whether it is a scale or offset of a normalization.
    learning_rate_multiplier: factor on the schedule's rate.
    first_step: the global step from which it trains; None for never.
  """

  name: str
  shape: tuple[Optional[int], ...]
  num_parameters: int
  depth: Optional[int]
  kind: str
  is_bias: bool
  is_normalization: bool
  learning_rate_multiplier: float = 1.0
  first_step: Optional[int] = 0


@dataclasses.dataclass(frozen=True)
class PlannedGroup:
  """Variables that train alike.

  Attributes:
    name: "head", "module", or "module/1", "module/2", … from the input up.
    variable_names: names in the module; of the head, which has no names yet,
      empty.
    first_step: the global step from which they train.
    learning_rate_multiplier: factor on the schedule's rate.
  """

  name: str
  variable_names: tuple[str, ...]
  first_step: int
  learning_rate_multiplier: float


@dataclasses.dataclass(frozen=True)
class Stage:
  """A part of a run in which the same variables train.

  Attributes:
    number: from 1.
    first_step: the global step at its start.
    last_step: the global step at its end.
    groups: those that train, the head last.
    trained_depths: the depths at which variables of the module train.
    uses_cached_features: whether the module's features come from the cache.
  """

  number: int
  first_step: int
  last_step: int
  groups: tuple[PlannedGroup, ...]
  trained_depths: frozenset[Optional[int]]
  uses_cached_features: bool

  def describe_groups(self) -> str:
    """Returns what trains, and the factors on its learning rates."""
    return ", ".join(
      f"{group.name} ×{group.learning_rate_multiplier:.3g}"
      for group in self.groups
    )

  @property
  def trains_module(self) -> bool:
    """Whether any variable of the module trains."""
    return any(group.variable_names for group in self.groups)

  @property
  def trained_names(self) -> frozenset[str]:
    """The names, in the module, of its variables that train."""
    return frozenset(n for group in self.groups for n in group.variable_names)


@dataclasses.dataclass(frozen=True)
class FineTuningPlan:
  """What a run does to a module and its head.

  Attributes:
    train_steps: the global step to train to.
    module_variables: the module's trainable variables, in graph order.
    head_multipliers: step -> factor on the head's learning rate from there on;
      has step 0.
    penalties: what is added to the loss.
    regularization_scale: factor on the module's own regularization losses, on
      top of `Optimization.regularization_scale`.
    caches_features: whether stages that leave the module alone read its
      features from the cache.
    feature_cache_dir: the cache's folder; None for the default.
    selection: how features of all outputs are selected; None if the encoder's
      own output is used.
  """

  train_steps: int
  module_variables: tuple[PlannedVariable, ...] = ()
  head_multipliers: Mapping[int, float] = dataclasses.field(
    default_factory=lambda: {0: 1.0}
  )
  penalties: tuple[Penalty, ...] = ()
  regularization_scale: float = 1.0
  caches_features: bool = False
  feature_cache_dir: Optional[str] = None
  selection: Optional[FeatureSelection] = None

  @property
  def trained_variables(self) -> tuple[PlannedVariable, ...]:
    """The module's variables that train at some step of the run."""
    return tuple(
      v
      for v in self.module_variables
      if v.first_step is not None and v.first_step < self.train_steps
    )

  @property
  def late_variables(self) -> tuple[PlannedVariable, ...]:
    """The variables whose turn comes after the end of the run."""
    return tuple(
      v
      for v in self.module_variables
      if v.first_step is not None and v.first_step >= self.train_steps
    )

  @functools.cached_property
  def module_groups(self) -> tuple[PlannedGroup, ...]:
    """The module's groups, from the input up."""
    alike: dict[tuple[int, float], list[PlannedVariable]] = {}
    for v in self.trained_variables:
      key = (v.first_step, v.learning_rate_multiplier)
      alike.setdefault(key, []).append(v)
    ordered = sorted(
      alike.items(), key=lambda item: min(_depth(v) for v in item[1])
    )
    return tuple(
      PlannedGroup(
        MODULE if len(ordered) == 1 else f"{MODULE}/{number}",
        tuple(v.name for v in variables),
        first_step,
        multiplier,
      )
      for number, ((first_step, multiplier), variables) in enumerate(
        ordered, start=1
      )
    )

  def head_group(self, step: int) -> PlannedGroup:
    """The head as it trains at a step."""
    since = max(s for s in self.head_multipliers if s <= step)
    return PlannedGroup(HEAD, (), 0, self.head_multipliers[since])

  @functools.cached_property
  def stages(self) -> tuple[Stage, ...]:
    """The stages of the run, in order; together they are all its steps."""
    starts = {0, *self.head_multipliers}
    starts.update(group.first_step for group in self.module_groups)
    bounds = sorted(s for s in starts if s < self.train_steps)
    stages = []
    for number, (first, last) in enumerate(
      zip(bounds, [*bounds[1:], self.train_steps]), start=1
    ):
      groups = [g for g in self.module_groups if g.first_step <= first]
      names = {n for g in groups for n in g.variable_names}
      stages.append(
        Stage(
          number,
          first,
          last,
          (*groups, self.head_group(first)),
          frozenset(v.depth for v in self.module_variables if v.name in names),
          self.caches_features and not groups,
        )
      )
    return tuple(stages)

  def stage_at(self, step: int) -> Stage:
    """The stage that trains the step after a global step; the last at the end.

    Args:
      step: the global step of a checkpoint.
    """
    stages = self.stages
    return next((s for s in stages if step < s.last_step), stages[-1])

  def with_variables(self, variables: Iterable[PlannedVariable]):
    """Returns a plan with other variables."""
    return dataclasses.replace(self, module_variables=tuple(variables))


def _depth(variable: PlannedVariable) -> float:
  return float("inf") if variable.depth is None else variable.depth
