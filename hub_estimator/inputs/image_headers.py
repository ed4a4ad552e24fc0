"""What the headers of image files say, read without TensorFlow.

Whether a file is an image that can be decoded and is all there is told from its
first bytes, the sizes it states, and its end: no pixel is decoded.
"""

from __future__ import annotations

import dataclasses
import os
import struct
from typing import BinaryIO, Optional

JPEG = "JPEG"
PNG = "PNG"
GIF = "GIF"
BMP = "BMP"
FORMATS = (JPEG, PNG, BMP, GIF)

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif")

# What a problem counts under.
NOT_AN_IMAGE = "not an image"
EMPTY_FILE = "empty file"
MISSING_FILE = "missing file"
UNREADABLE_FILE = "unreadable file"
UNSUPPORTED_FORMAT = "unsupported image format"
TRUNCATED = "truncated image"
DAMAGED = "damaged image"
NO_PIXELS = "image without pixels"

_EXPECTED = "expected a JPEG, PNG, BMP or GIF image"
_HEAD_BYTES = 32
# (offset, bytes) that a file of the format has.
_SIGNATURES = (
  (JPEG, 0, b"\xff\xd8\xff"),
  (PNG, 0, b"\x89PNG\r\n\x1a\n"),
  (GIF, 0, b"GIF87a"),
  (GIF, 0, b"GIF89a"),
  (BMP, 0, b"BM"),
  ("WebP", 8, b"WEBP"),
  ("TIFF", 0, b"II*\0"),
  ("TIFF", 0, b"MM\0*"),
  ("HEIF", 4, b"ftyphei"),
  ("HEIF", 4, b"ftypmif1"),
  ("AVIF", 4, b"ftypavif"),
  ("JPEG 2000", 4, b"jP  \r\n"),
  ("JPEG XL", 4, b"JXL \r\n"),
  ("JPEG XL", 0, b"\xff\x0a"),
  ("Photoshop", 0, b"8BPS"),
)
_JPEG_END = b"\xff\xd9"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# Start-of-frame markers of the JPEG processes that TensorFlow decodes:
# baseline, extended and progressive with Huffman codes.
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2)
_JPEG_NO_FRAMES = (0xC4, 0xC8, 0xCC)


class ImageError(Exception):
  """Why a file cannot be used as an image.

  Attributes:
    reason: the kind of problem, the same for all files that have it.
    text: what was expected and what is there.
  """

  def __init__(self, reason: str, text: str):
    super().__init__(text)
    self.reason = reason
    self.text = text


@dataclasses.dataclass(frozen=True)
class ImageHeader:
  """What the header of an image says.

  Attributes:
    format: one of `FORMATS`.
    height: in pixels.
    width: in pixels.
  """

  format: str
  height: int
  width: int


def identify(head: bytes) -> Optional[str]:
  """Returns the image format of a file by its first 32 bytes, None if none."""
  for name, offset, signature in _SIGNATURES:
    if head[offset : offset + len(signature)] == signature:
      # "BM" alone begins many a text; a bitmap's reserved bytes are zero.
      if name == BMP and head[6:10] != bytes(4):
        continue
      return name
  return None


def read_format(path: str) -> Optional[str]:
  """Returns the image format of a file, by its content, None if none.

  Raises:
    ImageError: the file cannot be read.
  """
  try:
    with open(path, "rb") as file:
      return identify(file.read(_HEAD_BYTES))
  except OSError as error:
    raise _unreadable(error) from error


def read_header(path: str) -> ImageHeader:
  """Reads the header of an image, and looks whether the file is all there.

  Args:
    path: a file.

  Raises:
    ImageError: it is not an image of `FORMATS`, or it has no pixels, or its
      end is missing.
  """
  try:
    with open(path, "rb") as file:
      size = os.fstat(file.fileno()).st_size
      head = file.read(_HEAD_BYTES)
      if not size:
        raise ImageError(EMPTY_FILE, f"{_EXPECTED}; the file is empty")
      name = identify(head)
      if name is None:
        raise ImageError(
          NOT_AN_IMAGE, f"{_EXPECTED}; the file begins with {head[:8]!r}"
        )
      if name not in FORMATS:
        raise ImageError(
          UNSUPPORTED_FORMAT,
          f"{_EXPECTED}; it is a{'n' * (name[0] in 'AEIOU')} {name} image: "
          "convert it, for example to PNG",
        )
      return _READERS[name](file, size)
  except OSError as error:
    raise _unreadable(error) from error
  except struct.error as error:
    raise ImageError(
      TRUNCATED, f"the file of {size} bytes ends within its header"
    ) from error


def _unreadable(error: OSError) -> ImageError:
  if isinstance(error, FileNotFoundError):
    return ImageError(MISSING_FILE, f"{_EXPECTED}; there is no such file")
  return ImageError(
    UNREADABLE_FILE, f"{_EXPECTED}; the file cannot be read: {error.strerror}"
  )


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
  return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _create_header(name: str, height: int, width: int) -> ImageHeader:
  if not height or not width:
    raise ImageError(
      NO_PIXELS, f"expected pixels; the {name} image is {height} x {width}"
    )
  return ImageHeader(name, height, width)


def _truncated(header: ImageHeader, end: str) -> ImageError:
  return ImageError(
    TRUNCATED,
    f"the file is cut off: the {header.format} image of {header.height} x "
    f"{header.width} pixels has no {end}",
  )


