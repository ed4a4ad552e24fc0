"""The settings of a sweep, one by one and together, and all mistakes."""

import pytest
import sweep_test_configurables  # noqa: F401
from sweep_files import OBJECTIVE, SPACE, problem_in, problems_in, read

from hub_estimator.sweeps.sweep_settings import SweepSettings
from hub_estimator.training import gin_problems


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
  "line, problem",
  [
    (
      "sweep.sampeler = 'tpe'",
      "sweep.sampeler: sweep has no parameter sampeler; did you mean sampler?",
    ),
    (
      "sweep.space = 1",
      "sweep.space: sweep has no parameter space; there are: direction, "
      "max_failures, num_trials, objective, pruner, repeats, sampler, "
      "search_space, seed, startup_trials, unfit_modules",
    ),
    (
      "sweep.sampler = 'tp'",
      "sweep.sampler is one of 'grid', 'random', 'tpe', 'cmaes'; got 'tp'; did "
      "you mean 'tpe'?",
    ),
    (
      "sweep.sampler = 3",
      "sweep.sampler is one of 'grid', 'random', 'tpe', 'cmaes'; got 3",
    ),
    (
      "sweep.pruner = 'medain'",
      "sweep.pruner is one of 'none', 'median', 'successive_halving', "
      "'hyperband'; got 'medain'; did you mean 'median'?",
    ),
    (
      "sweep.pruner = ['median']",
      "sweep.pruner is one of 'none', 'median', 'successive_halving', "
      "'hyperband'; got ['median']",
    ),
    (
      "sweep.unfit_modules = 'leave out'",
      "sweep.unfit_modules is one of 'refuse', 'leave_out'; got 'leave out'; "
      "did you mean 'leave_out'?",
    ),
    (
      "sweep.num_trials = 0",
      "sweep.num_trials is a whole number of trials, at least 1; got 0",
    ),
    (
      "sweep.repeats = 1.5",
      "sweep.repeats is a whole number of runs of each trial, at least 1; got "
      "1.5",
    ),
    (
      "sweep.max_failures = True",
      "sweep.max_failures is a whole number of failed trials, at least 1; got "
      "True",
    ),
    (
      "sweep.startup_trials = -1",
      "sweep.startup_trials is a whole number of trials, at least 0; got -1",
    ),
    (
      "sweep.seed = 4294967296",
      "sweep.seed is a whole number, at least 0 and below 4294967296; got "
      "4294967296",
    ),
    (
      "sweep.seed = @sw_frozen()",
      "sweep.seed is a whole number, at least 0 and below 4294967296; got "
      "@sw_frozen()",
    ),
    (
      "sweep.seed = %SED",
      "sweep.seed: no macro %SED is defined; there are none",
    ),
    (
      "sweep.search_space = {'A': [@sw_frosen()]}",
      "sweep.search_space: there is no configurable @sw_frosen; did you mean "
      "@sw_frozen? (a configurable of your own needs an import line in the "
      "config for its module)",
    ),
    (
      "sweep.search_space = {'A': {'low': 2, 'high': 1}}",
      "sweep.search_space['A']: low 2 is above high 1: the range is the wrong "
      "way round",
    ),
    ("sweep.search_space = {}", None),
    (
      "sweep.search_space = {'A': [1], 'B': [2], 'A': [3]}",
      "sweep.search_space: 'A' is there twice; keep one",
    ),
  ],
  ids=lambda value: (value or "empty")[:30],
)
def test_a_wrong_setting(line, problem):
  found = problem_in(line)
  if problem is None:
    assert found.startswith("sweep.search_space: it is empty")
  else:
    assert found == problem


@pytest.mark.parametrize(
  "objective, problem",
  [
    ("3", "it is a metric's name, or a list of two; got 3"),
    ("['loss', 3]", "it is a metric's name, or a list of two; got ['loss', 3]"),
    ("''", "it is a metric's name, or a list of two; got ''"),
    ("[]", "it is a metric's name, or a list of two; the list is empty"),
    ("['loss', 'loss']", "'loss' is there twice; write it once"),
    (
      "['loss', 'accuracy', 'auc']",
      "a Pareto front is of at most two objectives; got 3: loss, accuracy, auc",
    ),
  ],
  ids=["number", "item", "no_name", "empty", "twice", "three"],
)
def test_a_wrong_objective(objective, problem):
  assert problems_in(f"{SPACE}sweep.objective = {objective}") == [
    f"s.gin:2: sweep.objective: {problem}"
  ]


