"""Where predictions go: a file that appears whole, or a stream."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Callable

from hub_estimator import errors

STANDARD_OUTPUT = "-"


@contextlib.contextmanager
def open_output(path: str) -> Iterator[Callable[[str], None]]:
  """Gives a function that writes text.

  A file is written beside its place and renamed when the body ends; if it
  raises, nothing is left. What is no regular file, such as a pipe, and standard
  output are written at once and flushed with each call.

  Args:
    path: of the file, or "-" for standard output.

  Raises:
    UserOSError: nothing can be written there.
  """
  if path == STANDARD_OUTPUT:
    yield _writer(sys.stdout.buffer)
    return
  if os.path.isdir(path):
    raise errors.UserOSError(
      f"--output={path} is a folder: give the path of a file."
    )
  is_special = os.path.exists(path) and not os.path.isfile(path)
  written = path if is_special else f"{path}.temp-{uuid.uuid4().hex[:12]}"
  try:
    file = open(written, "wb")
  except OSError as error:
    raise errors.UserOSError(
      f"Cannot write --output={path}: {error.strerror}. Its folder has to be "
      "there, and this user has to be allowed to write in it."
    ) from error
  try:
    with file:
      yield _writer(file)
    if not is_special:
      os.replace(written, path)
  except BaseException as error:
    if not is_special:
      with contextlib.suppress(OSError):
        os.remove(written)
    if isinstance(error, OSError) and error.filename is None:
      if not isinstance(error, (BrokenPipeError, errors.UserError)):
        raise errors.UserOSError(
          f"Cannot write --output={path}: {error.strerror}. Nothing was left "
          "of it."
        ) from error
    raise


def _writer(file) -> Callable[[str], None]:
  def write(text: str) -> None:
    # Half of a surrogate pair becomes what JSON has for it.
    file.write(text.encode("utf-8", "backslashreplace"))
    file.flush()

  return write
