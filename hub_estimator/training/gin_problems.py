"""The error of a configuration, and the nearest name to a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Optional

from hub_estimator import errors


class GinConfigError(errors.UserValueError):
  """What is wrong in a configuration: all of it, in one line.

  Attributes:
    problems: List of str, a sentence for each mistake.
  """

  def __init__(self, problems: Sequence[str]):
    self.problems: list[str] = list(dict.fromkeys(problems))
    super().__init__(self._message())

  def _message(self) -> str:
    lines = [" ".join(problem.split()) for problem in self.problems]
    if len(lines) == 1:
      return lines[0]
    numbered = "; ".join(f"({n}) {line}" for n, line in enumerate(lines, 1))
    return f"{len(lines)} problems in the configuration: {numbered}"


def nearest(name: str, candidates: Iterable[str]) -> Optional[str]:
  """Returns the candidate that looks most like `name`, or None.

  Case does not count, and a dotted candidate also answers to its last part:
  TRAIN_STEPS is near train.train_steps. Of equals the first is taken.
  """
  by_text: dict[str, str] = {}
  for candidate in candidates:
    text = candidate.lower()
    by_text.setdefault(text, candidate)
    by_text.setdefault(text.rpartition(".")[2], candidate)
  matches = difflib.get_close_matches(name.lower(), by_text, n=1)
  return by_text[matches[0]] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
  """Returns "; did you mean X?", or the names there are when none is near."""
  candidates = list(candidates)
  match = nearest(name, candidates)
  if match is not None:
    return f"; did you mean {match}?"
  if not candidates:
    return "; there are none"
  return f"; there are: {', '.join(sorted(candidates))}"
