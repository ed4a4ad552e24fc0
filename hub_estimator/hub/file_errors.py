"""Users' mistakes that have the types of TensorFlow's file errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from google.protobuf import message as protobuf_message

from hub_estimator import errors
from hub_estimator.tf_compat import tf


class NotFoundError(errors.UserError, tf.errors.NotFoundError):
  """Something that is not there; the message says what is there instead."""

  def __init__(self, text: str):
    tf.errors.NotFoundError.__init__(self, None, None, text)

  def __str__(self) -> str:
    # OpError's adds the operation that failed; there is none.
    return self.message


class NotAModuleError(NotFoundError):
  """A folder that is not a TF1 Hub module."""


class UnregisteredOpsError(NotFoundError):
  """Ops of a module that no library of this process registers."""


class CheckpointNotFoundError(NotFoundError, ValueError):
  """A checkpoint that does not exist."""


class AssetNotFoundError(NotFoundError, OSError):
  """An asset file that does not exist."""


class FolderExistsError(errors.UserError, tf.errors.AlreadyExistsError):
  """A folder that would have to be overwritten."""

  def __init__(self, text: str):
    tf.errors.AlreadyExistsError.__init__(self, None, None, text)

  def __str__(self) -> str:
    return self.message


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
  except (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
    protobuf_message.DecodeError,
    tf.errors.OpError,
  ) as error:
    raise DamagedFileError(
      f"{what} is damaged: {first_line(error) or type(error).__name__}."
    ) from error


def first_line(error: Exception) -> str:
  """Returns the first line of an error's message, without its full stop."""
  lines = str(error).strip().splitlines()
  return lines[0].strip().rstrip(".") if lines else ""
