"""The index of a checkpoint: what it holds, and in which file at which place.

Read without TensorFlow's reader, for what may be damaged: see `sorted_table`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from hub_estimator.file_formats import (
  damage,
  files,
  ordered_code,
  sorted_table,
)
from hub_estimator.file_formats.messages import (
  OPTIONAL,
  REPEATED,
  TYPES,
  build_messages,
)

# As in TensorFlow's `tensor_bundle.proto` and `tensor_shape.proto`.
_CLASSES = build_messages(
  "tensor_bundle_outline.proto",
  {
    "Dim": (("size", 1, TYPES.TYPE_INT64, OPTIONAL),),
    "Shape": (("dim", 2, TYPES.TYPE_MESSAGE, REPEATED, "Dim"),),
    # A dimension without a length is taken whole.
    "Extent": (
      ("start", 1, TYPES.TYPE_INT64, OPTIONAL),
      ("length", 2, TYPES.TYPE_INT64, OPTIONAL),
    ),
    "Slice": (("extent", 1, TYPES.TYPE_MESSAGE, REPEATED, "Extent"),),
    "Version": (("producer", 1, TYPES.TYPE_INT32, OPTIONAL),),
    "Header": (
      ("num_shards", 1, TYPES.TYPE_INT32, OPTIONAL),
      ("endianness", 2, TYPES.TYPE_INT32, OPTIONAL),
      ("version", 3, TYPES.TYPE_MESSAGE, OPTIONAL, "Version"),
    ),
    "Entry": (
      ("dtype", 1, TYPES.TYPE_INT32, OPTIONAL),
      ("shape", 2, TYPES.TYPE_MESSAGE, OPTIONAL, "Shape"),
      ("shard_id", 3, TYPES.TYPE_INT32, OPTIONAL),
      ("offset", 4, TYPES.TYPE_INT64, OPTIONAL),
      ("size", 5, TYPES.TYPE_INT64, OPTIONAL),
      ("crc32c", 6, TYPES.TYPE_FIXED32, OPTIONAL),
      ("slices", 7, TYPES.TYPE_MESSAGE, REPEATED, "Slice"),
    ),
  },
)


Header = _CLASSES["Header"]
EntryProto = _CLASSES["Entry"]


class Extent(NamedTuple):
  """What a slice takes of one dimension."""

  start: int
  length: int


class Entry(NamedTuple):
  """A tensor of a checkpoint, or a slice of one.

  Attributes:
    shape: its shape.
    dtype: the number of its dtype, an entry of the enum `DataType`.
    shard: the number of the data file that holds it.
    end: the place behind its last byte in that file.
    is_sliced: whether its bytes are those of slices, which have entries of
      their own.
    start: the place of its first byte in that file.
    masked_crc32c: the checksum of its bytes, as TensorFlow stores it.
    slices: if it is sliced, the extents of each slice, one a dimension; the
      length is -1 for a dimension that is taken whole.
  """

  shape: tuple[int, ...]
  dtype: int
  shard: int
  end: int
  is_sliced: bool
  start: int = 0
  masked_crc32c: int = 0
  slices: tuple[tuple[Extent, ...], ...] = ()


class CheckpointIndex:
  """What a checkpoint holds, and the data files that it needs for that."""

  def __init__(self, prefix: str):
    """Reads the index of a checkpoint.

    Args:
      prefix: the checkpoint's prefix.

    Raises:
      OSError (which is a ValueError): the index is damaged; the message names
        the file.
    """
    self._prefix = prefix
    self.path = prefix + ".index"
    content = files.read(self.path)
    self.entries: dict[str, Entry] = {}
    self._slices: dict[bytes, Entry] = {}
    self._num_shards = 0
    self.is_big_endian = False
    with damage.reading(f"Cannot read checkpoint {prefix}: {self.path}"):
      for key, value in sorted_table.read_table(content):
        self._add(key, value)
      if not self._num_shards:
        raise ValueError("it does not begin with a header")

  def _add(self, key: bytes, value: bytes) -> None:
    if not key:
      header = Header.FromString(value)
      self._num_shards = header.num_shards
      self.is_big_endian = bool(header.endianness)
      return
    proto = EntryProto.FromString(value)
    entry = Entry(
      tuple(dim.size for dim in proto.shape.dim),
      proto.dtype,
      proto.shard_id,
      proto.offset + proto.size,
      bool(proto.slices),
      proto.offset,
      proto.crc32c,
      tuple(
        tuple(
          Extent(e.start, e.length if e.length else -1) for e in part.extent
        )
        for part in proto.slices
      ),
    )
    if min((proto.offset, proto.size, proto.shard_id, *entry.shape)) < 0:
      raise ValueError(f"the entry of {key!r} holds a negative number")
    # The keys of slices start with a zero byte and are no text.
    if key[0] == 0:
      self._slices[key] = entry
    else:
      self.entries[key.decode()] = entry

  def slice_entry(
    self, name: str, extents: Sequence[Extent]
  ) -> Optional[Entry]:
    """Returns the entry of one slice of a tensor; None if there is none.

    Args:
      name: the tensor's name.
      extents: one of the `slices` of the tensor's entry.
    """
    return self._slices.get(ordered_code.slice_key(name, extents))

  def shard_path(self, name: str) -> str:
    """Returns the path of the data file that holds a tensor."""
    return self.entry_path(self.entries[name])

  def entry_path(self, entry: Entry) -> str:
    """Returns the path of the data file that holds an entry's bytes."""
    return self._shard_path(entry.shard)

  def _shard_path(self, shard: int) -> str:
    return f"{self._prefix}.data-{shard:05d}-of-{self._num_shards:05d}"

  def shard_ends(self, names) -> dict[str, int]:
    """Returns the data files of some tensors, with the bytes they must have.

    Args:
      names: names of the tensors; those that the index lacks do not count.

    Returns:
      {path of a data file: the place behind the last byte needed of it}, in
      the order of the files' numbers.
    """
    entries = [self.entries[name] for name in names if name in self.entries]
    if any(entry.is_sliced for entry in entries):
      entries += self._slices.values()
    ends: dict[int, int] = {}
    for entry in entries:
      if not entry.is_sliced:
        ends[entry.shard] = max(ends.get(entry.shard, 0), entry.end)
    return {self._shard_path(shard): end for shard, end in sorted(ends.items())}

  def check_shards(self, names) -> None:
    """Raises OSError if a data file lacks bytes of some tensors.

    It does not read them: whether bytes have changed is found by their checksum
    when they are restored, or by `verify_module`.

    Args:
      names: names of the tensors; those that the index lacks do not count.
    """
    for path, end in self.shard_ends(names).items():
      if not files.exists(path):
        raise damage.DamagedFileError(
          f"There is no file {path}, in which {self.path} says that tensors "
          "lie. Copy the module again, with all of its files."
        )
      length = files.size(path)
      if length < end:
        raise damage.DamagedFileError(
          f"{path} has {length} bytes, and {self.path} says that tensors lie "
          f"in {end}: it was cut off. Copy the module again."
        )
