"""Features, labels and splits of `ImageFolderInput`."""

import os
import pathlib

import gin
import numpy as np
import pytest
import tiny_images
from image_folders import create, flat, train_and_eval, values, write_folder
from input_batches import batches, ordered
from tiny_images import solid_jpeg, solid_png

from hub_estimator import estimator
from hub_estimator.inputs.image_folder_input import ImageFolderInput
from hub_estimator.tf_compat import tf

SIGN_DIGITS = (
  pathlib.Path(__file__).resolve().parents[3]
  / "shared"
  / "data"
  / "images"
  / "sign_digits"
)


@pytest.fixture
def folders(tmp_path):
  return train_and_eval(tmp_path)


def test_folders_are_classes(folders):
  pipeline = create(folders, shuffle=False)
  assert pipeline.class_names == ["cat", "dog"]
  assert pipeline.num_classes == 2
  assert pipeline.splits == ("train", "eval")
  assert pipeline.num_examples("train") == 8
  assert pipeline.notes() == []
  assert pipeline.skipped_examples() == {}
  assert pipeline.augmentations == ()
  assert pipeline.vocabularies() == {"labels": ["cat", "dog"]}
  found = batches(pipeline, "eval")
  assert values(found) == [[100, 101, 110], [111]]
  assert [labels.tolist() for _, labels in found] == [[[0], [0], [1]], [[1]]]
  assert values(batches(pipeline, "infer")) == [[100, 101, 110], [111]]
  # Batches of TRAIN are full, and go on with the next pass.
  found = batches(pipeline, "train", 3)
  assert values(found) == [[0, 1, 2], [3, 10, 11], [12, 13, 0]]
  assert found[1][1].tolist() == [[0], [1], [1]]
  assert found[0][0]["images"].shape == (3, 2, 2, 3)
  assert found[0][0]["images"].dtype == np.float32


def test_specs_are_those_of_the_batches(folders):
  pipeline = create(folders, feature_name="pictures", num_channels=1)
  assert pipeline.feature_spec() == {
    "pictures": tf.TensorSpec([None, 2, 2, 1], tf.float32, name="pictures")
  }
  with tf.Graph().as_default():
    for mode in ("train", "eval", "infer"):
      spec = pipeline.input_fn(mode)().element_spec
      features = spec if mode == "infer" else spec[0]
      assert features["pictures"].shape.as_list() == [None, 2, 2, 1]
      assert features["pictures"].dtype == tf.float32


def test_training_is_shuffled_by_the_seed_and_goes_through_all(folders):
  orders = [
    flat(values(batches(create(folders, seed=seed, batch_size=4), "train", 4)))
    for seed in (0, 0, 1)
  ]
  assert orders[0] == orders[1] != orders[2]
  everything = [0, 1, 2, 3, 10, 11, 12, 13]
  assert sorted(orders[0][:8]) == sorted(orders[0][8:]) == everything
  assert orders[0][:8] != orders[0][8:]


def test_many_chapters_of_batches(tmp_path):
  # 64 batches of 2 images are decoded at a time.
  folder = write_folder(tmp_path / "train", 100, ("a", "b", "c"))
  pipeline = create([folder, folder], batch_size=2, shuffle=False)
  expected = [10 * i + j for i in range(3) for j in range(100)]
  assert flat(values(batches(pipeline, "eval"))) == expected
  found = flat(values(batches(pipeline, "train", 200)))
  assert found == (expected * 2)[:400]
  found = flat(
    values(
      batches(
        create([folder, folder], batch_size=2, deterministic=False), "eval"
      )
    )
  )
  assert sorted(found) == sorted(expected)


def test_fractions_cut_classes_alike(tmp_path):
  folder = write_folder(tmp_path / "all", 10)
  pipeline = create([folder], eval_fraction=0.2, test_fraction=0.1)
  assert pipeline.splits == ("train", "eval", "test")
  parts = {s: ordered(pipeline, s) for s in pipeline.splits}
  counts = {s: np.bincount(of[1][:, 0]).tolist() for s, of in parts.items()}
  assert counts == {"train": [7, 7], "eval": [2, 2], "test": [1, 1]}
  found = np.concatenate(
    [features["images"][:, 0, 0, 0] for features, _ in parts.values()]
  )
  assert sorted(np.round(found).astype(int)) == list(range(20))


