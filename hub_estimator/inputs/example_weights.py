"""Weights of examples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs.example_source import ExamplePart

WEIGHT_KEY = "example_weight"


def check_weights(part: ExamplePart) -> None:
  """Raises unless each weight is a finite number from 0."""
  weights = part.weights
  if weights.shape not in ((len(part.labels),), (len(part.labels), 1)):
    raise errors.UserValueError(
      f"There is one weight for each example, but {part.place} has "
      f"{len(part.labels)} examples and weights of the shape "
      f"{list(weights.shape)}."
    )
  if weights.dtype.kind not in "iubf":
    raise errors.UserValueError(
      f"Weights are numbers; those of {part.place} are {weights.dtype}."
    )
  flat = weights.reshape(-1)
  wrong = ~(np.isfinite(flat) & (flat >= 0))
  if wrong.any():
    row = int(np.flatnonzero(wrong)[0])
    raise errors.UserValueError(
      f"Weights are finite numbers from 0; {int(wrong.sum())} of {len(flat)} "
      f"weights of {part.place} are not, the first is {flat[row].item()!r}, of "
      f"{part.name_of(row)}."
    )


def check_sum(weights: np.ndarray, split: str, place: str) -> None:
  """Raises if all weights of a split are zero."""
  if len(weights) and not weights.any():
    raise errors.UserValueError(
      f"All {len(weights)} weights of the {split} split of {place} are zero, "
      "so that no example of it counts: give some a weight, or leave the "
      "weights out."
    )


def as_column(part: ExamplePart) -> np.ndarray:
  """Returns the weights of a part as float32 [num_examples, 1]."""
  if part.weights is None:
    return np.ones([len(part.labels), 1], np.float32)
  return part.weights.reshape(-1, 1).astype(np.float32)


def as_columns(
  parts: Mapping[str, ExamplePart],
  rows: Mapping[str, np.ndarray],
  part_of: Mapping[str, str],
) -> dict[str, np.ndarray]:
  """Returns part of a source -> its weights, after checking all.

  Args:
    parts: the parts.
    rows: split -> its rows.
    part_of: split -> name of the part that its rows are in.

  Raises:
    UserValueError: a weight that is none, or a split of zeros alone.
  """
  columns = {}
  for name, part in parts.items():
    if part.weights is not None:
      check_weights(part)
    columns[name] = as_column(part)
  for split, split_rows in rows.items():
    name = part_of[split]
    check_sum(columns[name][split_rows], split, parts[name].place)
  return columns
