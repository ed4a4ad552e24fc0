"""Copying tensors from one checkpoint to another, byte for byte.

No value is parsed: bytes go from file to file, and their checksums are those
that the first checkpoint's index has.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Optional

from hub_estimator.file_formats import (
  checkpoint_index,
  crc32c,
  damage,
  files,
  sorted_table_writer,
)
from hub_estimator.file_formats.checkpoint_index import CheckpointIndex, Entry

# What a processor's cache holds beside the rest.
_CHUNK_BYTES = 2**18
_PRODUCER = 1
# A file system may not know how to reserve space.
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


class CopiedTensor(NamedTuple):
  """A tensor whose bytes lie in files, one piece after the other.

  Attributes:
    shape: its shape.
    dtype: the number of its dtype.
    masked_crc32c: the checksum of all of its bytes.
    pieces: (path, start, end) of each.
  """

  shape: tuple[int, ...]
  dtype: int
  masked_crc32c: int
  pieces: tuple[tuple[str, int, int], ...]


def find_tensor(index: CheckpointIndex, name: str) -> Optional[CopiedTensor]:
  """Returns where a tensor's bytes lie; None if they must be put together.

  The bytes of a tensor that is stored in slices along its first dimension are
  those of the slices, one after the other. Slices along another one interleave.

  Args:
    index: the index of the checkpoint.
    name: the tensor's name, one of `index.entries`.
  """
  if index.is_big_endian:
    return None
  entry = index.entries[name]
  parts = _parts(index, name, entry) if entry.is_sliced else [entry]
  if parts is None:
    return None
  crc = crc32c.unmask(parts[0].masked_crc32c)
  for part in parts[1:]:
    crc = crc32c.joined(
      crc, crc32c.unmask(part.masked_crc32c), part.end - part.start
    )
  return CopiedTensor(
    entry.shape,
    entry.dtype,
    crc32c.mask(crc),
    tuple((index.entry_path(part), part.start, part.end) for part in parts),
  )


def _parts(index, name, entry) -> Optional[list[Entry]]:
  """Returns the slices of a tensor in order, if they are rows of it."""
  parts = []
  row = 0
  if not entry.shape:
    return None
  for extents in sorted(entry.slices):
    if len(extents) != len(entry.shape):
      return None
    whole = [
      (0, size) if length == -1 else (start, length)
      for (start, length), size in zip(extents, entry.shape)
    ]
    if whole[1:] != [(0, size) for size in entry.shape[1:]]:
      return None
    part = index.slice_entry(name, extents)
    if whole[0][0] != row or part is None or part.dtype != entry.dtype:
      return None
    row += whole[0][1]
    parts.append(part)
  return parts if row == entry.shape[0] else None


def write_checkpoint(prefix: str, tensors: Mapping[str, CopiedTensor]) -> None:
  """Writes a checkpoint of tensors that lie in other files.

  Args:
    prefix: path of the checkpoint; "<prefix>.index" and one data file appear.
    tensors: name -> tensor; at least one.

  Raises:
    OSError: a file is missing or too short; or the disk is full.
  """
  header = checkpoint_index.Header(num_shards=1)
  header.version.producer = _PRODUCER
  items = [(b"", header.SerializeToString())]
  place = 0
  data_path = f"{prefix}.data-00000-of-00001"
  with files.create_binary(data_path) as target:
    _reserve(target, tensors.values())
    for name in sorted(tensors, key=str.encode):
      tensor = tensors[name]
      size = _copy_pieces(tensor.pieces, target)
      entry = checkpoint_index.EntryProto(
        dtype=tensor.dtype,
        offset=place,
        size=size,
        crc32c=tensor.masked_crc32c,
      )
      # A scalar has a shape, too.
      entry.shape.SetInParent()
      for length in tensor.shape:
        entry.shape.dim.add(size=length)
      items.append((name.encode(), entry.SerializeToString()))
      place += size
  with files.create_binary(f"{prefix}.index") as file:
    file.write(sorted_table_writer.table_bytes(items))


def _copy_pieces(pieces: Sequence[tuple[str, int, int]], target) -> int:
  num_bytes = 0
  for path, start, end in pieces:
    if end > start:
      with files.open_binary(path) as source:
        _copy_range(source, start, end, target)
    num_bytes += end - start
  return num_bytes


def _reserve(target, tensors: Iterable[CopiedTensor]) -> None:
  """Takes the space of a file at once: quicker, and a full disk is found."""
  num_bytes = sum(
    end - start for tensor in tensors for _, start, end in tensor.pieces
  )
  if not num_bytes or not (
    hasattr(os, "posix_fallocate") and hasattr(target, "fileno")
  ):
    return
  try:
    os.posix_fallocate(target.fileno(), 0, num_bytes)
  except OSError as error:
    if error.errno not in _UNSUPPORTED:
      raise


def _copy_range(source, start: int, end: int, target) -> None:
  """Appends bytes of a file to another."""
  source.seek(start)
  while start < end:
    content = source.read(min(_CHUNK_BYTES, end - start))
    if not content:
      raise damage.DamagedFileError(
        f"{source.name} was cut off while it was copied."
      )
    target.write(content)
    start += len(content)
