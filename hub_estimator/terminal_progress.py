"""What progress bars of the package share: tqdm without a thread, and units."""

from __future__ import annotations

import os
from typing import Any, TextIO

import tqdm


class Bar(tqdm.tqdm):
  """A bar that is drawn when told to, without tqdm's monitoring thread."""

  monitor_interval = 0


def bar_size(stream: TextIO) -> dict[str, Any]:
  """Returns tqdm's arguments for the size of a terminal."""
  try:
    columns = os.get_terminal_size(stream.fileno()).columns
  except (OSError, ValueError):
    columns = 0
  if columns > 0:
    return {"dynamic_ncols": True}
  # Some terminals, of containers for one, have no size: tqdm draws nothing.
  return {"ncols": 80, "nrows": 24}


def format_rate(rate: float) -> str:
  """Returns "1,234", or two digits of a rate below 10 ("0.25")."""
  return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def format_seconds(seconds: float) -> str:
  """Returns "8 s", "3 min 20 s" or "2 h 05 min"."""
  whole = round(seconds)
  if whole < 60:
    return f"{whole} s"
  if whole < 3600:
    return f"{whole // 60} min {whole % 60:02d} s"
  return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
