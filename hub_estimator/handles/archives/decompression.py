"""Decompressing gzip, bzip2 and xz files to their verified ends, in pieces.

Unlike the classes of the standard library this notices bytes behind the end,
and bounds the memory of a step by what it returns.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Union

from hub_estimator.file_formats import damage
from hub_estimator.handles.archives.limits import BadArchiveError

_READ_BYTES = 64 * 2**10
_PIECE_BYTES = 2**20
# An xz file says how much memory unpacking takes; `xz -9` needs 65 MiB.
_XZ_MEMORY = 128 * 2**20


def compression_of(head: bytes) -> str:
  """Returns "gzip", "bzip2", "xz" or, for none of them, "".

  Args:
    head: the first bytes of a file, 262 or more of them if it has so many.
  """
  # What starts like compressed bytes may be the name of a tar's first entry.
  if head[257:262] == b"ustar":
    return ""
  if head.startswith(b"\x1f\x8b"):
    return "gzip"
  if head.startswith(b"BZh"):
    return "bzip2"
  # The second is the older .lzma, which tarfile takes as xz, too.
  if head.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00\x80")):
    return "xz"
  return ""


def decompressed(
  file: BinaryIO, compression: str, source: str
) -> Iterator[bytes]:
  """Yields what a compressed file unpacks to.

  Args:
    file: the file, from its start.
    compression: what `compression_of` says.
    source: what messages call the file.

  Yields:
    up to 1 MiB at a time; nothing at all (`b""`), too.

  Raises:
    BadArchiveError: the file is damaged, which may be known at its end only,
      or truncated.
  """

  def step(data: bytes) -> bytes:
    try:
      return decoder.decompress(data, _PIECE_BYTES)
    # bz2's is an OSError without a number; no file is touched here.
    except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
      if "limit exceeded" in str(error):
        raise BadArchiveError(
          f"{source} needs more than the allowed {_XZ_MEMORY} bytes of memory "
          "to be decompressed as xz. Compress it again with a dictionary of at "
          "most 64 MiB, as `xz -9` has."
        ) from error
      raise BadArchiveError(
        f"{source} is damaged: it cannot be decompressed as {compression} "
        f"({damage.first_line(error)}). Download or copy it again."
      ) from error

  decoder = _new_decoder(compression)
  is_between = False
  for data in iter(lambda: file.read(_READ_BYTES), b""):
    while data:
      if is_between:
        # Compressed files may be several, one after the other, and zeros.
        data = data.lstrip(b"\0")
        if not data:
          break
        decoder = _new_decoder(compression)
        is_between = False
      yield step(data)
      while not (decoder.eof or decoder.needs_input):
        yield step(b"")
      is_between = decoder.eof
      data = decoder.unused_data if is_between else b""
  if not is_between:
    raise BadArchiveError(
      f"{source} is truncated: its {compression} data ends before its end mark "
      f"({file.tell()} bytes are there). Download or copy it again."
    )


def _new_decoder(
  compression: str,
) -> Union[_GzipDecoder, bz2.BZ2Decompressor, lzma.LZMADecompressor]:
  if compression == "gzip":
    return _GzipDecoder()
  if compression == "bzip2":
    return bz2.BZ2Decompressor()
  return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


class _GzipDecoder:
  """zlib's decompressor with the attributes of those of bz2 and lzma."""

  def __init__(self):
    # 16: gzip's header and trailer, whose checksum zlib verifies.
    self._decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    self.needs_input = True

  @property
  def eof(self) -> bool:
    return self._decoder.eof

  @property
  def unused_data(self) -> bytes:
    return self._decoder.unused_data

  def decompress(self, data: bytes, max_length: int) -> bytes:
    unpacked = self._decoder.decompress(
      self._decoder.unconsumed_tail + data, max_length
    )
    self.needs_input = len(unpacked) < max_length
    return unpacked
