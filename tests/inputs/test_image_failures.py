"""Images that pass the checks at the start, and then cannot be decoded."""

import numpy as np
import pytest
import tiny_images
from input_batches import batches, expect
from tiny_images import solid_png

from hub_estimator import errors
from hub_estimator.inputs import image_batches
from hub_estimator.inputs.image_failures import ImageFailures
from hub_estimator.inputs.image_folder_input import ImageFolderInput
from hub_estimator.tf_compat import tf

NUM_IMAGES = 5


@pytest.fixture
def folder(tmp_path):
  """Images of two classes; their values are 0 to 9."""
  for value in range(2 * NUM_IMAGES):
    name = "cat" if value < NUM_IMAGES else "dog"
    tiny_images.write(
      tmp_path / "data" / name / f"{value}.png", solid_png([value] * 3)
    )
  return tmp_path / "data"


def create(folder, **arguments):
  return ImageFolderInput(
    folder,
    folder,
    **{
      "image_size": (1, 1),
      "value_range": (0, 255),
      "batch_size": 2,
      "shuffle": False,
      **arguments,
    },
  )


def damage(folder, *values):
  """Writes something else over images; returns the first one's path."""
  paths = [
    folder / ("cat" if value < NUM_IMAGES else "dog") / f"{value}.png"
    for value in values
  ]
  for path in paths:
    path.write_bytes(path.read_bytes()[:-20])
  return str(paths[0])


def values(found):
  return [
    np.round(features["images"][:, 0, 0, 0]).astype(int).tolist()
    for features, _ in found
  ]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_an_error_names_the_image(folder, mode, deterministic):
  pipeline = create(folder, deterministic=deterministic)
  path = damage(folder, 7)
  with expect(
    tf.errors.OpError,
    "1 image of the ",
    f"split could not be read: {path}: the file is cut off",
    "ImageFolderInput.check_images = 'decode'",
  ):
    batches(pipeline, mode, 500)
  # What a run can raise in its place.
  error = pipeline.reading_error
  assert isinstance(error, errors.UserValueError)
  assert str(error).startswith(
    f"1 image of the {mode} split could not be read: {path}"
  )


def test_batches_before_it_come_out(folder):
  pipeline = create(folder)
  damage(folder, 7)
  assert values(batches(pipeline, "eval", 3)) == [[0, 1], [2, 3], [4, 5]]


def test_the_last_image_of_a_pass_is_missed(folder):
  pipeline = create(folder, batch_size=3)
  path = damage(folder, 9)
  with expect(tf.errors.OpError, path):
    batches(pipeline, "eval")


def test_files_that_are_gone(folder):
  pipeline = create(folder)
  path = folder / "cat" / "2.png"
  path.unlink()
  with expect(tf.errors.OpError, f"{path}: ", "there is no such file"):
    batches(pipeline, "train", 5)


