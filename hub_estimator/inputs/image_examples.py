"""The examples of folders and tables of images: paths, labels, weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Callable, Optional, Union

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  image_listing,
  table_values,
  text_labels,
)
from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.evaluation_sets import (
  binding_of,
  is_evaluation_set,
  without_sets,
)
from hub_estimator.inputs.example_source import ExamplePart, ExampleSource
from hub_estimator.inputs.image_headers import ImageError
from hub_estimator.inputs.label_encoding import CLASS, list_labels
from hub_estimator.inputs.table_values import CheckedRows
from hub_estimator.inputs.text_table import TableSettings

MISSING_PATH = "missing path"


@dataclasses.dataclass(frozen=True)
class TableColumns:
  """The columns of tables of images, with the names of a pipeline's arguments.

  Attributes:
    owner: the Gin configurable whose arguments these are, for messages.
    path: the column of paths.
    label: the column of labels, or several.
    label_separator: what stands between the labels of one image.
    label_kind: "class", "multi_label", "regression", or None to tell from them.
    keeps_names: whether names of classes stay names, to be chosen from.
    weight: the column of weights, if there is one.
  """

  owner: str
  path: str
  label: Union[str, Sequence[str]]
  label_separator: str
  label_kind: Optional[str]
  keeps_names: bool
  weight: Optional[str]


@dataclasses.dataclass(frozen=True)
class ImageExamples:
  """What was read.

  Attributes:
    source: labels, weights and names of the examples.
    paths: part of the source -> the path of each example's image.
    label_kind: what the labels are; None to tell from the arrays.
    notes: sentences about what was passed over.
    skipped: reason -> number of what was skipped or noted.
  """

  source: ExampleSource
  paths: dict[str, list[str]]
  label_kind: Optional[str]
  notes: list[str]
  skipped: dict[str, int]


def read_image_examples(
  places: dict[str, str],
  columns: TableColumns,
  bad: BadExamples,
  find_problems: Callable[[Sequence[str]], Sequence[Optional[ImageError]]],
) -> ImageExamples:
  """Lists images, and checks them.

  Args:
    places: part of the source, "train" and maybe "eval", "test" and names of
      evaluation sets -> a folder, or a file with a row for each image.
    columns: of such files.
    bad: what bad examples are added to.
    find_problems: returns for each of some paths what is wrong, None if nothing
      is.

  Raises:
    UserError: a mistake in the arguments or in the data.
  """
  is_table = {name: image_listing.is_table(p) for name, p in places.items()}
  if columns.weight is not None and not any(is_table.values()):
    raise errors.UserValueError(
      f"`{columns.owner}.weight_column = {columns.weight!r}` is a column of a "
      ".csv, .tsv or .jsonl file with a row for each image, but all splits are "
      "folders: leave it out, or give such a file."
    )
  labels = _label_settings(columns)
  listings = {}
  for part, path in places.items():
    binding = (
      binding_of(columns.owner, part)
      if is_evaluation_set(part)
      else f"{columns.owner}.{part}_dir"
    )
    listings[part] = (
      _list_table(path, binding, columns, labels, bad)
      if is_table[part]
      else image_listing.list_folder(path, binding)
    )
  rows = {n: CheckedRows(of.table, bad) for n, of in listings.items()}
  paths = {
    part: of.table.columns[
      columns.path if is_table[part] else image_listing.PATH_COLUMN
    ]
    for part, of in listings.items()
  }
  for part, of_part in rows.items():
    _mark_bad_images(of_part, paths[part], find_problems)
  weights = {
    part: table_values.number_values(of_part, columns.weight, "weight", least=0)
    if columns.weight is not None and is_table[part]
    else None
    for part, of_part in rows.items()
  }
  if all(is_table.values()):
    parsed = text_labels.parse_labels(rows, labels)
  else:
    parsed = _folder_labels(rows, labels, is_table)
  place = " and ".join(dict.fromkeys(places.values()))
  bad.finish(place)
  parts, good_paths = {}, {}
  for part, of_part in rows.items():
    good = np.flatnonzero(of_part.good)
    if not good.size:
      number = len(of_part.good)
      raise errors.UserValueError(
        f"The {part} split has zero examples: {places[part]!r} has "
        f"{number or 'no'} images{' and all are bad' if number else ''}."
      )
    good_paths[part] = [paths[part][row] for row in good]
    parts[part] = ExamplePart(
      place=repr(places[part]),
      labels=parsed.values[part][good],
      weights=None if weights[part] is None else weights[part][good],
      row_name=good_paths[part].__getitem__,
    )
  skipped = dict(bad.counts())
  for of in listings.values():
    for reason, number in of.ignored.items():
      skipped[reason] = skipped.get(reason, 0) + number
  return ImageExamples(
    source=ExampleSource(place, parts, parsed.class_names),
    paths=good_paths,
    label_kind=parsed.kind,
    notes=[n for of in listings.values() for n in of.notes] + bad.notes(place),
    skipped=skipped,
  )


def _label_settings(columns: TableColumns) -> text_labels.LabelSettings:
  argument_checks.check_label_kind(columns.owner, columns.label_kind)
  label = columns.label
  names = [label] if isinstance(label, str) else label
  if (
    not isinstance(names, Sequence)
    or not names
    or not all(isinstance(name, str) for name in names)
  ):
    raise errors.UserTypeError(
      f"`{columns.owner}.label_column` is the name of a column, or a list of "
      f"them; got {label!r}."
    )
  if not columns.label_separator or not isinstance(
    columns.label_separator, str
  ):
    raise errors.UserTypeError(
      f"`{columns.owner}.label_separator` is a string; got "
      f"{columns.label_separator!r}."
    )
  return text_labels.LabelSettings(
    owner=columns.owner,
    columns=list(names),
    kind=columns.label_kind,
    separator=columns.label_separator,
    vocabulary=None,
    keep_names=columns.keeps_names,
  )


def _list_table(
  path: str,
  binding: str,
  columns: TableColumns,
  labels: text_labels.LabelSettings,
  bad: BadExamples,
) -> image_listing.ImageListing:
  others = {
    name: f"{columns.owner}.label_column = {name!r}" for name in labels.columns
  }
  if columns.weight is not None:
    others[columns.weight] = (
      f"{columns.owner}.weight_column = {columns.weight!r}"
    )
  return image_listing.list_table(
    path, binding, columns.path, others, TableSettings(columns.owner), bad
  )


def _mark_bad_images(
  rows: CheckedRows,
  paths: Sequence[str],
  find_problems: Callable[[Sequence[str]], Sequence[Optional[ImageError]]],
) -> None:
  """Marks rows whose images cannot be used."""
  there = []
  for row, path in enumerate(paths):
    if path:
      there.append(row)
    else:
      rows.mark(row, MISSING_PATH, "expected the path of an image, found none")
  problems = find_problems([paths[row] for row in there])
  for row, problem in zip(there, problems):
    if problem is not None:
      name = rows.table.name_of(row)
      text = problem.text
      if name != paths[row]:
        text = f"{paths[row]!r}: {text}"
      rows.mark(row, problem.reason, text)


def _folder_labels(
  rows: dict[str, CheckedRows],
  settings: text_labels.LabelSettings,
  is_table: dict[str, bool],
) -> text_labels.ParsedLabels:
  """Returns names of classes, where some are names of folders."""
  if settings.kind not in (None, CLASS):
    raise errors.UserValueError(
      f"`{settings.owner}.label_kind = {settings.kind!r}`: a folder for each "
      "class gives each image one class. For other labels give a .csv file "
      "with columns of paths and labels."
    )
  if len(settings.columns) > 1 and any(is_table.values()):
    raise errors.UserValueError(
      f"`{settings.owner}.label_column = {settings.columns!r}`: a class is in "
      "one column, and other splits are folders of classes."
    )
  values = {}
  for part, of_part in rows.items():
    (column,) = (
      settings.columns if is_table[part] else [image_listing.LABEL_COLUMN]
    )
    keys = []
    for row, value in enumerate(of_part.table.columns[column]):
      if value in table_values.MISSING:
        of_part.mark(row, text_labels.MISSING_LABEL, f"no label in {column!r}")
      keys.append("" if value is None else str(value))
    values[part] = np.array(keys, dtype=str)
  trained = without_sets(values)
  names = sorted(set().union(*(v.tolist() for v in trained.values())) - {""})
  if len(names) == 1:
    raise errors.UserValueError(
      f"There are images of one class alone, {names[0]!r}, in "
      f"{' and '.join(repr(of.table.path) for of in rows.values())}: "
      f"`{settings.owner}.train_dir` is the folder that holds the folders of "
      "all classes."
    )
  if not settings.keep_names:
    for part in values.keys() - trained.keys():
      _mark_outside(rows[part], values[part], names)
  return text_labels.ParsedLabels(CLASS, values, None)


def _mark_outside(
  rows: CheckedRows, labels: np.ndarray, names: list[str]
) -> None:
  """Marks images of an evaluation set whose class the other splits lack."""
  for row in np.flatnonzero(~np.isin(labels, names)).tolist():
    rows.mark(
      row,
      text_labels.OUTSIDE,
      f"expected one of the classes {list_labels(names)}, found "
      f"{str(labels[row])!r}",
    )
