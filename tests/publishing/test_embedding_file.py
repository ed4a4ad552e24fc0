"""Reading embeddings from text: formats, and what is wrong with a line."""

import bz2
import gzip
import io
import lzma
import os
import threading
import zipfile

import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.publishing import embedding_file
from hub_estimator.publishing.embedding_file import EmbeddingFile
from hub_estimator.publishing.reading_progress import ReadingProgress

GLOVE = b"the 0.5 -1 2e-3\nof 1 2 3\n"
WORDS = [b"the", b"of"]
VALUES = [[0.5, -1.0, 0.002], [1.0, 2.0, 3.0]]


@pytest.fixture
def read(tmp_path):
  """Writes bytes to a file and reads it: (the EmbeddingFile, words, values)."""

  def read(content, name="vectors.txt", **arguments):
    path = tmp_path / name
    path.write_bytes(content)
    file = EmbeddingFile(str(path), **arguments)
    words, values = [], []
    for some_words, some_values in file.blocks():
      assert some_values.dtype == np.float32
      assert some_values.shape == (len(some_words), file.dim)
      words += some_words
      values += some_values.tolist()
    return file, words, values

  return read


@pytest.fixture
def message(read):
  """Reads bytes that are wrong; returns the message behind the path."""

  def message(content, error=errors.UserValueError, **arguments):
    with pytest.raises(error) as caught:
      read(content, **arguments)
    path, _, text = str(caught.value).partition("vectors.txt")
    assert path.endswith("/")
    return text

  return message


@pytest.mark.parametrize(
  "content",
  [
    GLOVE,
    GLOVE.rstrip(b"\n"),
    GLOVE + b"\n\n",
    GLOVE.replace(b" ", b"\t"),
    b"the\t0.5 -1 2e-3\nof\t1 2 3\n",
    GLOVE.replace(b"\n", b" \n"),
    GLOVE.replace(b"\n", b"\r\n"),
    GLOVE.replace(b" ", b"  "),
    b"2 3\n" + GLOVE,
    b"2\t3 \r\n" + GLOVE,
    b"\n2 3\n" + GLOVE,
    b"\xef\xbb\xbf" + GLOVE,
    b"\xef\xbb\xbf2 3\n" + GLOVE,
    gzip.compress(GLOVE, mtime=0),
    gzip.compress(GLOVE[:20], mtime=0) + gzip.compress(GLOVE[20:]),
  ],
  ids=lambda content: repr(content[:24]),
)
def test_formats(read, content):
  ignored = 1 if content.startswith(b"\n") else 0
  file, words, values = read(content, num_lines_to_ignore=ignored)
  assert words == WORDS
  np.testing.assert_array_equal(values, np.float32(VALUES))
  assert (file.dim, file.num_words, file.num_skipped_lines) == (3, 2, 0)


def test_words_are_bytes_and_only_ascii_whitespace_separates(read):
  words = [
    "New\u00a0York".encode(),  # A no-break space.
    "a\u2003b".encode(),  # An em space.
    b"\xc2\x85",  # The word is "next line", which str.splitlines() splits at.
    b"caf\xe9",  # Latin-1, no UTF-8.
    b"</s>",
    b"10",
    b"\xff\xff",
  ]
  content = b"".join(word + b" 1 2\n" for word in words)
  _, found, values = read(content)
  assert found == words
  assert values == [[1.0, 2.0]] * len(words)


def test_lines_to_ignore(read):
  for header in (b"# made by hand\n", b"7 9\n"):
    assert read(header + GLOVE, num_lines_to_ignore=1)[1] == WORDS
  assert read(b"x\n2 3\n" + GLOVE, num_lines_to_ignore=1)[1] == WORDS


def test_many_blocks_are_one_file(read, monkeypatch):
  monkeypatch.setattr(embedding_file, "_BLOCK_BYTES", 64)
  lines = [b"w%d %d 0.25\n" % (i, i) for i in range(200)]
  file, words, values = read(b"200 2\n" + b"".join(lines))
  assert words == [b"w%d" % i for i in range(200)]
  assert values == [[i, 0.25] for i in range(200)]
  assert file.num_lines == 201


