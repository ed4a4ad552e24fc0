"""What a search space may say, and what is said of mistakes in it."""

import math

import pytest
from sweep_test_configurables import (
  ANCHORED,
  FROZEN,
  parse,
  problem_of,
  problems_of,
)

from hub_estimator.training.gin_values import Constant, Reference

HOW = "write a list of choices, [1, 2], or a range, {'low': 0.1, 'high': 1.0}"


def test_choices_and_ranges_keep_their_order():
  space = parse(
    {
      "MODULE_HANDLE": ["path/a", "path/b"],
      "RATE": {"low": 0.1, "high": 1, "log": True},
      "a/b/sw_anchored.alpha": {"choices": [None, [1, 2], FROZEN]},
      "STEPS": {"low": 1, "high": 9, "step": 2},
    }
  )
  assert space.names == (
    "MODULE_HANDLE",
    "RATE",
    "a/b/sw_anchored.alpha",
    "STEPS",
  )
  assert space.handle_name == "MODULE_HANDLE"
  handle, rate, alpha, steps = space.parameters
  assert handle.values == ("path/a", "path/b")
  assert (rate.low, rate.high, rate.is_integer, rate.log) == (
    0.1,
    1.0,
    False,
    True,
  )
  assert type(rate.high) is float
  assert alpha.values == (None, "[1, 2]", "@sw_frozen()")
  assert [choice.data for choice in alpha.choices] == [None, [1, 2], FROZEN]
  assert (steps.low, steps.high, steps.is_integer, steps.step) == (
    1,
    9,
    True,
    2,
  )


def test_no_handle():
  assert parse({"A": [1]}).handle_name is None


@pytest.mark.parametrize(
  "data, problem",
  [
    (
      [1],
      "it is a dict from names of macros and bindings to choices and ranges, "
      "{'NAME': [1, 2]}; got [1]",
    ),
    (
      {},
      "it is empty: name what to vary, {'MODULE_HANDLE': ['path/a', 'path/b']}",
    ),
    (
      {3: [1]},
      "3 is not the name of a macro or binding; names are texts such as "
      "'LEARNING_RATE' and 'l2_sp.alpha'",
    ),
    (
      {"A = 1\nB": [1]},
      '"A = 1\\nB" is not the name of a macro or binding; names are texts such '
      "as 'LEARNING_RATE' and 'l2_sp.alpha'",
    ),
  ],
  ids=["list", "empty", "number", "statement"],
)
def test_no_search_space(data, problem):
  assert problems_of(data) == [f"sweep.search_space: {problem}"]
  assert problems_of(data, "s.gin:3") == [
    f"s.gin:3: sweep.search_space: {problem}"
  ]


def test_two_names_of_the_same_binding():
  (problem,) = problems_of(
    {"sw_anchored.alpha": [1], "sweeps_test.sw_anchored.alpha": [2]}
  )
  assert problem == (
    "sweep.search_space['sweeps_test.sw_anchored.alpha']: sw_anchored.alpha is "
    "the same binding: keep one of the two"
  )


@pytest.mark.parametrize(
  "entry, problem",
  [
    (3, f"{HOW}; got 3; for one choice [3]"),
    ("a", f'{HOW}; got "a"; for one choice ["a"]'),
    (
      (1, 2),
      f"{HOW}; got (1, 2); a tuple is a value, and not a list of choices",
    ),
    ([], "the list of choices is empty"),
    ({"choices": []}, "the list of choices is empty"),
    ({"choices": "a"}, "'choices' is a list; got \"a\""),
    (["a", "b", "a"], '"a" is among the choices twice; leave one out'),
    (
      [FROZEN, FROZEN],
      "@sw_frozen() is among the choices twice; leave one out",
    ),
    ([1, True], "1 and True are the same to Optuna; leave one out"),
    ([1, 1.0], "1 and 1.0 are the same to Optuna; leave one out"),
    (
      [FROZEN, "@sw_frozen()"],
      '@sw_frozen() and "@sw_frozen()" are the same to Optuna; leave one out',
    ),
    ([math.nan], "nan has no text in Gin"),
    ([{1, 2}], "{1, 2} has no text in Gin"),
    ([1j], "1j has no text in Gin"),
    ([math.inf], "1e999 is not finite"),
    ([[1, -math.inf]], "[1, -1e999] is not finite"),
    ([Constant("gin.REQUIRED")], "%gin.REQUIRED is no value to try"),
    (
      [2**53 + 1],
      "9007199254740993 is too large: Optuna's databases hold whole numbers up "
      "to 9007199254740992",
    ),
    ({"low": 1}, f"'high' is missing: {HOW}"),
    ({"high": 1}, f"'low' is missing: {HOW}"),
    ({"low": "1", "high": 2}, "'low' is a number; got \"1\""),
    ({"low": 1, "high": True}, "'high' is a number; got True"),
    ({"low": 0, "high": math.inf}, "'high' is a finite number; got inf"),
    (
      {"low": 0, "high": 2**53 + 1},
      "'high' = 9007199254740993 is too large: Optuna's databases hold whole "
      "numbers up to 9007199254740992",
    ),
    (
      {"low": -1e308, "high": 1e308},
      "the range from -1e+308 to 1e+308 is too wide",
    ),
    (
      {"low": 2.0, "high": 1.0},
      "low 2.0 is above high 1.0: the range is the wrong way round",
    ),
    (
      {"low": 1, "high": 1},
      "low and high are both 1: for a fixed value write [1]",
    ),
    ({"low": 1, "high": 2, "log": 1}, "'log' is True or False; got 1"),
    (
      {"low": 0, "high": 1.0, "log": True},
      "'log' needs a low above 0; low is 0.0",
    ),
    ({"low": 0, "high": 1, "step": 0}, "'step' is above 0; got 0"),
    ({"low": 0, "high": 1, "step": "1"}, "'step' is a number; got \"1\""),
    (
      {"low": 0, "high": 4, "step": 5},
      "'step' 5 is larger than the range from 0 to 4",
    ),
    (
      {"low": 1, "high": 4, "step": 0.5},
      "'step' 0.5 is no integer, but low and high are: write 'low': 1.0 for a "
      "range of all numbers",
    ),
    (
      {"low": 1, "high": 4, "step": 1, "log": True},
      "'step' and 'log' exclude each other: steps are even, and logarithms are "
      "not; 'num' gives a grid that is even by logarithm",
    ),
    (
      {"low": 1, "high": 4, "step": 1, "num": 4},
      "'step' and 'num' both say the points of a grid: keep one",
    ),
    (
      {"low": 1, "high": 4, "num": 1},
      "'num' is a number of points, 2 or more; got 1",
    ),
    (
      {"low": 1, "high": 4, "num": 5},
      "'num' is 5, but there are 4 integers from 1 to 4",
    ),
    (
      {"low": 1, "high": 4, "stepp": 1},
      'a parameter has no "stepp"; did you mean step?',
    ),
    (
      {"choices": [1], "xyz": 1},
      'a parameter has no "xyz"; there are: choices, high, log, low, num, '
      "step, when",
    ),
    (
      {"choices": [1], "low": 1},
      f"'choices' and 'low' are of two kinds of parameters: {HOW}",
    ),
  ],
  ids=lambda value: None if isinstance(value, str) else "entry",
)
def test_a_wrong_entry(entry, problem):
  assert problem_of(entry) == problem


