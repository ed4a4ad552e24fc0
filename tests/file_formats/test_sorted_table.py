"""Tables whose entries or blocks end behind their ends."""

import pytest

from hub_estimator.file_formats import crc32c, sorted_table


def _varint(value):
  content = b""
  while value > 0x7F:
    content += bytes([value & 0x7F | 0x80])
    value >>= 7
  return content + bytes([value])


def _block(entries):
  """Returns a block of (shared, key rest, length of value, value) entries."""
  content = b"".join(
    _varint(shared) + _varint(len(rest)) + _varint(length) + rest + value
    for shared, rest, length, value in entries
  )
  content += (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
  checksum = crc32c.masked_crc32c(content + b"\0")
  return content, content + b"\0" + checksum.to_bytes(4, "little")


def _table(entries):
  content, stored = _block(entries)
  place = _varint(0) + _varint(len(content))
  index_content, index_stored = _block([(0, b"z", len(place), place)])
  index = _varint(len(stored)) + _varint(len(index_content))
  footer = (place + index).ljust(40, b"\0")
  magic = 0xDB4775248B80FB57.to_bytes(8, "little")
  return stored + index_stored + footer + magic


def test_keys_share_their_beginnings():
  table = _table([(0, b"ab", 1, b"1"), (1, b"c", 2, b"23"), (2, b"d", 0, b"")])
  assert list(sorted_table.read_table(table)) == [
    (b"ab", b"1"),
    (b"ac", b"23"),
    (b"acd", b""),
  ]


@pytest.mark.parametrize(
  "entries",
  [
    [(0, b"a", 2, b"1")],
    [(0, b"a", 200, b"1")],
    [(1, b"a", 1, b"1")],
    [(0, b"ab", 1, b"1"), (3, b"", 1, b"1")],
  ],
)
def test_an_entry_stays_within_its_block(entries):
  with pytest.raises(ValueError, match="an entry ends behind the end"):
    list(sorted_table.read_table(_table(entries)))


def test_a_changed_byte_is_found():
  table = bytearray(_table([(0, b"a", 1, b"1")]))
  table[4] ^= 1
  with pytest.raises(ValueError, match="checksum of block 0"):
    list(sorted_table.read_table(bytes(table)))
