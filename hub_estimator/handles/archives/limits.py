"""What an archive may at most unpack to, and the errors of bad archives."""

from __future__ import annotations

from typing import NamedTuple

from hub_estimator.file_formats import damage


class BadArchiveError(damage.DamagedFileError):
  """An archive that is damaged, or that must not be unpacked."""


class ArchiveLimits(NamedTuple):
  """What an archive may at most unpack to.

  Attributes:
    max_entries: files and folders.
    max_bytes: unpacked bytes, with those of tar's headers and padding.
    max_ratio: unpacked bytes per byte of the archive; looked at only once more
      than 64 MiB are unpacked.
  """

  max_entries: int = 100_000
  max_bytes: int = 20 * 2**30
  max_ratio: float = 200.0


def over_limit(source: str, what: str, setting: str) -> BadArchiveError:
  """Returns the error for an archive that goes over a bound.

  Args:
    source: what the archive is called.
    what: what it does, with the bound and the value.
    setting: the environment variable that raises the bound.
  """
  return BadArchiveError(
    f"{source} {what}. If you trust it, set the environment variable {setting} "
    "to a higher number."
  )
