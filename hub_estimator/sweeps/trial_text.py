"""Trials in words and numbers that fit on a line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Optional

from hub_estimator.sweeps.handle_names import shorten_handles
from hub_estimator.sweeps.records import StudyRecord, TrialRecord


def number_text(value: float) -> str:
  """Returns a number with four digits, whole ones from 1,000 on in full."""
  if abs(value) < 1000:
    return f"{value:.4g}"
  if float(value).is_integer() and abs(value) < 1e15:
    return f"{value:,.0f}"
  return f"{value:,.1f}" if abs(value) < 1e9 else f"{value:.4g}"


def value_text(value: Any) -> str:
  """Returns the value of a parameter as text."""
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    return " ".join(str(value).split())
  return f"{value:.4g}" if isinstance(value, float) else str(value)


def cut(text: str, length: int) -> str:
  """Returns text of a length at most, with "…" in place of its middle."""
  if len(text) <= length:
    return text
  end = (length - 1) // 2
  return f"{text[: length - 1 - end]}…{text[len(text) - end :]}"


def cut_apart(texts: Sequence[str], length: int) -> dict[str, str]:
  """Returns text -> it, cut so that different texts still are different.

  Args:
    texts: what stands in one column.
    length: of each at most; more if they cannot be told apart otherwise.
  """
  texts = list(dict.fromkeys(texts))
  long = [text for text in texts if len(text) > length]
  # Where they differ, with a little before it.
  start = max(0, len(os.path.commonprefix(long)) - 3)
  for shorten in (
    lambda text: cut(text, length),
    lambda text: f"…{cut(text[start:], length - 1)}",
    lambda text: f"…{text[start : start + length - 2]}…",
  ):
    short = {text: shorten(text) if text in long else text for text in texts}
    if len(set(short.values())) == len(texts):
      return short
  return {text: text for text in texts}


class TrialText:
  """Names and values of a study's parameters, short and still distinct."""

  def __init__(self, study: StudyRecord):
    """Reads all trials.

    Args:
      study: the study so far.
    """
    self._study = study
    self._short: dict[str, dict[str, str]] = {}
    for name in study.param_names:
      texts = [
        trial.params[name]
        for trial in study.trials
        if isinstance(trial.params.get(name), str)
      ]
      if name == study.handle_name or any("/" in text for text in texts):
        self._short[name] = shorten_handles(texts)

  def param(self, trial: TrialRecord, name: str) -> Optional[str]:
    """Returns the value of a parameter; None if the trial has not that one."""
    if name not in trial.params:
      return None
    value = trial.params[name]
    short = self._short.get(name, {})
    return value_text(short.get(value, value) if short else value)

  def params(self, trial: TrialRecord) -> list[tuple[str, str]]:
    """Returns (name, value) of a trial's parameters, the handle first."""
    names = sorted(
      self._study.param_names, key=lambda name: name != self._study.handle_name
    )
    return [
      (name, text)
      for name in names
      if (text := self.param(trial, name)) is not None
    ]

  def objective(self, trial: TrialRecord, index: int = 0) -> str:
    """Returns an objective's mean over seeds, "0.951 ± 0.004"."""
    if trial.values is None:
      return ""
    text = number_text(trial.values[index])
    spread = trial.spread(index)
    return text if spread is None else f"{text} ± {spread:.2g}"

  def objectives(self, trial: TrialRecord) -> str:
    """Returns name and mean of each objective."""
    return "  ".join(
      f"{objective.name} {self.objective(trial, index)}"
      for index, objective in enumerate(self._study.objectives)
    )
