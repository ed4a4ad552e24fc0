"""Decoding, resizing and ranges, against values worked out by hand."""

import numpy as np
import pytest
from tiny_images import bmp, gif, png, solid_jpeg, solid_png

from hub_estimator.inputs.image_preprocessing import ImagePreprocessing
from hub_estimator.tf_compat import tf

RANDOM = np.random.RandomState(0)
PIXELS = RANDOM.randint(0, 256, [5, 7, 3]).astype(np.uint8)
ALPHA = RANDOM.randint(0, 256, [5, 7, 1]).astype(np.uint8)
GREY = RANDOM.randint(0, 128, [5, 7, 1]).astype(np.uint8)
PALETTE = [(i, 2 * i, 255 - i) for i in range(128)]
COLORED = np.array(PALETTE, np.uint8)[GREY[..., 0]]


def preprocessing(**changes):
  return ImagePreprocessing(
    **{
      "image_size": (4, 4),
      "num_channels": 3,
      "resize_method": "stretch",
      "antialias": False,
      "value_range": (0, 1),
      **changes,
    }
  )


def run(build, *inputs):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    return session.run(build(*map(tf.constant, inputs)))


def decode(content, num_channels=3):
  return run(preprocessing(num_channels=num_channels).decode, content)


def resize(pixels, **changes):
  return run(preprocessing(**changes).resize, np.asarray(pixels, np.uint8))