@pytest.mark.parametrize("on_bad_example", ["error", "skip"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_split_without_a_readable_image_does_not_wait_for_ever(
  folder, mode, on_bad_example
):
  pipeline = create(folder, on_bad_example=on_bad_example)
  damage(folder, *range(10))
  way_out = {
    "error": "on_bad_example = 'skip'",
    "skip": f"No example of the {mode} split is left.",
  }[on_bad_example]
  with expect(tf.errors.OpError, f"10 images of the {mode} split", way_out):
    batches(pipeline, mode, 500)


def test_skipped_images_are_counted_once_and_batches_filled_up(folder):
  pipeline = create(folder, on_bad_example="skip", batch_size=4)
  assert pipeline.skipped_examples() == {}
  damage(folder, 2, 7)
  assert values(batches(pipeline, "eval")) == [[0, 1, 3, 4], [5, 6, 8, 9]]
  assert pipeline.skipped_examples() == {"truncated image": 2}
  assert values(batches(pipeline, "eval")) == [[0, 1, 3, 4], [5, 6, 8, 9]]
  # Enough for several chapters of 64 batches.
  found = values(batches(pipeline, "train", 150))
  assert {len(batch) for batch in found} == {4}
  flat = [value for batch in found for value in batch]
  assert flat[:16] == [0, 1, 3, 4, 5, 6, 8, 9] * 2
  assert flat == ([0, 1, 3, 4, 5, 6, 8, 9] * 75)
  assert pipeline.skipped_examples() == {"truncated image": 2}
  assert pipeline.reading_error is None


def test_labels_stay_with_their_images(folder):
  pipeline = create(folder, on_bad_example="skip", batch_size=4)
  damage(folder, 2, 7)
  found = batches(pipeline, "eval")
  assert [labels[:, 0].tolist() for _, labels in found] == [
    [0, 0, 0, 0],
    [1, 1, 1, 1],
  ]


def test_images_kept_in_memory_are_all_looked_at_first(folder):
  pipeline = create(folder, cache_decoded=True)
  path = damage(folder, 3, 8)
  with expect(errors.UserValueError, "2 images of the train split", path):
    batches(pipeline, "train", 1)
  pipeline = create(
    folder, cache_decoded=True, on_bad_example="skip", check_images="none"
  )
  assert values(batches(pipeline, "eval")) == [[0, 1], [2, 4], [5, 6], [7, 9]]
  assert pipeline.skipped_examples() == {"truncated image": 2}
  assert pipeline.num_examples("eval") == 8


def test_an_image_that_failed_once(folder):
  """As when a disk or the memory is at its limit for a moment."""
  path = str(folder / "cat" / "0.png")
  for on_bad_example in ("error", "skip"):
    skipped = {}
    failures = ImageFailures("X", on_bad_example, skipped)
    # In a dataset without order it may be late.
    late = failures.examine("eval", [path], tf.strings.length, True, 9)
    assert late.tolist() == [False]
    assert skipped == {}
    if on_bad_example == "error":
      with expect(
        errors.UserValueError, f"{path}: it could not be decoded", "can be now"
      ):
        failures.examine("eval", [path], tf.strings.length, False, 9)
    else:
      lost = failures.examine("eval", [path], tf.strings.length, False, 9)
      assert lost.tolist() == [True]
      assert skipped == {"image that failed while it was read": 1}


def run_batches(report, **arguments):
  """Decodes rows 0 to 999 in batches of 2; decoding row 700 fails."""
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    dataset = image_batches.decode_batches(
      tf.data.Dataset.range(1000).batch(2),
      tf.strings.as_string,
      lambda path, row, position: tf.debugging.check_numerics(
        tf.fill([1, 1, 1], tf.where(tf.equal(row, 700), np.nan, 0.0)), "bad"
      ),
      2,
      report,
      **arguments,
    )
    iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
    following = iterator.get_next()
    session.run(iterator.initializer)
    found = []
    try:
      while True:
        found.append(session.run(following)[0].tolist())
    except tf.errors.OutOfRangeError:
      return found


@pytest.mark.parametrize("fills_up", [False, True])
def test_what_is_missing_is_reported_once(fills_up):
  reports = []

  def report(rows, may_be_late):
    reports.append((rows.tolist(), bool(may_be_late)))
    return np.ones([len(rows)], bool)

  found = run_batches(report, fills_up=fills_up)
  assert [row for batch in found for row in batch] == [
    row for row in range(1000) if row != 700
  ]
  assert reports == [([700], False)]
  assert {len(batch) for batch in found[:-1]} == ({2} if fills_up else {1, 2})


def test_without_order_a_row_may_be_late_until_the_end_of_a_chapter():
  reports = []

  def report(rows, may_be_late):
    reports.append((rows.tolist(), bool(may_be_late)))
    return np.full([len(rows)], not may_be_late)

  found = run_batches(report, deterministic=False)
  assert len([row for batch in found for row in batch]) == 999
  # Asked again and again, and at last told that it does not come any more.
  assert ([700], True) in reports
  assert [rows for rows, may_be_late in reports if not may_be_late] == [[700]]
