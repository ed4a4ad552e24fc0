"""What `ImageFolderInput` says of bad arguments, folders, tables and images."""

import numpy as np
import pytest
import tiny_images
from input_batches import batches, expect
from tiny_images import solid_jpeg, solid_png

from hub_estimator import errors
from hub_estimator.inputs.image_folder_input import ImageFolderInput


@pytest.fixture
def folder(tmp_path):
  """Two images of each of two classes."""
  for name in ("cat", "dog"):
    for i in range(2):
      tiny_images.write(
        tmp_path / "data" / name / f"{i}.png", solid_png([10 * i] * 3)
      )
  return tmp_path / "data"


def create(folder, **arguments):
  return ImageFolderInput(
    folder, **{"eval_dir": folder, "image_size": (2, 2), **arguments}
  )


@pytest.mark.parametrize(
  "name, value, part",
  [
    ("image_size", 224, "(height, width) in pixels"),
    ("image_size", (224,), "(height, width) in pixels"),
    ("image_size", (0, 224), "from 1 to 32768; got 0"),
    ("image_size", (224.0, 224), "got 224.0"),
    ("num_channels", 4, "There are 1, 3"),
    ("resize_method", "fit", "'stretch', 'crop', 'pad'"),
    ("value_range", (1, 0), "the first less than the second"),
    ("value_range", (0, float("inf")), "the first less than the second"),
    ("value_range", 1, "(value of black, value of white)"),
    ("crop_fraction", 2, "at most 1"),
    ("mixup_alpha", -1, "0 (no mixup)"),
    ("check_images", "all", "'headers', 'decode', 'none'"),
    ("on_bad_example", "stop", "'error', 'skip'"),
    ("max_bad_examples", 0, "from 1"),
    ("label_kind", "classes", "'class'"),
    ("label_kind", "regression", "give a .csv file"),
    ("batch_size", 0, "from 1"),
    ("label_column", 3, "the name of a column"),
    ("label_separator", "", "is a string"),
  ],
  ids=range(19),
)
def test_arguments(folder, name, value, part):
  with expect(errors.UserError, f"ImageFolderInput.{name}", part):
    create(folder, **{name: value})


def test_arguments_that_exclude_each_other(folder):
  with expect(errors.UserValueError, "cache_decoded = True", "crop_fraction"):
    create(folder, cache_decoded=True, crop_fraction=0.5)
  with expect(errors.UserValueError, "mixup_alpha = 0.2", "batch_size = 1"):
    create(folder, mixup_alpha=0.2, batch_size=1)
  pipeline = create(folder)
  with expect(errors.UserValueError, "ImageFolderInput.mixup_alpha", "got -1"):
    pipeline.with_settings(mixup_alpha=-1)
  with expect(errors.UserValueError, "mixup_alpha = 0.2", "batch_size = 1"):
    pipeline.with_settings(batch_size=1, mixup_alpha=0.2)
  with expect(errors.UserValueError, "ImageFolderInput.image_size", "got 0"):
    pipeline.with_image_size(0, 3)
  with expect(errors.UserValueError, "ImageFolderInput.num_channels = 2"):
    pipeline.with_image_size(3, 3, 2)


def test_folders_have_no_weights(folder):
  with expect(
    errors.UserValueError,
    "ImageFolderInput.weight_column = 'worth'",
    "all splits are folders",
  ):
    create(folder, weight_column="worth")


def test_a_size_is_needed_for_images(folder):
  pipeline = create(folder, image_size=None)
  with expect(
    errors.UserValueError, "Set ImageFolderInput.image_size = (height, width)"
  ):
    pipeline.input_fn("train")()
  with expect(errors.UserValueError, "ImageFolderInput.image_size"):
    pipeline.encoded_serving_input_receiver_fn()


def test_folders_that_are_none(folder, tmp_path):
  with expect(
    errors.UserOSError, "`ImageFolderInput.train_dir`", "does not exist"
  ):
    create(tmp_path / "nowhere")
  path = tiny_images.write(tmp_path / "x.png", solid_png([1] * 3))
  with expect(errors.UserOSError, "`ImageFolderInput.eval_dir`", "is a file"):
    create(folder, eval_dir=path)
  with expect(
    errors.UserOSError, "`ImageFolderInput.test_dir`", "does not exist"
  ):
    create(folder, test_dir=tmp_path / "list.csv")


def test_folders_without_classes(folder, tmp_path):
  with expect(
    errors.UserValueError, "has no folders; it has 2 files, such as '0.png'"
  ):
    create(folder / "cat")
  (tmp_path / "empty").mkdir()
  with expect(errors.UserValueError, "has no folders; it has 0 files"):
    create(tmp_path / "empty")
  (tmp_path / "hollow" / "cat").mkdir(parents=True)
  with expect(errors.UserValueError, "eval split", "has no images"):
    create(folder, eval_dir=tmp_path / "hollow")
  with expect(errors.UserValueError, "one class alone, 'data'"):
    create(tmp_path)


def test_folders_of_splits(tmp_path):
  for name in ("test", "train", "val"):
    tiny_images.write(tmp_path / name / "cat" / "x.png", solid_png([1] * 3))
  with expect(
    errors.UserValueError,
    "those of splits, not of classes: 'test', 'train', 'val'",
    "ImageFolderInput.train_dir = ",
    "ImageFolderInput.eval_dir",
  ):
    create(tmp_path)


def write_bad_images(folder):
  """Adds four bad images to the class "dog"."""
  good = solid_jpeg([1], 20, 30)
  for name, content in {
    "a_text.jpg": b"just a text",
    "b_empty.png": b"",
    "c_cut.jpg": good[:-10],
    "d_cut.jpg": good[:-20],
  }.items():
    tiny_images.write(folder / "dog" / name, content)


