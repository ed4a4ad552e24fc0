"""Random changes of images: what they may do, and that seeds repeat them."""

import numpy as np
import pytest
from input_batches import expect

from hub_estimator import errors
from hub_estimator.inputs.image_augmentation import (
  ImageAugmentation,
  example_seed,
)
from hub_estimator.tf_compat import tf

NUM_DRAWS = 200


def draw(augmentation, image, change="vary", num_draws=NUM_DRAWS, seed=0):
  """Returns what becomes of an image with many seeds."""
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    row = tf.compat.v1.placeholder(tf.int64, [])
    changed = getattr(augmentation, change)(
      tf.constant(image), example_seed(seed, tf.constant(3, tf.int64), row)
    )
    return [session.run(changed, {row: i}) for i in range(num_draws)]


def ramp(height=4, width=6):
  """An image whose values are different from each other."""
  return np.arange(height * width * 3, dtype=np.float32).reshape(
    height, width, 3
  )


def test_nothing_is_on_by_default():
  assert ImageAugmentation().bindings("X") == ()
  (image,) = draw(ImageAugmentation(), ramp(), num_draws=1)
  np.testing.assert_array_equal(image, ramp())


def test_bindings_say_what_is_on():
  augmentation = ImageAugmentation(
    flip_horizontally=True, crop_fraction=0.5, pad_and_crop=4
  )
  assert augmentation.bindings("X") == (
    "X.flip_horizontally = True",
    "X.crop_fraction = 0.5",
    "X.pad_and_crop = 4",
  )


def test_half_of_the_images_are_mirrored():
  image = ramp()
  found = draw(ImageAugmentation(flip_horizontally=True), image)
  mirrored = [np.array_equal(one, image[:, ::-1]) for one in found]
  kept = [np.array_equal(one, image) for one in found]
  assert sum(mirrored) + sum(kept) == NUM_DRAWS
  # Five standard deviations of a fair coin are 35.
  assert 65 < sum(mirrored) < 135


def test_shifts_reach_all_places_and_leave_black_behind():
  image = ramp(2, 2) + 1
  found = draw(ImageAugmentation(pad_and_crop=1), image)
  padded = np.pad(image, [[1, 1], [1, 1], [0, 0]])
  windows = {
    (i, j): padded[i : i + 2, j : j + 2] for i in range(3) for j in range(3)
  }
  places = [
    place
    for one in found
    for place, window in windows.items()
    if np.array_equal(one, window)
  ]
  assert len(places) == NUM_DRAWS
  assert set(places) == set(windows)


def test_brightness_adds_the_same_to_all_values():
  image = np.full([2, 2, 3], 100, np.float32)
  image[0, 0, 0] = 120
  found = draw(ImageAugmentation(brightness_delta=0.2), image)
  deltas = np.array([one[1, 1, 1] - 100 for one in found])
  for one, delta in zip(found, deltas):
    np.testing.assert_allclose(one, image + delta, rtol=1e-5)
  # 0.2 of 255 is 51.
  assert -51 <= deltas.min() < -45
  assert 45 < deltas.max() <= 51


def test_contrast_multiplies_differences_from_the_mean():
  image = np.tile(np.array([50, 150], np.float32)[:, np.newaxis], [2, 1, 3])
  found = draw(ImageAugmentation(contrast_delta=0.5), image)
  factors = np.array([(one[0, 1, 0] - one[0, 0, 0]) / 100 for one in found])
  for one, factor in zip(found, factors):
    np.testing.assert_allclose(one, 100 + (image - 100) * factor, rtol=1e-4)
  assert 0.5 <= factors.min() < 0.55
  assert 1.45 < factors.max() <= 1.5


def test_values_stay_between_black_and_white():
  image = np.tile(np.array([0, 255], np.float32)[:, np.newaxis], [2, 1, 3])
  found = draw(
    ImageAugmentation(brightness_delta=1.0, contrast_delta=1.0), image
  )
  assert min(one.min() for one in found) == 0
  assert max(one.max() for one in found) == 255


def test_crops_have_the_area_and_the_ratio_asked_for():
  image = np.arange(90 * 120 * 3).reshape(90, 120, 3).astype(np.int32)
  found = draw(ImageAugmentation(crop_fraction=0.25), image, "crop")
  for one in found:
    # Each is a part of the image.
    row, column = divmod(one[0, 0, 0] // 3, 120)
    height, width, _ = one.shape
    np.testing.assert_array_equal(
      one, image[row : row + height, column : column + width]
    )
  areas = np.array([one.shape[0] * one.shape[1] for one in found]) / (90 * 120)
  ratios = np.array([one.shape[1] / one.shape[0] for one in found])
  # Sides are whole pixels.
  assert 0.24 < areas.min() < 0.35
  assert 0.9 < areas.max() <= 1
  assert 0.73 < ratios.min() < 0.85
  assert 1.2 < ratios.max() < 1.36


def test_draws_depend_on_seed_epoch_and_row():
  augmentation = ImageAugmentation(brightness_delta=0.2)
  image = np.full([1, 1, 1], 100, np.float32)
  keys = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (2**32 - 1, 5, 7)]
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    values = [
      augmentation.vary(
        tf.constant(image),
        example_seed(
          seed, tf.constant(epoch, tf.int64), tf.constant(row, tf.int64)
        ),
      )
      for seed, epoch, row in [*keys, *keys]
    ]
    found = np.ravel(session.run(values))
  np.testing.assert_array_equal(found[:5], found[5:])
  assert len(np.unique(found)) == 5


@pytest.mark.parametrize(
  "name, value",
  [
    ("flip_horizontally", "yes"),
    ("crop_fraction", 0),
    ("crop_fraction", 1.5),
    ("crop_fraction", True),
    ("pad_and_crop", -1),
    ("pad_and_crop", 0.5),
    ("brightness_delta", -0.1),
    ("contrast_delta", 1.5),
  ],
)
def test_arguments_out_of_range(name, value):
  with expect(errors.UserValueError, f"X.{name}", repr(value)):
    ImageAugmentation(**{name: value}).check("X")
