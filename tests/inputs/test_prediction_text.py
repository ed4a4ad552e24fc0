"""Reading new texts, by the description of a run's pipeline."""

import gzip
import io
import sys
import tracemalloc

import numpy as np
import pytest

from hub_estimator import errors, inputs
from hub_estimator.inputs.prediction import create_example_reader

TRAIN = "text,label\nx,red\ny,blue\nz,red\n"


@pytest.fixture
def write(tmp_path):
  def write(name, content):
    path = tmp_path / name
    if isinstance(content, str):
      content = content.encode()
    path.write_bytes(content)
    return str(path)

  return write


@pytest.fixture
def describe(write):
  def describe(content=TRAIN, name="train.csv", **arguments):
    path = write(name, content)
    return inputs.TextFileInput(path, path, **arguments).description()

  return describe


def _read(description, path, batch_size=2, **arguments):
  """Returns all batches, and the reader."""
  with create_example_reader(
    description, path, batch_size, **arguments
  ) as reader:
    return list(reader), reader


def _texts(batches, name="text"):
  return [text for batch in batches for text in batch.features[name].tolist()]


def _keys(batches):
  return [key for batch in batches for key in batch.keys]


def test_csv_in_order(describe, write):
  path = write("new.csv", 'id,text\n1,ä\n2,"b, ""c""\nd"\n\n3,e\n4,\n')
  batches, reader = _read(describe(), path)
  assert [len(batch) for batch in batches] == [2, 2]
  assert _texts(batches) == ["ä".encode(), b'b, "c"\nd', b"e", b""]
  assert _keys(batches) == ["line 2", "line 3", "line 6", "line 7"]
  assert batches[0].echoes == [{"text": "ä"}, {"text": 'b, "c"\nd'}]
  assert [batch.labels for batch in batches] == [None, None]
  assert reader.counts() == {"blank line": 1, "empty text": 1}
  assert reader.done == reader.total > 0


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_tsv_and_gz(describe, write, end):
  content = end.join(["\ufefftext\tid", 'a "b\t1', "c\rd\t2", ""])
  path = write("new.tsv.gz", gzip.compress(content.encode()))
  batches, reader = _read(describe(), path)
  assert _texts(batches) == [b'a "b', b"c\rd"]
  assert _keys(batches) == ["line 2", "line 3"]
  assert reader.done == reader.total


def test_json_lines(describe, write):
  path = write("new.jsonl", '{"text": "a", "n": 1}\n\n{"n": 2, "text": "b"}\n')
  batches, _ = _read(describe(), path)
  assert _texts(batches) == [b"a", b"b"]
  assert _keys(batches) == ["line 1", "line 3"]


@pytest.mark.parametrize("name", ["new.txt", "new.txt.gz"])
def test_plain_lines_are_texts(describe, write, name):
  content = b"a, b\n\n\tc\r\nd"
  path = write(name, gzip.compress(content) if "gz" in name else content)
  batches, reader = _read(describe(text_column="text"), path)
  # A blank line is a text too, so that outputs are on the lines of their texts.
  assert _texts(batches) == [b"a, b", b"", b"\tc", b"d"]
  assert _keys(batches) == ["line 1", "line 2", "line 3", "line 4"]
  assert batches[0].echoes[0] == {"text": "a, b"}
  assert reader.counts() == {"empty text": 1}


def test_several_features_have_no_plain_lines(describe, write):
  description = describe(
    "a,b,label\nx,y,0\nz,w,1\n", features={"one": "a", "two": "b"}
  )
  with pytest.raises(
    errors.UserValueError, match="model takes 'one', 'two', which are not a"
  ):
    _read(description, write("new.txt", "a\n"))


def test_features_of_several_columns(describe, write):
  description = describe(
    "a,b,c,label\nx,1,2,0\nz,3,4,1\n",
    features={"t": "a", "n": (["b", "c"], "int32")},
  )
  batches, _ = _read(description, write("new.csv", "c,b,a\n5,6,q\n"))
  assert batches[0].features["t"].tolist() == [b"q"]
  assert batches[0].features["n"].tolist() == [[6, 5]]
  assert batches[0].features["n"].dtype == np.int32
  assert batches[0].echoes == [{"a": "q", "b": "6", "c": "5"}]


@pytest.mark.parametrize(
  ("setting", "content"),
  [(None, "text,label\na,red\n"), ("jsonl", '{"text": "a", "label": "red"}\n')],
)
def test_standard_input_has_the_runs_format(
  describe, monkeypatch, setting, content
):
  train = '{"text": "a", "label": "red"}\n{"text": "b", "label": "blue"}\n'
  description = (
    describe() if setting is None else describe(train, format=setting)
  )
  buffer = io.BytesIO(content.encode())
  monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffer))
  batches, reader = _read(description, "-")
  assert _texts(batches) == [b"a"]
  assert batches[0].labels.tolist() == [1]
  assert reader.total is None
  assert reader.place == "standard input"
  assert not buffer.closed


