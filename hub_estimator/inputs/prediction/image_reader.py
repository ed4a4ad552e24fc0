"""New examples from image files."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  image_checks,
  image_headers,
  image_listing,
)
from hub_estimator.inputs.image_examples import MISSING_PATH
from hub_estimator.inputs.image_headers import ImageError
from hub_estimator.inputs.label_encoding import CLASS
from hub_estimator.inputs.prediction import table_labels
from hub_estimator.inputs.prediction.example_reader import (
  BYTES,
  EXAMPLES,
  STANDARD_INPUT,
  ExampleReader,
  PredictionBatch,
)
from hub_estimator.inputs.prediction.table_stream import TXT, TableStream
from hub_estimator.inputs.prediction.text_reader import FORMATS
from hub_estimator.inputs.saved_input import SavedInput
from hub_estimator.inputs.table_content import FORMAT_OF_EXTENSION, format_of
from hub_estimator.inputs.table_rows import Table, TableSettings


@dataclasses.dataclass(frozen=True)
class _Block:
  """Images that make a batch, before they are read.

  Attributes:
    paths: that can be opened as they are.
    echoes: the paths as they were given.
    labels: as `PredictionBatch.labels`.
  """

  paths: list[str]
  echoes: list[str]
  labels: Optional[np.ndarray]


class ImageReader(ExampleReader):
  """Reads what `ImageFolderInput` reads, and decodes it as EVAL does.

  Images are decoded in parallel threads, some ahead of the batch asked for.
  """

  def __init__(
    self,
    description: Mapping[str, Any],
    path: str,
    batch_size: int,
    file_format: Optional[str] = None,
  ):
    """Looks for the folder or file; see `create_example_reader`."""
    self._reader = description["reader"]
    super().__init__(path, batch_size, self._reader["on_bad_example"])
    self._description = description
    self._preprocessing = SavedInput(description).image_preprocessing
    if self._preprocessing.image_size is None:
      raise errors.UserValueError(
        f"The size of the images is not known: the run's {description['input']}"
        " has image_size = None."
      )
    self._path = path
    self._stream: Optional[TableStream] = None
    self._images: list[str] = []
    self._num_done = 0
    if file_format is None and os.path.isdir(path):
      self._list_folder()
    elif file_format is None and _is_image(path):
      self._images = [path]
    else:
      self._stream = self._create_stream(file_format)
      self.place = self._stream.name
    self.unit = EXAMPLES if self._stream is None else BYTES
    self.total = (
      len(self._images) if self._stream is None else self._stream.total
    )

  @property
  def done(self) -> int:
    """See `ExampleReader.done`."""
    return self._num_done if self._stream is None else self._stream.done

  def _list_folder(self) -> None:
    num_others = 0
    for path in image_listing.walk(self._path):
      if image_listing.looks_like_image(path):
        self._images.append(path)
      else:
        num_others += 1
    self._bad.note(image_headers.NOT_AN_IMAGE, num_others)
    if not self._images:
      raise errors.UserValueError(
        f"{self._path!r} has no image, also in folders within; it has "
        f"{num_others} other files."
      )

  def _create_stream(self, file_format: Optional[str]) -> TableStream:
    if file_format is not None:
      argument_checks.check_choice(
        "create_example_reader", "file_format", file_format, FORMATS
      )
    elif self._path == STANDARD_INPUT or self._path.lower().endswith(
      (".txt", ".txt.gz")
    ):
      file_format = TXT
    else:
      file_format = self._format_of_name()
    return TableStream(
      self._path,
      TableSettings(self._description["input"], file_format),
      self._bad,
      self.batch_size,
    )

  def _format_of_name(self) -> str:
    try:
      return format_of(self._path, self._description["input"])
    except errors.UserValueError as error:
      if not os.path.exists(self._path):
        raise errors.UserOSError(
          f"Images to predict on are read from a folder or a file, but "
          f"{self._path!r} does not exist."
        ) from error
      raise errors.UserValueError(
        f"{self._path!r} is no image, and no list of images: give a folder of "
        f"images, a table whose name ends in {', '.join(FORMAT_OF_EXTENSION)}, "
        f"with the column {self._reader['path_column']!r}, or a .txt file with "
        "a path in each line."
      ) from error

  def _read(self) -> Iterator[PredictionBatch]:
    waiting: collections.deque[_Block] = collections.deque()

    def paths():
      for block in self._blocks():
        if block.paths:
          waiting.append(block)
          yield from block.paths

    results = image_checks.run_on_files(paths(), self._preprocessing.preprocess)
    for first in results:
      block = waiting.popleft()
      others = itertools.islice(results, len(block.paths) - 1)
      yield self._create_batch(block, [first, *others])
    self._bad.finish(self.place)

  def _create_batch(self, block: _Block, results: list[Any]) -> PredictionBatch:
    used = []
    for i, result in enumerate(results):
      if isinstance(result, ImageError):
        self._bad.add(result.reason, block.paths[i], result.text)
      else:
        used.append(i)
    self._bad.finish(self.place)
    self._num_done += len(results)
    height, width = self._preprocessing.image_size
    shape = [len(used), height, width, self._preprocessing.num_channels]
    images = np.empty(shape, np.float32)
    for row, i in enumerate(used):
      images[row] = results[i]
    return PredictionBatch(
      features={self._description["image"]["feature_name"]: images},
      keys=[block.paths[i] for i in used],
      echoes=[{"path": block.echoes[i]} for i in used],
      labels=None if block.labels is None else block.labels[used],
    )

  def _blocks(self) -> Iterator[_Block]:
    if self._stream is not None:
      column = self._reader["path_column"]
      owner = self._description["input"]
      optional = [c for c in self._reader["label_columns"] if c != column]
      for table in self._stream.blocks(
        {column: f"{owner}.path_column = {column!r}"}, optional
      ):
        yield self._block_of_table(table, column)
      return
    labels = self._folder_labels()
    for start in range(0, len(self._images), self.batch_size):
      paths = self._images[start : start + self.batch_size]
      of_block = None
      if labels is not None:
        of_block = labels[start : start + len(paths)]
        self._count_unknown(int((of_block < 0).sum()))
      yield _Block(paths, paths, of_block)

  def _block_of_table(self, table: Table, column: str) -> _Block:
    """Returns the images of rows, whose paths are relative to the file."""
    folder = os.path.dirname(self._path)
    good = np.ones([len(table.lines)], bool)
    echoes, paths = [], []
    for row, value in enumerate(table.columns[column]):
      if value and isinstance(value, str):
        echoes.append(value)
        paths.append(os.path.join(folder, value))
        continue
      good[row] = False
      self._bad.add(
        MISSING_PATH,
        table.name_of(row),
        f"expected the path of an image, found {value!r}",
      )
    labels = None
    if self._stream.has_optional:
      labels, num_unknown = table_labels.parse_table_labels(
        self._description, table, good
      )
      self._count_unknown(num_unknown)
    return _Block(paths, echoes, labels)

  def _folder_labels(self) -> Optional[np.ndarray]:
    """Returns the classes that images have by their folders, if any has."""
    names = self._description["class_names"]
    if self._description["label_kind"] != CLASS or not names:
      return None
    numbers = {name: i for i, name in enumerate(names)}
    labels = np.array(
      [
        numbers.get(os.path.relpath(path, self._path).split(os.sep)[0], -1)
        for path in self._images
      ],
      np.int64,
    )
    return labels if (labels >= 0).any() else None


def _is_image(path: str) -> bool:
  return os.path.isfile(path) and image_listing.looks_like_image(path)
