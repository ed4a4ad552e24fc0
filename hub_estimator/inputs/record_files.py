"""TFRecord files: found by name or glob, and read record by record."""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import gzip
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

from hub_estimator import errors
from hub_estimator.inputs import argument_checks

COMPRESSIONS = ("", "GZIP", "ZLIB")
_GZIP_EXTENSION = ".gz"
_READ_AT_ONCE = 256
_CHUNK_BYTES = 1 << 20
# Within what TensorFlow says.
_DAMAGE = re.compile(r"(corrupted|truncated) record at (\d+)")


@dataclasses.dataclass(frozen=True)
class RecordFile:
  """A TFRecord file.

  Attributes:
    path: where it is.
    compression: "", "GZIP" or "ZLIB".
  """

  path: str
  compression: str


@dataclasses.dataclass(frozen=True)
class Damage:
  """What is wrong with a file from some record on.

  Attributes:
    problem: what it is, without a full stop.
  """

  problem: str


def find_files(
  patterns: Union[str, os.PathLike, Sequence[Any]],
  compression: Optional[str],
  owner: str,
  name: str,
) -> list[RecordFile]:
  """Returns the files of an argument, those of each glob in sorted order.

  Args:
    patterns: a path or glob, or a list of them.
    compression: of all files; None goes by whether a name ends in ".gz".
    owner: the Gin configurable that has the argument, for messages.
    name: the name of the argument.

  Raises:
    UserOSError: there is no file for a path or glob.
    UserTypeError: something else was given.
    UserValueError: no such compression, or a file that is there twice.
  """
  if compression is not None:
    argument_checks.check_choice(
      owner, "compression", compression, COMPRESSIONS
    )
  if isinstance(patterns, (str, os.PathLike)):
    patterns = [patterns]
  if not isinstance(patterns, (list, tuple)) or not all(
    isinstance(pattern, (str, os.PathLike)) for pattern in patterns
  ):
    raise errors.UserTypeError(
      f"`{owner}.{name}` is a path or a glob such as 'train-*.tfrecord', or a "
      f"list of them; got {patterns!r}."
    )
  paths, missing = [], []
  for pattern in map(os.fspath, patterns):
    # A file may have a name that would be a glob.
    found = [pattern] if os.path.isfile(pattern) else sorted(glob.glob(pattern))
    found = [path for path in found if os.path.isfile(path)]
    paths += found
    if not found:
      missing.append(pattern)
  if missing or not paths:
    raise errors.UserOSError(
      f"`{owner}.{name}`: there is no file for "
      f"{', '.join(map(repr, missing)) or 'an empty list'}."
    )
  twice = sorted({path for path in paths if paths.count(path) > 1})
  if twice:
    raise errors.UserValueError(
      f"`{owner}.{name}` gives a file more than once: {', '.join(twice)}."
    )
  return [
    RecordFile(
      path,
      ("GZIP" if path.endswith(_GZIP_EXTENSION) else "")
      if compression is None
      else compression,
    )
    for path in paths
  ]


def read_records(
  files: Sequence[RecordFile],
) -> Iterator[tuple[int, int, Union[bytes, Damage]]]:
  """Yields each record of files: (index of the file, number in it, record).

  What follows a damaged record cannot be read: it comes as a `Damage`, and the
  next file follows.
  """
  with contextlib.closing(_Reader()) as reader:
    for index, file in enumerate(files):
      damage = _gzip_damage(file)
      number = 0
      for record in reader.read(file):
        if isinstance(record, Damage):
          # The unpacking's own word says more.
          record, damage = damage or record, None
        yield index, number, record
        number += 1
      if damage is not None:
        yield index, number, damage


class _Reader:
  """Reads the records of one file after the other with TensorFlow."""

  def __init__(self):
    from hub_estimator.tf_compat import tf

    self._errors = tf.errors
    with tf.Graph().as_default():
      self._path = tf.compat.v1.placeholder(tf.string, [])
      self._compression = tf.compat.v1.placeholder(tf.string, [])
      records = tf.data.TFRecordDataset(self._path, self._compression)
      self._iterators = [
        tf.compat.v1.data.make_initializable_iterator(records.batch(size))
        for size in (_READ_AT_ONCE, 1)
      ]
      self._next = [iterator.get_next() for iterator in self._iterators]
      # A session that could see GPUs would take their memory.
      self._session = tf.compat.v1.Session(
        config=tf.compat.v1.ConfigProto(device_count={"GPU": 0})
      )

  def read(self, file: RecordFile) -> Iterator[Union[bytes, Damage]]:
    """Yields the records of a file, and a `Damage` if that is how it ends."""
    number = 0
    try:
      for records in self._batches(file, 0):
        yield from records
        number += len(records)
    except self._errors.OpError:
      pass
    else:
      return
    # One by one up to the damage: those of its batch were not handed over.
    try:
      for i, records in enumerate(self._batches(file, 1)):
        if i >= number:
          yield records[0]
    except self._errors.OpError as error:
      found = _DAMAGE.search(error.message)
      yield Damage(
        f"it is {found[1]}, at byte {found[2]}"
        if found
        else " ".join(error.message.split())
      )

  def _batches(self, file: RecordFile, which: int):
    self._session.run(
      self._iterators[which].initializer,
      {self._path: file.path, self._compression: file.compression},
    )
    while True:
      try:
        yield self._session.run(self._next[which]).tolist()
      except self._errors.OutOfRangeError:
        return

  def close(self) -> None:
    """Ends the session."""
    self._session.close()


def _gzip_damage(file: RecordFile) -> Optional[Damage]:
  """Returns what is wrong with a gzip file; TensorFlow takes a part for all."""
  if file.compression != "GZIP":
    return None
  try:
    with gzip.open(file.path) as content:
      while content.read(_CHUNK_BYTES):
        pass
  except EOFError:
    return Damage("the gzip file ends too early")
  except (OSError, zlib.error) as error:
    return Damage(f"the gzip file cannot be unpacked: {error}")
  return None
