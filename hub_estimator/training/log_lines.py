"""Showing the package's warnings among the lines of a command."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Callable


class _LineHandler(logging.Handler):
  def __init__(self, write: Callable[[str], None]):
    super().__init__(logging.WARNING)
    self._write = write

  def emit(self, record: logging.LogRecord) -> None:
    self._write(f"{record.levelname.lower()}: {self.format(record)}")


@contextlib.contextmanager
def package_log_lines(write: Callable[[str], None]) -> Iterator[None]:
  """Hands the package's own log records to a function, as lines.

  Printed by Python they would land within a progress bar, and without a word
  that they are warnings. TensorFlow's records are left alone.

  Args:
    write: takes "warning: …".
  """
  logger = logging.getLogger("hub_estimator")
  handler = _LineHandler(write)
  propagate, logger.propagate = logger.propagate, False
  logger.addHandler(handler)
  try:
    yield
  finally:
    logger.removeHandler(handler)
    logger.propagate = propagate