def test_values_are_those_of_float(read):
  texts = ["1", "-.5", "+2.", "1e-7", "3.4e38", "0.1", "1e-50", "16777217"]
  _, _, values = read(("word " + " ".join(texts)).encode())
  expected = [np.float32(float(text)) for text in texts]
  np.testing.assert_allclose(values[0], expected, rtol=2e-7, atol=0)


EXPECTED = "expected a word and 3 values, separated by spaces or tabs; found "


@pytest.mark.parametrize(
  "line, found",
  [
    (b"in 1 2", "2 values in 'in 1 2'"),
    (b"in 1 2 3 4", "4 values in 'in 1 2 3 4'"),
    (b"in 1 2  ", "2 values in 'in 1 2'"),
    (b"in", "0 values in 'in'"),
    (b"in 1  3", "2 values in 'in 1  3'"),
    (b"in 1 x 3", "value 2, 'x', is not a number in 'in 1 x 3'"),
    (b"in 1 2 3x", "value 3, '3x', is not a number in 'in 1 2 3x'"),
    (b"in 1 1_0 3", "value 2, '1_0', is not a number in 'in 1 1_0 3'"),
    # A space is lost, and NumPy alone would read three numbers.
    (b"in 1-2 3", "2 values, value 1, '1-2', is not a number in 'in 1-2 3'"),
    (b"in 1 nan 3", "value 2, 'nan', is not a finite float32 in 'in 1 nan 3'"),
    (b"in 1 -inf 3", "value 2, '-inf', is not a finite float32 in"),
    (b"in 1 1e39 3", "value 2, '1e39', is not a finite float32 in"),
    (b" 1 2 3", "no word in ' 1 2 3'"),
    (b"\t1\t2\t3", "no word in"),
    (b"in the 1 2 3", "4 values, value 1, 'the', is not a number in"),
    (
      b"in the\t1\t2\t3",
      "the word 'in the' with a space in it, which no text that is split at "
      "spaces holds in 'in the\\t1\\t2\\t3'",
    ),
    (b"\xff\xfe 1 2", "2 values in '\\xff\\xfe 1 2'"),
    (b"in \0\x01\x02 1 2", "word2vec's binary format is not read"),
    ("é".encode() * 30 + b" 1", "1 value in '" + "é" * 20 + "'…"),
    (b"-" + "é".encode() * 30, "0 values in '-" + "é" * 19 + "'…"),
    (b"x" * 50 + b" 1", "1 value in '" + "x" * 40 + "'…"),
  ],
)
def test_a_malformed_line(message, read, line, found):
  content = GLOVE + line + b"\nto 4 5 6\n"
  text = message(content)
  assert text.startswith(f", line 3: {EXPECTED}")
  assert found in text
  file, words, _ = read(content, skip_malformed_lines=True)
  assert words == [*WORDS, b"to"]
  assert file.num_skipped_lines == 1
  assert file.first_skipped_line.startswith(f"line 3: {EXPECTED}")


def test_other_malformed_lines(message, read):
  repeated = GLOVE + b"the 4 5 6\nto 7 8 9\n"
  assert message(repeated) == (
    ", line 3: expected each word once, found 'the', which is on line 1 "
    "already."
  )
  _, words, values = read(repeated, skip_malformed_lines=True)
  assert words == [*WORDS, b"to"]
  assert values[0][1] == -1.0  # The first one's.
  empty = GLOVE + b"\n \nto 7 8 9\n"
  assert message(empty) == ", line 3: it is empty."
  assert read(empty, skip_malformed_lines=True)[1] == [*WORDS, b"to"]


def test_the_first_line_is_never_skipped(message):
  for skip in (False, True):
    text = message(b"the\nof 1 2\n", skip_malformed_lines=skip)
    assert text.startswith(
      ", line 1: expected a word and its values, separated by spaces or tabs; "
      "found 0 values in 'the'"
    )
    text = message(b"the x y\n", skip_malformed_lines=skip)
    assert "value 1, 'x', is not a number" in text


