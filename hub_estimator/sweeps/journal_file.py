"""Optuna's journal in one file, made to survive processes that are killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import optuna

from hub_estimator import errors
from hub_estimator.sweeps import kernel_lock

_TAIL_BYTES = 1 << 16


class JournalError(OSError):
  """A journal could not be read, or a line not be written to it."""


class JournalFile(optuna.storages.journal.JournalFileBackend):
  """A journal whose lock and whose last line survive any kill.

  Its file is Optuna's: a line of JSON for each change of the study, read by
  `JournalStorage(JournalFileBackend(path))` and by optuna-dashboard as it is.
  Two things differ from Optuna's `JournalFileBackend`:

  - The lock is the kernel's, on the journal itself, and ends with its holder.
    Optuna's is a link beside the file: that of a killed process stays, and all
    others wait for 30 seconds.
  - A last line without its end, of a process that was killed or a disk that
    was full, is cut off before the next line is written. Glued together, the
    two would be a line that nobody can read, nor anything after it.

  A change is on the disk when `append_logs` returns.
  """

  def __init__(self, path: str):
    """Opens a journal, and makes its file if there is none.

    Args:
      path: the file's; its folder exists.

    Raises:
      UserOSError: the file cannot be opened, or its file system has no locks.
    """
    self._path = path
    lock = kernel_lock.KernelLock(path)
    try:
      lock.acquire()
      lock.release()
    except OSError as error:
      if error.errno in kernel_lock.NO_LOCKS:
        raise errors.UserOSError(
          f"The file system of {path} has no locks (flock), and the journal of "
          f"several workers needs them: {error}. Give a --study_dir on another "
          "file system, or --storage=postgresql://…, or --num_workers=1."
        ) from error
      raise errors.UserOSError(
        f"Cannot open the study's journal {path}: {error}. Give another "
        "--study_dir or --storage."
      ) from error
    # One that is taken away must not be begun anew in the middle of a study.
    super().__init__(path, kernel_lock.KernelLock(path, makes_file=False))
    # Line number -> the offset where it begins.
    self._offsets = {0: 0}

  def append_logs(self, logs: list[dict[str, Any]]) -> None:
    """Writes changes, each in a line, and waits until they are on the disk.

    Raises:
      JournalError: they are not (all) there: a full disk, for one.
    """
    content = b"".join(
      json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs
    )
    try:
      self._lock.acquire()
      try:
        descriptor = self._lock.descriptor
        end = _cut_torn_line(descriptor)
        try:
          _write_all(descriptor, content, end)
        except BaseException:
          _cut_torn_line(descriptor)
          raise
        os.fsync(descriptor)
      finally:
        self._lock.release()
    except OSError as error:
      raise self._error(error) from error

  def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
    """Yields the changes from one on, in their order.

    A last line without its end is none.

    Raises:
      JournalError: the file cannot be read.
      UserOSError: a line is not JSON; the message has its number.
    """
    # With the lock, for a line must not be cut off and another one written
    # while this reads.
    first = max(n for n in self._offsets if n <= log_number_from)
    offset = self._offsets[first]
    try:
      self._lock.acquire(is_shared=True)
      try:
        content = _read_from(self._lock.descriptor, offset)
      finally:
        self._lock.release()
    except OSError as error:
      raise self._error(error) from error
    lines = content.split(b"\n")[:-1]
    for number, line in enumerate(lines, start=first):
      offset += len(line) + 1
      if number >= log_number_from:
        yield self._parse(number, line)
      # Only the place where the next call goes on is of use.
      self._offsets = {0: 0, number + 1: offset}

  def _error(self, error: OSError) -> JournalError:
    reason = os.strerror(error.errno or 0)
    return JournalError(error.errno, f"{reason}: {self._path}")

  def _parse(self, number: int, line: bytes) -> dict[str, Any]:
    try:
      return json.loads(line)
    except ValueError as error:
      raise errors.UserOSError(
        f"{self._path}, line {number + 1}: a line of a study's journal is "
        f"JSON, and this one is not ({error}): {line[:80]!r}. The file was "
        "changed by something else. Copy it elsewhere and take the line out of "
        "it (what it recorded is lost), or give another --study_dir."
      ) from error


def _cut_torn_line(descriptor: int) -> int:
  """Cuts off a last line that has no end; returns the file's size then."""
  size = os.fstat(descriptor).st_size
  end = size
  while end > 0:
    start = max(0, end - _TAIL_BYTES)
    found = os.pread(descriptor, end - start, start).rfind(b"\n")
    if found >= 0:
      end = start + found + 1
      break
    end = start
  if end != size:
    os.ftruncate(descriptor, end)
  return end


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
  while content:
    written = os.pwrite(descriptor, content, offset)
    content = content[written:]
    offset += written


def _read_from(descriptor: int, offset: int) -> bytes:
  """Returns what a file holds from an offset on."""
  parts = []
  while part := os.pread(descriptor, 1 << 20, offset):
    parts.append(part)
    offset += len(part)
  return b"".join(parts)