def test_a_step_as_large_as_the_range_in_decimal_numbers():
  # 0.3 - 0.2 is less than 0.1 for doubles.
  space = parse({"A": {"low": 0.2, "high": 0.3, "step": 0.1}})
  assert space.parameters[0].grid_values() == (0.2, 0.3)


def test_all_problems_are_told():
  problems = problems_of(
    {
      "A": [],
      "B": {"low": 2, "hig": 1},
      "C": {"low": 0, "high": 1, "log": True, "step": 2},
      "D": {"choices": [1, 1], "when": {"Z": 1}},
    }
  )
  names = [problem.split("'")[1] for problem in problems]
  assert names == ["A", "B", "B", "C", "C", "C", "D", "D"]


# Conditions.


def test_conditions_on_one_choice_on_several_and_on_a_list():
  space = parse(
    {
      "RECIPE": [FROZEN, ANCHORED, "text", 1],
      "HIDDEN": [[1, 2], [3]],
      "one": {"low": 0.1, "high": 1.0, "when": {"RECIPE": ANCHORED}},
      "several": {"choices": [1], "when": {"RECIPE": [FROZEN, "text", 1.0]}},
      "listed": {"choices": [1], "when": {"HIDDEN": [1, 2]}},
      "any_list": {"choices": [1], "when": {"HIDDEN": [[1, 2], [3]]}},
    }
  )
  assert [parameter.when for parameter in space.parameters[2:]] == [
    {"RECIPE": ("@sw_anchored()",)},
    {"RECIPE": ("@sw_frozen()", "text", 1)},
    {"HIDDEN": ("[1, 2]",)},
    {"HIDDEN": ("[1, 2]", "[3]")},
  ]


BEFORE = {"R": [FROZEN, ANCHORED], "N": {"low": 1, "high": 2}}


@pytest.mark.parametrize(
  "when, problem",
  [
    (
      ANCHORED,
      "'when' is a dict from a parameter to the choices of it with which this "
      "one is there, {'RECIPE': @l2_sp()}; got @sw_anchored()",
    ),
    (
      {"RR": FROZEN},
      "'when' names \"RR\", which is no parameter of the search space; did you "
      "mean R?",
    ),
    ({"A": 1}, "'when' names the parameter itself"),
    ({"B": 1}, "'when' names B, which comes later: write B before A"),
    (
      {"N": 1},
      "'when' names N, which is a range: a condition is on a parameter with "
      "choices",
    ),
    (
      {"R": ["x", FROZEN, Reference((), "sweeps_test.sw_frozen", False)]},
      "'when' wants R to be \"x\", @sw_frozen, which is none of its choices; "
      "there are: @sw_frozen(), @sw_anchored()",
    ),
    ({"R": []}, "'when' can never hold: it lists no choice of R"),
  ],
  ids=["kind", "unknown", "itself", "later", "range", "no_choice", "empty"],
)
def test_a_wrong_condition(when, problem):
  problems = problems_of(
    {**BEFORE, "A": {"choices": [1], "when": when}, "B": [1]}
  )
  assert problems == [f"sweep.search_space['A']: {problem}"]


def test_a_condition_that_can_never_hold():
  (problem,) = problems_of(
    {
      "R": [FROZEN, ANCHORED],
      "A": {"choices": [1, 2], "when": {"R": FROZEN}},
      "B": {"choices": [1], "when": {"A": 1, "R": ANCHORED}},
    }
  )
  assert problem == (
    "sweep.search_space['B']: 'when' can never hold: the conditions of this "
    "parameter and of those that it names leave no choice of R"
  )


def test_a_condition_on_a_wrong_parameter_adds_no_problem():
  (problem,) = problems_of(
    {"R": [], "A": {"choices": [1], "when": {"R": FROZEN}}}
  )
  assert problem == "sweep.search_space['R']: the list of choices is empty"
