"""Examples that cannot be used: collected, then raised at once or skipped."""

from __future__ import annotations

import collections
from typing import Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks

ERROR = "error"
SKIP = "skip"


def check_on_bad_example(owner: str, on_bad_example: str) -> None:
  """Raises unless the argument `on_bad_example` is "error" or "skip"."""
  argument_checks.check_choice(
    owner, "on_bad_example", on_bad_example, (ERROR, SKIP)
  )


class BadExamples:
  """The bad examples of a pipeline, by reason.

  A reader calls `add` for each bad example and leaves it out, and `finish` when
  it has read everything.

  Attributes:
    on_bad_example: "error" or "skip".
  """

  def __init__(
    self,
    owner: str,
    on_bad_example: str,
    max_bad_examples: int,
    way_out: Optional[str] = None,
  ):
    """Starts with none.

    Args:
      owner: the Gin configurable whose arguments the next two are.
      on_bad_example: "error" raises in `finish`, "skip" counts.
      max_bad_examples: how many an error lists.
      way_out: what to do instead of mending them, the end of a sentence; None
        names the argument.

    Raises:
      UserValueError: an argument is out of range.
    """
    check_on_bad_example(owner, on_bad_example)
    argument_checks.check_count(owner, "max_bad_examples", max_bad_examples)
    self._way_out = way_out or (
      f"set {owner}.on_bad_example = 'skip' to leave them out."
    )
    self.on_bad_example = on_bad_example
    self._max_listed = max_bad_examples
    self._listed: list[str] = []
    self._bad: collections.Counter[str] = collections.Counter()
    self._noted: collections.Counter[str] = collections.Counter()

  def add(self, reason: str, place: str, problem: str) -> None:
    """Adds an example that is left out.

    Args:
      reason: the kind of problem, in a few words: the same for all examples of
        that kind, such as "wrong number of columns".
      place: file and row, such as "train.tsv line 7", or the path of an image.
      problem: what was expected and what is there, without a full stop.
    """
    self._bad[reason] += 1
    if len(self._listed) < self._max_listed:
      self._listed.append(f"{place}: {problem}")

  def note(self, reason: str, number: int = 1) -> None:
    """Counts examples that are used, but that a user should know of."""
    if number:
      self._noted[reason] += number

  def finish(self, place: str) -> None:
    """Raises if there are bad examples that are not to be skipped.

    Args:
      place: where the data is from.

    Raises:
      UserValueError: there are. The message lists the first of them, and counts
        all by reason.
    """
    if not self._bad or self.on_bad_example == SKIP:
      return
    number = sum(self._bad.values())
    counts = ", ".join(f"{n} {reason}" for reason, n in self._bad.items())
    listed = "; ".join(self._listed)
    more = number - len(self._listed)
    raise errors.UserValueError(
      f"{number} bad example{'s' * (number > 1)} in {place} ({counts}): "
      f"{listed}{f'; and {more} more' if more else ''}. Mend them, or "
      f"{self._way_out}"
    )

  @property
  def has_any(self) -> bool:
    """Whether there are bad examples."""
    return bool(self._bad)

  def counts(self) -> dict[str, int]:
    """Returns reason -> number, of bad examples and of those noted."""
    return {**self._bad, **self._noted}

  def notes(self, place: str) -> list[str]:
    """Returns sentences about what was skipped and what was noted."""
    notes = []
    if self._bad:
      number = sum(self._bad.values())
      counts = ", ".join(f"{n} {reason}" for reason, n in self._bad.items())
      first = f" The first: {self._listed[0]}." if self._listed else ""
      notes.append(
        f"{number} bad example{'s' * (number > 1)} of {place} "
        f"{'were' if number > 1 else 'was'} skipped ({counts}).{first}"
      )
    notes += [
      f"{number} example{'s' * (number > 1)} of {place}: {reason}."
      for reason, number in self._noted.items()
    ]
    return notes