def test_few_shots(tmp_path):
  folder = write_folder(tmp_path / "all", 10)
  pipeline = create([folder, folder], num_train_examples=4)
  _, labels = ordered(pipeline, "train")
  assert np.bincount(labels[:, 0]).tolist() == [2, 2]
  assert pipeline.num_examples("eval") == 20


def test_classes_can_be_chosen(folders):
  pipeline = create(folders, classes=["dog", "cat"])
  assert pipeline.class_names == ["dog", "cat"]
  _, labels = ordered(pipeline, "eval")
  assert labels[:, 0].tolist() == [1, 1, 0, 0]


def test_what_a_folder_may_hold(tmp_path):
  folder = tmp_path / "all"
  write_folder(folder, 1)
  tiny_images.write(folder / "cat" / "more" / "deep.png", solid_png([5] * 3))
  # Its content counts, not its name.
  tiny_images.write(folder / "cat" / "wrong.jpg", solid_png([6] * 3))
  tiny_images.write(folder / "cat" / "noname", solid_jpeg([7]))
  tiny_images.write(folder / "cat" / ".hidden.png", b"no image")
  tiny_images.write(folder / ".git" / "x.png", b"no image")
  tiny_images.write(folder / "cat" / "Thumbs.db", b"no image")
  tiny_images.write(folder / "dog" / "notes.txt", b"no image")
  tiny_images.write(folder / "README", b"no image")
  (folder / "bird").mkdir()
  os.symlink(folder / "cat", folder / "cat" / "more" / "circle")
  pipeline = create([folder, folder], shuffle=False)
  assert flat(values(batches(pipeline, "eval"))) == [0, 7, 6, 5, 10]
  assert pipeline.class_names == ["cat", "dog"]
  assert pipeline.skipped_examples() == {
    "not in a class folder": 2,
    "not an image": 4,
  }
  notes = pipeline.notes()[:3]
  assert notes[0] == (
    f"1 file of {str(folder)!r} is not in a class folder and was ignored: "
    f"{str(folder / 'README')!r}."
  )
  assert notes[1] == (
    f"2 files of {str(folder)!r} are no images and were ignored: such as "
    f"{str(folder / 'cat' / 'Thumbs.db')!r}."
  )
  assert notes[2] == f"1 class folder of {str(folder)!r} has no image: 'bird'."


def test_a_class_that_a_split_lacks_is_noted(tmp_path, folders):
  write_folder(tmp_path / "eval", 1, ["bird"])
  pipeline = create(folders)
  assert pipeline.class_names == ["bird", "cat", "dog"]
  (note,) = pipeline.notes()
  assert "train" in note
  assert "'bird'" in note


def write_table(path, rows, header="path,label"):
  path.write_text("\n".join([header, *rows]) + "\n")
  return str(path)


def test_a_table_of_paths_and_labels(tmp_path, folders):
  table = write_table(
    tmp_path / "train.csv",
    [
      "train/cat/001.png,cat",
      f"{folders[0]}/dog/002.png,dog",
      "train/dog/000.png,dog",
    ],
  )
  # The other split is a folder.
  pipeline = create([table, folders[1]], shuffle=False)
  assert pipeline.class_names == ["cat", "dog"]
  (found,) = batches(pipeline, "train", 1)
  assert values([found]) == [[1, 12, 10]]
  assert found[1].tolist() == [[0], [1], [1]]


def test_numbers_in_a_table_are_classes_or_targets(tmp_path, folders):
  rows = ["train/cat/001.png,2", "train/dog/002.png,0"]
  table = write_table(tmp_path / "a.csv", rows)
  pipeline = create([table, table])
  assert pipeline.num_classes == 3
  assert ordered(pipeline, "eval")[1].tolist() == [[2], [0]]
  rows = ["train/cat/001.png,2.5", "train/dog/002.png,-1"]
  table = write_table(tmp_path / "b.csv", rows)
  pipeline = create([table, table])
  assert pipeline.num_classes is None
  labels = ordered(pipeline, "eval")[1]
  assert labels.dtype == np.float32
  assert labels.tolist() == [[2.5], [-1]]


