"""Every mistake in the files of a `TextFileInput` and what is said about it."""

import gzip
import json

import pytest
from input_batches import expect, ordered, texts

from hub_estimator import errors
from hub_estimator.inputs import TextFileInput


@pytest.fixture
def write(tmp_path):
  def write_file(name, content):
    path = tmp_path / name
    path.write_bytes(
      content if isinstance(content, bytes) else content.encode()
    )
    return str(path)

  return write_file


def _create(path, **arguments):
  return TextFileInput(path, eval_fraction=0.5, **arguments)


def test_file_missing_or_folder(tmp_path):
  path = str(tmp_path / "no.csv")
  with expect(
    errors.UserOSError,
    f"`TextFileInput.train_file` is the path of a file, but {path!r} does not",
  ):
    _create(path)
  folder = tmp_path / "a.csv"
  folder.mkdir()
  with expect(errors.UserOSError, "eval_file` is", "a.csv' is a folder"):
    (tmp_path / "b.csv").write_text("text,label\nx,1\n")
    TextFileInput(tmp_path / "b.csv", folder)


def test_format_that_is_not_clear(write):
  path = write("a.txt.gz", "")
  with expect(
    errors.UserValueError,
    "format of",
    "a.txt.gz' is not clear",
    ".csv, .tsv, .jsonl, .ndjson",
    "TextFileInput.format to one of 'csv', 'tsv', 'jsonl'",
  ):
    _create(path)
  with expect(errors.UserValueError, "no `TextFileInput.format = 'xml'`"):
    _create(path, format="xml")


def test_truncated_gzip(write):
  content = gzip.compress(b"text,label\n" + b"x,0\n" * 100)
  with expect(errors.UserValueError, "gzip file that ends too early"):
    _create(write("a.csv.gz", content[:-12]))
  with expect(errors.UserValueError, "named as a gzip file, but cannot be"):
    _create(write("b.csv.gz", b"text,label\nx,0\n"))
  broken = bytearray(content)
  broken[-6] ^= 1
  with expect(errors.UserValueError, "cannot be unpacked: CRC check failed"):
    _create(write("c.csv.gz", bytes(broken)))


def test_missing_columns(write):
  path = write("a.csv", "texts,stars,y\nx,1,2\n")
  with expect(
    errors.UserKeyError,
    "a.csv' lacks columns: 'text' of TextFileInput.text_column = 'text' (did "
    "you mean 'texts'?); 'label' of TextFileInput.label_column = 'label'; 'w' "
    "of TextFileInput.weight_column = 'w'. Columns there are: 'texts', "
    "'stars', 'y'.",
  ):
    _create(path, weight_column="w")
  with expect(
    errors.UserKeyError, "'z' of TextFileInput.features['t'] = ('z', 'int32')."
  ):
    _create(path, features={"t": ("z", "int32")}, label_column="y")
  with expect(errors.UserKeyError, "(it is there more than once)"):
    _create(write("b.csv", "text,label,text\nx,0,y\n"))
  with expect(
    errors.UserKeyError, "'text\\tlabel'", "Set TextFileInput.format"
  ):
    _create(write("c.csv", "text\tlabel\nx\t0\n"))
  with expect(errors.UserKeyError, "lacks columns: 'label' of", "'text', 'y'"):
    _create(write("d.jsonl", '{"text": "a", "y": 1}\n{"text": "b"}\n'))


def test_empty_files(write):
  with expect(
    errors.UserValueError, "is empty: its first line", "column_names"
  ):
    _create(write("a.csv", ""))
  with expect(errors.UserValueError, "train split has zero", "has no rows"):
    _create(write("b.csv", "text,label\n"))
  with expect(errors.UserValueError, "train split has zero", "has no rows"):
    _create(write("c.jsonl", ""))
  full = write("d.csv", "text,label\nx,0\ny,1\n")
  with expect(errors.UserValueError, "eval split has zero", "b.csv' has no"):
    TextFileInput(full, write("b.csv", "text,label\n"))
  with expect(
    errors.UserValueError, "eval split has zero", "has no rows that are not bad"
  ):
    TextFileInput(
      full, write("e.csv", "text,label\nx\ny\n"), on_bad_example="skip"
    )


