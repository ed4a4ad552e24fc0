"""Examples that are known by their row: labels, weights and places."""

from __future__ import annotations

import dataclasses
from typing import Callable, Optional

import numpy as np

# The name of a part that is not yet cut into splits.
WHOLE = "whole"


@dataclasses.dataclass(frozen=True)
class ExamplePart:
  """Examples that belong together: a split, or what is yet to be cut.

  Attributes:
    place: where they are from, for messages.
    labels: [num_examples] or [num_examples, num_columns] array.
    weights: [num_examples] array of finite numbers from 0; None for 1 each.
    row_name: what messages call a row; "row 3 of <place>" if None.
  """

  place: str
  labels: np.ndarray
  weights: Optional[np.ndarray] = None
  row_name: Optional[Callable[[int], str]] = None

  def name_of(self, row: int) -> str:
    """Returns what messages call a row."""
    if self.row_name is not None:
      return self.row_name(int(row))
    return f"row {row} of {self.place}"


@dataclasses.dataclass(frozen=True)
class ExampleSource:
  """The examples of a data set.

  Attributes:
    place: where it is from, for messages.
    parts: name of a split -> its examples. `WHOLE`, or "train" where there is
      no "eval", is yet to be cut.
    class_names: the name of class i at i; None if there are none.
  """

  place: str
  parts: dict[str, ExamplePart]
  class_names: Optional[list[str]] = None
