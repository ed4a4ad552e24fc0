"""Points of a search space, their bindings, and the space's identity."""

import itertools
import json

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_test_configurables import ANCHORED, FROZEN, parse, read_binding

from hub_estimator import errors
from hub_estimator.sweeps.space_differences import differences
from hub_estimator.training import gin_problems
from hub_estimator.training.gin_values import Macro, Reference

RECIPES = {
  "RECIPE": [FROZEN, ANCHORED],
  "RATE": {"low": 0.01, "high": 1.0, "log": True, "num": 3},
  "sw_anchored.alpha": {
    "low": 0.1,
    "high": 0.35,
    "step": 0.1,
    "when": {"RECIPE": ANCHORED},
  },
}


def _trial(space):
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  return optuna.create_study(
    sampler=optuna.samplers.RandomSampler(seed=1)
  ).ask()


# Grids, by hand.


def test_the_grid_with_a_condition():
  space = parse(RECIPES)
  points = list(space.points())
  assert points == [
    {"RECIPE": "@sw_frozen()", "RATE": 0.01},
    {"RECIPE": "@sw_frozen()", "RATE": 0.1},
    {"RECIPE": "@sw_frozen()", "RATE": 1.0},
    *(
      {"RECIPE": "@sw_anchored()", "RATE": rate, "sw_anchored.alpha": alpha}
      for rate in (0.01, 0.1, 1.0)
      for alpha in (0.1, 0.2, 0.3)
    ),
  ]
  assert space.num_points() == 12


@pytest.mark.parametrize(
  "entry, values",
  [
    ({"low": 0.0, "high": 1.0, "num": 11}, [i / 10 for i in range(11)]),
    ({"low": 1, "high": 7, "step": 3}, [1, 4, 7]),
    ({"low": 1, "high": 8, "step": 3}, [1, 4, 7]),
    ({"low": 1, "high": 4, "num": 3}, [1, 3, 4]),
    ({"low": 1, "high": 1000, "num": 4, "log": True}, [1, 10, 100, 1000]),
    # By their logarithms some integers are the same.
    ({"low": 1, "high": 6, "num": 6, "log": True}, [1, 2, 3, 4, 6]),
    ({"low": 0.5, "high": 1.1, "step": 0.2}, [0.5, 0.7, 0.9, 1.1]),
  ],
  ids=["num", "hit", "missed", "integers", "log", "same", "decimal"],
)
def test_values_on_a_grid(entry, values):
  space = parse({"A": entry})
  points = list(space.points())
  assert points == [{"A": value} for value in values]
  assert {type(point["A"]) for point in points} == {type(values[0])}
  assert space.num_points() == len(values)


def test_a_range_without_points():
  space = parse(
    {
      "A": {"low": 1.0, "high": 2.0},
      "B": {"low": 1, "high": 20, "log": True},
      "C": [1],
      "D": {"low": 0.0, "high": 1.0, "step": 1e-9},
    }
  )
  expected = [
    "sweep.search_space['A']: the range from 1.0 to 2.0 has no points for a "
    "grid: add 'step': the distance between its points, or 'num': N for N "
    "points of it",
    "sweep.search_space['B']: the range from 1 to 20 has no points for a grid: "
    "add 'num': N for N points of it",
    "sweep.search_space['D']: 1000000001 points of the range from 0.0 to 1.0 "
    "are too many for a grid, which takes up to 100000",
  ]
  assert space.grid_problems() == expected
  for fn in (space.points, space.num_points):
    with pytest.raises(gin_problems.GinConfigError) as raised:
      fn()
    assert raised.value.problems == expected
  with pytest.raises(errors.UserValueError, match="B: the range from 1 to 20"):
    space.parameter("B").grid_values()


def test_points_are_counted_without_being_made():
  space = parse(
    {
      **{f"A{i}": list(range(10)) for i in range(20)},
      # There in half of the points.
      "B": {"choices": [1, 2, 3], "when": {"A0": [0, 1, 2, 3, 4]}},
      # There in a third of those.
      "C": {"choices": [1, 2], "when": {"B": 3}},
    }
  )
  assert space.num_points() == 10**19 * (5 * (2 + 2) + 5)
  first = next(space.points())
  assert len(first) == 21


