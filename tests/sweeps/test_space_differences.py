"""The identity of a search space, and how two differ in words."""

import itertools
import json

import pytest
from sweep_test_configurables import FROZEN, RECIPES, parse

from hub_estimator.sweeps.space_differences import differences


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
      ['A: without a condition there, only when R is @sw_frozen() or "x" here'],
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
