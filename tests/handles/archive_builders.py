"""Archives made byte by byte: what no tool would write can be written, too."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import shutil
import stat
import tarfile
import zlib

from hub_estimator.handles import archives

SOURCE = "https://example.com/module.tar.gz"
BLOCK = 512
END = bytes(2 * BLOCK)
COMPRESS = {
  "plain": bytes,
  "gzip": gzip.compress,
  "bzip2": bz2.compress,
  "xz": lzma.compress,
  "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}
FORMATS = {
  "ustar": tarfile.USTAR_FORMAT,
  "gnu": tarfile.GNU_FORMAT,
  "pax": tarfile.PAX_FORMAT,
}


def with_checksum(block):
  """Returns a header with its checksum put right."""
  block = block[:148] + b" " * 8 + block[156:]
  return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def header(
  name,
  size=0,
  kind=b"0",
  prefix=b"",
  magic=b"ustar\x0000",
  size_field=None,
  target=b"",
):
  """Returns a header block; `size_field` is written as it is."""
  if size_field is None:
    size_field = b"%011o\0" % size
  block = b"".join(
    [
      name.ljust(100, b"\0"),
      b"0007777\0" + 2 * b"0000000\0",
      size_field.ljust(12, b"\0"),
      b"00000000000\0" + b" " * 8,
      kind,
      target.ljust(100, b"\0"),
      magic.ljust(8, b"\0"),
      bytes(64) + 2 * b"0000000\0",
      prefix.ljust(155, b"\0"),
    ]
  )
  return with_checksum(block.ljust(BLOCK, b"\0"))


def padded(data):
  return data + bytes(-len(data) % BLOCK)


def member(name, content=b"", **fields):
  """Returns a header and the content after it, without an end mark."""
  return header(name, **{"size": len(content), **fields}) + padded(content)


def folder(name):
  return header(name, kind=b"5")


def long_name(name):
  """Returns GNU's header for the name of the next entry."""
  return member(b"././@LongLink", name + b"\0", kind=b"L")


def pax_record(key, value):
  size = previous = 0
  while not size or size != previous:
    previous, size = size, len(b"%d %s=%s\n" % (size, key, value))
  return b"%d %s=%s\n" % (size, key, value)


def pax(kind=b"x", **records):
  """Returns a pax header; keys have "_" in place of dots."""
  value = b"".join(
    pax_record(key.replace("_", ".").encode(), text)
    for key, text in records.items()
  )
  return member(b"pax", value, kind=kind)


def packed(contents, form="ustar", prefix=""):
  """Returns what tarfile makes of {path: bytes, or None for a folder}."""
  target = io.BytesIO()
  with tarfile.open(fileobj=target, mode="w", format=FORMATS[form]) as tar:
    for name, content in contents.items():
      entry = tarfile.TarInfo(prefix + name)
      if content is None:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
      else:
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
  return target.getvalue()


def gzip_zeros(num_bytes, tar_head=b""):
  """Returns a gzip file of a few bytes and many zeros."""
  compressor = zlib.compressobj(9, wbits=31)
  pieces = [compressor.compress(tar_head)]
  zeros = bytes(2**20)
  for start in range(0, num_bytes, len(zeros)):
    pieces.append(compressor.compress(zeros[: num_bytes - start]))
  return b"".join([*pieces, compressor.flush()])


def described(contents):
  """Returns what `unpack` returns for files with these contents."""
  return {
    name: (len(content), hashlib.sha256(content).hexdigest())
    for name, content in contents.items()
    if content is not None
  }


def snapshot(root, but=None):
  """Returns all that is under a folder but one: kinds, contents, modes."""
  found = {}
  for parent, folders, names in os.walk(root):
    folders[:] = [
      name for name in folders if os.path.join(parent, name) != str(but)
    ]
    for name in folders + names:
      path = os.path.join(parent, name)
      status = os.lstat(path)
      content = None
      if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
          content = file.read()
      found[os.path.relpath(path, root)] = (status.st_mode, content)
  return found


def unpacked(root, data, **limits):
  """Unpacks bytes, under a folder of the test.

  Returns:
    what `unpack` returns, and {path: bytes, None for folders} of what is there.
  """
  archive, folder = root / "archive", root / "unpacked"
  archive.write_bytes(data)
  shutil.rmtree(folder, ignore_errors=True)
  folder.mkdir()
  returned = archives.unpack(
    str(archive), str(folder), SOURCE, archives.ArchiveLimits(**limits)
  )
  found = snapshot(folder)
  return returned, {name: content for name, (_, content) in found.items()}
