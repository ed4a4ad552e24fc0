"""Arrays in several .npy files: written in order, read anywhere."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

# So that reading a part of an array maps a part of it.
MAX_SHARD_BYTES = 256 << 20


@dataclasses.dataclass(frozen=True)
class ArrayFiles:
  """What is known of an array on disk.

  Attributes:
    shape: the shape of one row.
    dtype: the name of the NumPy type.
    rows_per_file: the number of rows in each file but the last.
    files: (name, bytes) of each file.
  """

  shape: tuple[int, ...]
  dtype: str
  rows_per_file: int
  files: tuple[tuple[str, int], ...]

  @property
  def num_bytes(self) -> int:
    """The bytes of all files."""
    return sum(size for _, size in self.files)

  def to_json(self) -> dict[str, Any]:
    """Returns what `from_json` takes."""
    return dataclasses.asdict(self)

  @classmethod
  def from_json(cls, value: dict[str, Any]) -> ArrayFiles:
    """Returns what `to_json` was called on.

    Raises:
      KeyError, TypeError, ValueError: something else.
    """
    return cls(
      tuple(int(size) for size in value["shape"]),
      str(np.dtype(value["dtype"]).name),
      int(value["rows_per_file"]),
      tuple((str(name), int(size)) for name, size in value["files"]),
    )


class ArrayWriter:
  """Writes an array's rows as they come.

  A file that cannot be written raises OSError at once; a mapped file would end
  the process where the disk is full.
  """

  def __init__(
    self,
    folder: str,
    prefix: str,
    num_rows: int,
    max_file_bytes: int = MAX_SHARD_BYTES,
  ):
    """Writes nothing yet.

    Args:
      folder: where the files go.
      prefix: what their names begin with.
      num_rows: how many rows there will be, at least 1.
      max_file_bytes: the most that the rows of one file have, unless a single
        one has more.
    """
    self._folder = folder
    self._prefix = prefix
    self._num_rows = num_rows
    self._max_file_bytes = max_file_bytes
    self._num_written = 0
    self._file = None
    self._files: list[tuple[str, int]] = []
    self._shape: tuple[int, ...] = ()
    self._dtype: Optional[np.dtype] = None
    self._rows_per_file = 0

  def append(self, rows: np.ndarray) -> None:
    """Writes rows, [num_rows, ...]; more than there are to be are left out."""
    if self._dtype is None:
      self._shape, self._dtype = rows.shape[1:], rows.dtype.newbyteorder("<")
      row_bytes = max(1, math.prod(self._shape) * self._dtype.itemsize)
      most = max(1, self._max_file_bytes // row_bytes)
      self._rows_per_file = min(most, self._num_rows)
    if rows.shape[1:] != self._shape:
      raise ValueError(
        f"rows of shape {rows.shape[1:]} after rows of shape {self._shape}"
      )
    rows = np.ascontiguousarray(rows, self._dtype)
    while len(rows) and self._num_written < self._num_rows:
      if self._file is None:
        self._open_file()
      room = self._rows_in_file() - self._num_written % self._rows_per_file
      self._file.write(rows[:room].tobytes())
      self._num_written += len(rows[:room])
      rows = rows[room:]
      if (
        self._num_written % self._rows_per_file == 0
        or self._num_written == self._num_rows
      ):
        self._close_file()

  def finish(self) -> ArrayFiles:
    """Returns what was written.

    Raises:
      ValueError: fewer rows than there were to be.
    """
    if self._num_written < self._num_rows:
      raise ValueError(f"{self._num_written} rows of {self._num_rows}")
    return ArrayFiles(
      self._shape, self._dtype.name, self._rows_per_file, tuple(self._files)
    )

  def close(self) -> None:
    """Closes the file that is open, if any."""
    if self._file is not None:
      self._file.close()
      self._file = None

  def _rows_in_file(self) -> int:
    """Returns the number of rows of the file that is being written."""
    first = self._num_written // self._rows_per_file * self._rows_per_file
    return min(self._rows_per_file, self._num_rows - first)

  def _open_file(self) -> None:
    count = -(-self._num_rows // self._rows_per_file)
    name = f"{self._prefix}-{len(self._files):05d}-of-{count:05d}.npy"
    path = os.path.join(self._folder, name)
    self._file = open(path, "wb")  # noqa: SIM115 - `_close_file` does.
    np.lib.format.write_array_header_1_0(
      self._file,
      {
        "descr": np.lib.format.dtype_to_descr(self._dtype),
        "fortran_order": False,
        "shape": (self._rows_in_file(), *self._shape),
      },
    )

  def _close_file(self) -> None:
    self._file.flush()
    os.fsync(self._file.fileno())
    self._files.append((os.path.basename(self._file.name), self._file.tell()))
    self.close()


class ShardedArray:
  """An array on disk of which parts are read."""

  def __init__(self, folder: str, files: ArrayFiles):
    """Maps the files; nothing is read yet.

    Raises:
      OSError, ValueError: a file is missing or damaged.
    """
    self.shape, self.dtype = files.shape, np.dtype(files.dtype)
    self._rows_per_file = files.rows_per_file
    self._parts: Sequence[np.ndarray] = [
      np.load(os.path.join(folder, name), mmap_mode="r")
      for name, _ in files.files
    ]
    for part in self._parts:
      if part.shape[1:] != self.shape or part.dtype != self.dtype:
        raise ValueError(f"{part.filename} holds another array")

  def __len__(self) -> int:
    return sum(map(len, self._parts))

  def gather(self, rows: np.ndarray) -> np.ndarray:
    """Returns rows, [len(rows), ...], in memory.

    Args:
      rows: int64 [num_rows], from 0.
    """
    if len(self._parts) == 1:
      return np.asarray(self._parts[0][rows])
    gathered = np.empty([len(rows), *self.shape], self.dtype)
    numbers, places = np.divmod(rows, self._rows_per_file)
    for number in np.unique(numbers):
      chosen = numbers == number
      gathered[chosen] = self._parts[number][places[chosen]]
    return gathered
