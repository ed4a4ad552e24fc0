"""What a search space gives Optuna and Gin, and what is left of it."""

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_test_configurables import (
  ANCHORED,
  FROZEN,
  RECIPES,
  parse,
  read_binding,
)

from hub_estimator import errors
from hub_estimator.training import gin_problems
from hub_estimator.training.gin_values import Macro, Reference


def _trial(space):
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  return optuna.create_study(
    sampler=optuna.samplers.RandomSampler(seed=1)
  ).ask()


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


def test_steps_are_free_of_rounding():
  space = parse({"A": {"low": 0.1, "high": 0.3, "step": 0.1}})
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
  trials = [study.ask() for _ in range(20)]
  assert {space.suggest(trial)["A"] for trial in trials} == {0.1, 0.2, 0.3}
  # 0.1 + 2 * 0.1 for doubles.
  assert space.bindings({"A": 0.30000000000000004}) == ("A = 0.3",)


def test_conditional_parameters_are_suggested_where_they_hold():
  space = parse(RECIPES)
  seen = set()
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
  for _ in range(20):
    point = space.suggest(study.ask())
    seen.add((point["RECIPE"], "sw_anchored.alpha" in point))
  assert seen == {("@sw_frozen()", False), ("@sw_anchored()", True)}


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
