"""What differs between two search spaces, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_RANGE_ITEMS = ("low", "high", "log", "step", "num")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
  """Returns lines such as "LEARNING_RATE: low 0.1 there, 0.2 here".

  Args:
    old: `SearchSpace.to_json` of the one "there" (of a study).
    new: `SearchSpace.to_json` of the one "here" (of this command).

  Returns:
    the lines, none if the spaces are the same.
  """
  there = {item["name"]: item for item in old["parameters"]}
  here = {item["name"]: item for item in new["parameters"]}
  lines = [
    f"{name}: varied there, not here" for name in there if name not in here
  ]
  lines += [
    f"{name}: varied here, not there" for name in here if name not in there
  ]
  for name in here:
    if name in there:
      lines += [
        f"{name}: {difference}"
        for difference in _parameter_differences(there[name], here[name])
      ]
  if not lines and list(there) != list(here):
    lines.append(
      f"the order of the parameters: {', '.join(there)} there, "
      f"{', '.join(here)} here"
    )
  return lines


def _parameter_differences(old: Mapping, new: Mapping) -> list[str]:
  lines = []
  if "choices" in old and "choices" in new:
    lines += _choice_differences(old["choices"], new["choices"])
  elif _kind(old) != _kind(new):
    lines.append(f"{_kind(old)} there, {_kind(new)} here")
  else:
    lines += [
      f"{item} {old[item]!r} there, {new[item]!r} here"
      for item in _RANGE_ITEMS
      if old[item] != new[item]
    ]
  if old["when"] != new["when"]:
    lines.append(f"{_when(old)} there, {_when(new)} here")
  return lines


def _kind(item: Mapping) -> str:
  if "choices" in item:
    return f"the choices {', '.join(item['choices'])}"
  numbers = "integers" if item["integer"] else "numbers"
  return f"a range of {numbers}"


def _choice_differences(old: Sequence[str], new: Sequence[str]) -> list[str]:
  removed = [text for text in old if text not in new]
  added = [text for text in new if text not in old]
  lines = []
  if removed:
    lines.append(f"the choices {', '.join(removed)} only there")
  if added:
    lines.append(f"the choices {', '.join(added)} only here")
  if not lines and list(old) != list(new):
    lines.append(
      f"the order of the choices: {', '.join(old)} there, {', '.join(new)} here"
    )
  return lines


def _when(item: Mapping) -> str:
  if not item["when"]:
    return "without a condition"
  conditions = [
    f"{name} is {' or '.join(texts)}" for name, texts in item["when"].items()
  ]
  return f"only when {' and '.join(conditions)}"
