"""Tables whose entries or blocks end behind their ends."""

import pytest
from table_builder import table

from hub_estimator.file_formats import sorted_table


def test_keys_share_their_beginnings():
  content = table([(0, b"ab", 1, b"1"), (1, b"c", 2, b"23"), (2, b"d", 0, b"")])
  assert list(sorted_table.read_table(content)) == [
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
    list(sorted_table.read_table(table(entries)))


def test_a_changed_byte_is_found():
  content = bytearray(table([(0, b"a", 1, b"1")]))
  content[4] ^= 1
  with pytest.raises(ValueError, match="checksum of block 0"):
    list(sorted_table.read_table(bytes(content)))
