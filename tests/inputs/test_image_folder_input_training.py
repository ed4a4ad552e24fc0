"""What `ImageFolderInput` does in training alone, and images kept in memory."""

import os
import pathlib

import numpy as np
import pytest
import tiny_images
from image_folders import create, flat, train_and_eval, values
from input_batches import batches, ordered
from tiny_images import solid_png


@pytest.fixture
def folders(tmp_path):
  return train_and_eval(tmp_path)


def test_training_alone_is_augmented(folders):
  arguments = {"brightness_delta": 0.3, "shuffle": False, "batch_size": 8}
  pipeline = create(folders, **arguments)
  assert pipeline.augmentations == ("ImageFolderInput.brightness_delta = 0.3",)
  assert flat(values(batches(pipeline, "eval"))) == [100, 101, 110, 111]
  assert ordered(pipeline, "train")[0]["images"][1, 0, 0, 0] == 1
  first, second = values(batches(pipeline, "train", 2))
  # Neither as they are, nor the same in each epoch.
  assert first != [0, 1, 2, 3, 10, 11, 12, 13]
  assert first != second
  # But the same in the next run, and others with another seed.
  assert values(batches(pipeline, "train", 2)) == [first, second]
  other = create(folders, seed=1, **arguments)
  assert values(batches(other, "train", 1)) != [first]


def test_workers_augment_an_example_alike(folders):
  arguments = {"brightness_delta": 0.3, "shuffle": False, "batch_size": 4}
  whole = flat(values(batches(create(folders, **arguments), "train", 4)))
  for index in range(2):
    shard = create(folders, num_shards=2, shard_index=index, **arguments)
    assert flat(values(batches(shard, "train", 2))) == whole[index::2]


def test_random_crops_come_from_the_whole_image(tmp_path):
  pixels = np.zeros([8, 8, 3], np.uint8)
  pixels[:4] = 200  # Light above, dark below.
  path = tiny_images.write(tmp_path / "a" / "x.png", tiny_images.png(pixels))
  folder = os.path.dirname(os.path.dirname(path))
  tiny_images.write(tmp_path / "b" / "x.png", tiny_images.png(pixels))
  pipeline = create(
    [folder, folder], crop_fraction=0.1, batch_size=50, image_size=(1, 1)
  )
  assert pipeline.augmentations == ("ImageFolderInput.crop_fraction = 0.1",)
  ((features, _),) = batches(pipeline, "train", 1)
  found = np.unique(features["images"])
  assert found.min() == 0
  assert found.max() == 200
  assert len(found) > 2
  ((features, _),) = batches(pipeline, "eval")
  assert np.unique(features["images"]).tolist() == [100]


def test_mixup_in_training(folders):
  pipeline = create(folders, mixup_alpha=0.5, shuffle=False, batch_size=4)
  assert pipeline.augmentations == ("ImageFolderInput.mixup_alpha = 0.5",)
  (first, second) = batches(pipeline, "train", 2)
  features, labels = second
  assert labels[:, 0].tolist() == [1, 1, 1, 1]
  assert features["mixup_labels"][:, 0].tolist() == [1, 1, 1, 1]
  share = features["mixup_fraction"]
  assert not np.any(share == first[0]["mixup_fraction"])
  own, before = np.array([10, 11, 12, 13]), np.array([13, 10, 11, 12])
  np.testing.assert_allclose(
    features["images"][:, 0, 0, 0],
    share[:, 0] * own + (1 - share[:, 0]) * before,
    rtol=1e-5,
  )
  ((features, _), *_) = batches(pipeline, "eval")
  assert set(features) == {"images"}
  assert "mixup_labels" not in pipeline.feature_spec()


def test_settings_can_be_changed_in_a_copy(folders):
  pipeline = create(folders)
  changed = pipeline.with_settings(batch_size=4, mixup_alpha=0.1)
  assert changed.augmentations == ("ImageFolderInput.mixup_alpha = 0.1",)
  ((features, _),) = batches(changed, "train", 1)
  assert features["mixup_fraction"].shape == (4, 1)
  assert pipeline.augmentations == ()
  assert pipeline.batch_size == 3
  assert changed.with_settings(mixup_alpha=0).augmentations == ()


def test_kept_images_are_those_that_are_decoded(folders, monkeypatch):
  arguments = {"pad_and_crop": 1, "seed": 3, "mixup_alpha": 0.2}
  kept = create(folders, cache_decoded=True, **arguments)
  plain = create(folders, **arguments)
  for mode, limit in (("train", 6), ("eval", 9)):
    for one, other in zip(
      batches(kept, mode, limit), batches(plain, mode, limit)
    ):
      np.testing.assert_array_equal(one[0]["images"], other[0]["images"])
      np.testing.assert_array_equal(one[1], other[1])
  assert kept.fingerprint("eval") == plain.fingerprint("eval")
  # No file is opened again, but for another size.
  for path in pathlib.Path(folders[1]).rglob("*.png"):
    path.write_bytes(solid_png([0] * 3))
  assert flat(values(batches(kept, "eval"))) == [100, 101, 110, 111]
  resized = kept.with_image_size(3, 3)
  assert flat(values(batches(resized, "eval"))) == [0, 0, 0, 0]
