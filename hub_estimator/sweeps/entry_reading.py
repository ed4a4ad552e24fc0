"""Reads one entry of `sweep.search_space`: choices, or a range."""

from __future__ import annotations

import math
from typing import Any, Optional

from hub_estimator.sweeps.parameters import (
  Choice,
  ChoiceParameter,
  Parameter,
  RangeParameter,
)
from hub_estimator.training import gin_problems, gin_resolution, gin_values

_RANGE_KEYS = ("low", "high", "log", "step", "num")
_KEYS = ("choices", *_RANGE_KEYS, "when")
_HOW = "write a list of choices, [1, 2], or a range, {'low': 0.1, 'high': 1.0}"
_REQUIRED = gin_values.Constant(gin_values.REQUIRED_NAME)
# Optuna's databases keep every number as a double.
_LARGEST_INTEGER = 2**53


def read_entry(name: str, entry: Any) -> tuple[Optional[Parameter], list[str]]:
  """Returns the parameter that an entry describes, without its condition.

  Args:
    name: of the macro or binding.
    entry: a list of choices, or a dict; anything else is a problem.

  Returns:
    the parameter, None if something is wrong; what is wrong, in sentences.
  """
  reader = _EntryReader(name)
  parameter = reader.read(entry)
  return (None if reader.problems else parameter), reader.problems


class _EntryReader:
  """Collects what is wrong in an entry.

  Attributes:
    problems: sentences.
  """

  def __init__(self, name: str):
    self.problems: list[str] = []
    self._name = name

  def read(self, entry: Any) -> Optional[Parameter]:
    if type(entry) is list:
      return self._choices(entry)
    if type(entry) is not dict:
      hint = f"for one choice [{shown(entry)}]"
      if type(entry) is tuple:
        hint = "a tuple is a value, and not a list of choices"
      self.problems.append(f"{_HOW}; got {shown(entry)}; {hint}")
      return None
    for key in entry:
      if key not in _KEYS:
        hint = gin_problems.did_you_mean(str(key), _KEYS)
        self.problems.append(f"a parameter has no {shown(key)}{hint}")
    range_keys = [key for key in _RANGE_KEYS if key in entry]
    if "choices" not in entry:
      return self._range(entry)
    if range_keys:
      self.problems.append(
        f"'choices' and {range_keys[0]!r} are of two kinds of parameters: "
        f"{_HOW}"
      )
      return None
    if type(entry["choices"]) is not list:
      self.problems.append(
        f"'choices' is a list; got {shown(entry['choices'])}"
      )
      return None
    return self._choices(entry["choices"])

  def _choices(self, data: list) -> ChoiceParameter:
    if not data:
      self.problems.append("the list of choices is empty")
    choices: list[Choice] = []
    for item in data:
      problem = _choice_problem(item)
      if problem:
        self.problems.append(problem)
        continue
      choice = Choice.of(item)
      # Optuna takes equal values (1, 1.0 and True) for the same.
      same = [other for other in choices if other.value == choice.value]
      if not same:
        choices.append(choice)
      elif same[0].text == choice.text:
        self.problems.append(
          f"{choice.text} is among the choices twice; leave one out"
        )
      else:
        self.problems.append(
          f"{same[0].text} and {choice.text} are the same to Optuna; leave one "
          "out"
        )
    return ChoiceParameter(self._name, tuple(choices))

  def _range(self, entry: dict) -> Optional[RangeParameter]:
    num_before = len(self.problems)
    for key in ("low", "high"):
      if key not in entry:
        self.problems.append(f"{key!r} is missing: {_HOW}")
    for key in ("low", "high", "step"):
      if key in entry and not (key == "step" and entry[key] is None):
        problem = _number_problem(entry[key])
        if problem:
          self.problems.append(f"{key!r} {problem}")
    log, num, step = (entry.get(key) for key in ("log", "num", "step"))
    if "log" in entry and type(log) is not bool:
      self.problems.append(f"'log' is True or False; got {shown(log)}")
    if num is not None and (type(num) is not int or num < 2):
      self.problems.append(
        f"'num' is a number of points, 2 or more; got {shown(num)}"
      )
    if len(self.problems) > num_before:
      return None
    low, high = entry["low"], entry["high"]
    is_integer = type(low) is int and type(high) is int
    if not is_integer:
      low, high = float(low), float(high)
      step = None if step is None else float(step)
    parameter = RangeParameter(
      self._name, low, high, is_integer, bool(log), step, num
    )
    self._check_range(parameter)
    return parameter

  def _check_range(self, p: RangeParameter) -> None:
    if p.low == p.high:
      self.problems.append(
        f"low and high are both {p.low!r}: for a fixed value write [{p.low!r}]"
      )
    elif p.low > p.high:
      self.problems.append(
        f"low {p.low!r} is above high {p.high!r}: the range is the wrong way "
        "round"
      )
    elif not p.is_integer and not math.isfinite(p.high - p.low):
      self.problems.append(
        f"the range from {p.low!r} to {p.high!r} is too wide"
      )
    if p.log and p.low <= 0:
      self.problems.append(f"'log' needs a low above 0; low is {p.low!r}")
    if p.step is not None:
      self._check_step(p)
    elif p.num is not None and p.is_integer and 0 < p.num_values < p.num:
      self.problems.append(
        f"'num' is {p.num}, but there are {p.num_values} integers from "
        f"{p.low} to {p.high}"
      )

  def _check_step(self, p: RangeParameter) -> None:
    if p.is_integer and type(p.step) is not int:
      self.problems.append(
        f"'step' {p.step!r} is no integer, but low and high are: write 'low': "
        f"{float(p.low)!r} for a range of all numbers"
      )
    if p.step <= 0:
      self.problems.append(f"'step' is above 0; got {p.step!r}")
    elif p.high - p.low > 0 and not p.fits_a_step:
      self.problems.append(
        f"'step' {p.step!r} is larger than the range from {p.low!r} to "
        f"{p.high!r}"
      )
    if p.log:
      self.problems.append(
        "'step' and 'log' exclude each other: steps are even, and logarithms "
        "are not; 'num' gives a grid that is even by logarithm"
      )
    if p.num is not None:
      self.problems.append(
        "'step' and 'num' both say the points of a grid: keep one"
      )


def _choice_problem(data: Any) -> str:
  if not gin_values.is_literal(data):
    return f"{shown(data)} has no text in Gin"
  leaves = list(gin_values.iterate_leaves(data))
  if any(type(leaf) is float and not math.isfinite(leaf) for leaf in leaves):
    return f"{shown(data)} is not finite"
  if _REQUIRED in leaves:
    return "%gin.REQUIRED is no value to try"
  return _size_problem(data)


def _number_problem(value: Any) -> str:
  if type(value) not in (int, float):
    return f"is a number; got {shown(value)}"
  if not math.isfinite(value):
    return f"is a finite number; got {value!r}"
  size_problem = _size_problem(value)
  return f"= {size_problem}" if size_problem else ""


def _size_problem(value: Any) -> str:
  if type(value) is int and abs(value) > _LARGEST_INTEGER:
    return (
      f"{value} is too large: Optuna's databases hold whole numbers up to "
      f"{_LARGEST_INTEGER}"
    )
  return ""


def shown(data: Any) -> str:
  """Returns data as a sentence shows it."""
  if gin_values.is_literal(data):
    return gin_resolution.value_text(data)
  return repr(data)