# Bindings.

_TEXTS = st.text(
  st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20
)
_LITERALS = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(2**53), 2**53)
  | st.floats(allow_nan=False, allow_infinity=False)
  | _TEXTS
  | st.binary(max_size=5)
  | st.sampled_from(
    [FROZEN, ANCHORED, Reference(("a", "b"), FROZEN.selector, False)]
  ),
  lambda items: (
    st.lists(items, max_size=3)
    | st.tuples(items, items)
    | st.dictionaries(_TEXTS, items, max_size=3)
  ),
  max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_LITERALS, min_size=1, max_size=5))
def test_what_is_suggested_is_bound_as_it_was_written(data):
  choices, values = [], []
  for item in data:
    try:
      (value,) = parse({"A": [*choices, item]}).parameters[0].values[-1:]
    except gin_problems.GinConfigError:
      continue  # The same as another one.
    choices.append(item)
    values.append(value)
  space = parse({"A": choices})
  assert list(space.parameters[0].values) == values
  point = space.suggest(_trial(space))
  (binding,) = space.bindings(point)
  assert "\n" not in binding
  chosen = choices[values.index(point["A"])]
  name, value = read_binding(binding)
  assert (name, value, type(value)) == ("A", chosen, type(chosen))


@settings(max_examples=100, deadline=None)
@given(
  st.one_of(
    st.tuples(st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53)),
    st.tuples(
      st.floats(-1e300, 1e300, allow_subnormal=False),
      st.floats(-1e300, 1e300, allow_subnormal=False),
    ),
  ).filter(lambda ends: ends[0] < ends[1]),
  st.integers(0, 2**32 - 1),
)
def test_numbers_of_a_range_are_bound_exactly(ends, seed):
  space = parse({"x/y.z": {"low": ends[0], "high": ends[1]}})
  for point in (
    space.suggest(_trial(space)),
    *space.random_points(3, seed),
    *space.extreme_points(),
  ):
    (binding,) = space.bindings(point)
    name, _, text = binding.partition(" = ")
    _, value = read_binding(f"A = {text}")
    assert name == "x/y.z"
    assert (value, type(value)) == (point["x/y.z"], type(ends[0]))
    assert ends[0] <= value <= ends[1]


def test_bindings_are_in_the_order_of_the_space():
  space = parse(RECIPES)
  params = {"sw_anchored.alpha": 0.2, "RATE": 0.5, "RECIPE": "@sw_anchored()"}
  assert space.bindings(params) == (
    "RECIPE = @sw_anchored()",
    "RATE = 0.5",
    "sw_anchored.alpha = 0.2",
  )
  assert space.bindings({"RATE": 1}) == ("RATE = 1.0",)


def test_a_macro_of_the_config_is_a_choice():
  space = parse({"A": [Macro("BIG"), 1]})
  assert space.bindings({"A": "%BIG"}) == ("A = %BIG",)


def test_bindings_of_what_is_not_in_the_space():
  space = parse(RECIPES)
  with pytest.raises(errors.UserKeyError) as raised:
    space.bindings({"RATTE": 1})
  assert str(raised.value) == (
    "RATTE is not in the search space; did you mean RATE?"
  )
  with pytest.raises(errors.UserValueError) as raised:
    space.bindings({"RATE": 2.0})
  assert str(raised.value) == (
    "RATE = 2.0 is outside the range of the search space: 0.01 to 1.0"
  )
  with pytest.raises(errors.UserValueError) as raised:
    space.bindings({"RECIPE": "x"})
  assert str(raised.value) == (
    "RECIPE = 'x' is no choice of the search space; there are: @sw_frozen(), "
    "@sw_anchored()"
  )


# Optuna.


def test_optuna_takes_points_as_they_are_and_warns_of_nothing(recwarn):
  space = parse({**RECIPES, "N": {"low": 1, "high": 9, "step": 3}})
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study()
  points = list(space.points())
  for point in points:
    study.enqueue_trial(point)
    trial = study.ask()
    assert space.suggest(trial) == point
    assert trial.distributions == space.distributions(point)
    study.tell(trial, 0.0)
  assert [trial.params for trial in study.trials] == points
  assert [str(warning.message) for warning in recwarn] == []


