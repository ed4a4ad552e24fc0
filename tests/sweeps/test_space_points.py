"""Points of a search space: grids by hand, random ones, and its ends."""

import pytest
from sweep_test_configurables import ANCHORED, FROZEN, RECIPES, parse

from hub_estimator import errors
from hub_estimator.training import gin_problems

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
