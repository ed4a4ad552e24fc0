"""The last lines of a trial's log."""

from __future__ import annotations

import os
import re

_MAX_LINES = 20
_MAX_BYTES = 16384
# Progress overwrites its line.
_OVERWRITTEN = re.compile(rb"[^\n]*\r(?!\n)")


def last_lines(path: str) -> list[str]:
  """Returns the last lines of a file, without empty ones; none if it is gone.

  Args:
    path: of a log.
  """
  try:
    with open(path, "rb") as file:
      file.seek(0, os.SEEK_END)
      file.seek(max(0, file.tell() - _MAX_BYTES))
      content = file.read()
  except OSError:
    return []
  lines = _OVERWRITTEN.sub(b"", content).decode(errors="replace").splitlines()
  return [line.rstrip() for line in lines if line.strip()][-_MAX_LINES:]
