"""The content of a table's file: found, unpacked and decoded."""

from __future__ import annotations

import gzip
import os
import zlib

from hub_estimator import errors

CSV = "csv"
TSV = "tsv"
JSONL = "jsonl"
FORMATS = (CSV, TSV, JSONL)

FORMAT_OF_EXTENSION = {
  ".csv": CSV,
  ".tsv": TSV,
  ".jsonl": JSONL,
  ".ndjson": JSONL,
}
_GZIP_EXTENSION = ".gz"


def format_of(path: str, owner: str) -> str:
  """Returns the format that a file's name says, before any ".gz".

  Args:
    path: the file's path.
    owner: the Gin configurable that takes it, for the message.

  Raises:
    UserValueError: it says none.
  """
  name = path[: -len(_GZIP_EXTENSION)] if _is_gzip(path) else path
  extension = os.path.splitext(name)[1].lower()
  if extension not in FORMAT_OF_EXTENSION:
    raise errors.UserValueError(
      f"The format of {path!r} is not clear from its name: names end in "
      f"{', '.join(FORMAT_OF_EXTENSION)}, and may have .gz behind. Set "
      f"{owner}.format to one of {', '.join(map(repr, FORMATS))}."
    )
  return FORMAT_OF_EXTENSION[extension]


def read_bytes(path: str, binding: str) -> bytes:
  """Returns the content of a file, unpacked if its name ends in ".gz".

  Args:
    path: the file's path.
    binding: the Gin binding that names it, for messages.

  Raises:
    UserOSError: there is no such file, or it cannot be read.
    UserValueError: it is not a whole gzip file.
  """
  if not os.path.isfile(path):
    what = "is a folder" if os.path.isdir(path) else "does not exist"
    raise errors.UserOSError(
      f"`{binding}` is the path of a file, but {path!r} {what}."
    )
  try:
    with open(path, "rb") as file:
      content = file.read()
  except OSError as error:
    raise errors.UserOSError(
      f"`{binding}`: {path!r} cannot be read: {error.strerror}."
    ) from error
  if not _is_gzip(path):
    return content
  try:
    return gzip.decompress(content)
  except EOFError as error:
    raise errors.UserValueError(
      f"`{binding}`: {path!r} is a gzip file that ends too early: it was not "
      "copied or written to its end."
    ) from error
  except (OSError, zlib.error) as error:
    raise errors.UserValueError(
      f"`{binding}`: {path!r} is named as a gzip file, but cannot be unpacked: "
      f"{error}."
    ) from error


def decode(
  content: bytes, path: str, encoding: str, owner: str
) -> tuple[str, bool]:
  """Decodes the content of a file.

  Args:
    content: the bytes.
    path: where they are from, for messages.
    encoding: the name of their encoding.
    owner: the Gin configurable that has it, for messages.

  Returns:
    the text, without a byte order mark; and whether all of it could be decoded.
    Bytes that could not are lone surrogates in it (PEP 383).

  Raises:
    UserValueError: there is no such encoding, or nothing can be made of the
      bytes.
  """
  is_whole = True
  try:
    try:
      text = content.decode(encoding)
    except UnicodeDecodeError:
      is_whole = False
      text = content.decode(encoding, errors="surrogateescape")
  except LookupError as error:
    raise errors.UserValueError(
      f"There is no `{owner}.encoding = {encoding!r}`: it is the name of a "
      "codec of Python, such as 'utf-8' or 'latin-1'."
    ) from error
  except UnicodeDecodeError as error:
    raise errors.UserValueError(
      f"{path!r} cannot be decoded as {encoding!r}: {error.reason} at byte "
      f"{error.start}. Set {owner}.encoding."
    ) from error
  return text.removeprefix("\ufeff"), is_whole


def _is_gzip(path: str) -> bool:
  return path.lower().endswith(_GZIP_EXTENSION)
