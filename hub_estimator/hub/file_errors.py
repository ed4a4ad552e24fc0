"""Users' mistakes that have the types of TensorFlow's file errors."""

from __future__ import annotations

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
