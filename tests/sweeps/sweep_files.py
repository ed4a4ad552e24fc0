"""Sweep files in the working directory, and what is wrong in them."""

import pytest

from hub_estimator.sweeps.sweep_file import read_sweep_file
from hub_estimator.training import gin_problems

SPACE = "sweep.search_space = {'A': [1, 2]}\n"
OBJECTIVE = "sweep.objective = 'accuracy'\n"


def read(text, gin_params=()):
  """Returns the settings of a sweep file, written as s.gin."""
  with open("s.gin", "w", encoding="utf-8") as file:
    file.write(text)
  return read_sweep_file("s.gin", gin_params)


def problems_in(text, gin_params=()):
  """Returns what is wrong in a sweep file."""
  with pytest.raises(gin_problems.GinConfigError) as raised:
    read(text, gin_params)
  return raised.value.problems


def problem_in(line):
  """Returns the problem of a line behind a search space and an objective."""
  (problem,) = problems_in(SPACE + OBJECTIVE + line)
  assert problem.startswith("s.gin:3: ")
  return problem.removeprefix("s.gin:3: ")