KINDS = {
  "png": (png(PIXELS), PIXELS),
  "png grey": (png(GREY), GREY.repeat(3, 2)),
  "png alpha": (png(np.concatenate([PIXELS, ALPHA], 2)), PIXELS),
  "png grey alpha": (png(np.concatenate([GREY, ALPHA], 2)), GREY.repeat(3, 2)),
  # The upper of two bytes is kept.
  "png 16 bits": (png(PIXELS.astype(np.uint16) * 256 + 200), PIXELS),
  "png grey 16 bits": (
    png(GREY.astype(np.uint16) * 256 + 200),
    GREY.repeat(3, 2),
  ),
  "png palette": (png(GREY, PALETTE), COLORED),
  "png palette alpha": (png(GREY, PALETTE, [100] * 128), COLORED),
  "bmp": (bmp(PIXELS), PIXELS),
  "bmp alpha": (bmp(np.concatenate([PIXELS, ALPHA], 2)), PIXELS),
  "bmp grey": (bmp(GREY), GREY.repeat(3, 2)),
  "gif": (gif([GREY[..., 0], 1 - GREY[..., 0] // 128], PALETTE), COLORED),
  "jpeg grey": (solid_jpeg([200], 5, 7), np.full([5, 7, 3], 200)),
  "jpeg": (solid_jpeg([200, 128, 128], 5, 7), np.full([5, 7, 3], 200)),
  # Stored as they are, CMYK: R = (255 - C) (255 - K) / 255, and so on.
  "jpeg cmyk": (
    solid_jpeg([205, 105, 55, 55], 5, 7),
    np.tile([39, 118, 157], [5, 7, 1]),
  ),
  # Adobe stores them inverted: R = C K / 255.
  "jpeg cmyk adobe": (
    solid_jpeg([200, 100, 50, 220], 5, 7, adobe_transform=0),
    np.tile([172, 86, 43], [5, 7, 1]),
  ),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_decoded_as_colors(name):
  content, expected = KINDS[name]
  image = decode(content)
  assert image.dtype == np.uint8
  # One for the rounding of CMYK.
  np.testing.assert_allclose(
    image.astype(int), expected, atol=1 if "cmyk" in name else 0
  )


@pytest.mark.parametrize("name", KINDS)
def test_what_is_decoded_as_shades_of_grey(name):
  content, colors = KINDS[name]
  # The weights of BT.601.
  expected = colors.astype(float) @ [0.299, 0.587, 0.114]
  image = decode(content, num_channels=1)
  assert image.shape == (5, 7, 1)
  np.testing.assert_allclose(
    image[..., 0].astype(int), expected, atol=2 if "cmyk" in name else 1
  )
  if "grey" in name:  # As they are, without rounding.
    np.testing.assert_array_equal(image, colors[..., :1])


def test_stretching_is_bilinear_with_centers_of_pixels():
  # 4 columns to 2: a new center lies between two old ones; to 8: a quarter of
  # the way from one to the next.
  image = np.tile(np.array([0, 100, 40, 80])[:, np.newaxis], [2, 1, 3])
  np.testing.assert_allclose(
    resize(image, image_size=(1, 2))[0, :, 0], [50, 60]
  )
  np.testing.assert_allclose(
    resize(image, image_size=(2, 8))[0, :, 0],
    [0, 25, 75, 85, 55, 50, 70, 80],
  )


def test_antialiasing_averages_more_pixels():
  image = np.tile(
    np.array([0, 0, 0, 255] * 2)[:, np.newaxis], [1, 1, 3]
  )  # 8 columns to 1.
  plain = resize(image, image_size=(1, 1))
  smooth = resize(image, image_size=(1, 1), antialias=True)
  # Between columns 3 and 4: (255 + 0) / 2.
  np.testing.assert_allclose(plain, np.full([1, 1, 3], 127.5))
  # The triangle of half-width 8 weighs column i by 8 - |i - 3.5|, of sum 48:
  # columns 3 and 7 have 7.5 and 4.5.
  np.testing.assert_allclose(
    smooth, np.full([1, 1, 3], 255 * 12 / 48), rtol=1e-5
  )


def test_an_image_of_the_right_size_stays_as_it_is():
  for method in ("stretch", "crop", "pad"):
    np.testing.assert_array_equal(
      resize(PIXELS, image_size=(5, 7), resize_method=method), PIXELS
    )


def test_cropping_takes_the_center_of_the_right_ratio():
  image = np.tile(np.arange(8)[np.newaxis, :, np.newaxis], [4, 1, 3])
  found = resize(image, image_size=(4, 4), resize_method="crop")
  np.testing.assert_array_equal(found[0, :, 0], [2, 3, 4, 5])
  tall = image.transpose(1, 0, 2)
  found = resize(tall, image_size=(2, 4), resize_method="crop")
  # Rows 3 and 4 of 8, 2 x 4, are left.
  np.testing.assert_array_equal(found[:, 0, 0], [3, 4])
  # 1 x 8 to 4 x 4: one pixel at least is left.
  found = resize(image[:1], image_size=(4, 4), resize_method="crop")
  assert found.shape == (4, 4, 3)
  assert len(np.unique(found)) == 1


def test_padding_keeps_the_whole_image_and_adds_black():
  image = np.full([2, 4, 3], 200)
  found = resize(image, image_size=(4, 4), resize_method="pad")
  np.testing.assert_array_equal(found[:, 0, 0], [0, 200, 200, 0])
  # 3 rows more than there are: one above, two below.
  found = resize(image, image_size=(5, 4), resize_method="pad")
  np.testing.assert_array_equal(found[:, 0, 0], [0, 200, 200, 0, 0])
  # A line of pixels does not vanish.
  found = resize(np.full([1, 100, 3], 50), resize_method="pad")
  np.testing.assert_array_equal(found[:, 0, 0], [0, 50, 0, 0])


@pytest.mark.parametrize(
  "value_range, black, white",
  [
    ((0, 1), 0, 1),
    ((-1, 1), -1, 1),
    ((0, 255), 0, 255),
    ((0.5, 0.75), 0.5, 0.75),
  ],
)
def test_black_and_white_become_the_ends_of_the_range(
  value_range, black, white
):
  make = preprocessing(value_range=value_range).preprocess
  for color, expected in ((0, black), (255, white)):
    found = run(make, solid_png([color] * 3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.full([4, 4, 3], expected), rtol=1e-6)


def test_the_padding_is_black_in_any_range():
  make = preprocessing(value_range=(-1, 1), resize_method="pad").preprocess
  found = run(make, solid_png([255] * 3, 2, 4))
  np.testing.assert_allclose(found[:, 0, 0], [-1, 1, 1, -1], rtol=1e-6)
