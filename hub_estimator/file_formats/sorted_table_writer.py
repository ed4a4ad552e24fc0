"""Writing a sorted string table; see `sorted_table` for what it is."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hub_estimator.file_formats import crc32c, sorted_table

_BLOCK_BYTES = 2**16
# A reader searches among the entries whose key is written whole.
_RESTART_INTERVAL = 16
_HANDLES_BYTES = 40


def table_bytes(items: Iterable[tuple[bytes, bytes]]) -> bytes:
  """Returns a table's content.

  Args:
    items: (key, value) pairs, sorted by key.
  """
  table = bytearray()
  index = _Block()
  block = _Block()
  for key, value in items:
    block.add(key, value)
    if block.num_bytes >= _BLOCK_BYTES:
      index.add(block.last_key, block.write_to(table))
      block = _Block()
  if block.num_entries:
    index.add(block.last_key, block.write_to(table))
  handles = _Block().write_to(table) + index.write_to(table)
  return bytes(table) + handles.ljust(_HANDLES_BYTES, b"\0") + sorted_table.END


class _Block:
  """Entries, each without what its key shares with the one before."""

  def __init__(self):
    self._content = bytearray()
    self._restarts = [0]
    self.num_entries = 0
    self.last_key = b""

  @property
  def num_bytes(self) -> int:
    return len(self._content)

  def add(self, key: bytes, value: bytes) -> None:
    num_shared = 0
    if self.num_entries and self.num_entries % _RESTART_INTERVAL == 0:
      self._restarts.append(len(self._content))
    elif self.num_entries:
      num_shared = len(os.path.commonprefix([self.last_key, key]))
    self._content += (
      varint(num_shared) + varint(len(key) - num_shared) + varint(len(value))
    )
    self._content += key[num_shared:] + value
    self.last_key = key
    self.num_entries += 1

  def write_to(self, table: bytearray) -> bytes:
    """Appends the block to a table; returns its place and size."""
    content = bytes(self._content)
    for number in (*self._restarts, len(self._restarts)):
      content += number.to_bytes(4, "little")
    handle = varint(len(table)) + varint(len(content))
    content += b"\0"  # Not compressed.
    table += content
    table += crc32c.masked_crc32c(content).to_bytes(4, "little")
    return handle


def varint(number: int) -> bytes:
  """Returns a number in the form of variable length."""
  encoded = bytearray()
  while number > 0x7F:
    encoded.append(number & 0x7F | 0x80)
    number >>= 7
  encoded.append(number)
  return bytes(encoded)
