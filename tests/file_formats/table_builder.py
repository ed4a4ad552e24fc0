"""Writing sorted tables, also such as TensorFlow would not."""

from hub_estimator.file_formats import crc32c


def varint(value):
  content = b""
  while value > 0x7F:
    content += bytes([value & 0x7F | 0x80])
    value >>= 7
  return content + bytes([value])


def block(entries):
  """Returns a block of (shared, key rest, length of value, value) entries."""
  content = b"".join(
    varint(shared) + varint(len(rest)) + varint(length) + rest + value
    for shared, rest, length, value in entries
  )
  content += (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
  checksum = crc32c.masked_crc32c(content + b"\0")
  return content, content + b"\0" + checksum.to_bytes(4, "little")


def table(entries):
  content, stored = block(entries)
  place = varint(0) + varint(len(content))
  index_content, index_stored = block([(0, b"z", len(place), place)])
  index = varint(len(stored)) + varint(len(index_content))
  footer = (place + index).ljust(40, b"\0")
  magic = 0xDB4775248B80FB57.to_bytes(8, "little")
  return stored + index_stored + footer + magic
