"""Importing TensorFlow without the lines that its native code prints."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
  """Keeps stderr clean while its body imports TensorFlow.

  TensorFlow 2.15 and 2.21 print notes on CUDA and oneDNN at import, before any
  setting or Python logger is asked; a command that ends in one `error: …` line
  must not bury it. If the body raises, what was printed is shown after all.

  For commands only: the process's file descriptor 2 is redirected meanwhile.
  """
  sys.stderr.flush()
  terminal = os.dup(2)
  with tempfile.TemporaryFile() as captured:
    os.dup2(captured.fileno(), 2)
    try:
      yield
    except BaseException:
      sys.stderr.flush()
      captured.seek(0)
      os.write(terminal, captured.read())
      raise
    finally:
      sys.stderr.flush()
      os.dup2(terminal, 2)
      os.close(terminal)