def test_standard_input_of_plain_lines(describe, monkeypatch):
  monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a,b\nc\n")))
  batches, _ = _read(describe(), "-", file_format="txt")
  assert _texts(batches) == [b"a,b", b"c"]


def test_labels_that_are_there(describe, write):
  path = write("new.csv", "text,label\na,red\nb,\nc,green\nd,blue\n")
  batches, reader = _read(describe(), path, 3)
  assert [batch.labels.tolist() for batch in batches] == [[1, -1, -1], [0]]
  assert reader.counts() == {"label that is missing or not known": 2}
  assert reader.notes() == [
    f"2 examples of {path}: label that is missing or not known."
  ]


@pytest.mark.parametrize(
  ("train", "arguments", "new", "expected"),
  [
    ("text,label\na,0\nb,2\n", {}, "label,text\n1,x\n3,y\n2,z\n", [1, -1, 2]),
    (
      "text,label\na,5\nb,6\nc,7\n",
      {"classes": (7, 5)},
      "label,text\n5,x\n6,y\n7,z\n",
      [1, -1, 0],
    ),
    (
      "text,label\na,0.5\nb,2\n",
      {},
      "label,text\n1,x\n,y\n",
      [[1.0], [float("nan")]],
    ),
    (
      "text,label\na,u|v\nb,w\n",
      {"label_kind": "multi_label"},
      "label,text\nw|u,x\n,y\nq,z\n",
      [[1, 0, 1], [0, 0, 0], [-1, -1, -1]],
    ),
    (
      "text,u,v\na,1,0\nb,0,1\n",
      {"label_column": ["u", "v"]},
      "u,v,text\n1,1,x\n2,0,y\n",
      [[1, 1], [-1, -1]],
    ),
  ],
  ids=["numbers", "classes", "regression", "multi-label", "columns"],
)
def test_labels_of_each_kind(describe, write, train, arguments, new, expected):
  description = describe(train, **arguments)
  batches, _ = _read(description, write("new.csv", new), 10)
  np.testing.assert_array_equal(batches[0].labels, expected)


def test_a_part_of_the_label_columns_is_no_label(describe, write):
  description = describe("text,u,v\na,1,0\nb,0,1\n", label_column=["u", "v"])
  batches, _ = _read(description, write("new.csv", "u,text\n1,x\n"))
  assert batches[0].labels is None


def test_files_without_a_header_may_have_no_labels(describe, write):
  description = describe(
    "x,red,1\ny,blue,2\n",
    column_names=["text", "label", "w"],
    weight_column="w",
  )
  for content, has_labels in (
    ("a,red,1\n", True),
    ("a,1\n", False),
    ("a\n", False),
  ):
    batches, _ = _read(description, write("new.csv", content))
    assert _texts(batches) == [b"a"]
    assert (batches[0].labels is not None) == has_labels


def test_a_lacking_column(describe, write):
  for name, content in (
    ("new.csv", "txt,label\na,red\n"),
    ("new.jsonl", '{"txt": "a"}\n'),
  ):
    with pytest.raises(
      errors.UserKeyError,
      match=r"lacks columns: 'text' of TextFileInput\.text_column = 'text' "
      r"\(did you mean 'txt'\?\)",
    ):
      _read(describe(), write(name, content))


_BAD = [
  ("a.csv", b"text,n\na,1\nb\nc,2\n", "line 3: expected 2 columns", "wrong"),
  ("b.csv", b'text\na\n"b"c\nc\n', "line 3: ',' expected", "broken quotes"),
  ("c.tsv", b"text\na\n\xff\nc\n", "line 3: .*byte 0xff", "undecodable bytes"),
  ("d.jsonl", b'{"text": "a"}\n{\n{"text": "c"}\n', "line 2: no JSON", "bad J"),
  ("e.jsonl", b'{"text": "a"}\n[]\n', r"line 2: .*found '\[\]'", "bad JSON"),
  ("f.jsonl", b'{"text": "a"}\n{"n": 1}\n', "line 2: .*keys 'text'", "missing"),
  (
    "g.jsonl",
    b'{"text": "a"}\n{"text": 1}\n',
    "line 2: .*found 1",
    "no string",
  ),
  (
    "h.jsonl",
    b'{"text": "a"}\n{"text": "\\ud800"}\n',
    "line 2: .*half",
    "unde",
  ),
]


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize(
  ("name", "content", "problem", "reason"), _BAD, ids=[b[0] for b in _BAD]
)
def test_bad_rows(describe, write, name, content, problem, reason, batch_size):
  description, path = describe(), write(name, content)
  with pytest.raises(
    errors.UserValueError,
    match=rf"1 bad example in .*{name} .*{problem}.*on_bad_example = 'skip'",
  ):
    _read(description, path, batch_size)
  batches, reader = _read(description, path, batch_size, on_bad_example="skip")
  assert _texts(batches) == [b"a", b"c"][: content.count(b"c") + 1]
  ((found, number),) = reader.counts().items()
  assert reason in found
  assert number == 1


