"""Which image files there are, and what their labels are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping

from hub_estimator import errors
from hub_estimator.inputs import image_headers, table_content
from hub_estimator.inputs.bad_examples import BadExamples
from hub_estimator.inputs.image_headers import ImageError
from hub_estimator.inputs.text_table import Table, TableSettings, read_table

# The columns of the table that a folder is listed as.
PATH_COLUMN = "path"
LABEL_COLUMN = "label"

NOT_IN_A_CLASS = "not in a class folder"

# Folders that hold a split, not a class, if all of a folder's are among them.
_SPLIT_FOLDERS = ("train", "training", "eval", "val", "valid", "validation")
_TEST_FOLDERS = ("test", "testing")


@dataclasses.dataclass(frozen=True)
class ImageTable(Table):
  """Paths and labels of the images of a folder; a row is called by its path."""

  def name_of(self, row: int) -> str:
    """See `Table.name_of`."""
    return self.columns[PATH_COLUMN][row]


@dataclasses.dataclass
class ImageListing:
  """What was found.

  Attributes:
    table: the rows, with a column of paths, which can be opened as they are.
    notes: sentences about what was passed over.
    ignored: reason -> number of files that were passed over.
  """

  table: Table
  notes: list[str]
  ignored: dict[str, int]


def is_table(path: str) -> bool:
  """Returns whether a path is the name of a CSV, TSV or JSONL file."""
  try:
    table_content.format_of(path, "")
  except errors.UserValueError:
    return False
  return not os.path.isdir(path)


def list_folder(folder: str, binding: str) -> ImageListing:
  """Lists the images of a folder that has one folder a class.

  Class folders are taken in sorted order, and files, also those in folders
  within, in the order of their paths. Names that begin with a dot are hidden.
  A file is an image if its name or its first bytes say so.

  Args:
    folder: the folder.
    binding: the Gin binding that names it, for messages.

  Raises:
    UserOSError: there is no such folder, or it cannot be read.
    UserValueError: it has no folders, or they are those of splits.
  """
  names = _list_names(folder, binding)
  is_class = {n: os.path.isdir(os.path.join(folder, n)) for n in names}
  classes = [name for name in names if is_class[name]]
  beside = [name for name in names if not is_class[name]]
  _check_classes(folder, binding, classes, beside)
  table = ImageTable(folder, {PATH_COLUMN: [], LABEL_COLUMN: []}, range(0))
  listing = ImageListing(table, [], {})
  if beside:
    _note_ignored(
      listing,
      NOT_IN_A_CLASS,
      [os.path.join(folder, name) for name in beside],
      f"of {folder!r} are not in a class folder",
    )
  paths, labels, others, empty = [], [], [], []
  for name in classes:
    num_before = len(paths)
    for path in walk(os.path.join(folder, name)):
      if looks_like_image(path):
        paths.append(path)
        labels.append(name)
      else:
        others.append(path)
    if len(paths) == num_before:
      empty.append(name)
  if others:
    _note_ignored(
      listing,
      image_headers.NOT_AN_IMAGE,
      others,
      f"of {folder!r} are no images",
    )
  if empty:
    listing.notes.append(
      f"{len(empty)} class folder{'s' * (len(empty) > 1)} of {folder!r} "
      f"{'have' if len(empty) > 1 else 'has'} no image: "
      f"{', '.join(map(repr, empty[:20]))}{', …' * (len(empty) > 20)}."
    )
  listing.table = ImageTable(
    folder, {PATH_COLUMN: paths, LABEL_COLUMN: labels}, range(len(paths))
  )
  return listing


def list_table(
  path: str,
  binding: str,
  path_column: str,
  other_columns: Mapping[str, str],
  settings: TableSettings,
  bad: BadExamples,
) -> ImageListing:
  """Lists the images of a file with a row for each.

  Args:
    path: a CSV, TSV or JSONL file, plain or .gz.
    binding: the Gin binding that names it, for messages.
    path_column: the column of paths; they are relative to the file's folder.
    other_columns: name of another column to read -> the Gin binding that names
      it.
    settings: of the reader.
    bad: what rows are added to that cannot be read.

  Raises:
    UserError: see `read_table`.
  """
  columns = {
    path_column: f"{settings.owner}.path_column = {path_column!r}",
    **other_columns,
  }
  table = read_table(path, binding, columns, settings, bad)
  folder = os.path.dirname(path)
  paths = [
    os.path.join(folder, value) if value and isinstance(value, str) else ""
    for value in table.columns[path_column]
  ]
  return ImageListing(
    Table(path, {**table.columns, path_column: paths}, table.lines), [], {}
  )


def _list_names(folder: str, binding: str) -> list[str]:
  """Returns the names in a folder that are not hidden, sorted."""
  if not os.path.isdir(folder):
    what = "is a file" if os.path.exists(folder) else "does not exist"
    raise errors.UserOSError(
      f"`{binding}` is a folder with one folder of images for each class, or "
      f"a .csv, .tsv or .jsonl file with a row for each image, but {folder!r} "
      f"{what}."
    )
  try:
    return sorted(n for n in os.listdir(folder) if not n.startswith("."))
  except OSError as error:
    raise errors.UserOSError(
      f"`{binding}`: {folder!r} cannot be read: {error.strerror}."
    ) from error


def _check_classes(
  folder: str, binding: str, classes: list[str], beside: list[str]
) -> None:
  """Raises unless folders are those of classes."""
  if not classes:
    raise errors.UserValueError(
      f"`{binding}` is a folder with one folder of images for each class, but "
      f"{folder!r} has no folders; it has {len(beside)} files"
      f"{f', such as {beside[0]!r}' if beside else ''}."
    )
  of_splits = [n for n in classes if n.lower() in _SPLIT_FOLDERS]
  of_tests = [n for n in classes if n.lower() in _TEST_FOLDERS]
  if of_splits and len(of_splits + of_tests) == len(classes):
    owner = binding.partition(".")[0]
    raise errors.UserValueError(
      f"The folders of `{binding} = {folder!r}` are those of splits, not of "
      f"classes: {', '.join(map(repr, classes))}. Give them one by one, such "
      f"as {owner}.train_dir = {os.path.join(folder, of_splits[0])!r}, with "
      f"{owner}.eval_dir and {owner}.test_dir."
    )


def walk(folder: str) -> Iterator[str]:
  """Yields the paths of all files below a folder, in sorted order."""
  # Links are followed, as data sets are often made of them, but not in circles.
  seen = set()
  for parent, folders, files in os.walk(folder, followlinks=True):
    real = os.path.realpath(parent)
    if real in seen:
      folders.clear()
      continue
    seen.add(real)
    folders[:] = sorted(name for name in folders if not name.startswith("."))
    for name in sorted(files):
      if not name.startswith("."):
        yield os.path.join(parent, name)


def looks_like_image(path: str) -> bool:
  """Returns whether a file is an image, or is named as one."""
  if os.path.splitext(path)[1].lower() in image_headers.EXTENSIONS:
    return True
  try:
    return image_headers.read_format(path) is not None
  except ImageError:
    return False


def _note_ignored(
  listing: ImageListing, reason: str, paths: list[str], what: str
) -> None:
  number = len(paths)
  first = f"such as {paths[0]!r}" if number > 1 else f"{paths[0]!r}"
  plain = what if number > 1 else what.replace(" are no images", " is no image")
  plain = plain if number > 1 else plain.replace(" are not ", " is not ")
  listing.ignored[reason] = listing.ignored.get(reason, 0) + number
  listing.notes.append(
    f"{number} file{'s' * (number > 1)} {plain} and "
    f"{'were' if number > 1 else 'was'} ignored: {first}."
  )
