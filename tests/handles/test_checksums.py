"""Which of a server's checksums counts."""

import base64
import hashlib

import pytest

from hub_estimator.handles.downloads import checksums


def _text(name):
  return base64.b64encode(hashlib.new(name, b"content").digest()).decode()


MD5, SHA256, SHA512 = map(_text, ("md5", "sha256", "sha512"))


@pytest.mark.parametrize(
  ("headers", "algorithm"),
  [
    ({}, None),
    ({"Content-MD5": MD5}, "md5"),
    ({"Digest": f"md5={MD5},SHA-256={SHA256}"}, "sha256"),
    ({"Repr-Digest": f"sha-256=:{SHA256}:, sha-512=:{SHA512}:"}, "sha512"),
    ({"x-goog-hash": f"crc32c=n03x6A==,md5={MD5}"}, "md5"),
    ({"Content-MD5": MD5, "Digest": f"sha-256={SHA256}"}, "sha256"),
    # Of another algorithm, of another length, of no bytes.
    ({"Digest": "unixsum=30637"}, None),
    ({"Digest": f"sha-256={MD5}"}, None),
    ({"Content-MD5": "?"}, None),
    ({"Repr-Digest": "sha-256"}, None),
  ],
)
def test_the_strongest_counts(headers, algorithm, tmp_path):
  checksum = checksums.checksum_of_headers(headers)
  if algorithm is None:
    assert checksum is None
    return
  assert checksum.algorithm == algorithm
  path = tmp_path / "file"
  path.write_bytes(b"content")
  assert checksums.matches(str(path), checksum)
  path.write_bytes(b"contenT")
  assert not checksums.matches(str(path), checksum)


def test_that_of_a_part_does_not_count():
  headers = {"Content-MD5": MD5}
  assert checksums.checksum_of_headers(headers, is_partial=True) is None
  headers["Digest"] = f"sha-256={SHA256}"
  checksum = checksums.checksum_of_headers(headers, is_partial=True)
  assert checksum.header == "Digest"
