"""Every mistake in the files of a `TFRecordInput` and what is said about it."""

import pytest
from input_batches import batches, expect, ordered
from record_writing import serialize, write_records

from hub_estimator import errors
from hub_estimator.inputs import TFRecordInput

_FEATURES = {"x": ("float32", (2,))}


@pytest.fixture
def write(tmp_path):
  return lambda name, examples, *args: write_records(
    tmp_path / name, examples, *args
  )


def _good(count=4):
  return [{"x": [float(i), 0.0], "label": i % 2} for i in range(count)]


def _create(files, **arguments):
  return TFRecordInput(
    files, files, **{"features": _FEATURES, "batch_size": 4, **arguments}
  )


def _firsts(pipeline, split="train"):
  return [int(x) for x, _ in ordered(pipeline, split)[0]["x"]]


@pytest.mark.parametrize(
  ("record", "reason", "problem", "arguments"),
  [
    (b"\xff\xff", "no tf.Example", "expected a tf.Example, found ", {}),
    (
      {"y": [1.0], "label": 0},
      "missing feature",
      "expected the feature 'x', found 'label', 'y'",
      {},
    ),
    (
      {"x": [1.0, 2.0, 3.0], "label": 0},
      "feature of another type or size",
      "expected 2 floats in 'x', found 3 floats",
      {},
    ),
    (
      {"x": ["a", "b"], "label": 0},
      "feature of another type or size",
      "expected 2 floats in 'x', found 2 strings",
      {},
    ),
    (
      {"x": [], "label": 0},
      "feature of another type or size",
      "expected 2 floats in 'x', found 0 nothing",
      {},
    ),
    (
      {"x": [1.0, float("nan")], "label": 0},
      "NaN or infinite feature",
      "expected finite numbers of type float32 in 'x'",
      {},
    ),
    (
      {"x": [1.0, 70000.0], "label": 0},
      "NaN or infinite feature",
      "expected finite numbers of type float16 in 'x'",
      dict(features={"x": ("float16", (2,))}),
    ),
    (
      {"x": [1.0, 1.0], "label": 300},
      "feature out of range",
      "expected numbers of type uint8 in 'label', found 300 to 300",
      dict(features={**_FEATURES, "n": ("uint8", (), "label")}),
    ),
    ({"x": [1.0, 1.0]}, "missing label", "no label in 'label'", {}),
    (
      {"x": [1.0, 1.0], "label": [0, 1]},
      "label of another kind",
      "expected 1 integers as in {path} record 0, found 2 integers in 'label'",
      {},
    ),
    (
      {"x": [1.0, 1.0], "label": "a"},
      "label of another kind",
      "expected 1 integers as in {path} record 0, found 1 strings in 'label'",
      {},
    ),
    (
      {"x": [1.0, 1.0], "label": -1},
      "wrong weight",
      "expected a finite number from 0 in 'label', found [-1]",
      dict(weight="label"),
    ),
    (
      {"x": [1.0, 1.0]},
      "wrong weight",
      "expected a finite number from 0 in 'label', found []",
      dict(weight="label"),
    ),
    (
      {"x": [1.0, 1.0], "label": [2, 1]},
      "label of another kind",
      "expected 1 integers as in {path} record 0, found 2 integers",
      dict(label_kind="multi_label"),
    ),
    (
      {"x": [1.0, 1.0], "label": 2},
      "label that is not 0 or 1",
      "expected 0 or 1 for each label, found [2] in 'label'",
      dict(label_kind="multi_label"),
    ),
  ],
)
def test_a_bad_record(write, record, reason, problem, arguments):
  path = write("a", [*_good(2), record, *_good(2)])
  with expect(
    errors.UserValueError,
    f"2 bad examples in '{path}' (2 {reason}): ",
    f"{path} record 2: {problem.format(path=path)}",
    "set TFRecordInput.on_bad_example = 'skip'",
  ):
    _create(path, **arguments)
  pipeline = _create(path, on_bad_example="skip", **arguments)
  # The file is that of both splits.
  assert pipeline.skipped_examples() == {reason: 2}
  assert "2 bad examples of" in pipeline.notes()[0]
  assert _firsts(pipeline) == [0, 1, 0, 1]
  for features, _ in batches(pipeline, "train", 3):
    assert sorted(features["x"][:, 0]) == [0, 0, 1, 1]
  # The same as if it had not been there.
  without = _create(write("b", _good(2) * 2), **arguments)
  assert pipeline.fingerprint("train") == without.fingerprint("train")


def test_bad_labels_that_are_strings_or_floats(write):
  named = [{"x": [0.0, 0.0], "label": name} for name in ("a", "b", b"\xff")]
  path = write("a", named)
  with expect(errors.UserValueError, "record 2: expected UTF-8 in 'label'"):
    _create(path)
  with expect(
    errors.UserValueError,
    "record 1: expected one of ['a', 'c'], found 'b' in 'label'",
  ):
    _create(path, label_vocabulary=["a", "c"])
  floats = [{"x": [0.0, 0.0], "label": y} for y in (1.0, float("inf"))]
  with expect(
    errors.UserValueError, "record 1: expected finite numbers, found [inf]"
  ):
    _create(write("b", floats))


