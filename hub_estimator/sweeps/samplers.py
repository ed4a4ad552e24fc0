"""Optuna's samplers and pruners for the settings of a sweep."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Optional

from hub_estimator import errors
from hub_estimator.sweeps.search_space import SearchSpace
from hub_estimator.sweeps.sweep_settings import SEED_LIMIT, SweepSettings

if TYPE_CHECKING:
  import optuna


def create_sampler(
  settings: SweepSettings, space: SearchSpace, seed: Optional[int] = None
) -> optuna.samplers.BaseSampler:
  """Returns the sampler that fills the trials of a sweep.

  The points of "grid" and "random" are made by the search space beforehand,
  and their sampler has nothing left to say.

  Args:
    settings: of the sweep.
    space: what is sampled, without what was left out of it.
    seed: of the draws; None for `settings.seed`. A sampler that is made anew
      for each trial needs another one for each.

  Raises:
    UserImportError: a package that the sampler needs is not installed.
  """
  optuna = _optuna()
  samplers = optuna.samplers
  seed = (settings.seed if seed is None else seed) % SEED_LIMIT
  if settings.sampler == "cmaes":
    return _create_cmaes_sampler(settings.startup_trials, seed)
  if settings.sampler != "tpe":
    return samplers.RandomSampler(seed=seed)
  with warnings.catch_warnings():
    # `group` may still change in Optuna. Without it, parameters that only some
    # trials have are sampled each by itself.
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return samplers.TPESampler(
      multivariate=True,
      group=any(parameter.when for parameter in space.parameters),
      constant_liar=True,
      seed=seed,
      n_startup_trials=settings.startup_trials,
    )


def _create_cmaes_sampler(
  startup_trials: int, seed: int
) -> optuna.samplers.BaseSampler:
  samplers = _optuna().samplers
  try:
    # Optuna imports it at the first use, in the middle of a sweep.
    import cmaes  # noqa: F401
  except ImportError as error:
    raise errors.UserImportError(
      f"sweep.sampler = 'cmaes' needs the package cmaes ({error}): pip install "
      "cmaes, or take 'tpe'"
    ) from error
  return samplers.CmaEsSampler(
    seed=seed,
    n_startup_trials=startup_trials,
    # It draws the choices, and the ranges with a condition: that is no news.
    independent_sampler=samplers.RandomSampler(seed=seed),
    warn_independent_sampling=False,
  )


def create_pruner(settings: SweepSettings) -> optuna.pruners.BasePruner:
  """Returns the pruner that stops poor trials of a sweep.

  Args:
    settings: of the sweep.

  Raises:
    UserImportError: Optuna is not installed.
  """
  pruners = _optuna().pruners
  if settings.pruner == "median":
    return pruners.MedianPruner(n_startup_trials=settings.startup_trials)
  if settings.pruner == "successive_halving":
    return pruners.SuccessiveHalvingPruner()
  if settings.pruner == "hyperband":
    return pruners.HyperbandPruner()
  return pruners.NopPruner()


def _optuna():
  try:
    import optuna
  except ImportError as error:
    raise errors.UserImportError(
      f"a sweep needs the package optuna ({error}): pip install optuna"
    ) from error
  return optuna
