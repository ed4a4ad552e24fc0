"""Reading word embeddings from text files: word2vec, fastText, GloVe.

A line holds a word and its values, separated by tabs or spaces. word2vec and
fastText (.vec) begin with a header line, `count dim`; GloVe does not. The file
may be compressed with gzip.

Words are bytes and stay as they are, UTF-8 or not: of all whitespace only
ASCII's separates, so that a word may hold a no-break space, as fastText's do.

TensorFlow is not imported here.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import warnings
import zlib
from collections.abc import Iterator
from typing import NoReturn, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.publishing.embedding_line import (
  MalformedLineError,
  explain_line,
  parse_line,
  shown,
  split_line,
)

# What is read and parsed at a time.
_BLOCK_BYTES = 2**20
# Of a file that is no text, the first "line" may be all of it.
_MAX_FIRST_LINE_BYTES = 2**24
_LINE_END = b" \t\r\n"
_UTF8_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
# How files begin that are often taken for text.
_OTHER_FORMATS = (
  (rb"PK\x03\x04", "a zip archive. Unpack it and give the file in it"),
  (rb"BZh[1-9]1AY&SY", "compressed with bzip2. Unpack it, or use gzip"),
  (rb"\xfd7zXZ\x00", "compressed with xz. Unpack it, or use gzip"),
  (rb"\xff\xfe|\xfe\xff", "UTF-16 text. Convert it to UTF-8"),
)


class EmbeddingFile:
  """One pass over a file of word embeddings.

  Attributes:
    path: the file's path.
    num_bytes: its size, as stored; 0 if unknown (a pipe).
    dim: the number of values of a word; None before the first block.
    num_lines: lines read so far.
    num_words: words read so far.
    num_skipped_lines: malformed lines left out so far.
    first_skipped_line: what is wrong with the first of them; None if all is
      well.
  """

  def __init__(
    self,
    path: str,
    num_lines_to_ignore: int = 0,
    skip_malformed_lines: bool = False,
  ):
    """Checks that there is a file.

    Args:
      path: a local path. A pipe will do.
      num_lines_to_ignore: lines at the file's beginning to pass over unread. A
        header of word2vec is recognized and need not be ignored.
      skip_malformed_lines: leave out lines that are malformed, and words that
        come again; else they are errors. The first line is never left out: it
        says how many values there are.

    Raises:
      UserOSError: there is no such file, or it is a folder.
    """
    check_is_file(path)
    self.path = path
    status = os.stat(path)
    self.num_bytes = status.st_size if stat.S_ISREG(status.st_mode) else 0
    self.dim: Optional[int] = None
    self.num_lines = 0
    self.num_words = 0
    self.num_skipped_lines = 0
    self.first_skipped_line: Optional[str] = None
    self._num_lines_to_ignore = num_lines_to_ignore
    self._skip_malformed_lines = skip_malformed_lines
    self._raw: Optional[io.BufferedReader] = None
    # Of the header: the number of words, and the line that says so.
    self._declared_num_words: Optional[int] = None
    self._header_line = 0
    self._num_data_lines = 0  # Of words, malformed ones included.
    self._empty_line = 0  # The first one with nothing behind it so far.
    self._line_of_word: dict[bytes, int] = {}

  def bytes_read(self) -> int:
    """Returns how many of `num_bytes` are read."""
    return self._raw.tell() if self._raw and self.num_bytes else 0

  def blocks(self) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Reads the file.

    Yields:
      (words, [len(words), dim] float32 values) of some lines after the other.

    Raises:
      UserValueError: a malformed line (file, line, what was expected and what
        was found), a word that comes twice, a header that disagrees with the
        lines behind it, no words at all, or a file that is no text.
      UserOSError: the file cannot be read, or its compression is damaged.
    """
    try:
      with open(self.path, "rb") as self._raw:
        file = self._uncompressed(self._raw)
        lines = [file.readline(_MAX_FIRST_LINE_BYTES)]
        if len(lines[0]) == _MAX_FIRST_LINE_BYTES:
          raise errors.UserValueError(
            f"{self.path}, line 1: expected text, found more than "
            f"{_MAX_FIRST_LINE_BYTES:,} bytes without an end of line."
          )
        lines[0] = lines[0].removeprefix(_UTF8_BYTE_ORDER_MARK)
        while lines and lines != [b""]:
          words, rows = self._parse(lines)
          if words:
            yield words, np.stack(rows)
          lines = file.readlines(_BLOCK_BYTES)
    except (EOFError, zlib.error, OSError) as error:
      if isinstance(error, errors.UserError):
        raise
      raise errors.UserOSError(
        f"{self.path} cannot be read after line {self.num_lines:,}; it may be "
        f"damaged or cut off: {error}."
      ) from error
    finally:
      self._raw = None
      self._line_of_word.clear()
    self._check_end()

  def _uncompressed(self, raw: io.BufferedReader) -> io.BufferedReader:
    start = raw.peek(16)
    for pattern, text in _OTHER_FORMATS:
      if re.match(pattern, start):
        raise errors.UserValueError(
          f"{self.path} is no text file with one word a line: it is {text}."
        )
    if start.startswith(_GZIP_MAGIC):
      return io.BufferedReader(gzip.GzipFile(fileobj=raw), _BLOCK_BYTES)
    return raw

  def _parse(self, lines: list[bytes]) -> tuple[list[bytes], list[np.ndarray]]:
    words, rows = [], []
    with warnings.catch_warnings():
      # NumPy's word that a text holds something besides numbers; an error in
      # versions to come.
      warnings.simplefilter("error", DeprecationWarning)
      for line in lines:
        self.num_lines += 1
        if self.num_lines <= self._num_lines_to_ignore:
          continue
        line = line.rstrip(_LINE_END)
        if not line:
          self._empty_line = self._empty_line or self.num_lines
          continue
        if self._empty_line:
          self._malformed(self._empty_line, "it is empty")
          self._empty_line = 0
        if self.dim is None and self._read_first_line(line):
          continue
        self._num_data_lines += 1
        try:
          word, row = parse_line(line, self.dim)
          self._check_is_new(word)
        except MalformedLineError as problem:
          is_first = self.num_words == len(words) == 0
          note = (
            f"; line {self._header_line}, read as a header, says {self.dim}"
            if self._header_line and is_first
            else ""
          )
          self._malformed(self.num_lines, f"{problem}{note}")
          continue
        self._line_of_word[word] = self.num_lines
        words.append(word)
        rows.append(row)
    self.num_words += len(words)
    return words, rows

  def _read_first_line(self, line: bytes) -> bool:
    """Takes `dim` from the first line; returns whether it is a header."""
    fields = line.split()
    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
      self._declared_num_words, self.dim = map(int, fields)
      self._header_line = self.num_lines
      if self.dim == 0 or self._declared_num_words == 0:
        self._fail(
          self.num_lines,
          "expected a header with the numbers of words and of values a word; "
          f"found {shown(line)}, which says that there are none",
        )
      return True
    self.dim = len(split_line(line)[1].split())
    try:
      if self.dim == 0:
        explain_line(line, dim=0)
      parse_line(line, self.dim)
    except MalformedLineError as problem:
      self._fail(self.num_lines, str(problem))
    return False

  def _check_is_new(self, word: bytes) -> None:
    if word in self._line_of_word:
      raise MalformedLineError(
        f"expected each word once, found {shown(word)}, which is on line "
        f"{self._line_of_word[word]} already"
      )

  def _malformed(self, line_number: int, problem: str) -> None:
    if not self._skip_malformed_lines:
      self._fail(line_number, problem)
    self.num_skipped_lines += 1
    self.first_skipped_line = (
      self.first_skipped_line or f"line {line_number}: {problem}"
    )

  def _fail(self, line_number: int, problem: str) -> NoReturn:
    raise errors.UserValueError(f"{self.path}, line {line_number}: {problem}.")

  def _check_end(self) -> None:
    if not self.num_words:
      raise errors.UserValueError(
        f"{self.path} has no embeddings: expected lines with a word and its "
        f"values, found {self.num_lines} lines and no such."
        + (f" {self.first_skipped_line}." if self.first_skipped_line else "")
      )
    if self._declared_num_words not in (None, self._num_data_lines):
      line = self._header_line
      raise errors.UserValueError(
        f"{self.path}, line {line}: the header says "
        f"{self._declared_num_words:,} words, found "
        f"{self._num_data_lines:,} lines behind it. The file may be cut off; "
        f"if it is whole, --num_lines_to_ignore={line} passes over the header."
      )


def check_is_file(
  path: str, what: str = "a text file of word embeddings"
) -> None:
  """Raises UserOSError unless a path is that of a file, or a pipe."""
  if not os.path.exists(path):
    raise errors.UserOSError(f"{path} does not exist: expected {what}.")
  if os.path.isdir(path):
    raise errors.UserOSError(f"{path} is a folder: expected {what}.")