def _read_jpeg(file: BinaryIO, size: int) -> ImageHeader:
  """Reads segments up to the first scan, and looks for the end marker."""
  file.seek(2)
  header = None
  while True:
    byte = 0xFF
    (prefix,) = _unpack(file, "B")
    if prefix != 0xFF:
      raise ImageError(
        DAMAGED,
        f"expected a JPEG marker at byte {file.tell() - 1}; there is "
        f"{prefix:#04x}",
      )
    while byte == 0xFF:  # Any number of these may stand before a marker.
      (byte,) = _unpack(file, "B")
    if byte == 0x01 or 0xD0 <= byte <= 0xD7:  # Markers without a segment.
      continue
    if byte == 0xD9:
      raise ImageError(DAMAGED, "the JPEG image ends before its first pixel")
    (length,) = _unpack(file, ">H")
    next_segment = file.tell() + length - 2
    if 0xC0 <= byte <= 0xCF and byte not in _JPEG_NO_FRAMES:
      precision, height, width = _unpack(file, ">BHH")
      header = _create_header(JPEG, height, width)
      if byte not in _JPEG_FRAMES or precision != 8:
        raise ImageError(
          UNSUPPORTED_FORMAT,
          "expected a baseline or progressive JPEG of 8 bits; it is one of "
          f"{precision} bits with the frame marker {byte:#04x}: convert it",
        )
    elif byte == 0xDA:
      break
    file.seek(next_segment)
  if header is None:
    raise ImageError(DAMAGED, "the JPEG image states no size")
  file.seek(-2, os.SEEK_END)
  # Some cameras write more behind the end; a thumbnail's end does not count.
  if file.read(2) != _JPEG_END:
    file.seek(min(next_segment, size))
    if _JPEG_END not in file.read():
      raise _truncated(header, "end marker")
  return header


def _read_png(file: BinaryIO, size: int) -> ImageHeader:
  """Reads the first chunk, and looks for the last."""
  file.seek(8)
  length, kind, width, height = _unpack(file, ">I4sII")
  if kind != b"IHDR" or length != 13:
    raise ImageError(
      DAMAGED, f"expected a PNG that begins with IHDR; there is {kind!r}"
    )
  header = _create_header(PNG, height, width)
  file.seek(max(0, size - len(_PNG_END)))
  if file.read() == _PNG_END:
    return header
  position = 8
  while True:
    file.seek(position)
    prefix = file.read(8)
    if len(prefix) < 8:
      raise _truncated(header, "IEND chunk")
    length, kind = struct.unpack(">I4s", prefix)
    position += 12 + length
    if kind == b"IEND" and position <= size:
      return header


def _read_gif(file: BinaryIO, size: int) -> ImageHeader:
  """Walks the blocks up to the end of the first frame."""
  del size
  file.seek(6)
  width, height, flags, _, _ = _unpack(file, "<HHBBB")
  header = _create_header(GIF, height, width)
  _skip_gif_colors(file, flags)
  while True:
    kind = file.read(1)
    if kind == b"\x2c":
      _, _, _, _, flags = _unpack(file, "<HHHHB")
      _skip_gif_colors(file, flags)
      file.seek(1, os.SEEK_CUR)
      _skip_gif_blocks(file, header)
      return header
    if kind == b"\x21":
      file.seek(1, os.SEEK_CUR)
      _skip_gif_blocks(file, header)
    elif kind == b"\x3b":
      raise ImageError(NO_PIXELS, "expected pixels; the GIF has no frame")
    elif not kind:
      raise _truncated(header, "whole frame")
    else:
      raise ImageError(
        DAMAGED,
        f"expected a GIF block at byte {file.tell() - 1}; there is {kind!r}",
      )


def _skip_gif_colors(file: BinaryIO, flags: int) -> None:
  if flags & 0x80:
    file.seek(3 * 2 ** ((flags & 7) + 1), os.SEEK_CUR)


def _skip_gif_blocks(file: BinaryIO, header: ImageHeader) -> None:
  while True:
    length = file.read(1)
    if not length:
      raise _truncated(header, "whole frame")
    if length == b"\0":
      return
    file.seek(length[0], os.SEEK_CUR)


def _read_bmp(file: BinaryIO, size: int) -> ImageHeader:
  """Reads both headers, and compares the file's size with theirs."""
  file.seek(10)
  offset, info_bytes, width, height, _, bits = _unpack(file, "<IIiiHH")
  (compression,) = _unpack(file, "<I")
  file.seek(46)
  (num_colors,) = _unpack(file, "<I")
  is_plain = compression == 0 or (compression == 3 and bits == 32)
  if info_bytes < 40 or bits not in (8, 24, 32) or not is_plain:
    raise ImageError(
      UNSUPPORTED_FORMAT,
      "expected an uncompressed BMP of 8, 24 or 32 bits; it has "
      f"{bits} bits, compression {compression} and a header of {info_bytes} "
      "bytes: convert it, for example to PNG",
    )
  header = _create_header(BMP, abs(height), max(width, 0))
  if bits == 8:
    file.seek(14 + info_bytes)
    palette = file.read(4 * (num_colors or 256))
    # TensorFlow takes the indices for shades of grey.
    for i in range(len(palette) // 4):
      if palette[4 * i : 4 * i + 3] != bytes([i % 256]) * 3:
        raise ImageError(
          UNSUPPORTED_FORMAT,
          "expected a BMP without a palette of colors; it has one: convert "
          "it, for example to PNG",
        )
  row_bytes = (header.width * bits // 8 + 3) // 4 * 4
  if size < offset + row_bytes * header.height:
    raise _truncated(header, f"bytes after {size}")
  return header


_READERS = {
  JPEG: _read_jpeg,
  PNG: _read_png,
  GIF: _read_gif,
  BMP: _read_bmp,
}