def test_column_names_of_json(write):
  with expect(
    errors.UserValueError, "`TextFileInput.column_names`", "leave it"
  ):
    _create(write("a.jsonl", "{}\n"), column_names=["text"])


_GOOD = "text,label\ngood,0\nfine,1\nnice,0\nwell,1\n"
_GOOD_JSON = "".join(
  json.dumps({"text": "good", "label": i % 2}) + "\n" for i in range(4)
)


@pytest.mark.parametrize(
  ("name", "line", "reason", "problem", "arguments"),
  [
    (
      "csv",
      b"x,0,1",
      "wrong number of columns",
      "line 6: expected 2 columns ('text', 'label'), found 3",
      {},
    ),
    (
      "csv",
      b"a\xffb,0",
      "undecodable bytes",
      "line 6: expected text in utf-8, found the byte 0xff",
      {},
    ),
    (
      "csv",
      b"x,2",
      "label outside the vocabulary",
      "line 6: expected one of ['0', '1'] in 'label', found '2'",
      dict(label_vocabulary=[0, 1]),
    ),
    ("csv", b"x,", "missing label", "line 6: no label in 'label'", {}),
    (
      "csv",
      b'"x"y,0',
      "broken quotes",
      "line 6: ',' expected after '\"'",
      {},
    ),
    (
      "csv",
      b"x,a",
      "label that is no number",
      "line 6: expected a number in 'label', found 'a'",
      dict(label_kind="regression"),
    ),
    (
      "csv",
      b"x,",
      "missing label",
      "line 6: no label in 'label'",
      dict(label_kind="regression"),
    ),
    (
      "csv",
      b"x,nan",
      "NaN or infinite label",
      "line 6: expected a finite number of type float32 in 'label', found",
      dict(label_kind="regression"),
    ),
    (
      "csv",
      b"x,1e39",
      "NaN or infinite label",
      "line 6: expected a finite number of type float32 in 'label', found",
      dict(label_kind="regression"),
    ),
    (
      "csv",
      b"x,-1",
      "negative weight",
      "line 6: expected a number from 0 in 'label', found '-1'",
      dict(weight_column="label"),
    ),
    (
      "csv",
      b"x,1|7",
      "label outside the vocabulary",
      "line 6: expected one of ['0', '1'] in 'label', found '7'",
      dict(label_vocabulary=[0, 1], label_kind="multi_label"),
    ),
    (
      "csv",
      b"x,1.5",
      "feature that is no number of type int32",
      "line 6: expected a number of type int32 in 'label', found '1.5'",
      dict(features={"n": ("label", "int32")}),
    ),
    (
      "csv",
      b"x,300",
      "feature that is no number of type uint8",
      "line 6: expected a number of type uint8 in 'label', found '300'",
      dict(features={"n": ("label", "uint8")}),
    ),
    (
      "csv",
      b"x,inf",
      "NaN or infinite feature",
      "line 6: expected a finite number of type float32 in 'label'",
      dict(features={"n": ("label", "float32")}),
    ),
    ("jsonl", b'{"text": "x"', "bad JSON", "line 5: no JSON: Expecting", {}),
    (
      "jsonl",
      b'["x", 0]',
      "bad JSON",
      "line 5: expected a JSON object, found '[\"x\", 0]'",
      {},
    ),
    (
      "jsonl",
      b'{"text": "x", "y": 0}',
      "missing column",
      "line 5: expected the keys 'text', 'label', found 'text', 'y'",
      {},
    ),
    (
      "jsonl",
      b'{"text": 3, "label": 0}',
      "text that is no string",
      "line 5: expected a string in 'text', found 3",
      {},
    ),
    (
      "jsonl",
      b'{"text": "x", "label": null}',
      "missing label",
      "line 5: no label in 'label'",
      {},
    ),
    (
      "jsonl",
      b'{"text": "x", "label": {"a": 1}}',
      "label of another kind",
      "line 5: expected a string or a number in 'label', found {'a': 1}",
      dict(label_kind="class"),
    ),
    (
      "jsonl",
      b'{"text": "x", "label": {"a": 1}}',
      "label of another kind",
      "line 5: expected labels with '|' between them, or a list",
      dict(label_kind="multi_label"),
    ),
    (
      "jsonl",
      b'{"text": "half \\ud800", "label": 0}',
      "undecodable bytes",
      "line 5: expected text in utf-8, found half a character, \\ud800",
      {},
    ),
  ],
)
def test_a_bad_example(write, name, line, reason, problem, arguments):
  good = _GOOD if name == "csv" else _GOOD_JSON
  path = write(f"a.{name}", good.encode() + line + b"\n")
  with expect(
    errors.UserValueError,
    f"1 bad example in {path} (1 {reason}): {path} {problem}",
    "Mend them, or set TextFileInput.on_bad_example = 'skip' to leave them",
  ):
    _create(path, **arguments)
  pipeline = _create(path, on_bad_example="skip", **arguments)
  assert pipeline.skipped_examples() == {reason: 1}
  assert (
    f"1 bad example of {path} was skipped (1 {reason})."
    in (pipeline.notes()[0])
  )
  assert (
    sum(pipeline.num_split_examples(split) for split in pipeline.splits) == 4
  )
  without = _create(write(f"b.{name}", good), **arguments)
  for split in ("train", "eval"):
    assert pipeline.fingerprint(split) == without.fingerprint(split)


