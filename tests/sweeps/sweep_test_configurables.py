"""Configurables and helpers of the tests of search spaces and sweep files.

Gin has one registry for the process, so the names occur nowhere else.
"""

import gin
import pytest

from hub_estimator.sweeps import search_space
from hub_estimator.training import (
  gin_problems,
  gin_reading,
  gin_resolution,
  gin_values,
)

MODULE = "sweeps_test"


@gin.register(module=MODULE)
def sw_frozen():
  raise AssertionError("nothing of a search space is made")


@gin.register(module=MODULE)
def sw_anchored(alpha=0.1):
  raise AssertionError("nothing of a search space is made")


FROZEN = gin_values.Reference((), f"{MODULE}.sw_frozen", True)
ANCHORED = gin_values.Reference((), f"{MODULE}.sw_anchored", True)

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


def parse(data):
  return search_space.SearchSpace.parse(data)


def problems_of(data, place=""):
  with pytest.raises(gin_problems.GinConfigError) as raised:
    search_space.SearchSpace.parse(data, place)
  return raised.value.problems


def problem_of(entry):
  """Returns the one problem of a space {'A': entry}, without its place."""
  (problem,) = problems_of({"A": entry})
  prefix = "sweep.search_space['A']: "
  assert problem.startswith(prefix)
  return problem.removeprefix(prefix)


def read_binding(text):
  """Returns (name, value) of a binding, as the project's reader reads it."""
  reader = gin_reading.ConfigReader()
  reader.read_param(text)
  assert reader.problems == []
  (statement,) = reader.statements
  bindings, problems = gin_resolution.resolve(reader.statements)
  assert problems == []
  (binding,) = bindings.values()
  return statement.name, binding.value