def test_several_labels_and_weights_in_a_table(tmp_path, folders):
  table = write_table(
    tmp_path / "a.tsv",
    [
      "train/cat/001.png\tfur;pet\t2",
      "train/dog/002.png\t\t0.5",
      "train/dog/003.png\tpet\t1",
    ],
    "file\ttags\tworth",
  )
  pipeline = create(
    [table, table],
    path_column="file",
    label_column="tags",
    label_separator=";",
    label_kind="multi_label",
    weight_column="worth",
  )
  assert pipeline.class_names == ["fur", "pet"]
  assert pipeline.weight_key == "example_weight"
  features, labels = ordered(pipeline, "eval")
  assert labels.tolist() == [[1, 1], [0, 0], [0, 1]]
  assert features["example_weight"].tolist() == [[2], [0.5], [1]]
  (batch,) = batches(pipeline, "infer")
  assert set(batch) == {"images"}


def test_the_module_may_say_the_size(folders):
  pipeline = create(folders, image_size=None)
  assert pipeline.image_size is None
  assert pipeline.feature_spec()["images"].shape.as_list() == [
    None,
    None,
    None,
    3,
  ]
  sized = pipeline.with_image_size(5, 7, 1)
  assert (sized.image_size, sized.num_channels) == ((5, 7), 1)
  assert batches(sized, "eval")[0][0]["images"].shape == (3, 5, 7, 1)
  assert pipeline.image_size is None


def test_fingerprints_follow_what_features_are_made_of(folders):
  def fingerprint(split="eval", **arguments):
    return create(folders, **arguments).fingerprint(split)

  first = fingerprint()
  same = [
    fingerprint(),
    fingerprint(batch_size=2),
    fingerprint(shuffle=False),
    fingerprint(flip_horizontally=True, mixup_alpha=0.3),
    fingerprint(check_images="none"),
    fingerprint(value_range=[0.0, 255.0]),
  ]
  assert set(same) == {first}
  others = [
    fingerprint("train"),
    fingerprint(image_size=(2, 3)),
    fingerprint(num_channels=1),
    fingerprint(value_range=(0, 1)),
    fingerprint(resize_method="pad"),
    fingerprint(antialias=True),
    fingerprint(classes=["dog", "cat"]),
  ]
  assert len({first, *others}) == 8
  tiny_images.write(
    pathlib.Path(folders[1]) / "cat" / "000.png", solid_png([1] * 3)
  )
  assert fingerprint() != first


def test_the_receiver_of_features(folders):
  pipeline = create(folders)
  with tf.Graph().as_default():
    receiver = pipeline.serving_input_receiver_fn()()
    assert isinstance(receiver, estimator.export.ServingInputReceiver)
    assert receiver.features["images"].shape.as_list() == [None, 2, 2, 3]
    assert set(receiver.receiver_tensors) == {"images"}


def test_the_receiver_of_files_does_as_evaluation(folders):
  pipeline = create(folders, resize_method="crop", num_channels=1)
  contents = [
    path.read_bytes()
    for path in sorted(pathlib.Path(folders[1]).rglob("*.png"))
  ]
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    receiver = pipeline.encoded_serving_input_receiver_fn()()
    (received,) = receiver.receiver_tensors.values()
    assert set(receiver.receiver_tensors) == {"image_bytes"}
    assert receiver.features["images"].shape.as_list() == [None, 2, 2, 1]
    found = session.run(receiver.features["images"], {received: contents})
  np.testing.assert_array_equal(found, ordered(pipeline, "eval")[0]["images"])


def test_gin_creates_it(folders):
  try:
    gin.bind_parameter("ImageFolderInput.train_dir", folders[0])
    gin.bind_parameter("ImageFolderInput.eval_dir", folders[1])
    pipeline = gin.get_configurable("ImageFolderInput")()
    assert pipeline.num_examples("train") == 8
    assert isinstance(pipeline, ImageFolderInput)
  finally:
    gin.clear_config()


@pytest.mark.skipif(not SIGN_DIGITS.is_dir(), reason="the images are not here")
def test_photographs():
  pipeline = ImageFolderInput(
    SIGN_DIGITS / "train",
    SIGN_DIGITS / "test",
    image_size=(32, 32),
    check_images="decode",
    flip_horizontally=True,
  )
  assert pipeline.class_names == list("0123456789")
  assert pipeline.skipped_examples() == {}
  features, labels = ordered(pipeline, "eval")
  assert features["images"].shape == (pipeline.num_examples("eval"), 32, 32, 3)
  assert 0 <= features["images"].min() < 0.1
  assert 0.9 < features["images"].max() <= 1
  assert np.bincount(labels[:, 0]).min() > 0
  ((features, _),) = batches(pipeline, "train", 1)
  assert 0.2 < features["images"].mean() < 0.8
