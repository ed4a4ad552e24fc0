"""Sweep files: what they set, what belongs elsewhere, and all mistakes."""

import dataclasses

import gin
import pytest
from gin import config as gin_lib
from sweep_test_configurables import ANCHORED, FROZEN

from hub_estimator.sweeps.records import Objective
from hub_estimator.sweeps.repeated_keys import repeated_keys
from hub_estimator.sweeps.sweep_file import SweepSettings, read_sweep_file
from hub_estimator.training import gin_problems

SPACE = "sweep.search_space = {'A': [1, 2]}\n"
OBJECTIVE = "sweep.objective = 'accuracy'\n"
BELONGS = "it belongs into the config, the sweep file says only how it varies"


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  yield
  gin.clear_config()


def _read(text, gin_params=()):
  with open("s.gin", "w", encoding="utf-8") as file:
    file.write(text)
  return read_sweep_file("s.gin", gin_params)


def _problems(text, gin_params=()):
  with pytest.raises(gin_problems.GinConfigError) as raised:
    _read(text, gin_params)
  return raised.value.problems


def _problem(line):
  """Returns the problem of a line behind a search space and an objective."""
  (problem,) = _problems(SPACE + OBJECTIVE + line)
  assert problem.startswith("s.gin:3: ")
  return problem.removeprefix("s.gin:3: ")


def test_all_settings():
  settings = _read(
    """
# A comment.
HANDLES = ['path/a', %LAST]
LAST = 'path/b'
sweep.search_space = {
    'MODULE_HANDLE': %HANDLES,  # Behind it.
    'RECIPE': [@sw_frozen(), @sweeps_test.sw_anchored()],
    'sw_anchored.alpha': {'low': 0.1, 'high': 1.0,
                          'when': {'RECIPE': @sw_anchored()}},
}
sweep.objective = ['accuracy', 'train_seconds']
sweep:
    direction = ['max', 'auto']
    sampler = 'random'
    num_trials = 3
    repeats = 2
    seed = 4
    max_failures = 6
    unfit_modules = 'leave_out'
    startup_trials = 0
"""
  )
  assert dataclasses.asdict(settings) | {"space": 0, "objectives": 0} == {
    "search_space": {
      "MODULE_HANDLE": ["path/a", "path/b"],
      "RECIPE": [dataclasses.asdict(FROZEN), dataclasses.asdict(ANCHORED)],
      "sw_anchored.alpha": {
        "low": 0.1,
        "high": 1.0,
        "when": {"RECIPE": dataclasses.asdict(ANCHORED)},
      },
    },
    "objective": ["accuracy", "train_seconds"],
    "direction": ["max", "auto"],
    "sampler": "random",
    "pruner": "none",
    "num_trials": 3,
    "repeats": 2,
    "seed": 4,
    "max_failures": 6,
    "unfit_modules": "leave_out",
    "startup_trials": 0,
    "space": 0,
    "objectives": 0,
  }
  assert settings.search_space["RECIPE"] == [FROZEN, ANCHORED]
  assert settings.space.bindings({"RECIPE": "@sw_anchored()"}) == (
    "RECIPE = @sw_anchored()",
  )
  assert settings.space.parameters[2].when == {"RECIPE": ("@sw_anchored()",)}
  assert settings.objectives == (
    Objective("accuracy", True),
    Objective("train_seconds", False),
  )


def test_defaults():
  settings = _read(SPACE + OBJECTIVE)
  assert settings == SweepSettings(
    search_space={"A": [1, 2]},
    objective="accuracy",
    direction="auto",
    sampler="tpe",
    pruner="none",
    num_trials=None,
    repeats=1,
    seed=0,
    max_failures=5,
    unfit_modules="refuse",
    startup_trials=10,
  )
  assert settings.objectives == (Objective("accuracy", True),)


def test_params_override_the_file():
  settings = _read(
    SPACE + OBJECTIVE, ["sweep.num_trials = 7", "sweep.objective = 'loss'"]
  )
  assert settings.num_trials == 7
  assert settings.objectives == (Objective("loss", False),)


def test_gin_keeps_what_it_has():
  gin.bind_parameter("sw_anchored.alpha", 3)
  _read(SPACE + OBJECTIVE)
  assert dict(gin_lib._CONFIG) == {
    ("", "sweeps_test.sw_anchored"): {"alpha": 3}
  }
  _problems(SPACE + OBJECTIVE + "sw_anchored.alpha = 4")
  assert dict(gin_lib._CONFIG) == {
    ("", "sweeps_test.sw_anchored"): {"alpha": 3}
  }


def test_an_included_file():
  with open("base.gin", "w") as file:
    file.write(SPACE + "sweep.seed = 5\n")
  settings = _read("include 'base.gin'\n" + OBJECTIVE)
  assert (settings.seed, settings.space.names) == (5, ("A",))


# What does not belong into a sweep file.


@pytest.mark.parametrize(
  "line, problem",
  [
    ("sw_anchored.alpha = 1", f"sw_anchored.alpha: {BELONGS}"),
    ("x/train.steps = 1", f"x/train.steps: {BELONGS}"),
    (
      "swep.seed = 1",
      f"swep.seed: {BELONGS}; did you mean sweep.seed?",
    ),
    (
      "a/sweep.seed = 1",
      "a/sweep.seed: a sweep has no scopes; write sweep.seed",
    ),
    (
      "LEARNING_RATE = 0.1",
      "LEARNING_RATE: no setting of the sweep uses this macro; a macro of the "
      "config belongs into the config",
    ),
  ],
  ids=["configurable", "unknown", "misspelt", "scope", "macro"],
)
def test_what_belongs_elsewhere(line, problem):
  assert _problem(line) == problem