def test_bad_label_columns(write):
  path = write("a.csv", "text,a,b\nx,0,1\ny,1,1\nz,1,2\n,,0\n")
  pipeline = _create(path, label_column=["a", "b"], on_bad_example="skip")
  assert pipeline.skipped_examples() == {
    "label that is not 0 or 1": 1,
    "missing label": 1,
  }


def test_all_problems_are_counted_and_the_first_are_listed(write):
  lines = ["a,b,c"] * 8 + ["x,"] * 7
  path = write("a.csv", _GOOD + "\n".join(lines))
  with expect(
    errors.UserValueError,
    "15 bad examples in",
    "(8 wrong number of columns, 7 missing label)",
    "line 13: expected 2 columns",
    "line 15: no label in 'label'; and 5 more. Mend",
  ) as caught:
    _create(path)
  assert str(caught.value).count(" line ") == 10
  assert "\n" not in str(caught.value)
  with expect(errors.UserValueError, "line 7: expected", "; and 13 more"):
    _create(path, max_bad_examples=2)
  pipeline = _create(path, on_bad_example="skip")
  assert pipeline.skipped_examples() == {
    "wrong number of columns": 8,
    "missing label": 7,
  }
  with expect(errors.UserValueError, "max_bad_examples` is a whole number"):
    _create(path, max_bad_examples=0)


def test_problems_of_all_files_are_collected(write):
  paths = [write(f"{name}.csv", _GOOD + "x\n") for name in "ab"]
  with expect(
    errors.UserValueError,
    f"2 bad examples in {paths[0]} and {paths[1]}",
    f"{paths[0]} line 6",
    f"{paths[1]} line 6",
  ):
    TextFileInput(*paths)


def test_an_example_with_two_problems_is_one(write):
  path = write("a.csv", "text,label,w\nx,0,1\ny,0,1\nz,,-1\n")
  pipeline = _create(path, weight_column="w", on_bad_example="skip")
  assert pipeline.skipped_examples() == {"negative weight": 1}


def test_lines_are_counted_as_editors_do(write):
  path = write("a.csv", 'text,label\n"x\ny\nz",1\n\nw,1\nv\n')
  with expect(errors.UserValueError, "(1 wrong number", f"{path} line 7: "):
    _create(path)
  pipeline = _create(path, on_bad_example="skip")
  with expect(errors.UserValueError, "has the label 1"):
    pipeline.check_labels(1)
  assert pipeline.skipped_examples()["blank line"] == 1


def test_empty_texts_are_used_and_counted(write):
  path = write("a.tsv", "text\tlabel\n\t0\n  \t1\nx\t0\ny\t1\n")
  pipeline = _create(path)
  assert sorted(texts(pipeline, "train") + texts(pipeline, "eval")) == [
    "",
    "  ",
    "x",
    "y",
  ]
  assert pipeline.skipped_examples() == {"empty text": 2}
  assert pipeline.notes() == [f"2 examples of {path}: empty text."]