def test_all_bad_images_are_named_at_once(folder):
  write_bad_images(folder)
  with expect(
    errors.UserValueError,
    "4 bad examples in",
    "1 not an image, 1 empty file, 2 truncated image",
    f"{folder / 'dog' / 'a_text.jpg'}: expected a JPEG, PNG, BMP or GIF image; "
    "the file begins with b'just a t'",
    f"{folder / 'dog' / 'b_empty.png'}: ",
    f"{folder / 'dog' / 'c_cut.jpg'}: the file is cut off",
    "and 1 more",
    "ImageFolderInput.on_bad_example = 'skip'",
  ):
    ImageFolderInput(folder, eval_fraction=0.5, max_bad_examples=3)


def test_bad_images_are_skipped_and_counted(folder):
  write_bad_images(folder)
  pipeline = create(
    folder, on_bad_example="skip", eval_dir=None, eval_fraction=0.5
  )
  assert pipeline.skipped_examples() == {
    "not an image": 1,
    "empty file": 1,
    "truncated image": 2,
  }
  sizes = [pipeline.num_examples(mode) for mode in ("train", "eval")]
  assert sizes == [2, 2]
  (note,) = pipeline.notes()
  assert "4 bad examples" in note
  assert "a_text.jpg" in note


def test_a_split_of_bad_images_alone(folder, tmp_path):
  tiny_images.write(tmp_path / "eval" / "cat" / "x.png", b"")
  with expect(
    errors.UserValueError, "eval split has zero examples", "all are bad"
  ):
    create(folder, eval_dir=tmp_path / "eval", on_bad_example="skip")


def broken_png():
  """A file whose header and end are fine, and whose pixels are not."""
  content = bytearray(
    tiny_images.png(
      np.random.RandomState(0).randint(0, 256, [20, 20, 3]).astype(np.uint8)
    )
  )
  content[200:400] = bytes(200)
  return bytes(content)


def test_only_decoding_finds_broken_pixels(folder):
  path = tiny_images.write(folder / "dog" / "x.png", broken_png())
  splits = {"eval_dir": None, "eval_fraction": 0.4}
  assert create(folder, **splits).num_examples("train") == 3
  with expect(
    errors.UserValueError,
    "1 bad example",
    "1 damaged image",
    f"{path}: it cannot be decoded: Invalid PNG data",
  ):
    create(folder, check_images="decode", **splits)
  pipeline = create(
    folder, check_images="decode", on_bad_example="skip", **splits
  )
  assert pipeline.num_examples("train") == 2
  assert pipeline.skipped_examples() == {"damaged image": 1}


def test_nothing_is_read_without_checks(folder):
  tiny_images.write(folder / "dog" / "x.png", b"")
  assert create(folder, check_images="none").num_examples("eval") == 5


def write_table(path, *lines):
  path.write_text("\n".join(lines) + "\n")
  return path


def test_bad_rows_of_a_table(folder):
  write_bad_images(folder)
  table = write_table(
    folder / "list.csv",
    "path,label",
    "cat/0.png,cat",
    "cat/nowhere.png,cat",
    ",dog",
    "dog/0.png,",
    "dog/c_cut.jpg,dog",
    "dog/0.png,dog,x",
    "dog/1.png,dog",
    "cat/1.png,cat",
    "cat/0.png,cat",
  )
  with expect(
    errors.UserValueError,
    "5 bad examples",
    f"{table} line 7: expected 2 columns",
    f"{table} line 3: '{folder / 'cat' / 'nowhere.png'}': expected a JPEG",
    "there is no such file",
  ):
    create(table, eval_dir=None, eval_fraction=0.5)
  with expect(
    errors.UserValueError,
    f"{table} line 4: expected the path of an image, found none",
  ):
    create(table, eval_dir=None, eval_fraction=0.5)
  with expect(errors.UserValueError, f"{table} line 5: no label in 'label'"):
    create(table, eval_dir=None, eval_fraction=0.5)
  pipeline = create(
    table, on_bad_example="skip", eval_dir=None, eval_fraction=0.5
  )
  assert pipeline.num_examples("train") == 2
  assert pipeline.skipped_examples() == {
    "wrong number of columns": 1,
    "missing path": 1,
    "missing file": 1,
    "missing label": 1,
    "truncated image": 1,
  }


def test_columns_that_a_table_lacks(folder):
  table = write_table(folder / "list.csv", "file,label", "cat/0.png,cat")
  with expect(
    errors.UserKeyError, "ImageFolderInput.path_column = 'path'", "'file'"
  ):
    create(table)
  with expect(errors.UserKeyError, "ImageFolderInput.label_column = 'class'"):
    create(table, path_column="file", label_column="class")
  with expect(errors.UserKeyError, "ImageFolderInput.weight_column = 'w'"):
    create(table, path_column="file", weight_column="w")


def test_a_label_without_a_class_in_the_head(folder):
  pipeline = create(folder)
  pipeline.check_labels(2)
  with expect(
    errors.UserValueError, "labels are 0 to 0", str(folder / "dog" / "0.png")
  ):
    pipeline.check_labels(1)


def test_a_file_that_is_gone_has_no_fingerprint(folder):
  pipeline = create(folder)
  (folder / "dog" / "1.png").unlink()
  with expect(
    errors.UserOSError, str(folder / "dog" / "1.png"), "cannot be read"
  ):
    pipeline.fingerprint("eval")


def test_good_images_are_read(folder):
  assert sum(len(labels) for _, labels in batches(create(folder), "eval")) == 4
