"""Labels of records, collected one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs.label_encoding import (
  CLASS,
  MULTI_LABEL,
  REGRESSION,
  list_labels,
)
from hub_estimator.inputs.text_labels import MISSING_LABEL, OUTSIDE

STRINGS, FLOATS, INTEGERS = "strings", "floats", "integers"


class RecordLabels:
  """The labels of all records of a pipeline.

  The first record says how many there are of what: strings are names of
  classes, or, with label_kind = "multi_label", of any number of labels; one
  integer is a class, several are multi-label zeros and ones; floats are
  regression targets.
  """

  def __init__(
    self,
    owner: str,
    kind: Optional[str],
    vocabulary: Optional[list[str]],
    keep_names: bool,
  ):
    """Starts with none.

    Args:
      owner: the Gin configurable whose arguments the next two are.
      kind: "class", "multi_label", "regression", or None to tell from the
        first label.
      vocabulary: all names there may be, in the order of their numbers; None
        for those that are found.
      keep_names: whether names stay names, to be chosen from.
    """
    self._owner = owner
    self._vocabulary = vocabulary
    self._known = None if vocabulary is None else set(vocabulary)
    self._keep_names = keep_names
    self.kind = kind
    self._type: Optional[str] = None
    self._size: Optional[int] = None
    self._place = ""
    self._largest: Optional[int] = None
    self._labels: dict[str, list[Any]] = {}

  def problem_of(
    self, values: Sequence[Any], value_type: Optional[str], place: str
  ) -> Optional[tuple[str, str]]:
    """Returns (reason, problem) of a label that does not go, or None.

    Args:
      values: the values of one record's label.
      value_type: `STRINGS`, `FLOATS` or `INTEGERS`; None if there are none.
      place: where the record is, for messages about later ones.
    """
    if self.kind == MULTI_LABEL and (value_type or STRINGS) == STRINGS:
      value_type = STRINGS
    elif not len(values):
      return MISSING_LABEL, "no label"
    if self._type is None:
      self._begin(values, value_type, place)
    if value_type != self._type or (
      self._size is not None and len(values) != self._size
    ):
      size = "" if self._size is None else f"{self._size} "
      return (
        "label of another kind",
        f"expected {size}{self._type} as in {self._place}, found {len(values)} "
        f"{value_type}",
      )
    if value_type == STRINGS and self._known is not None:
      for value in values:
        if value not in self._known:
          return (
            OUTSIDE,
            f"expected one of {list_labels(self._vocabulary)}, found {value!r}",
          )
    if self._largest is not None and values[0] > self._largest:
      return (
        OUTSIDE,
        f"expected a label from 0 to {self._largest}, found {values[0]}",
      )
    if value_type == FLOATS and not np.isfinite(values).all():
      return (
        "NaN or infinite label",
        f"expected finite numbers, found {list(values)}",
      )
    is_vector = self.kind == MULTI_LABEL and value_type == INTEGERS
    if is_vector and not set(values) <= {0, 1}:
      return (
        "label that is not 0 or 1",
        f"expected 0 or 1 for each label, found {list(values)}",
      )
    return None

  def _begin(self, values, value_type, place) -> None:
    """Takes the first label as what all are like."""
    if self.kind is None:
      if value_type == FLOATS:
        self.kind = REGRESSION
      else:
        many = value_type == INTEGERS and len(values) > 1
        self.kind = MULTI_LABEL if many else CLASS
    if self.kind == CLASS and value_type == FLOATS:
      raise self._wrong(place, "floats", "integers or strings")
    if self.kind == REGRESSION and value_type == STRINGS:
      raise self._wrong(place, "strings", "numbers")
    if self.kind == MULTI_LABEL and value_type == FLOATS:
      raise self._wrong(place, "floats", "strings, or zeros and ones")
    if self._vocabulary is not None and value_type != STRINGS:
      raise errors.UserValueError(
        f"`{self._owner}.label_vocabulary` numbers labels that are strings, "
        f"but that of {place} is of {value_type}: leave it out."
      )
    self._type, self._place = value_type, place
    names = self.kind == MULTI_LABEL and value_type == STRINGS
    self._size = None if names else 1 if self.kind == CLASS else len(values)

  def _wrong(self, place, found, expected) -> errors.UserValueError:
    return errors.UserValueError(
      f"`{self._owner}.label_kind = {self.kind!r}`: labels are {expected}, but "
      f"that of {place} is of {found}."
    )

  def add(self, part: str, values: Sequence[Any]) -> None:
    """Adds the label of a record with which nothing is wrong."""
    keep = tuple(values) if self._size is None else list(values)
    self._labels.setdefault(part, []).append(keep)

  def end_vocabulary(self) -> None:
    """Lets the labels of what follows be those that were added so far.

    Others are outside the vocabulary; `classes` leaves them out anyway.
    """
    if self._keep_names:
      return
    if self._type == STRINGS and self._known is None:
      self._vocabulary = self._names()
      self._known = set(self._vocabulary)
    elif self._type == INTEGERS and self.kind == CLASS:
      self._largest = max(
        label for of_part in self._labels.values() for (label,) in of_part
      )

  def _names(self) -> list[str]:
    """Returns the names that were found, sorted."""
    return sorted(
      {name for of_part in self._labels.values() for v in of_part for name in v}
    )

  def finish(self) -> tuple[dict[str, np.ndarray], Optional[list[str]]]:
    """Returns part -> the labels of its records, and the classes' names."""
    if self._type != STRINGS:
      dtype = np.float32 if self.kind == REGRESSION else np.int64
      return {
        part: np.array(labels, dtype) for part, labels in self._labels.items()
      }, None
    names = self._vocabulary or self._names()
    numbers = {name: i for i, name in enumerate(names)}
    if self.kind == MULTI_LABEL:
      values = {}
      for part, of_part in self._labels.items():
        values[part] = np.zeros([len(of_part), len(names)], np.int64)
        for row, labels in enumerate(of_part):
          values[part][row, [numbers[name] for name in labels]] = 1
      return values, names
    if self._keep_names:
      return {part: np.array(v, str) for part, v in self._labels.items()}, None
    return {
      part: np.array([[numbers[name] for name in v] for v in of_part], np.int64)
      for part, of_part in self._labels.items()
    }, names