def test_a_quote_that_never_ends_is_not_skipped(write):
  path = write("a.csv", _GOOD + 'x,"0\n' + "y,1\n" * 5)
  for on_bad_example in ("error", "skip"):
    with expect(
      errors.UserValueError, f"{path} line 6: a quote begins here", "as TSV"
    ):
      _create(path, on_bad_example=on_bad_example)


def test_encodings(write):
  with expect(errors.UserValueError, "no `TextFileInput.encoding = 'utf-88'`"):
    _create(write("a.csv", _GOOD), encoding="utf-88")
  with expect(errors.UserValueError, "cannot be decoded as 'utf-16'"):
    _create(write("a.csv", "x" * 9), encoding="utf-16")
  path = write("b.csv", _GOOD.encode("utf-16"))
  assert _create(path, encoding="utf-16").num_classes == 2


def test_weights_of_zero(write):
  path = write("a.csv", "text,label,w\n" + "x,0,0\ny,1,0\n" * 2)
  with expect(errors.UserValueError, "weights of the train split", "are zero"):
    _create(path, weight_column="w")


def test_vocabularies_that_are_wrong(write):
  path = write("a.csv", _GOOD)
  with expect(errors.UserOSError, "label_vocabulary` is a list", "no file 'x'"):
    _create(path, label_vocabulary="x")
  with expect(errors.UserValueError, "once; got ['a'] more than once"):
    _create(path, label_vocabulary=["a", "b", "a"])
  with expect(errors.UserValueError, "at least two, once; got ['a']"):
    _create(path, label_vocabulary=["a"])
  with expect(errors.UserValueError, "both number the classes: leave one out"):
    _create(path, label_vocabulary=["0", "1"], classes=[0, 1])
  with expect(errors.UserValueError, "leave `TextFileInput.label_vocabulary`"):
    _create(
      write("b.csv", "text,a,b\nx,0,1\n"),
      label_column=["a", "b"],
      label_vocabulary=["a", "b"],
    )


@pytest.mark.parametrize(
  ("arguments", "error_type", "parts"),
  [
    (dict(text_column=3), errors.UserTypeError, ["text_column` is the name"]),
    (dict(label_column=3), errors.UserTypeError, ["label_column` is the name"]),
    (
      dict(label_column=[]),
      errors.UserTypeError,
      ["label_column` is the name", "got []"],
    ),
    (
      dict(features=["text"]),
      errors.UserTypeError,
      ["features` is a dict", "got ['text']"],
    ),
    (
      dict(features={"x": ("text", "float")}),
      errors.UserValueError,
      ["features['x']` has the type 'float'", "'string', 'float16'"],
    ),
    (
      dict(features={"x": "text"}, second_text_column="label"),
      errors.UserValueError,
      ["features` says all", "second_text_column = 'label'"],
    ),
    (
      dict(label_kind="classes"),
      errors.UserValueError,
      ["no `TextFileInput.label_kind = 'classes'"],
    ),
    (
      dict(label_column=["text", "label"], label_kind="class"),
      errors.UserValueError,
      ["a class is in one column"],
    ),
    (dict(label_separator=""), errors.UserTypeError, ["separator` is a str"]),
  ],
)
def test_arguments_that_are_wrong(write, arguments, error_type, parts):
  with expect(error_type, *parts):
    _create(write("a.csv", _GOOD), **arguments)


def test_numbers_of_classes_below_zero(write):
  path = write("a.csv", "text,label\nx,1\ny,-1\nz,1\nw,-1\n")
  with expect(
    errors.UserValueError,
    f"count from 0, but {path} line 3 has the label -1",
    "TextFileInput.classes = [-1, 1]",
  ):
    _create(path)
  with expect(
    errors.UserValueError, "count from 0; the least in 'label' is -1"
  ):
    _create(path, label_kind="multi_label")


def test_messages_of_splits_name_this_pipeline(write):
  path = write("a.csv", _GOOD)
  with expect(
    errors.UserValueError, "say how, with TextFileInput.eval_fraction"
  ):
    TextFileInput(path)
  with expect(errors.UserValueError, "`TextFileInput.classes` names [7]"):
    _create(path, classes=[0, 7])
  with expect(errors.UserValueError, "pick classes with TextFileInput.classes"):
    _create(path).check_labels(1)
  assert ordered(_create(path), "eval")[1].shape == (2, 1)
