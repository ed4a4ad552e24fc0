"""Reading a sorted string table, TensorFlow's file of keys and values.

The index of a checkpoint is one. TensorFlow's own reader does not check the
checksums in it, and ends the process where it meets an entry that it cannot
parse; so a file from elsewhere is read here first.

A table is a row of blocks and a footer. A block is a row of entries (bytes that
the key shares with the one before, the rest of the key, value), then a byte
that says whether it is compressed, and a checksum. The last block before the
footer maps keys to the places of the other blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub_estimator.file_formats import crc32c, snappy_format

_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_MAGIC = 0xDB4775248B80FB57
# The last bytes of every table.
END = _MAGIC.to_bytes(8, "little")
_UNCOMPRESSED, _SNAPPY = 0, 1


def read_table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Yields the (key, value) pairs of a table, sorted by key.

  Raises:
    ValueError: it is damaged; the message says where.
  """
  footer = content[-_FOOTER_BYTES:]
  if len(footer) < _FOOTER_BYTES or (
    int.from_bytes(footer[-8:], "little") != _MAGIC
  ):
    raise ValueError(
      f"it does not end as such a file does; its {len(content)} bytes may be "
      "the beginning of a longer one"
    )
  place = 0
  handles = []
  for _ in range(2):
    offset, place = read_varint(footer, place)
    size, place = read_varint(footer, place)
    handles.append((offset, size))
  # Nothing is read of the first, whose checksum may tell that the file has been
  # changed.
  _, index = (_block(content, *handle) for handle in handles)
  for _, handle in _entries(index):
    offset, place = read_varint(handle, 0)
    size, _ = read_varint(handle, place)
    yield from _entries(_block(content, offset, size))


def _block(content: bytes, offset: int, size: int) -> bytes:
  end = offset + size + 1
  trailer = content[end - 1 : end - 1 + _TRAILER_BYTES]
  if len(trailer) < _TRAILER_BYTES:
    raise ValueError(f"block {offset} ends behind the end of the file")
  if crc32c.masked_crc32c(content[offset:end]) != int.from_bytes(
    trailer[1:], "little"
  ):
    raise ValueError(f"the checksum of block {offset} does not match")
  block = content[offset : end - 1]
  if trailer[0] == _SNAPPY:
    return snappy_format.decompress(block)
  if trailer[0] != _UNCOMPRESSED:
    raise ValueError(f"block {offset} has unknown compression {trailer[0]}")
  return block


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
  """Yields the (key, value) pairs of a block."""
  num_restarts = int.from_bytes(block[-4:], "little")
  end = len(block) - 4 * (num_restarts + 1)
  key, place = b"", 0
  while place < end:
    num_shared, place = read_varint(block, place)
    num_rest, place = read_varint(block, place)
    num_value, place = read_varint(block, place)
    value_start = place + num_rest
    if num_shared > len(key) or value_start + num_value > end:
      raise ValueError("an entry ends behind the end of its block")
    key = key[:num_shared] + block[place:value_start]
    place = value_start + num_value
    yield key, block[value_start:place]


def read_varint(content: bytes, place: int) -> tuple[int, int]:
  """Returns the number of variable length at a place, and the place behind."""
  value = shift = 0
  while True:
    if place >= len(content) or shift > 63:
      raise ValueError("a number ends behind the end of its block")
    byte = content[place]
    place += 1
    value |= (byte & 0x7F) << shift
    if byte < 0x80:
      return value, place
    shift += 7
