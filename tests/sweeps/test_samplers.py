"""Optuna's samplers and pruners as a sweep makes them."""

import logging
import sys

import optuna
import pytest
from sweep_test_configurables import ANCHORED, FROZEN

from hub_estimator import errors
from hub_estimator.sweeps import samplers
from hub_estimator.sweeps.sweep_settings import SweepSettings

SPACE = {
  "RECIPE": [FROZEN, ANCHORED],
  "RATE": {"low": 0.01, "high": 1.0, "log": True},
  "SIZE": {"low": 1, "high": 9, "step": 2},
  "ALPHA": {"low": 0.0, "high": 1.0, "when": {"RECIPE": ANCHORED}},
}


def _settings(**settings):
  return SweepSettings(
    **{"search_space": SPACE, "objective": "loss", **settings}
  )


def _value(point):
  """Least, 0, at RATE 0.1 and SIZE 5."""
  return abs(point["RATE"] - 0.1) + abs(point["SIZE"] - 5)


def _run(settings, count, values_fn=lambda point: [_value(point)], seed=None):
  """Returns the points of a study of so many trials."""
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study(
    directions=["minimize"] * len(settings.objectives),
    sampler=samplers.create_sampler(settings, settings.space, seed),
    pruner=samplers.create_pruner(settings),
  )
  for _ in range(count):
    trial = study.ask()
    point = settings.space.suggest(trial)
    study.tell(trial, values_fn(point))
  return [trial.params for trial in study.trials]


@pytest.mark.parametrize(
  "name, kind",
  [
    ("tpe", optuna.samplers.TPESampler),
    ("cmaes", optuna.samplers.CmaEsSampler),
    ("random", optuna.samplers.RandomSampler),
  ],
  ids=["tpe", "cmaes", "random"],
)
def test_a_sampler_is_quiet_and_reproducible(name, kind, recwarn, caplog):
  settings = _settings(sampler=name, seed=3, startup_trials=4)
  sampler = samplers.create_sampler(settings, settings.space)
  assert type(sampler) is kind
  with caplog.at_level(logging.WARNING, "optuna"):
    optuna.logging.enable_propagation()
    points = _run(settings, 12)
    optuna.logging.disable_propagation()
  assert points == _run(settings, 12)
  assert points == _run(_settings(sampler=name, startup_trials=4), 12, seed=3)
  assert points != _run(settings, 12, seed=4)
  assert [str(warning.message) for warning in recwarn] == []
  assert caplog.messages == []


def test_a_grid_needs_no_sampler_that_learns():
  settings = _settings(
    sampler="grid", search_space={"RATE": [1], "SIZE": [1, 2]}
  )
  sampler = samplers.create_sampler(settings, settings.space)
  assert type(sampler) is optuna.samplers.RandomSampler


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_a_sampler_learns_after_its_random_trials(name):
  def mean_of_last(settings):
    points = _run(settings, 60)
    return sum(map(_value, points[40:])) / 20

  learned = mean_of_last(_settings(sampler=name, startup_trials=10))
  still_random = mean_of_last(_settings(sampler=name, startup_trials=1000))
  assert learned < 0.6 * still_random


def test_tpe_takes_two_objectives(recwarn):
  settings = _settings(objective=["loss", "train_seconds"], startup_trials=3)
  points = _run(
    settings, 10, lambda point: [_value(point), float(point["SIZE"])]
  )
  assert len(points) == 10
  assert [str(warning.message) for warning in recwarn] == []


def test_no_random_trials_at_first(recwarn):
  for name in ("tpe", "cmaes"):
    assert len(_run(_settings(sampler=name, startup_trials=0), 4)) == 4
  assert [str(warning.message) for warning in recwarn] == []


def test_a_seed_beyond_those_of_numpy():
  settings = _settings(sampler="random", seed=2**32 - 1)
  assert _run(settings, 3, seed=2**32) == _run(settings, 3, seed=0)


@pytest.mark.parametrize(
  "name, kind",
  [
    ("none", optuna.pruners.NopPruner),
    ("median", optuna.pruners.MedianPruner),
    ("successive_halving", optuna.pruners.SuccessiveHalvingPruner),
    ("hyperband", optuna.pruners.HyperbandPruner),
  ],
  ids=["none", "median", "successive_halving", "hyperband"],
)
def test_pruners(name, kind):
  assert type(samplers.create_pruner(_settings(pruner=name))) is kind


@pytest.mark.parametrize("startup_trials, is_pruned", [(2, True), (3, False)])
def test_the_median_prunes_after_the_startup_trials(startup_trials, is_pruned):
  settings = _settings(pruner="median", startup_trials=startup_trials)
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study(pruner=samplers.create_pruner(settings))
  for value in (1.0, 2.0):
    trial = study.ask()
    trial.report(value, 10)
    study.tell(trial, value)
  trial = study.ask()
  # The median of 1 and 2 is 1.5.
  trial.report(1.6, 10)
  assert trial.should_prune() == is_pruned


@pytest.mark.parametrize(
  "package, name, message",
  [
    ("optuna", "tpe", "a sweep needs the package optuna ("),
    ("cmaes", "cmaes", "sweep.sampler = 'cmaes' needs the package cmaes ("),
  ],
  ids=["optuna", "cmaes"],
)
def test_a_package_that_is_missing(package, name, message, monkeypatch):
  settings = _settings(sampler=name)
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(errors.UserImportError) as raised:
    samplers.create_sampler(settings, settings.space)
  assert str(raised.value).startswith(message)
  assert f"pip install {package}" in str(raised.value)


def test_a_missing_optuna_is_told_by_the_pruner_too(monkeypatch):
  monkeypatch.setitem(sys.modules, "optuna", None)
  with pytest.raises(errors.UserImportError, match="pip install optuna"):
    samplers.create_pruner(_settings())
