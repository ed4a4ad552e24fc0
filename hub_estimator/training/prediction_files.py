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
  way_out = (
    "Its folder has to be there, with room on its disk, and this user has to "
    "be allowed to write in it."
  )
  try:
    with open(written, "wb") as file:
      yield _writer(file)
    if not is_special:
      os.replace(written, path)
  except BaseException as error:
    if not is_special:
      with contextlib.suppress(OSError):
        os.remove(written)
    # Writing fails without a file name; other files are others' concern.
    is_own = isinstance(error, OSError) and error.filename in (None, written)
    if not is_own or isinstance(error, (BrokenPipeError, errors.UserError)):
      raise
    raise errors.UserOSError(
      f"Cannot write --output={path}: {error.strerror}. {way_out}"
    ) from error


def _writer(file) -> Callable[[str], None]:
  def write(text: str) -> None:
    # Half of a surrogate pair becomes what JSON has for it.
    file.write(text.encode("utf-8", "backslashreplace"))
    file.flush()

  return write