@pytest.mark.parametrize(
  "content, text",
  [
    (b"", " has no embeddings: expected lines with a word and its values"),
    (b"\n\n", " has no embeddings"),
    (b"5 3\n", " has no embeddings"),
    (
      b"3 3\n" + GLOVE,
      ", line 1: the header says 3 words, found 2 lines behind it. The file "
      "may be cut off; if it is whole, --num_lines_to_ignore=1 passes over the "
      "header.",
    ),
    (b"1 3\n" + GLOVE, ", line 1: the header says 1 words, found 2 lines"),
    (
      b"2 300\n" + GLOVE,
      ", line 2: expected a word and 300 values, separated by spaces or tabs; "
      "found 3 values in 'the 0.5 -1 2e-3'; line 1, read as a header, says ",
    ),
    (b"2 0\n" + GLOVE, ", line 1: expected a header with the numbers of words"),
    (lzma.compress(GLOVE), " is no text file with one word a line: it is comp"),
    (bz2.compress(GLOVE), "compressed with bzip2. Unpack it, or use gzip."),
    (GLOVE.decode().encode("utf-16"), "it is UTF-16 text. Convert it to UTF-8"),
  ],
)
def test_a_file_that_is_wrong(message, content, text):
  assert text in message(content)


def test_nothing_but_malformed_lines(message):
  text = message(b"2 300\n" + GLOVE, skip_malformed_lines=True)
  assert "found 3 lines and no such. line 2: expected a word and 300" in text


def test_a_header_counts_lines_that_are_skipped(read):
  _, words, _ = read(b"3 3\n" + GLOVE + b"x 1\n", skip_malformed_lines=True)
  assert words == WORDS


def test_a_zip_archive(message):
  archive = io.BytesIO()
  with zipfile.ZipFile(archive, "w") as file:
    file.writestr("glove.txt", GLOVE)
  assert "it is a zip archive. Unpack it" in message(archive.getvalue())


def test_damaged_compression(message):
  whole = gzip.compress(b"".join(b"w%d 1 2\n" % i for i in range(5000)))
  text = message(whole[: len(whole) // 2], errors.UserOSError)
  assert " cannot be read after line " in text
  assert "it may be damaged or cut off: " in text
  middle = len(whole) // 2
  damaged = whole[:middle] + bytes(16) + whole[middle + 16 :]
  assert "damaged or cut off" in message(damaged, errors.UserOSError)


def test_a_file_without_ends_of_lines(message, monkeypatch):
  monkeypatch.setattr(embedding_file, "_MAX_FIRST_LINE_BYTES", 10)
  assert message(b"x" * 20) == (
    ", line 1: expected text, found more than 10 bytes without an end of line."
  )


def test_no_file(tmp_path):
  with pytest.raises(errors.UserOSError, match="nowhere does not exist: exp"):
    EmbeddingFile(str(tmp_path / "nowhere"))
  with pytest.raises(errors.UserOSError, match="is a folder: expected a text"):
    EmbeddingFile(str(tmp_path))


def test_a_pipe(tmp_path):
  path = str(tmp_path / "pipe")
  os.mkfifo(path)

  def write():
    with open(path, "wb") as pipe:
      pipe.write(GLOVE)

  writer = threading.Thread(target=write)
  writer.start()
  file = EmbeddingFile(path)
  words = [word for words, _ in file.blocks() for word in words]
  writer.join()
  assert words == WORDS
  assert (file.num_bytes, file.bytes_read()) == (0, 0)


def test_progress_in_lines():
  stream, now = io.StringIO(), [0.0]
  progress = ReadingProgress(1000, stream=stream, clock=lambda: now[0])
  for seconds in range(1, 26):
    now[0] = float(seconds)
    progress.update(bytes_read=40 * seconds, num_words=100 * seconds)
  progress.close()
  # 400 bytes in 10 s: 600 more take 15 s.
  assert stream.getvalue().splitlines() == [
    "40%  1,000 words  100 words/s  15 s left",
    "80%  2,000 words  100 words/s  5 s left",
  ]


def test_progress_of_a_pipe_and_on_a_terminal():
  class Terminal(io.StringIO):
    def isatty(self):
      return True

  for stream, num_bytes in (
    (io.StringIO(), 0),
    (Terminal(), 0),
    (Terminal(), 1000),
  ):
    now = [0.0]
    progress = ReadingProgress(
      num_bytes, stream=stream, clock=lambda now=now: now[0]
    )
    progress.update(0, 0)
    for now[0] in (10.0, 20.0):
      progress.update(bytes_read=num_bytes // 2, num_words=500)
    progress.close()
    assert "500 words  50 words/s" in stream.getvalue()
    assert ("50%" in stream.getvalue()) == bool(num_bytes)
    assert (" left" in stream.getvalue()) == bool(num_bytes)