@pytest.mark.parametrize(
  ("label", "kind", "parts"),
  [
    (0.5, "class", ["labels are integers or strings", "is of floats"]),
    ("a", "regression", ["labels are numbers", "is of strings"]),
    (0.5, "multi_label", ["labels are strings, or zeros", "is of floats"]),
    (0, "classes", ["no `TFRecordInput.label_kind = 'classes'"]),
  ],
)
def test_a_kind_that_labels_are_not(write, label, kind, parts):
  path = write("a", [{"x": [0.0, 0.0], "label": label}])
  with expect(errors.UserValueError, *parts):
    _create(path, label_kind=kind)


def _damage(path, write, num_before):
  """Damages a byte in the record after so many."""
  with open(path, "rb") as file:
    content = bytearray(file.read())
  size = len(content) // 4
  content[size * num_before + 20] ^= 1
  with open(path, "wb") as file:
    file.write(content)


def test_a_damaged_record_ends_its_file(write, monkeypatch):
  path = write("a", _good())
  other = write("b", _good()[:3])
  _damage(path, write, 2)
  with expect(
    errors.UserValueError,
    f"(2 damaged record): {path} record 2: expected a whole record, found that "
    "it is corrupted, at byte ",
    "; the rest of the file is lost",
  ):
    _create([path, other])
  pipeline = _create([path, other], on_bad_example="skip")
  assert pipeline.skipped_examples() == {"damaged record": 2}
  assert _firsts(pipeline) == [0, 1, 0, 1, 2]
  found = batches(pipeline, "train", 5)
  values = [int(x) for features, _ in found for x, _ in features["x"]]
  assert sorted(values) == sorted([0, 1, 0, 1, 2] * 4)


def test_truncated_files(write):
  path = write("a", _good())
  with open(path, "rb") as file:
    content = file.read()
  with open(path, "wb") as file:
    file.write(content[:-5])
  with expect(
    errors.UserValueError, "record 3: ", "found that it is truncated, at byte "
  ):
    _create(path)
  path = write("b.gz", _good(), "GZIP")
  with open(path, "rb") as file:
    content = file.read()
  with open(path, "wb") as file:
    file.write(content[:-9])
  with expect(errors.UserValueError, "found that the gzip file ends too early"):
    _create(path)


def test_not_gzip(write):
  path = write("a.gz", _good())
  with expect(errors.UserValueError, "the gzip file cannot be unpacked: Not a"):
    _create(path)


def test_a_text_file(tmp_path):
  path = tmp_path / "a.tfrecord"
  path.write_text("text\tlabel\ngood film\t1\n")
  with expect(errors.UserValueError, "record 0: expected a whole record"):
    _create(str(path))


def test_no_files(tmp_path, write):
  path = write("a", _good())
  missing = str(tmp_path / "train-*")
  with expect(
    errors.UserOSError,
    f"`TFRecordInput.train_files`: there is no file for '{missing}'",
  ):
    _create(missing)
  with expect(errors.UserOSError, "eval_files`: there is no file for 'no'"):
    TFRecordInput(path, [path, "no"], features=_FEATURES)
  with expect(errors.UserOSError, "no file for an empty list"):
    _create([])
  with expect(errors.UserOSError, "no file for", str(tmp_path)):
    _create(str(tmp_path))
  with expect(errors.UserTypeError, "train_files` is a path or a glob"):
    _create(3)
  with expect(errors.UserValueError, "more than once", path):
    _create([path, path])
  with expect(errors.UserValueError, "no `TFRecordInput.compression = 'zip'`"):
    _create(path, compression="zip")


def test_empty_splits(write):
  with expect(errors.UserValueError, "train split has zero", "has no record."):
    _create(write("a", []))
  with expect(errors.UserValueError, "has no record that is not bad"):
    _create(write("b", [b"\xff\xff"]), on_bad_example="skip")
  with expect(
    errors.UserValueError, "say how, with TFRecordInput.eval_fraction"
  ):
    TFRecordInput(write("c", _good()), features=_FEATURES)
  with expect(errors.UserValueError, "eval split has zero"):
    TFRecordInput(write("c", _good(1)), features=_FEATURES, eval_fraction=0.0)


@pytest.mark.parametrize(
  ("features", "error_type", "parts"),
  [
    ({}, errors.UserTypeError, ["features` is a dict", "got {}"]),
    ({"x": "string"}, errors.UserTypeError, ["['x']` is (type, shape)"]),
    (
      {"x": ("float", ())},
      errors.UserValueError,
      ["['x']` has the type 'float': there are 'string', 'image', 'float16'"],
    ),
    ({"x": ("int64", 3)}, errors.UserValueError, ["has the shape 3"]),
    ({"x": ("image", (4, 4))}, errors.UserValueError, ["(4, 4): that of an"]),
    ({"x": ("int64", (0,))}, errors.UserValueError, ["has the shape (0,)"]),
  ],
)
def test_features_that_are_wrong(write, features, error_type, parts):
  with expect(error_type, *parts):
    _create(write("a", _good()), features=features)


def test_problems_of_all_files_are_collected(write):
  files = [write(str(i), [*_good(), serialize(label=1)]) for i in range(3)]
  with expect(
    errors.UserValueError,
    "6 bad examples in",
    "and 2 more",
    *(f"{path} record 4" for path in files),
    "; and 2 more. Mend",
  ):
    _create(files, max_bad_examples=4)


def test_rows_in_messages_are_records(write):
  files = [write("a", _good(3)), write("b", [{"x": [0.0, 0.0], "label": 5}])]
  with expect(
    errors.UserValueError,
    f"example 3 of the train split ({files[1]} record 0) has the label 5",
  ):
    _create(files).check_labels(2)
