"""What a study is to do, as the command and its two files say."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Optional

from hub_estimator.sweeps.search_space import SearchSpace
from hub_estimator.sweeps.sweep_file import SweepSettings
from hub_estimator.training.gin_resolution import value_text

# The macro that seeds are bound to.
SEED_NAME = "SEED"
CONFIG_FILE = "config.gin"
SWEEP_FILE = "sweep.gin"


@dataclasses.dataclass(frozen=True)
class StudyPlan:
  """A study, and how its trials are run.

  Attributes:
    study_dir: the study's folder, absolute.
    name: of the study in its storage.
    settings: of the sweep file, with what flags say instead.
    space: the search space, without modules that do not fit.
    num_wanted: how many trials there are to be; None if time says.
    seeds: one for each run of a trial; None stands for the config's own.
    left_out: module handle -> why it does not fit the task.
    pinned: a handle of the search space -> the module that it means, where that
      is the newest export of a run: it would be another one later.
  """

  study_dir: str
  name: str
  settings: SweepSettings
  space: SearchSpace
  num_wanted: Optional[int]
  seeds: tuple[Optional[int], ...] = (None,)
  left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
  pinned: Mapping[str, str] = dataclasses.field(default_factory=dict)

  @property
  def config_path(self) -> str:
    """The path of the config that all trials share."""
    return os.path.join(self.study_dir, CONFIG_FILE)

  @property
  def allows_pruning(self) -> bool:
    """Whether evaluations may end a trial."""
    return self.settings.pruner != "none"

  def bindings(self, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns "NAME = value" for each parameter of a trial."""
    bindings = self.space.bindings(params)
    name = self.space.handle_name
    pinned = self.pinned.get(params.get(name))
    if pinned is None:
      return bindings
    start = f"{name} = "
    return tuple(
      start + value_text(pinned) if text.startswith(start) else text
      for text in bindings
    )

  def run_bindings(
    self, params: Mapping[str, Any], seed: Optional[int]
  ) -> tuple[str, ...]:
    """Returns "NAME = value" of all that a run of a trial binds."""
    if seed is None:
      return self.bindings(params)
    return (*self.bindings(params), f"{SEED_NAME} = {seed}")

  def run_folder(self, number: int, seed: Optional[int]) -> str:
    """Returns the model_dir of a trial's run, relative to the study's folder.

    Args:
      number: of the trial.
      seed: of the run.
    """
    folder = os.path.join("trials", str(number))
    if len(self.seeds) == 1:
      return folder
    return os.path.join(folder, f"seed_{seed}")
