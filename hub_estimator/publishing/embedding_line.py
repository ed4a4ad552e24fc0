"""One line of a file of word embeddings: a word and its values."""

from __future__ import annotations

from typing import NoReturn, Optional

import numpy as np

_SHOWN_BYTES = 40


class MalformedLineError(Exception):
  """What was expected of a line, and what was found."""


def split_line(line: bytes) -> tuple[bytes, bytes]:
  """Returns the word, and the values behind the first tab or space."""
  word, _, values = line.partition(b"\t" if b"\t" in line else b" ")
  return word, values


def parse_line(line: bytes, dim: int) -> tuple[bytes, np.ndarray]:
  """Returns the word and its values, [dim] float32.

  NumPy's DeprecationWarning must be an error meanwhile: in versions to come it
  is one, of a text that holds something besides numbers.

  Args:
    line: without the whitespace at its end.
    dim: the number of values.

  Raises:
    MalformedLineError: it is no word with `dim` finite numbers behind.
  """
  word, values = split_line(line)
  try:
    row = np.fromstring(values, np.float32, sep=" ")
  except (DeprecationWarning, ValueError):
    explain_line(line, dim)
  # NumPy also takes "0.1-0.2" for two numbers: fields are counted as well.
  num_fields = values.count(b" ") + values.count(b"\t") + 1
  if num_fields != dim:
    num_fields = len(values.split())
  if (
    num_fields != dim
    or len(row) != dim
    or not np.isfinite(row).all()
    or word.split() != [word]
  ):
    explain_line(line, dim)
  return word, row


def explain_line(line: bytes, dim: int) -> NoReturn:
  """Raises MalformedLineError: what is wrong with a line that does not parse.

  Args:
    line: without the whitespace at its end.
    dim: the number of values that it should have; 0 if that is not known.
  """
  word, values = split_line(line)
  fields = values.split()
  found = []
  if not word.strip():
    found.append("no word")
  elif word.split() != [word]:
    found.append(
      f"the word {shown(word)} with a space in it, which no text that is split "
      "at spaces holds"
    )
  if len(fields) != dim or not fields:
    found.append(f"{len(fields)} value{'' if len(fields) == 1 else 's'}")
  for number, field in enumerate(fields, start=1):
    problem = _number_problem(field)
    if problem:
      found.append(f"value {number}, {shown(field)}, {problem}")
      break
  num_values = f"{dim} values" if dim else "its values"
  hint = (
    "; word2vec's binary format is not read, save it as text"
    if b"\0" in line
    else ""
  )
  raise MalformedLineError(
    f"expected a word and {num_values}, separated by spaces or tabs; found "
    f"{', '.join(found) or 'something else'} in {shown(line)}{hint}"
  )


def _number_problem(field: bytes) -> Optional[str]:
  try:
    if b"_" in field:  # Python's grouping of digits.
      raise ValueError
    with np.errstate(over="ignore"):
      value = np.float32(float(field))
  except ValueError:
    return "is not a number"
  return None if np.isfinite(value) else "is not a finite float32"


def shown(data: bytes) -> str:
  """Returns the beginning of bytes as a quoted string."""
  shown = data[:_SHOWN_BYTES]
  try:
    text = repr(shown.decode())
  except UnicodeDecodeError as error:
    if shown != data and error.start > _SHOWN_BYTES - 4:  # A character is cut.
      text = repr(shown[: error.start].decode())
    else:
      text = repr(shown)[1:]
  return text + ("…" if shown != data else "")
