"""What is told of an image file without decoding it."""

import struct

import numpy as np
import pytest
import tiny_images
from tiny_images import bmp, gif, png, solid_jpeg

from hub_estimator.inputs import image_headers
from hub_estimator.inputs.image_headers import ImageError, ImageHeader

PIXELS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
GREY = PIXELS[..., :1]
PALETTE = [(i, 2 * i, 255 - i) for i in range(128)]
FRAMES = [np.arange(35).reshape(5, 7), np.ones([5, 7], int)]

WHOLE = {
  "jpeg": (solid_jpeg([10, 20, 30], 5, 7), "JPEG"),
  "jpeg and more": (solid_jpeg([10], 5, 7) + b"more", "JPEG"),
  "jpeg cmyk": (solid_jpeg([10, 20, 30, 40], 5, 7, adobe_transform=0), "JPEG"),
  "png": (png(PIXELS), "PNG"),
  "png and more": (png(PIXELS) + b"more", "PNG"),
  "png palette": (png(GREY, palette=PALETTE), "PNG"),
  "bmp": (bmp(PIXELS), "BMP"),
  "bmp grey": (bmp(GREY), "BMP"),
  "gif": (gif(FRAMES, PALETTE), "GIF"),
  # A later frame may be cut off, the first is there.
  "gif of one frame and a half": (gif(FRAMES, PALETTE)[:-20], "GIF"),
}


def problem_of(tmp_path, content):
  with pytest.raises(ImageError) as raised:
    image_headers.read_header(tiny_images.write(tmp_path / "x.jpg", content))
  return raised.value.reason, raised.value.text


@pytest.mark.parametrize("name", WHOLE)
def test_whole_images(tmp_path, name):
  content, image_format = WHOLE[name]
  path = tiny_images.write(tmp_path / "x.any", content)
  assert image_headers.read_header(path) == ImageHeader(image_format, 5, 7)
  assert image_headers.read_format(path) == image_format


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "BMP", "GIF"])
def test_no_part_of_an_image_is_taken_for_a_whole_one(tmp_path, image_format):
  content = {
    "JPEG": solid_jpeg([10, 20, 30], 5, 7),
    "PNG": png(PIXELS),
    "BMP": bmp(PIXELS),
    "GIF": gif(FRAMES[:1], PALETTE)[:-1],
  }[image_format]
  reasons = {
    problem_of(tmp_path, content[:size])[0] for size in range(len(content))
  }
  assert reasons == {
    image_headers.EMPTY_FILE,
    image_headers.NOT_AN_IMAGE,
    image_headers.TRUNCATED,
  }


def test_a_truncated_jpeg_is_named_with_its_size(tmp_path):
  assert problem_of(tmp_path, solid_jpeg([10], 50, 70)[:-30]) == (
    "truncated image",
    "the file is cut off: the JPEG image of 50 x 70 pixels has no end marker",
  )


def test_a_thumbnails_end_is_not_that_of_the_image(tmp_path):
  content = solid_jpeg([10], 5, 7)
  thumbnail = solid_jpeg([10], 2, 2)
  segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
  assert problem_of(tmp_path, content[:2] + segment + content[2:-2]) == (
    "truncated image",
    "the file is cut off: the JPEG image of 5 x 7 pixels has no end marker",
  )


@pytest.mark.parametrize(
  "content, reason, part",
  [
    (b"", "empty file", "the file is empty"),
    (b"hello there", "not an image", "begins with b'hello th'"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "unsupported image format", "a WebP image"),
    (b"II*\0" + bytes(30), "unsupported image format", "a TIFF image"),
    (
      b"\0\0\0\x18ftypavif" + bytes(30),
      "unsupported image format",
      "an AVIF image",
    ),
    (
      png(PIXELS).replace(b"IHDR", b"IDAT", 1),
      "damaged image",
      "begins with IHDR",
    ),
    (
      solid_jpeg([1])[:2] + b"\0" + solid_jpeg([1])[2:],
      "not an image",
      "expected a JPEG",
    ),
    (
      solid_jpeg([1], adobe_transform=0)[:18] + b"\0\0\0\0\0\0",
      "damaged image",
      "expected a JPEG marker at byte 18; there is 0x00",
    ),
    (b"\xff\xd8\xff\xd9", "damaged image", "before its first pixel"),
    (
      solid_jpeg([1]).replace(b"\xff\xc0", b"\xff\xc3"),
      "unsupported image format",
      "frame marker 0xc3",
    ),
    (gif([], PALETTE)[:-1] + b";", "image without pixels", "0 x 0"),
    (solid_jpeg([1], 0, 7), "image without pixels", "JPEG image is 0 x 7"),
    (
      bmp(GREY, [(i, 0, 0) for i in range(256)]),
      "unsupported image format",
      "without a palette of colors",
    ),
    (
      bmp(PIXELS)[:30] + b"\1" + bmp(PIXELS)[31:],
      "unsupported image format",
      "24 bits, compression 1 and a header of 40 bytes",
    ),
  ],
  ids=range(14),
)
def test_files_that_are_no_image(tmp_path, content, reason, part):
  found = problem_of(tmp_path, content)
  assert found[0] == reason
  assert part in found[1]


def test_a_file_that_is_not_there(tmp_path):
  with pytest.raises(ImageError, match="no such file") as raised:
    image_headers.read_header(str(tmp_path / "x.jpg"))
  assert raised.value.reason == "missing file"
  with pytest.raises(ImageError, match="cannot be read") as raised:
    image_headers.read_header(str(tmp_path))
  assert raised.value.reason == "unreadable file"


def test_a_text_that_begins_like_a_bitmap_is_none():
  assert image_headers.identify(b"BMW builds cars, said the man") is None
