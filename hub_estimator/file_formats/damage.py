"""Errors for files that cannot be what they should be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from google.protobuf import message as protobuf_message

from hub_estimator import errors


class DamagedFileError(errors.UserOSError, ValueError):
  """A file of a module whose content cannot be right."""


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
  """Has what goes wrong in its body said as damage of what is being read.

  For bodies that only read what a file holds: it may hold anything, and what
  breaks first says little (a name that is not there, an empty list).

  Args:
    what: the file, for the message.

  Raises:
    OSError (which is a ValueError): it is damaged. A UserError stays as it is.
  """
  try:
    yield
  except errors.UserError:
    raise
  except Exception as error:
    if not _tells_of_damage(error):
      raise
    raise DamagedFileError(
      f"{what} is damaged: {first_line(error) or type(error).__name__}."
    ) from error


def _tells_of_damage(error: Exception) -> bool:
  if isinstance(
    error,
    (
      ArithmeticError,
      AttributeError,
      LookupError,
      NotImplementedError,
      TypeError,
      ValueError,
      protobuf_message.DecodeError,
    ),
  ):
    return True
  # tf.errors.OpError, without importing TensorFlow for its sake.
  return any(kind.__name__ == "OpError" for kind in type(error).__mro__)


def first_line(error: Exception) -> str:
  """Returns the first line of an error's message, without its full stop."""
  lines = str(error).strip().splitlines()
  return lines[0].strip().rstrip(".") if lines else ""
