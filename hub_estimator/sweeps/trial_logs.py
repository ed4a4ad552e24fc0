"""The last lines of a trial's log."""

from __future__ import annotations

import os
import re

_MAX_LINES = 20
_MAX_COLUMNS = 500
_MAX_BYTES = 32768
# What Python says of a crash begins with this, and the innermost call follows.
_CRASH = "Fatal Python error"
_LINES_BEFORE_CRASH = 5
# Progress overwrites its line.
_OVERWRITTEN = re.compile(rb"[^\n]*\r(?!\n)")


def last_lines(path: str) -> list[str]:
  """Returns the last lines of a file, without empty ones; none if it is gone.

  Of a crash, the lines where it was: what follows them are its callers.

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
  lines = [line.rstrip()[:_MAX_COLUMNS] for line in lines if line.strip()]
  crashes = [n for n, line in enumerate(lines) if line.startswith(_CRASH)]
  if not crashes:
    return lines[-_MAX_LINES:]
  first = max(0, crashes[-1] - _LINES_BEFORE_CRASH)
  return lines[first : first + _MAX_LINES]