def test_conditional_parameters_are_suggested_where_they_hold():
  space = parse(RECIPES)
  seen = set()
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
  for _ in range(20):
    point = space.suggest(study.ask())
    seen.add((point["RECIPE"], "sw_anchored.alpha" in point))
  assert seen == {("@sw_frozen()", False), ("@sw_anchored()", True)}


# Random points.


def test_random_points_are_reproducible_and_grow_at_their_end():
  space = parse({"A": {"low": 0.0, "high": 1.0}, "B": [1, 2, 3]})
  ten = space.random_points(10, 7)
  assert space.random_points(4, 7) == ten[:4]
  assert space.random_points(10, 8) != ten
  assert all(0 <= point["A"] <= 1 and point["B"] in (1, 2, 3) for point in ten)


def test_random_points_are_all_different_until_there_are_no_others():
  space = parse(RECIPES | {"RATE": {"low": 1, "high": 100}})
  points = space.random_points(1000, 0)
  assert len(points) == 100 + 300
  keys = {tuple(point.items()) for point in points}
  assert len(keys) == 400
  assert space.random_points(399, 0) == points[:399]


def test_a_rare_point_is_found():
  # One of 2**-20 of the draws, and the only point that is left.
  space = parse(
    {
      "A0": [0, 1],
      **{
        f"A{i}": {"choices": [0, 1], "when": {f"A{i - 1}": 1}}
        for i in range(1, 20)
      },
    }
  )
  assert space.num_points() == 21
  points = space.random_points(30, 3)
  assert len(points) == 21
  assert {f"A{i}": 1 for i in range(20)} in points
  assert space.random_points(5, 3) == points[:5]


def test_a_range_whose_numbers_are_used_up():
  space = parse({"A": {"low": 1.0, "high": 1.0000000000000002}})
  assert len(space.random_points(10, 0)) == 2


def test_the_logarithm_is_drawn_evenly():
  space = parse({"A": {"low": 1e-4, "high": 1.0, "log": True}})
  values = [point["A"] for point in space.random_points(400, 0)]
  assert 150 < sum(value < 1e-2 for value in values) < 250


# Points that check a space.


def test_structural_points():
  space = parse(
    {
      "RECIPE": [FROZEN, ANCHORED],
      "SIZE": [8, 16],
      "LAYERS": [1, 2],
      "WIDTH": {"low": 4, "high": 8, "when": {"LAYERS": 2}},
    }
  )
  assert space.structural_names == ("RECIPE", "LAYERS")
  assert space.structural_points(100) == [
    {"RECIPE": "@sw_frozen()", "SIZE": 8, "LAYERS": 1},
    {"RECIPE": "@sw_frozen()", "SIZE": 8, "LAYERS": 2, "WIDTH": 4},
    {"RECIPE": "@sw_anchored()", "SIZE": 8, "LAYERS": 1},
    {"RECIPE": "@sw_anchored()", "SIZE": 8, "LAYERS": 2, "WIDTH": 4},
  ]
  assert space.structural_points(3) == space.structural_points(100)[:3]


def test_extreme_points_hold_everything():
  space = parse({**RECIPES, "C": [1, 2, 3, 4]})
  points = space.extreme_points()
  held = {item for point in points for item in point.items()}
  assert held == {
    ("RECIPE", "@sw_frozen()"),
    ("RECIPE", "@sw_anchored()"),
    ("RATE", 0.01),
    ("RATE", 1.0),
    ("sw_anchored.alpha", 0.1),
    ("sw_anchored.alpha", 0.3),
    *(("C", value) for value in (1, 2, 3, 4)),
  }
  assert len(points) == 4
  for point in points:
    assert ("sw_anchored.alpha" in point) == (
      point["RECIPE"] == "@sw_anchored()"
    )


# Without some choices.


