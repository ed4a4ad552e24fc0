"""Decompressing Snappy, which old checkpoints compress their index with.

The format: https://github.com/google/snappy/blob/main/format_description.txt
"""

from __future__ import annotations


def decompress(content: bytes) -> bytes:
  """Returns the uncompressed bytes; ValueError if they cannot be had."""
  size = shift = place = 0
  while True:
    byte = _take(content, place, 1)[0]
    place += 1
    size |= (byte & 0x7F) << shift
    shift += 7
    if byte < 0x80:
      break
  result = bytearray()
  while place < len(content):
    tag = content[place]
    place += 1
    kind = tag & 3
    if kind == 0:
      length = tag >> 2
      if length >= 60:
        num_bytes = length - 59
        length = int.from_bytes(_take(content, place, num_bytes), "little")
        place += num_bytes
      result += _take(content, place, length + 1)
      place += length + 1
    else:
      if kind == 1:
        length = ((tag >> 2) & 7) + 4
        offset = (tag >> 5) << 8 | _take(content, place, 1)[0]
        place += 1
      else:
        num_bytes = 2 if kind == 2 else 4
        length = (tag >> 2) + 1
        offset = int.from_bytes(_take(content, place, num_bytes), "little")
        place += num_bytes
      _copy(result, offset, length)
    if len(result) > size:
      break
  if len(result) != size:
    raise ValueError(
      f"compressed bytes give {len(result)} bytes and should give {size}"
    )
  return bytes(result)


def _take(content: bytes, place: int, size: int) -> bytes:
  taken = content[place : place + size]
  if len(taken) < size:
    raise ValueError("compressed bytes end too early")
  return taken


def _copy(result: bytearray, offset: int, length: int) -> None:
  """Appends bytes of the result itself, which may be those it appends."""
  if not 0 < offset <= len(result):
    raise ValueError("compressed bytes refer to what lies before them")
  start = len(result) - offset
  repeated = bytes(result[start : start + length])
  result += (repeated * (length // len(repeated) + 1))[:length]
