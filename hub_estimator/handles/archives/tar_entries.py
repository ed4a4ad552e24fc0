"""The entries of a tar archive, read strictly.

Python's `tarfile` takes a damaged header and the lack of an end mark for the
end. Of a file that was downloaded this would be the loss of a part, so headers
are read here: ustar, GNU and pax, without links, devices and sparse files.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from hub_estimator.handles.archives.entry_names import refuse, shown
from hub_estimator.handles.archives.limits import BadArchiveError, over_limit
from hub_estimator.handles.archives.stream import ArchiveStream

_BLOCK = tarfile.BLOCKSIZE
_EXTENSIONS = (
  tarfile.GNUTYPE_LONGNAME,
  tarfile.GNUTYPE_LONGLINK,
  tarfile.XHDTYPE,
  tarfile.SOLARIS_XHDTYPE,
  tarfile.XGLTYPE,
)
_REFUSED_TYPES = {
  tarfile.LNKTYPE: "a hard link",
  tarfile.SYMTYPE: "a symbolic link",
  tarfile.CHRTYPE: "a character device",
  tarfile.BLKTYPE: "a block device",
  tarfile.FIFOTYPE: "a fifo",
  tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_MAX_EXTENSION_BYTES = 2**20
# Reading their records takes 0.14 s a MiB: more would be made to take long.
_MAX_EXTENSION_BYTES_IN_ALL = 64 * 2**20
_PAX_LENGTH = re.compile(rb"([0-9]{1,7}) ")
_PAX_SIZE = re.compile(rb"[0-9]{1,19}")
_PAX_SPARSE = (b"GNU.sparse.", b"SCHILY.realsize")
_PAX_KEYS = (b"path", b"size", b"linkpath")


class TarEntry(NamedTuple):
  """A file or a folder as an archive has it.

  Attributes:
    name: as written.
    is_folder: whether it is a folder.
    size: in bytes; 0 for a folder.
  """

  name: str
  is_folder: bool
  size: int


def entries(stream: ArchiveStream) -> Iterator[TarEntry]:
  """Yields the entries of an archive, until it has been read to its end.

  Args:
    stream: the archive. Before the next entry is asked for, `size` bytes have
      to be read from it.

  Raises:
    BadArchiveError: it is not a tar archive, is damaged or truncated, or has an
      entry that is neither a regular file nor a folder.
  """
  extensions: dict[bytes, dict[bytes, bytes]] = {}
  num_extension_bytes = 0
  while True:
    start = stream.position
    block = stream.read(_BLOCK)
    if start and len(block) < _BLOCK:
      raise stream.truncated(
        "it ends within a header" if block else "it has no end mark"
      )
    if start and not block.strip(b"\0"):
      break
    header = _header(block, stream)
    if header.type in _EXTENSIONS:
      if header.type in extensions:
        raise _damaged(stream, start, "two headers extend the same entry")
      records = _extension_records(header, stream)
      num_extension_bytes += header.size
      if num_extension_bytes > _MAX_EXTENSION_BYTES_IN_ALL:
        raise _damaged(
          stream,
          start,
          "the extensions of its headers have more than the "
          f"{_MAX_EXTENSION_BYTES_IN_ALL} bytes that are read",
        )
      if header.type != tarfile.XGLTYPE:
        extensions[header.type] = records
      elif records:
        raise _damaged(
          stream, start, f"a header sets {shown(min(records))} of all entries"
        )
      continue
    entry = _entry(header, block, extensions, stream)
    extensions = {}
    yield entry
    stream.skip(-entry.size % _BLOCK, f"the entry {shown(entry.name)}")
  if extensions:
    raise _damaged(stream, start, "its end mark is where an entry has to be")
  _read_after_end_mark(stream)


def _header(block: bytes, stream: ArchiveStream) -> tarfile.TarInfo:
  start = stream.position - len(block)
  try:
    header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
  except tarfile.TarError as error:
    if not start and block[257:262] != b"ustar":
      raise stream.no_module(block) from error
    if len(block) < _BLOCK:
      raise stream.truncated("it ends within a header") from error
    raise _damaged(stream, start, f"a header is wrong ({error})") from error
  if header.size < 0:
    raise _damaged(stream, start, f"a header has the size {header.size}")
  return header


def _extension_records(
  header: tarfile.TarInfo, stream: ArchiveStream
) -> dict[bytes, bytes]:
  """Reads what a header says of the entry after it.

  Returns:
    the values that matter by their names in pax, such as {b"path": b"a/b"}.
  """
  start = stream.position - _BLOCK
  if header.size > _MAX_EXTENSION_BYTES:
    raise _damaged(
      stream,
      start,
      f"a header has an extension of {header.size} bytes, more than the "
      f"{_MAX_EXTENSION_BYTES} that are read",
    )
  what = "a header"
  value = b"".join(stream.content(header.size, what))
  stream.skip(-header.size % _BLOCK, what)
  if header.type == tarfile.GNUTYPE_LONGLINK:
    return {b"linkpath": value}
  if header.type == tarfile.GNUTYPE_LONGNAME:
    return {b"path": value.rstrip(b"\0")}
  records = {}
  position = 0
  while position < len(value):
    # "<length of all of it> <key>=<value>\n"
    match = _PAX_LENGTH.match(value, position)
    end = position + int(match.group(1)) if match else 0
    if not position < end <= len(value) or value[end - 1 : end] != b"\n":
      raise _damaged(stream, start, "a pax header is wrong")
    key, _, text = value[match.end() : end - 1].partition(b"=")
    if key in _PAX_KEYS or key.startswith(_PAX_SPARSE):
      records[key] = text
    position = end
  return records


def _entry(
  header: tarfile.TarInfo,
  block: bytes,
  extensions: dict[bytes, dict[bytes, bytes]],
  stream: ArchiveStream,
) -> TarEntry:
  records: dict[bytes, bytes] = {}
  for more in extensions.values():
    if not records.keys().isdisjoint(more):
      start = stream.position - _BLOCK
      raise _damaged(stream, start, "two headers extend the same entry")
    records.update(more)
  name = records.get(b"path")
  if name is None:
    name = _header_name(block, stream)
  name = _name(name, stream.source)
  if any(key.startswith(_PAX_SPARSE) for key in records):
    refuse(stream.source, name, "is a sparse file")
  if header.type in _REFUSED_TYPES:
    refuse(stream.source, name, f"is {_REFUSED_TYPES[header.type]}")
  # The oldest tars have a file with a trailing slash for a folder.
  is_folder = header.type == tarfile.DIRTYPE or (
    header.type == tarfile.AREGTYPE and name.endswith("/")
  )
  if not is_folder and header.type not in tarfile.REGULAR_TYPES:
    refuse(stream.source, name, f"is of the unknown type {header.type!r}")
  size = header.size
  if b"size" in records:
    if not _PAX_SIZE.fullmatch(records[b"size"]):
      refuse(stream.source, name, f"has the size {shown(records[b'size'])}")
    size = int(records[b"size"])
  if is_folder and size:
    refuse(stream.source, name, f"is a folder with {size} bytes of content")
  if not is_folder and name.endswith("/"):
    refuse(stream.source, name, "is a file with the name of a folder")
  if size > stream.limits.max_bytes - stream.position:
    raise over_limit(
      stream.source,
      f"unpacks to more than the allowed {stream.limits.max_bytes} bytes: its "
      f"entry {shown(name)} alone has {size}",
      "TFHUB_MAX_UNPACKED_BYTES",
    )
  return TarEntry(name, is_folder, size)


def _header_name(block: bytes, stream: ArchiveStream) -> bytes:
  name, prefix = (
    field.partition(b"\0")[0] for field in (block[:100], block[345:500])
  )
  magic = block[257:263]
  # GNU's own format has times where ustar has the start of a long name.
  if not prefix or magic == b"ustar ":
    return name
  if magic == b"ustar\0":
    return prefix + b"/" + name
  start = stream.position - _BLOCK
  raise _damaged(stream, start, f"a header is of the unknown format {magic!r}")


def _name(name: bytes, source: str) -> str:
  try:
    return name.decode("utf-8")
  except UnicodeDecodeError:
    refuse(source, name, "has a name that is not UTF-8")


def _read_after_end_mark(stream: ArchiveStream) -> None:
  mark = stream.position - _BLOCK
  for piece in stream.rest():
    # An archive after the archive, or a header that was overwritten by zeros.
    if bytes(piece) != bytes(len(piece)):
      raise _damaged(stream, mark, "something follows its end mark")
  if stream.position % _BLOCK:
    raise stream.truncated(f"it ends within a block of {_BLOCK} bytes")


def _damaged(stream: ArchiveStream, position: int, why: str) -> BadArchiveError:
  unpacked = "unpacked " if stream.compression else ""
  return BadArchiveError(
    f"{stream.source} is damaged: {why}, at {unpacked}byte {position}. "
    "Download or copy it again."
  )
