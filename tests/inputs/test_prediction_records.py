"""Reading new records, by the description of a run's pipeline."""

import numpy as np
import pytest
import tiny_images
from record_writing import serialize, write_records

from hub_estimator import errors, inputs
from hub_estimator.inputs.prediction import create_example_reader

FEATURES = {"t": ("string", (), "text"), "x": ("int32", (2,))}
TRAIN = [
  {"text": "a", "x": [1, 2], "label": "red"},
  {"text": "b", "x": [3, 4], "label": "blue"},
]


@pytest.fixture
def describe(tmp_path):
  def describe(records=TRAIN, features=FEATURES, **arguments):
    path = write_records(tmp_path / "train.tfrecord", records)
    return inputs.TFRecordInput(
      path, path, features=features, **arguments
    ).description()

  return describe


def _read(description, path, batch_size=2, **arguments):
  with create_example_reader(
    description, path, batch_size, **arguments
  ) as reader:
    return list(reader), reader


def test_records_of_a_glob_in_order(describe, tmp_path):
  for name, texts in (("new-1", "cd"), ("new-0", "ab")):
    write_records(
      tmp_path / name, [{"text": text, "x": [5, 6]} for text in texts + "e"]
    )
  batches, reader = _read(describe(), tmp_path / "new-*", 4)
  found = [t for batch in batches for t in batch.features["t"].tolist()]
  assert found == [b"a", b"b", b"e", b"c", b"d", b"e"]
  assert [len(batch) for batch in batches] == [4, 2]
  assert batches[0].features["x"].dtype == np.int32
  assert batches[0].features["x"][3].tolist() == [5, 6]
  key = f"{tmp_path / 'new-1'} record 0"
  assert batches[0].keys[3] == key
  assert batches[0].echoes[3] == {"record": key, "t": "c"}
  assert batches[0].labels is None
  assert reader.done == reader.total > 0


def test_packed_records(describe, tmp_path):
  path = write_records(tmp_path / "new.gz", TRAIN, "GZIP")
  batches, reader = _read(describe(), path)
  assert batches[0].features["t"].tolist() == [b"a", b"b"]
  assert reader.total is None


@pytest.mark.parametrize(
  ("labels", "arguments", "new", "expected"),
  [
    (["red", "blue"], {}, ["red", "green", None], [1, -1, -1]),
    ([0, 2], {}, [2, 1, 3], [2, 1, -1]),
    ([5, 6, 7], {"classes": (7, 5)}, [5, 6, 7], [1, -1, 0]),
    ([0.5, 1.0], {}, [1.5, "x", None], [[1.5], [np.nan], [np.nan]]),
    ([[0, 1], [1, 0]], {}, [[1, 1], [1, 2]], [[1, 1], [-1, -1]]),
    (
      [["u"], ["v", "w"]],
      {"label_kind": "multi_label"},
      [["w", "u"], ["q"]],
      [[1, 0, 1], [-1, -1, -1]],
    ),
  ],
  ids=[
    "names",
    "numbers",
    "classes",
    "regression",
    "multi-label",
    "label sets",
  ],
)
def test_labels_that_are_there(
  describe, tmp_path, labels, arguments, new, expected
):
  features = {"text": ("string", ())}
  description = describe(
    [{"text": "a", "label": label} for label in labels], features, **arguments
  )
  records = [
    {"text": "a"} if label is None else {"text": "a", "label": label}
    for label in new
  ]
  batches, reader = _read(
    description, write_records(tmp_path / "new", records), 5
  )
  np.testing.assert_array_equal(batches[0].labels, expected)
  assert reader.counts().get("label that is missing or not known", 0) == sum(
    bool(np.any(np.isnan(row)) or np.any(np.less(row, 0))) for row in expected
  )


def test_images_are_decoded(describe, tmp_path):
  images = [tiny_images.solid_png([value] * 3) for value in (51, 102)]
  records = [{"i": image, "label": n} for n, image in enumerate(images)]
  description = describe(records, {"i": ("image", (2, 2, 3))})
  path = write_records(
    tmp_path / "new", [{"i": images[1]}, {"i": b"none"}, {"i": images[0]}]
  )
  with pytest.raises(errors.UserValueError, match="record 1: expected a JPEG"):
    _read(description, path, 3)
  batches, _ = _read(description, path, 3, on_bad_example="skip")
  np.testing.assert_allclose(
    batches[0].features["i"][:, 0, 0, 0], [0.4, 0.2], atol=1e-6
  )


def test_bad_records(describe, tmp_path):
  path = write_records(
    tmp_path / "new",
    [TRAIN[0], b"no example \xff", {"text": "c"}, serialize(**TRAIN[1])],
  )
  with pytest.raises(
    errors.UserValueError, match="2 bad examples .*record 1: .*record 2: .*'x'"
  ):
    _read(describe(), path, 4)
  batches, reader = _read(describe(), path, 1, on_bad_example="skip")
  assert [batch.features["t"].tolist() for batch in batches] == [[b"a"], [b"b"]]
  assert reader.counts() == {"no tf.Example": 1, "missing feature": 1}
  with open(path, "rb") as file:
    content = file.read()
  with open(path, "wb") as file:
    file.write(content[:-3])
  with pytest.raises(errors.UserValueError, match="found that it is truncated"):
    _read(describe(), path, 4)


def test_wrong_places(describe, tmp_path):
  with pytest.raises(errors.UserOSError, match="no file for '.*none'"):
    _read(describe(), tmp_path / "none")
  with pytest.raises(errors.UserValueError, match="cannot be read from standa"):
    _read(describe(), "-")
  with pytest.raises(errors.UserValueError, match="file_format = 'csv' is for"):
    _read(describe(), tmp_path / "train.tfrecord", file_format="csv")
