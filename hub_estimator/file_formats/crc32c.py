"""CRC-32C (Castagnoli), by which TensorFlow guards the blocks of its files.

The checksum of bytes is linear in them, so that of a whole follows from those
of its halves. NumPy computes the checksums of all bytes at once, then of all
pairs, and so on: a block of a megabyte takes milliseconds, where a loop over
its bytes would take a second.
"""

from __future__ import annotations

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Reflected.
_MASK_DELTA = 0xA282EAD8
_PIECE_BYTES = 2**20


def masked_crc32c(content: bytes) -> int:
  """Returns the checksum in the form in which TensorFlow stores it."""
  return mask(crc32c(content))


def mask(crc: int) -> int:
  """Returns a checksum in the form in which TensorFlow stores it."""
  return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def unmask(masked: int) -> int:
  """Returns the checksum that TensorFlow stores in a form of its own."""
  rotated = (masked - _MASK_DELTA) & 0xFFFFFFFF
  return ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF


def joined(first: int, second: int, num_second_bytes: int) -> int:
  """Returns the CRC-32C of bytes and of those behind them, from that of both.

  Args:
    first: the CRC-32C of the bytes in front.
    second: that of the bytes behind them.
    num_second_bytes: how many those are.
  """
  registers = np.array([first], np.uint32)
  level = 0
  while num_second_bytes:
    if num_second_bytes & 1:
      registers = _shift(registers, level)
    num_second_bytes >>= 1
    level += 1
  return int(registers[0]) ^ second


def crc32c(content: bytes) -> int:
  """Returns the CRC-32C of bytes."""
  crc = 0xFFFFFFFF
  for start in range(0, len(content), _PIECE_BYTES):
    crc = _extend(crc, content[start : start + _PIECE_BYTES])
  return crc ^ 0xFFFFFFFF


def _extend(crc: int, piece: bytes) -> int:
  """Returns the register after some bytes, from that before them."""
  if len(piece) < 4:
    for byte in piece:
      crc = int(_byte_table()[(crc ^ byte) & 0xFF]) ^ (crc >> 8)
    return crc
  values = np.frombuffer(piece, np.uint8).copy()
  # The register before acts as if it were added to the first four bytes.
  values[:4] ^= np.frombuffer(crc.to_bytes(4, "little"), np.uint8)
  registers = _byte_table()[values]
  level = 0
  while len(registers) > 1:
    if len(registers) % 2:
      # Zeros in front change nothing in a register of 0.
      registers = np.concatenate([np.zeros(1, np.uint32), registers])
    registers = _shift(registers[0::2], level) ^ registers[1::2]
    level += 1
  return int(registers[0])


def _shift(registers: np.ndarray, level: int) -> np.ndarray:
  """Returns registers after 2**level more bytes of zero."""
  tables = _shift_tables(level)
  return (
    tables[0][registers & 0xFF]
    ^ tables[1][(registers >> 8) & 0xFF]
    ^ tables[2][(registers >> 16) & 0xFF]
    ^ tables[3][registers >> 24]
  )


@functools.cache
def _byte_table() -> np.ndarray:
  """Returns the register after each byte, from a register of 0."""
  table = np.arange(256, dtype=np.uint32)
  for _ in range(8):
    table = (table >> 1) ^ np.where(table & 1, _POLYNOMIAL, 0).astype(np.uint32)
  return table


@functools.cache
def _shift_tables(level: int) -> np.ndarray:
  """Returns, for each of a register's bytes and values, it after zeros."""
  registers = np.arange(256, dtype=np.uint32) << (
    8 * np.arange(4, dtype=np.uint32)[:, np.newaxis]
  )
  if level == 0:
    return _byte_table()[registers & 0xFF] ^ (registers >> 8)
  return _shift(_shift(registers, level - 1), level - 1)
