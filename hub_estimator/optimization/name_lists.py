"""Names in messages: a module may have thousands."""

from __future__ import annotations

from collections.abc import Sequence

_MAX_LISTED = 10


def list_names(names: Sequence[str]) -> str:
  """Joins names, the first few of many."""
  listed = ", ".join(names[:_MAX_LISTED])
  more = len(names) - _MAX_LISTED
  return f"{listed} and {more} more" if more > 0 else listed
