"""Where a process sends what it prints."""

from __future__ import annotations

import os
import sys

_STDOUT, _STDERR = 1, 2


def append_output_to(path: str) -> None:
  """Appends all that this process prints, TensorFlow's C++ too, to a file.

  Args:
    path: of the file, which is made if there is none.
  """
  sys.stdout.flush()
  sys.stderr.flush()
  descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
  os.dup2(descriptor, _STDOUT)
  os.dup2(descriptor, _STDERR)
  os.close(descriptor)