def test_imports_belong_into_the_config():
  assert _problems("import no_such_module\n" + SPACE + OBJECTIVE) == [
    f"s.gin: import no_such_module: {BELONGS}; whoever runs the config of a "
    "trial needs the import, too"
  ]


# Mistakes.


@pytest.mark.parametrize(
  "line, problem",
  [
    (
      "sweep.sampeler = 'tpe'",
      "sweep.sampeler: sweep has no parameter sampeler; did you mean sampler?",
    ),
    (
      "sweep.space = 1",
      "sweep.space: sweep has no parameter space; did you mean search_space?",
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
  ids=lambda value: value.partition(" = ")[0] if value else "",
)
def test_a_wrong_setting(line, problem):
  found = _problem(line)
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
  assert _problems(f"{SPACE}sweep.objective = {objective}") == [
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
  settings = _read(
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
  found = _problems(
    f"{SPACE}sweep.objective = {objective}\nsweep.direction = {direction}"
  )
  assert found == [f"s.gin:3: sweep.direction: {problem}"]


# Settings that exclude each other.


def test_two_objectives_take_no_pruner_and_no_cmaes():
  problems = _problems(
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
  assert _problems(
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
  assert _problems(text) == [
    "s.gin:1: sweep.search_space['A']: the range from 0.1 to 1.0 has no points "
    "for a grid: add 'step': the distance between its points, or 'num': N for "
    "N points of it; or take another sampler"
  ]
  settings = _read(text.replace("1.0", "1.0, 'num': 4"), ["sweep.num_trials=2"])
  assert (settings.space.num_points(), settings.num_trials) == (4, 2)


# Several at once.


def test_all_problems_are_told_at_once():
  assert _problems(
    "import x\n"
    "train.steps = 3\n"
    "sweep.objectiv = 'loss'\n"
    "sweep.search_space = {'A': [], 'B': [@sw_fruzen()]}\n"
    "sweep.sampler = 'tp'\n"
    "A ="
  ) == [
    "s.gin:6: syntax error: no value can be read in A =; strings need quotes",
    f"s.gin: import x: {BELONGS}; whoever runs the config of a trial needs the "
    "import, too",
    f"s.gin:2: train.steps: {BELONGS}",
    "s.gin:3: sweep.objectiv: sweep has no parameter objectiv; did you mean "
    "objective?",
    "s.gin:4: sweep.search_space: there is no configurable @sw_fruzen; did you "
    "mean @sw_frozen? (a configurable of your own needs an import line in the "
    "config for its module)",
    "s.gin:4: sweep.search_space['A']: the list of choices is empty",
    "s.gin:5: sweep.sampler is one of 'grid', 'random', 'tpe', 'cmaes'; got "
    "'tp'; did you mean 'tpe'?",
  ]


def test_what_is_missing():
  assert _problems("sweep.seed = 1") == [
    "s.gin: sweep.search_space is missing: write sweep.search_space = "
    "{'MODULE_HANDLE': ['path/a', 'path/b']}",
    "s.gin: sweep.objective is missing: write sweep.objective = 'accuracy'",
  ]


def test_a_file_that_is_not_there():
  with open("sweeps.gin", "w") as file:
    file.write(SPACE)
  with pytest.raises(gin_problems.GinConfigError) as raised:
    read_sweep_file("sweep.gin")
  (problem,) = raised.value.problems
  assert problem.startswith("there is no Gin file sweep.gin (looked in ")
  assert problem.endswith("did you mean sweeps.gin?")


def test_macros_that_are_defined_by_each_other():
  problems = _problems(
    SPACE + OBJECTIVE + "B = %C\nC = [%B]\nsweep.num_trials = %C"
  )
  assert problems == [
    "s.gin:3: B: the macro is defined by itself: %B → %C → %B",
    "s.gin:4: C: the macro is defined by itself: %C → %B → %C",
  ]


def test_settings_made_in_python_are_checked_too():
  with pytest.raises(gin_problems.GinConfigError) as raised:
    SweepSettings({"A": []}, "accuracy", sampler="x", repeats=0)
  assert raised.value.problems == [
    "sweep.search_space['A']: the list of choices is empty",
    "sweep.sampler is one of 'grid', 'random', 'tpe', 'cmaes'; got 'x'",
    "sweep.repeats is a whole number of runs of each trial, at least 1; got 0",
  ]


def test_keys_of_dicts_that_are_there_twice():
  text = (
    "x.y = {  # {'a': 'a':\n"
    "  'a': [{'b': 1, 'c': 2}, {'b': 1}], 'b': 'a:a',\n"
    "  'd': {'low': 1, 'low': 2},\n"
    "  'a': 3}\n"
    "z.y = {'a': 1, 'a': 2}\n"
  )
  assert repeated_keys(text) == [(3, "'low'"), (4, "'a'")]
  assert repeated_keys("x.y = 3\nz.y = {'a': 1, 'a': 2}\n") == []
  assert repeated_keys("x.y = {'a': 1,") == []
