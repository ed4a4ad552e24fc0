"""The unpacked bytes of an archive: decompressed, counted and bounded.

What is held at a time stays near 1 MiB, whatever the archive unpacks to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from hub_estimator.handles.archives import decompression
from hub_estimator.handles.archives.limits import (
  ArchiveLimits,
  BadArchiveError,
  over_limit,
)
from hub_estimator.handles.contents import first_bytes

_READ_BYTES = 64 * 2**10
# Small archives may be small because of long runs of zeros.
_RATIO_COUNTS_FROM = 64 * 2**20


class ArchiveStream:
  """What an archive unpacks to, from its first byte to its last.

  Attributes:
    source: what messages call the archive.
    limits: its bounds.
    compression: "gzip", "bzip2", "xz", or "" for none; known by content.
    position: how many of the unpacked bytes have been handed out.
  """

  def __init__(self, file: BinaryIO, source: str, limits: ArchiveLimits):
    self.source = source
    self.limits = limits
    self.position = 0
    self._archive_bytes = os.fstat(file.fileno()).st_size
    head = file.read(512)
    file.seek(0)
    self.compression = decompression.compression_of(head)
    if self.compression:
      self._pieces = decompression.decompressed(file, self.compression, source)
    else:
      self._pieces = iter(lambda: file.read(_READ_BYTES), b"")
    self._unpacked_bytes = 0
    self._rest = memoryview(b"")

  def read(self, size: int) -> bytes:
    """Returns the next `size` bytes; fewer only if the archive ends."""
    return b"".join(self._take(size))

  def content(self, size: int, what: str) -> Iterator[memoryview]:
    """Yields the next `size` bytes in pieces.

    Args:
      size: how many.
      what: what they are, for the message.

    Raises:
      BadArchiveError: the archive ends before.
    """
    end = self.position + size
    yield from self._take(size)
    if self.position < end:
      raise self.truncated(f"it ends within {what}")

  def skip(self, size: int, what: str) -> None:
    """Reads over the next `size` bytes; see `content`."""
    for _ in self.content(size, what):
      pass

  def rest(self) -> Iterator[memoryview]:
    """Yields all that is left; with it, the checksums have been verified."""
    while self._rest or self._fill():
      yield from self._take(len(self._rest))

  def truncated(self, where: str) -> BadArchiveError:
    """Returns the error for an archive that ends too early."""
    return BadArchiveError(
      f"{self.source} is truncated: {where} ({self._archive_bytes} bytes are "
      "there). Download or copy it again."
    )

  def no_module(self, head: bytes) -> BadArchiveError:
    """Returns the error for a file that is not a tar archive.

    Args:
      head: what has been read of it.
    """
    # As much as is at hand: of a web page the title comes late.
    head += self._rest[: max(0, first_bytes.NUM_BYTES - len(head))]
    subject = f"its {self.compression} content" if self.compression else "it"
    kind = first_bytes.kind_of(head)
    if kind is not None and kind.is_archive:
      said = kind.sentence()
    else:
      said = first_bytes.describe_bytes(head)
    return BadArchiveError(
      f"{self.source} does not appear to be a valid module: {subject} is not a "
      f"tar archive. {said or f'It begins with {head[:16]!r}.'}"
    )

  def _take(self, size: int) -> Iterator[memoryview]:
    while size and (self._rest or self._fill()):
      piece = self._rest[:size]
      self._rest = self._rest[size:]
      self.position += len(piece)
      size -= len(piece)
      yield piece

  def _fill(self) -> bool:
    for piece in self._pieces:
      self._count(len(piece))
      if piece:
        self._rest = memoryview(piece)
        return True
    return False

  def _count(self, size: int) -> None:
    self._unpacked_bytes += size
    if self._unpacked_bytes > self.limits.max_bytes:
      raise over_limit(
        self.source,
        f"unpacks to more than the allowed {self.limits.max_bytes} bytes: "
        f"{self._unpacked_bytes} so far",
        "TFHUB_MAX_UNPACKED_BYTES",
      )
    if self._unpacked_bytes > max(
      _RATIO_COUNTS_FROM, self.limits.max_ratio * self._archive_bytes
    ):
      raise over_limit(
        self.source,
        f"unpacks to more than the allowed {self.limits.max_ratio:g} times its "
        f"size: {self._unpacked_bytes} bytes so far, from "
        f"{self._archive_bytes}",
        "TFHUB_MAX_COMPRESSION_RATIO",
      )