def test_without_choices_their_conditions_go():
  space = parse(
    {
      "MODULE_HANDLE": ["a", "b", "c"],
      "A": {"choices": [1, 2], "when": {"MODULE_HANDLE": ["a", "b"]}},
      "B": {"choices": [1], "when": {"MODULE_HANDLE": "b"}},
      "C": {"choices": [1], "when": {"B": 1}},
    }
  )
  left = space.without("MODULE_HANDLE", ["b"])
  assert list(left.points()) == [
    {"MODULE_HANDLE": "a", "A": 1},
    {"MODULE_HANDLE": "a", "A": 2},
    {"MODULE_HANDLE": "c"},
  ]
  assert left.names == ("MODULE_HANDLE", "A")
  assert space.without("MODULE_HANDLE", []) == space


def test_without_any_choice():
  space = parse({"MODULE_HANDLE": ["a", "b"]})
  with pytest.raises(errors.UserValueError) as raised:
    space.without("MODULE_HANDLE", ["a", "b"])
  assert str(raised.value) == (
    "sweep.search_space['MODULE_HANDLE']: none of its 2 choices is left"
  )


# Identity.


def test_the_identity_is_json_and_tells_all():
  space = parse(RECIPES)
  identity = space.to_json()
  assert json.loads(json.dumps(identity)) == identity
  assert differences(identity, parse(RECIPES).to_json()) == []


def _changed(**changes):
  return {**RECIPES, **changes}


@pytest.mark.parametrize(
  "there, here, lines",
  [
    (RECIPES, _changed(B=[1]), ["B: varied here, not there"]),
    (_changed(B=[1]), RECIPES, ["B: varied there, not here"]),
    (
      {"A": ["a", "b"]},
      {"A": ["b", 1]},
      [
        'A: the choices "a" only there',
        "A: the choices 1 only here",
      ],
    ),
    (
      {"A": ["a", "b"]},
      {"A": ["b", "a"]},
      ['A: the order of the choices: "a", "b" there, "b", "a" here'],
    ),
    (
      {"A": {"low": 0.1, "high": 1.0, "num": 3}},
      {"A": {"low": 0.2, "high": 1.0, "step": 0.1}},
      [
        "A: low 0.1 there, 0.2 here",
        "A: step None there, 0.1 here",
        "A: num 3 there, None here",
      ],
    ),
    (
      {"A": {"low": 1, "high": 2}},
      {"A": {"low": 1.0, "high": 2.0}},
      ["A: a range of integers there, a range of numbers here"],
    ),
    (
      {"A": [1, 2]},
      {"A": {"low": 1.0, "high": 2.0, "log": True}},
      ["A: the choices 1, 2 there, a range of numbers here"],
    ),
    (
      {"R": [FROZEN, "x"], "A": [1]},
      {"R": [FROZEN, "x"], "A": {"choices": [1], "when": {"R": [FROZEN, "x"]}}},
      ["A: without a condition there, only when R is @sw_frozen() or 'x' here"],
    ),
    (
      {"A": [1], "B": [1]},
      {"B": [1], "A": [1]},
      ["the order of the parameters: A, B there, B, A here"],
    ),
  ],
  ids=[
    "added",
    "removed",
    "choices",
    "order_of_choices",
    "range",
    "integers",
    "kind",
    "condition",
    "order",
  ],
)
def test_differences(there, here, lines):
  old = json.loads(json.dumps(parse(there).to_json()))
  assert differences(old, parse(here).to_json()) == lines


def test_every_pair_of_different_spaces_differs():
  spaces = [
    {"A": [1, 2]},
    {"A": [1.0, 2.0]},
    {"A": ["1", "2"]},
    {"A": {"low": 1, "high": 2}},
    {"A": {"low": 1, "high": 2, "log": True}},
    {"A": {"low": 1, "high": 2, "step": 1}},
    {"A": {"low": 1, "high": 2, "num": 2}},
    {"B": [1, 2]},
    {"A": [FROZEN]},
    {"A": ["@sw_frozen()"]},
  ]
  for one, other in itertools.combinations(spaces, 2):
    assert differences(parse(one).to_json(), parse(other).to_json())
