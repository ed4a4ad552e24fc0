import numpy as np
import pytest

from hub_estimator.reports.confusion_image import confusion_pixels, short_count
from hub_estimator.reports.png_files import encode_png, image_pixels, is_image
from hub_estimator.tf_compat import tf


def decode(png):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    return session.run(tf.io.decode_png(png))


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (4, 2, 3)], ids=str)
def test_png_is_what_tensorflow_reads(shape):
  pixels = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
  found = decode(encode_png(pixels))
  np.testing.assert_array_equal(found.reshape(shape), pixels)


def test_what_is_an_image():
  assert is_image(np.zeros([8, 8, 1], np.float32))
  assert is_image(np.zeros([8, 8], np.uint8))
  assert not is_image(np.zeros([8]))
  assert not is_image(np.zeros([8, 8, 2]))
  assert not is_image(np.zeros([2, 8]))
  assert not is_image(np.full([8, 8], "a"))


@pytest.mark.parametrize(
  "values, value_range, expected",
  [
    ([0, 0.5, 1, np.nan], None, [0, 128, 255, 0]),
    ([-1, 0, 1, 0.5], None, [0, 128, 255, 191]),
    ([10, 20, 30, 30], None, [0, 128, 255, 255]),
    ([0, 1, 2, 4], (0, 2), [0, 128, 255, 255]),
    ([3, 3, 3, 3], None, [0, 0, 0, 0]),
  ],
  ids=["from 0", "from -1", "other", "given", "constant"],
)
def test_values_become_bytes(values, value_range, expected):
  found = image_pixels(np.array([values], np.float32), value_range)
  assert found.tolist() == [expected]


def test_bytes_stay_and_large_images_become_small():
  image = np.arange(100, dtype=np.uint8).reshape(10, 10)
  assert (
    image_pixels(image, longest_side=5).tolist() == image[::2, ::2].tolist()
  )
  assert image_pixels(np.zeros([4, 4, 4])).shape == (4, 4, 3)


def test_cells_of_a_confusion_matrix():
  pixels = confusion_pixels(np.array([[1, 0], [1, 1]]), cell_size=8)
  assert pixels.shape == (16, 16, 3)
  assert pixels[0, 8].tolist() == [255, 255, 255]
  strong, weak, wrong = pixels[0, 0], pixels[8, 8], pixels[8, 0]
  assert strong[2] > strong[0] and weak[2] > weak[0]  # Blue.
  assert strong[0] < weak[0]
  assert wrong[0] > wrong[2]  # Orange.


def test_counts_stand_in_large_cells():
  ink = [20, 20, 20]
  one = confusion_pixels(np.array([[1]]), cell_size=32)
  eight = confusion_pixels(np.array([[8]]), cell_size=32)
  assert one.shape == (64, 64, 3)
  cells = [(image[32:, 32:] == ink).all(axis=-1) for image in (one, eight)]
  # Of 15 pixels, "1" has 8 and "8" has 13, each three by three.
  assert [cell.sum() for cell in cells] == [8 * 9, 13 * 9]
  empty = confusion_pixels(np.array([[0]]), cell_size=32)
  assert not (empty[32:, 32:] == ink).all(axis=-1).any()


@pytest.mark.parametrize(
  "count, text",
  [(7, "7"), (0.5, "0.5"), (9999, "9999"), (12345, "12k"), (2e6, "2M")],
)
def test_short_counts(count, text):
  assert short_count(count) == text


def test_empty_rows_and_many_classes():
  assert confusion_pixels(np.zeros([3, 3])).shape[2] == 3
  assert confusion_pixels(np.eye(100)).shape == (900, 900, 3)
