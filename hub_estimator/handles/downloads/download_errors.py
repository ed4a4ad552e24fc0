"""What is said of downloads that fail."""

from __future__ import annotations

from hub_estimator import errors


class DownloadError(errors.UserOSError):
  """A server that does not send what was asked for."""


class RefusedError(DownloadError):
  """An answer that will not change by asking again."""


class NotAnArchiveError(RefusedError):
  """A page, or an error message, in place of the file."""


class InterruptedTransferError(Exception):
  """A download that another try may complete."""


def how_to_import(handle: str) -> str:
  """Returns how to put a module into the cache by hand, for messages."""
  return (
    "python -m hub_estimator.cache import "
    f"{handle} FOLDER_OR_ARCHIVE puts a copy in its place"
  )
