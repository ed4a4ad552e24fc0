"""The confusion matrix as a picture, with numbers in a small built-in font."""

from __future__ import annotations

from typing import Optional

import numpy as np

_RIGHT = np.array([0, 114, 178])
_WRONG = np.array([213, 94, 0])
_WHITE = np.array([255, 255, 255])
_RULE = np.array([220, 220, 220])
_INK = np.array([20, 20, 20])

# Three columns by five rows: a bit for each pixel, row by row.
_GLYPHS = {
  "0": 0b111101101101111,
  "1": 0b010110010010111,
  "2": 0b111001111100111,
  "3": 0b111001111001111,
  "4": 0b101101111001001,
  "5": 0b111100111001111,
  "6": 0b111100111101111,
  "7": 0b111001001001001,
  "8": 0b111101111101111,
  "9": 0b111101111001111,
  "k": 0b101101110101101,
  "M": 0b101111111101101,
  ".": 0b000000000000010,
}
_GLYPH_HEIGHT, _GLYPH_WIDTH = 5, 3


def confusion_pixels(
  matrix: np.ndarray, cell_size: Optional[int] = None
) -> np.ndarray:
  """Draws a confusion matrix.

  The stronger a cell's colour, the larger its share of the row: blue on the
  diagonal, where predictions are right, orange elsewhere. From a cell size of
  16 pixels the counts stand in the cells, and the numbers of the classes at the
  upper and left border.

  Args:
    matrix: [num_classes, num_classes], rows are labels, columns predictions.
    cell_size: pixels; chosen by the number of classes if None.

  Returns:
    uint8 [height, width, 3].
  """
  matrix = np.asarray(matrix, np.float64)
  num_classes = len(matrix)
  if cell_size is None:
    cell_size = max(4, min(48, 960 // num_classes))
  totals = matrix.sum(axis=1, keepdims=True)
  shares = matrix / np.where(totals > 0, totals, 1)
  # A single mistake among many stays visible.
  strengths = np.where(matrix > 0, 0.08 + 0.72 * shares, 0)[..., np.newaxis]
  diagonal = np.eye(num_classes, dtype=bool)[..., np.newaxis]
  colours = _WHITE + strengths * (np.where(diagonal, _RIGHT, _WRONG) - _WHITE)
  pixels = colours.repeat(cell_size, axis=0).repeat(cell_size, axis=1)
  if cell_size < 16:
    return pixels.astype(np.uint8)
  pixels[::cell_size] = _RULE
  pixels[:, ::cell_size] = _RULE
  margin = cell_size
  page = np.full([len(pixels) + margin, len(pixels) + margin, 3], 255.0)
  page[margin:, margin:] = pixels
  for number in range(num_classes):
    start = margin + number * cell_size
    _write(page[:margin, start : start + cell_size], str(number))
    _write(page[start : start + cell_size, :margin], str(number))
    for column in range(num_classes):
      if matrix[number, column]:
        left = margin + column * cell_size
        _write(
          page[start : start + cell_size, left : left + cell_size],
          short_count(matrix[number, column]),
        )
  return page.astype(np.uint8)


def short_count(count: float) -> str:
  """Returns a count in at most four characters, such as "12k"."""
  if count >= 999_500:
    return f"{count / 1e6:.0f}M"
  if count >= 9_999.5:
    return f"{count / 1e3:.0f}k"
  if count < 10 and count != int(count):
    return f"{count:.1f}"
  return f"{count:.0f}"


def _write(cell: np.ndarray, text: str) -> None:
  """Writes text into the middle of a part of the page."""
  width = len(text) * (_GLYPH_WIDTH + 1) - 1
  scale = min((len(cell) - 4) // _GLYPH_HEIGHT, (cell.shape[1] - 4) // width, 3)
  if scale < 1:
    return
  mask = np.zeros([_GLYPH_HEIGHT, width], bool)
  for number, character in enumerate(text):
    bits = f"{_GLYPHS[character]:015b}"
    glyph = np.array([bit == "1" for bit in bits]).reshape(
      _GLYPH_HEIGHT, _GLYPH_WIDTH
    )
    left = number * (_GLYPH_WIDTH + 1)
    mask[:, left : left + _GLYPH_WIDTH] = glyph
  mask = mask.repeat(scale, axis=0).repeat(scale, axis=1)
  top = (len(cell) - len(mask)) // 2
  left = (cell.shape[1] - mask.shape[1]) // 2
  cell[top : top + len(mask), left : left + mask.shape[1]][mask] = _INK
