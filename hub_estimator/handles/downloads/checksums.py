"""Checksums that servers give with what they send."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import NamedTuple, Optional

_PIECE_BYTES = 2**20
# Names in HTTP's digest fields -> hashlib's.
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5"}


class Checksum(NamedTuple):
  """What a server says of a file.

  Attributes:
    algorithm: hashlib's name of it.
    digest: the digest.
    header: the header field that says it.
  """

  algorithm: str
  digest: bytes
  header: str


def checksum_of_headers(
  headers: Mapping[str, str], is_partial: bool = False
) -> Optional[Checksum]:
  """Returns the strongest checksum of a response's content, None if none.

  Read are `Repr-Digest` (RFC 9530), `Digest` (RFC 3230), `x-goog-hash` (of
  Google Cloud Storage) and `Content-MD5`. `Content-Digest` is left out: it may
  be of a part.

  Args:
    headers: a response's header fields, found by name whatever their case.
    is_partial: whether it is an answer to a range, of which Content-MD5 would
      be that of the part.
  """
  found = []
  for header in ("Repr-Digest", "Digest", "x-goog-hash"):
    for item in headers.get(header, "").split(","):
      name, _, value = item.strip().partition("=")
      algorithm = _ALGORITHMS.get(name.strip().lower())
      digest = _decode(value.strip().strip(":"))
      if algorithm and digest:
        found.append(Checksum(algorithm, digest, header))
  digest = _decode(headers.get("Content-MD5", "").strip())
  if digest and not is_partial:
    found.append(Checksum("md5", digest, "Content-MD5"))
  found = [
    checksum
    for checksum in found
    if len(checksum.digest) == hashlib.new(checksum.algorithm).digest_size
  ]
  return max(found, key=lambda c: len(c.digest), default=None)


def matches(path: str, checksum: Checksum) -> bool:
  """Whether a file has a checksum."""
  digest = hashlib.new(checksum.algorithm)
  with open(path, "rb") as file:
    while piece := file.read(_PIECE_BYTES):
      digest.update(piece)
  return digest.digest() == checksum.digest


def _decode(text: str) -> bytes:
  try:
    return base64.b64decode(text, validate=True)
  except (binascii.Error, ValueError):
    return b""
