"""Bytes of small images in the formats and kinds that files come in."""

import struct
import zlib

import numpy as np

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _png_chunk(kind, content):
  crc = zlib.crc32(kind + content)
  return (
    struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)
  )


def png(pixels, palette=None, palette_alpha=None):
  """Encodes uint8 or uint16 [height, width, 1 to 4], or palette indices."""
  height, width, channels = pixels.shape
  color_type = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
  depth = 8 * pixels.dtype.itemsize
  rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
  raw = b"".join(b"\0" + row.tobytes() for row in rows)
  header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
  chunks = [_png_chunk(b"IHDR", header)]
  if palette is not None:
    chunks.append(_png_chunk(b"PLTE", bytes(np.ravel(palette).tolist())))
  if palette_alpha is not None:
    chunks.append(_png_chunk(b"tRNS", bytes(palette_alpha)))
  chunks.append(_png_chunk(b"IDAT", zlib.compress(raw)))
  chunks.append(_png_chunk(b"IEND", b""))
  return _PNG_SIGNATURE + b"".join(chunks)


def bmp(pixels, palette=None):
  """Encodes uint8 [height, width, 1, 3 or 4]; one channel with a palette.

  The palette is that of grey values, unless one of 256 RGB entries is given.
  """
  height, width, channels = pixels.shape
  if channels >= 3:
    pixels = pixels[..., [2, 1, 0, 3][:channels]]
  padding = b"\0" * (-width * channels % 4)
  body = b"".join(row.tobytes() + padding for row in pixels[::-1])
  table = b""
  if channels == 1:
    entries = palette if palette is not None else [[i] * 3 for i in range(256)]
    table = b"".join(bytes([b, g, r, 0]) for r, g, b in entries)
  offset = 54 + len(table)
  info = struct.pack(
    "<IiiHHIIiiII",
    40,
    width,
    height,
    1,
    8 * channels,
    0,
    len(body),
    2835,
    2835,
    len(table) // 4,
    0,
  )
  return (
    b"BM"
    + struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    + info
    + table
    + body
  )


def gif(frames, palette):
  """Encodes frames, each [height, width] indices below 128, without LZW.

  Codes of 8 bits that are cleared before the decoder would widen them.
  """
  height, width = frames[0].shape if frames else (0, 0)
  table = b"".join(bytes(map(int, color)) for color in palette)
  table += b"\0" * (3 * 128 - len(table))
  parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0xF6, 0, 0), table]
  for frame in frames:
    codes = b""
    for start in range(0, frame.size, 100):
      codes += (
        b"\x80" + frame.ravel()[start : start + 100].astype(np.uint8).tobytes()
      )
    codes += b"\x81"
    parts.append(
      b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x07"
    )
    for start in range(0, len(codes), 255):
      block = codes[start : start + 255]
      parts.append(bytes([len(block)]) + block)
    parts.append(b"\0")
  return b"".join([*parts, b";"])


def solid_jpeg(values, height=8, width=8, adobe_transform=None):
  """Encodes an image of one color, as baseline JPEG without subsampling.

  Args:
    values: the value of each component, as stored, 0 to 255: grey, YCbCr, or
      CMYK.
    height: at most 65,535.
    width: at most 65,535.
    adobe_transform: adds an Adobe segment with that color transform.
  """

  def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content

  count = len(values)
  parts = [b"\xff\xd8"]
  if adobe_transform is not None:
    parts.append(
      segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe_transform))
    )
  parts.append(segment(0xDB, b"\0" + b"\1" * 64))
  frame = struct.pack(">BHHB", 8, height, width, count)
  frame += b"".join(bytes([i + 1, 0x11, 0]) for i in range(count))
  parts.append(segment(0xC0, frame))
  # DC: the categories 0 to 11, four bits each. AC: only "end of block".
  parts.append(
    segment(0xC4, b"\0" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12)))
  )
  parts.append(segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0"))
  scan = (
    bytes([count])
    + b"".join(bytes([i + 1, 0]) for i in range(count))
    + b"\0\x3f\0"
  )
  parts.append(segment(0xDA, scan))
  bits = ""
  for index in range(-(-height // 8) * -(-width // 8)):
    for value in values:
      # The DC coefficient of a solid block is 8 times its level.
      difference = 8 * (value - 128) if index == 0 else 0
      size = abs(difference).bit_length()
      bits += f"{size:04b}"
      if size:
        code = difference if difference > 0 else difference + (1 << size) - 1
        bits += f"{code:0{size}b}"
      bits += "0"
  bits += "1" * (-len(bits) % 8)
  body = (
    int(bits or "0", 2)
    .to_bytes(len(bits) // 8, "big")
    .replace(b"\xff", b"\xff\0")
  )
  return b"".join([*parts, body, b"\xff\xd9"])


def write(path, content):
  """Writes a file, and the folders that it is in; returns its path."""
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)
  return str(path)


def solid_png(color, height=4, width=4):
  """Encodes an image of one color, 1 to 4 values of 0 to 255."""
  return png(np.tile(np.array(color, np.uint8), [height, width, 1]))