@pytest.mark.parametrize(
  "objective, direction, objectives",
  [
    ("'loss'", "'max'", [("loss", True)]),
    ("['loss']", "'auto'", [("loss", False)]),
    ("['loss']", "['max']", [("loss", True)]),
    ("'quality'", "'min'", [("quality", False)]),
    ("'num_trainable_parameters'", "'auto'", [("num_trainable_parameters", 0)]),
    ("'module_bytes'", "'auto'", [("module_bytes", False)]),
    ("'train_seconds'", "'max'", [("train_seconds", True)]),
    (
      "['auc', 'seconds']",
      "'auto'",
      [("auc", True), ("seconds", False)],
    ),
  ],
  ids=["set", "list", "both", "unclear", "count", "bytes", "cost", "two"],
)
def test_directions(objective, direction, objectives):
  settings = read(
    f"{SPACE}sweep.objective = {objective}\nsweep.direction = {direction}"
  )
  assert [(o.name, o.is_max) for o in settings.objectives] == objectives


@pytest.mark.parametrize(
  "objective, direction, problem",
  [
    (
      "'loss'",
      "'up'",
      "`sweep.direction` is one of 'auto', 'max', 'min'; got 'up'.",
    ),
    (
      "'loss'",
      "3",
      "`sweep.direction` is one of 'auto', 'max', 'min'; got 3.",
    ),
    (
      "'quality'",
      "'auto'",
      "The name of `sweep.objective` = 'quality' does not say whether high or "
      "low values are good: set `sweep.direction` to 'max' or 'min'.",
    ),
    (
      "['auc', 'loss']",
      "'max'",
      "there is one for each of auc, loss, as in ['max', 'min']; got 'max'",
    ),
    (
      "'loss'",
      "['min', 'max']",
      "there is one for each of loss, as in 'min'; got ['min', 'max']",
    ),
  ],
  ids=["word", "number", "unclear", "one_for_two", "two_for_one"],
)
def test_a_wrong_direction(objective, direction, problem):
  found = problems_in(
    f"{SPACE}sweep.objective = {objective}\nsweep.direction = {direction}"
  )
  assert found == [f"s.gin:3: sweep.direction: {problem}"]


# Settings that exclude each other.


def test_two_objectives_take_no_pruner_and_no_cmaes():
  problems = problems_in(
    "sweep.search_space = {'A': {'low': 0.1, 'high': 1.0}}\n"
    "sweep.objective = ['accuracy', 'train_seconds']\n"
    "sweep.sampler = 'cmaes'\n"
    "sweep.pruner = 'median'\n"
  )
  assert problems == [
    "s.gin:4: sweep.pruner = 'median': Optuna prunes by one objective, and "
    "there are two; take 'none', or one objective",
    "s.gin:3: sweep.sampler = 'cmaes': CMA-ES is for one objective, and there "
    "are two; take 'tpe', or one objective",
  ]


@pytest.mark.parametrize(
  "space, reason",
  [
    ("{'A': [1, 2]}", "the search space has choices alone"),
    (
      "{'A': [1, 2], 'B': {'low': 0.0, 'high': 1.0, 'when': {'A': 1}}}",
      "all ranges of the search space have a condition",
    ),
  ],
  ids=["choices", "conditions"],
)
def test_cmaes_needs_a_range(space, reason):
  assert problems_in(
    f"sweep.search_space = {space}\n{OBJECTIVE}sweep.sampler = 'cmaes'"
  ) == [
    "s.gin:3: sweep.sampler = 'cmaes': CMA-ES moves numbers of ranges that "
    f"every trial has, and {reason}; take 'tpe' or 'random'"
  ]


def test_a_grid_needs_points():
  text = (
    "sweep.search_space = {'A': {'low': 0.1, 'high': 1.0}}\n"
    f"{OBJECTIVE}sweep.sampler = 'grid'"
  )
  assert problems_in(text) == [
    "s.gin:1: sweep.search_space['A']: the range from 0.1 to 1.0 has no points "
    "for a grid: add 'step': the distance between its points, or 'num': N for "
    "N points of it; or take another sampler"
  ]
  settings = read(text.replace("1.0", "1.0, 'num': 4"), ["sweep.num_trials=2"])
  assert (settings.space.num_points(), settings.num_trials) == (4, 2)


def test_settings_made_in_python_are_checked_too():
  with pytest.raises(gin_problems.GinConfigError) as raised:
    SweepSettings({"A": []}, "accuracy", sampler="x", repeats=0)
  assert raised.value.problems == [
    "sweep.search_space['A']: the list of choices is empty",
    "sweep.sampler is one of 'grid', 'random', 'tpe', 'cmaes'; got 'x'",
    "sweep.repeats is a whole number of runs of each trial, at least 1; got 0",
  ]
