"""A trial that a worker has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import optuna


class LostTrialError(Exception):
  """A trial is another worker's now, or finished."""


@dataclasses.dataclass(frozen=True)
class Claim:
  """A trial that a worker has.

  Attributes:
    trial: Optuna's.
    number: its number.
    params: what the sampler chose.
    worker_id: the worker's.
    attempt: 1 for the first time that it is run.
    runs: results of runs that an earlier attempt finished.
  """

  trial: optuna.Trial
  number: int
  params: Mapping[str, Any]
  worker_id: str
  attempt: int
  runs: tuple[Mapping[str, Any], ...]

  @property
  def trial_id(self) -> int:
    """What the storage knows it by."""
    return self.trial._trial_id
