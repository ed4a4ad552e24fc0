"""Pictures as PNG, written without TensorFlow: no graph, no session."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Optional

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB = 0, 2


def encode_png(pixels: np.ndarray) -> bytes:
  """Returns a PNG file.

  Args:
    pixels: uint8 [height, width] or [height, width, 1] gray, or [height, width,
      3] red, green and blue.
  """
  pixels = np.asarray(pixels, np.uint8)
  if pixels.ndim == 2:
    pixels = pixels[:, :, np.newaxis]
  height, width, num_channels = pixels.shape
  header = struct.pack(
    ">IIBBBBB", width, height, 8, _RGB if num_channels == 3 else _GRAY, 0, 0, 0
  )
  # Each row begins with the number of its filter: 0, none.
  rows = np.concatenate(
    [np.zeros([height, 1], np.uint8), pixels.reshape(height, -1)], axis=1
  )
  return b"".join(
    [
      _SIGNATURE,
      _chunk(b"IHDR", header),
      _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
      _chunk(b"IEND", b""),
    ]
  )


def _chunk(kind: bytes, content: bytes) -> bytes:
  checksum = struct.pack(">I", zlib.crc32(kind + content))
  return struct.pack(">I", len(content)) + kind + content + checksum


def data_uri(png: bytes) -> str:
  """Returns a PNG file as an address that a page can hold."""
  return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def is_image(array: np.ndarray) -> bool:
  """Whether an array looks like an image.

  That is numbers [height, width, channels], 1, 3 or 4 of these, or [height,
  width], with at least 4 pixels each way.
  """
  array = np.asarray(array)
  if array.dtype.kind not in "fiu" or array.ndim not in (2, 3):
    return False
  if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
    return False
  return min(array.shape[:2]) >= 4


def image_pixels(
  array: np.ndarray,
  value_range: Optional[tuple[float, float]] = None,
  longest_side: int = 160,
) -> np.ndarray:
  """Returns the pixels of an image, for `encode_png`.

  Args:
    array: see `is_image`; a fourth channel is left out.
    value_range: the values of black and white; if None, 0 and 255 for bytes, 0
      and 1, or -1 and 1, if all values are in there, else the least and the
      largest value.
    longest_side: larger images are made smaller, by leaving out pixels.
  """
  array = np.asarray(array)
  if array.ndim == 3 and array.shape[2] == 4:
    array = array[:, :, :3]
  stride = -(-max(array.shape[:2]) // longest_side)
  array = array[::stride, ::stride]
  low, high = _value_range(array) if value_range is None else value_range
  values = np.nan_to_num(
    array.astype(np.float64), nan=low, posinf=high, neginf=low
  )
  scaled = (values - low) / ((high - low) or 1)
  return np.round(np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _value_range(array: np.ndarray) -> tuple[float, float]:
  if array.dtype == np.uint8:
    return 0, 255
  finite = array[np.isfinite(array)]
  if not finite.size:
    return 0, 1
  low, high = float(finite.min()), float(finite.max())
  if low >= -1 and high <= 1:
    return (0, 1) if low >= 0 else (-1, 1)
  return low, high