def test_the_runs_own_setting_skips_bad_rows(describe, write):
  path = write("new.csv", "text,n\na\nb,1\n")
  batches, _ = _read(describe(on_bad_example="skip"), path)
  assert _texts(batches) == [b"b"]
  with pytest.raises(errors.UserValueError, match="1 bad example"):
    _read(describe(on_bad_example="skip"), path, on_bad_example="error")


def test_numbers_that_are_none(describe, write):
  description = describe(
    "a,label\n1,0\n2,1\n", features={"n": ("a", "float32")}
  )
  path = write("new.csv", "a\n1\nx\nnan\n")
  with pytest.raises(
    errors.UserValueError, match="2 bad examples .*line 3: .*line 4: "
  ):
    _read(description, path, 5)
  batches, _ = _read(description, path, 5, on_bad_example="skip")
  assert batches[0].features["n"].tolist() == [1.0]
  assert batches[0].keys == ["line 2"]


def test_the_batches_before_a_bad_row_are_read(describe, write):
  path = write("new.csv", "text,n\na,1\nb,2\nc\n")
  reader = create_example_reader(describe(), path, 2)
  assert next(reader).keys == ["line 2", "line 3"]
  with pytest.raises(errors.UserValueError, match="line 4"):
    next(reader)


@pytest.mark.parametrize(
  ("name", "content", "message"),
  [
    ("a.csv", b"", "is empty: its first line names its columns"),
    ("a.csv", b'text\n"a\nb\n', "line 2: a quote begins here or below"),
    ("a.csv.gz", gzip.compress(b"text\n" * 99)[:-9], "ends too early"),
    ("a.csv.gz", b"text\na\n", "cannot be unpacked"),
    ("a.data", b"", "not clear from its name: .*one of 'csv', .*'txt'"),
  ],
  ids=["empty", "quote", "short gzip", "no gzip", "name"],
)
def test_files_that_cannot_be_read(describe, write, name, content, message):
  with pytest.raises(errors.UserValueError, match=message):
    _read(describe(), write(name, content))


def test_an_encoding_that_does_not_go(describe, write):
  description = describe(TRAIN.encode("utf-16"), encoding="utf-16")
  batches, _ = _read(description, write("a.csv", "text\nä\n".encode("utf-16")))
  assert _texts(batches) == ["ä".encode()]
  with pytest.raises(errors.UserValueError, match="decoded as 'utf-16'"):
    _read(description, write("a.csv", b"text\na\n"))


def test_no_such_file(describe, tmp_path):
  with pytest.raises(errors.UserOSError, match=r"a\.csv' does not exist"):
    create_example_reader(describe(), tmp_path / "a.csv", 2)
  with pytest.raises(errors.UserOSError, match="is a folder"):
    create_example_reader(describe(), tmp_path, 2, file_format="csv")


def test_wrong_arguments(describe, write):
  path = write("a.csv", "text\na\n")
  for arguments, message in (
    ({"batch_size": 0}, "batch_size` is a whole number from 1"),
    ({"file_format": "xls"}, "no .*file_format = 'xls'.*'jsonl', 'txt'"),
    ({"on_bad_example": "pass"}, "no .*on_bad_example = 'pass'"),
  ):
    with pytest.raises(errors.UserValueError, match=message):
      create_example_reader(describe(), path, **{"batch_size": 2, **arguments})


def test_pipelines_without_a_reader(describe, write):
  description = {**describe(), "reader": None, "input": "Mine"}
  with pytest.raises(
    errors.UserRuntimeError, match="pipeline, Mine, says nothing"
  ):
    create_example_reader(description, write("a.csv", ""), 2)
  description["reader"] = {"kind": "tfds", "on_bad_example": "error"}
  with pytest.raises(errors.UserRuntimeError, match="cannot be read as Mine"):
    create_example_reader(description, write("a.csv", ""), 2)


def test_an_end_before_the_end(describe, write):
  reader = create_example_reader(describe(), write("a.csv", TRAIN), 1)
  next(reader)
  reader.close()
  assert list(reader) == []


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_many_lines_are_read_in_constant_memory(describe, tmp_path, name):
  num_lines, line = 200_000, "a text of some words"
  head = "" if name in ("a.jsonl", "a.txt") else "text\n"
  line = f'{{"text": "{line}"}}' if name == "a.jsonl" else line
  path = tmp_path / name
  path.write_text(head + f"{line}\n" * num_lines)
  description = describe()
  tracemalloc.start()
  try:
    reader = create_example_reader(description, path, 500)
    number = sum(len(batch) for batch in reader)
    peak = tracemalloc.get_traced_memory()[1]
  finally:
    tracemalloc.stop()
  assert number == num_lines
  # The file has more than 4 million bytes.
  assert peak < 2_000_000
