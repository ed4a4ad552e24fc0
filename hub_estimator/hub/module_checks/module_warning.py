"""What a check of a module says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

_SHOWN = 3


class ModuleWarning(NamedTuple):
  """One thing that a publisher should look at before others use a module.

  Attributes:
    code: the rule, such as "no_regularization_loss".
    tags: of the graph variant that it was found in; None for a training graph.
    names: of the variables, ops or signatures that it is about.
    message: the rule, what was found, and the way out.
  """

  code: str
  tags: Optional[frozenset[str]]
  names: tuple[str, ...]
  message: str

  @property
  def place(self) -> str:
    """Where it was found: "graph {train}", or "training graph"."""
    if self.tags is None:
      return "training graph"
    return "graph {" + ", ".join(sorted(self.tags)) + "}"

  def as_dict(self) -> dict[str, Any]:
    """Returns it ready for JSON."""
    return {
      "code": self.code,
      "tags": None if self.tags is None else sorted(self.tags),
      "names": list(self.names),
      "message": self.message,
    }


def list_names(names: Iterable[str]) -> str:
  """Returns the first names, and how many more: "a, b, c and 4 more"."""
  names = list(names)
  text = ", ".join(names[:_SHOWN])
  more = len(names) - _SHOWN
  return f"{text} and {more} more" if more > 0 else text


def count(number: int, noun: str) -> str:
  """Returns "1 weight", "1,200 weights"."""
  return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_number(value: float) -> str:
  """Returns a float as it was written before it became a float32."""
  return f"{value:.6g}"
