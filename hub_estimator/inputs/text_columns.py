"""Which columns of a text file become which features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import feature_arrays, table_values
from hub_estimator.inputs.table_values import CheckedRows

STRING = "string"
FIRST_TEXT = "first_text"
SECOND_TEXT = "second_text"


@dataclasses.dataclass(frozen=True)
class FeatureColumn:
  """The columns that make up a feature.

  Attributes:
    binding: the Gin binding that names them, for messages.
    columns: their names.
    dtype: "string", or the type of numbers.
    is_list: whether an example's value is a list, [num_columns], and not one
      value.
  """

  binding: str
  columns: tuple[str, ...]
  dtype: str = STRING
  is_list: bool = False

  @property
  def shape(self) -> tuple[int, ...]:
    """The shape of one example."""
    return (len(self.columns),) if self.is_list else ()

  def values(self, rows: CheckedRows) -> np.ndarray:
    """Returns [num_rows, *shape] numbers, or UTF-8 bytes.

    Args:
      rows: the rows; those with bad values are marked.
    """
    arrays = [
      table_values.text_values(rows, column)
      if self.dtype == STRING
      else table_values.number_values(rows, column, "feature", self.dtype)
      for column in self.columns
    ]
    return np.stack(arrays, axis=1) if self.is_list else arrays[0]


def choose_features(
  owner: str,
  text_column: str,
  second_text_column: Optional[str],
  feature_name: str,
  features: Optional[Mapping[str, Any]],
) -> dict[str, FeatureColumn]:
  """Returns feature name -> its columns.

  Args:
    owner: the Gin configurable whose arguments the others are.
    text_column: the column of the text.
    second_text_column: that of the second text of pairs.
    feature_name: the name of the feature with the text, if there is one text.
    features: what stands in place of these three.

  Raises:
    UserTypeError: an argument of another kind.
    UserValueError: arguments that exclude each other, or no such type.
  """
  if features is None:
    texts = {"text_column": text_column}
    if second_text_column is not None:
      texts["second_text_column"] = second_text_column
    for name, column in texts.items():
      _check_name(f"{owner}.{name}", column)
    names = [FIRST_TEXT, SECOND_TEXT] if len(texts) == 2 else [feature_name]
    return {
      name: FeatureColumn(f"{owner}.{argument} = {column!r}", (column,))
      for name, (argument, column) in zip(names, texts.items())
    }
  if second_text_column is not None:
    raise errors.UserValueError(
      f"`{owner}.features` says all features, so `{owner}.second_text_column = "
      f"{second_text_column!r}` has no place: leave one of them out."
    )
  if not isinstance(features, Mapping) or not features:
    raise errors.UserTypeError(
      f"`{owner}.features` is a dict from the name of a feature to its column, "
      "or to (column, type), such as {'price': ('price', 'float32')}; got "
      f"{features!r}."
    )
  return {
    name: _feature_column(owner, name, value)
    for name, value in features.items()
  }


def _feature_column(owner: str, name: str, value: Any) -> FeatureColumn:
  """Returns the columns of an entry of the argument `features`."""
  binding = f"{owner}.features[{name!r}]"
  dtype = STRING
  if isinstance(value, (tuple, list)) and len(value) == 2:
    column, dtype = value
  else:
    column = value
  is_list = isinstance(column, (tuple, list)) and bool(column)
  for one in column if is_list else [column]:
    _check_name(binding, one)
  if dtype != STRING and dtype not in feature_arrays.DTYPES:
    types = ", ".join(map(repr, (STRING, *feature_arrays.DTYPES)))
    raise errors.UserValueError(
      f"`{binding}` has the type {dtype!r}: there are {types}."
    )
  columns = tuple(column) if is_list else (column,)
  return FeatureColumn(f"{binding} = {value!r}", columns, dtype, is_list)


def _check_name(binding: str, column: Any) -> None:
  if not isinstance(column, str):
    raise errors.UserTypeError(
      f"`{binding}` is the name of a column; got {column!r}."
    )
