"""Sweep files: what they set, and what belongs elsewhere."""

import dataclasses

import gin
import pytest
from gin import config as gin_lib
from sweep_files import OBJECTIVE, SPACE, problem_in, problems_in, read
from sweep_test_configurables import ANCHORED, FROZEN

from hub_estimator.sweeps.records import Objective
from hub_estimator.sweeps.repeated_keys import repeated_keys
from hub_estimator.sweeps.sweep_file import SweepSettings, read_sweep_file
from hub_estimator.training import gin_problems

BELONGS = "it belongs into the config, the sweep file says only how it varies"


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  yield
  gin.clear_config()


def test_all_settings():
  settings = read(
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
  settings = read(SPACE + OBJECTIVE)
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
  settings = read(
    SPACE + OBJECTIVE, ["sweep.num_trials = 7", "sweep.objective = 'loss'"]
  )
  assert settings.num_trials == 7
  assert settings.objectives == (Objective("loss", False),)


def test_gin_keeps_what_it_has():
  gin.bind_parameter("sw_anchored.alpha", 3)
  read(SPACE + OBJECTIVE)
  assert dict(gin_lib._CONFIG) == {
    ("", "sweeps_test.sw_anchored"): {"alpha": 3}
  }
  problems_in(SPACE + OBJECTIVE + "sw_anchored.alpha = 4")
  assert dict(gin_lib._CONFIG) == {
    ("", "sweeps_test.sw_anchored"): {"alpha": 3}
  }


def test_an_included_file():
  with open("base.gin", "w") as file:
    file.write(SPACE + "sweep.seed = 5\n")
  settings = read("include 'base.gin'\n" + OBJECTIVE)
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
  assert problem_in(line) == problem


def test_imports_belong_into_the_config():
  assert problems_in("import no_such_module\n" + SPACE + OBJECTIVE) == [
    f"s.gin: import no_such_module: {BELONGS}; whoever runs the config of a "
    "trial needs the import, too"
  ]


# Several at once.


def test_all_problems_are_told_at_once():
  assert problems_in(
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
  assert problems_in("sweep.seed = 1") == [
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
  problems = problems_in(
    SPACE + OBJECTIVE + "B = %C\nC = [%B]\nsweep.num_trials = %C"
  )
  assert problems == [
    "s.gin:3: B: the macro is defined by itself: %B → %C → %B",
    "s.gin:4: C: the macro is defined by itself: %C → %B → %C",
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
