"""Keys of slices in a checkpoint's index: text and numbers that sort as bytes.

As TensorFlow's `EncodeTensorNameSlice` and `OrderedCode`, whose source says how
they are written.
"""

from __future__ import annotations

from collections.abc import Sequence


def slice_key(name: str, extents: Sequence[tuple[int, int]]) -> bytes:
  """Returns the key of a slice of a tensor.

  Args:
    name: the tensor's name.
    extents: (start, length) of each dimension; length -1 for all of it.
  """
  key = _unsigned(0) + _text(name.encode()) + _unsigned(len(extents))
  for start, length in extents:
    key += _signed(start) + _signed(length)
  return key


def _unsigned(value: int) -> bytes:
  digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
  return bytes([len(digits)]) + digits


def _text(text: bytes) -> bytes:
  # In this order: the first makes bytes that the second must not see.
  text = text.replace(b"\xff", b"\xff\x00")
  parts = text.split(b"\x00")
  return b"\x00\xff".join(parts) + b"\x00\x01"


def _signed(value: int) -> bytes:
  """Returns 7 bits a byte: as many leading ones as bytes, sign inverted."""
  bits = (~value if value < 0 else value).bit_length()
  length = bits // 7 + 1
  # The header: `length` ones and a zero, which the sign bits are flipped by.
  header = ((1 << length) - 1) << (8 * length - length)
  encoded = (value ^ header) & ((1 << 8 * length) - 1)
  return encoded.to_bytes(length, "big")
