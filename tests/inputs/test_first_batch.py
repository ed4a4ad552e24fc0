"""`training_input_fn`: runs that go on read on where they were."""

import itertools

import numpy as np
import pytest
from image_folders import write_folder
from input_batches import run_dataset
from record_writing import write_records

from hub_estimator.inputs import (
  ImageFolderInput,
  NumpyInput,
  TextFileInput,
  TFRecordInput,
  row_order,
)

ROWS = np.arange(10, 33)


def batches_of(first_batch, num_batches, seed=0, **arguments):
  random = None if seed is None else np.random.RandomState(seed)
  blocks = row_order.endless(
    ROWS, 4, random, first_batch=first_batch, **arguments
  )
  found = itertools.chain.from_iterable(blocks)
  return [rows.tolist() for rows in itertools.islice(found, num_batches)]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("shards", [{}, {"num_shards": 3, "shard_index": 1}])
# Within the first pass, at its end, some passes on, and blocks of batches on.
@pytest.mark.parametrize("first", [0, 1, 5, 6, 23, 64, 130])
def test_rows(first, shards, seed):
  whole = batches_of(0, first + 80, seed, **shards)
  assert batches_of(first, 80, seed, **shards) == whole[first:]


def write_texts(folder):
  path = folder / "texts.csv"
  path.write_text(
    "text,label\n" + "".join(f"t{i},{i % 2}\n" for i in range(23))
  )
  return TextFileInput(str(path), eval_fraction=0.1, batch_size=4)


def write_numbers(folder):
  examples = [{"x": i, "label": i % 2} for i in range(23)]
  files = [
    write_records(folder / f"{n}.tfrecord", examples[n::2]) for n in range(2)
  ]
  return TFRecordInput(
    [str(f) for f in files],
    features={"x": ("int64", ())},
    eval_fraction=0.1,
    batch_size=4,
  )


def write_arrays(folder):
  del folder
  return NumpyInput(
    {"features": np.arange(23.0), "labels": np.arange(23) % 2},
    eval_fraction=0.1,
    batch_size=4,
  )


def write_images(folder, **arguments):
  write_folder(folder, num_images=6)
  return ImageFolderInput(
    str(folder),
    eval_fraction=0.2,
    batch_size=3,
    image_size=(8, 8),
    flip_horizontally=True,
    brightness_delta=0.2,
    mixup_alpha=0.5,
    **arguments,
  )


def write_kept_images(folder):
  return write_images(folder, cache_decoded=True)


@pytest.mark.parametrize(
  "create",
  [write_texts, write_numbers, write_arrays, write_images, write_kept_images],
)
def test_batches_go_on(create, tmp_path):
  """Augmentation and mixup, too."""
  pipeline = create(tmp_path)
  whole = run_dataset(pipeline.training_input_fn(), 12)
  part = run_dataset(pipeline.training_input_fn(first_batch=7), 5)
  assert len(part) == 5
  for (features, labels), (expected, expected_labels) in zip(part, whole[7:]):
    assert set(features) == set(expected)
    for name, value in features.items():
      np.testing.assert_array_equal(value, expected[name])
    np.testing.assert_array_equal(labels, expected_labels)
