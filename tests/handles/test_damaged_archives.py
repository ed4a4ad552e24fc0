"""Parts of archives, archives with changed bytes, and what is no archive."""

import functools
import io
import shutil
import tarfile

import archive_builders as build
import hypothesis
import pytest
from archive_builders import SOURCE
from hypothesis import strategies

from hub_estimator import errors
from hub_estimator.handles import archives


@pytest.fixture
def unpack(tmp_path):
  return functools.partial(build.unpacked, tmp_path)


@pytest.mark.parametrize("form", build.FORMATS)
def test_every_part_of_a_plain_archive_is_refused(unpack, form):
  data = build.packed(
    {"a" * 60 + "/" + "b" * 60: b"1" * 700, "c": None, "c/d": b"", "e": b"2"},
    form,
  )
  # tarfile fills a record of 10,240 bytes. What is lost after the end mark is
  # nothing, but a tail that is no whole block shows that something is.
  end = len(data.rstrip(b"\0"))
  end += -end % 512 + 512
  assert data[end - 512 : end] == bytes(512)
  places = {*range(0, len(data), 512), *range(0, len(data), 97), end - 1}
  places |= {place + d for place in range(512, end, 512) for d in (-1, 1)}
  for place in sorted(places):
    if place < end or place % 512:
      with pytest.raises(archives.BadArchiveError, match="^" + SOURCE):
        unpack(data[:place])
    else:
      assert len(unpack(data[:place])[0]) == 3
  assert len(unpack(data)[0]) == 3


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_every_part_of_a_compressed_archive_is_refused(unpack, compression):
  data = build.COMPRESS[compression](build.packed({"a/b": b"1" * 700}))
  for place in range(len(data)):
    with pytest.raises(archives.BadArchiveError, match="^" + SOURCE) as raised:
      unpack(data[:place])
    if place >= 6:  # The longest of the marks by which they are known.
      assert f"{SOURCE} is truncated: " in str(raised.value)
      assert f"({place} bytes are there)" in str(raised.value)
  assert unpack(data)[0] == build.described({"a/b": b"1" * 700})


def test_a_part_is_refused_at_the_end_of_a_member(unpack):
  # Here tarfile finds a whole archive of one entry.
  data = build.member(b"a", b"1") + build.member(b"b", b"2") + build.END
  with tarfile.open(fileobj=io.BytesIO(data[:1024])) as tar:
    assert tar.getnames() == ["a"]
  with pytest.raises(archives.BadArchiveError) as raised:
    unpack(data[:1024])
  assert str(raised.value) == (
    f"{SOURCE} is truncated: it has no end mark (1024 bytes are there). "
    "Download or copy it again."
  )


def test_a_damaged_header_is_no_end(unpack):
  data = build.member(b"a", b"1") + build.member(b"b", b"2") + build.END
  damaged = data[:1030] + b"?" + data[1031:]
  with tarfile.open(fileobj=io.BytesIO(damaged)) as tar:
    assert tar.getnames() == ["a"]
  with pytest.raises(archives.BadArchiveError) as raised:
    unpack(damaged)
  assert "a header is wrong (bad checksum), at byte 1024" in str(raised.value)


def test_an_overwritten_header_is_no_end(unpack):
  data = build.member(b"a", b"1") + build.member(b"b", b"2") + build.END
  with pytest.raises(archives.BadArchiveError, match="follows its end mark"):
    unpack(data[:1024] + bytes(512) + data[1536:])


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_checksums_of_compressed_archives_are_verified(unpack, compression):
  # The last of them comes after the end mark, where tarfile does not look.
  tar = build.packed({"a": bytes(range(256))})
  data = build.COMPRESS[compression](tar)
  place = {"gzip": -8, "bzip2": -3, "xz": -12}[compression]
  wrong = bytearray(data)
  wrong[place] ^= 0x55
  with pytest.raises(archives.BadArchiveError, match=SOURCE) as raised:
    unpack(bytes(wrong))
  assert f"is damaged: it cannot be decompressed as {compression}" in str(
    raised.value
  )


# What it unpacks to, if anything; what is said of it.
NO_ARCHIVES = {
  "empty": (b"", "it", "It is an empty file;"),
  "HTML": (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>",
    "it",
    "The server sent a web page",
  ),
  "zip": (b"PK\x03\x04" + bytes(40), "it", "It is a zip archive; unpack it"),
  "LFS pointer": (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    "it",
    "It is a Git LFS pointer",
  ),
  "HTML in gzip": (
    build.COMPRESS["gzip"](b"<html><body>Not found</body></html>"),
    "its gzip content",
    "The server sent a web page",
  ),
  "zip in xz": (
    build.COMPRESS["xz"](b"PK\x03\x04" + bytes(600)),
    "its xz content",
    "It is a zip archive; unpack it",
  ),
  "gzip in gzip": (
    build.COMPRESS["gzip"](build.COMPRESS["gzip"](build.END)),
    "its gzip content",
    "It is a gzip archive; unpack it",
  ),
  "empty in gzip": (
    build.COMPRESS["gzip"](b""),
    "its gzip content",
    "It is an empty file;",
  ),
  "zeros": (bytes(10240), "it", r"It begins with b'\x00\x00\x00"),
  "bytes": (bytes(range(128, 256)), "it", r"It begins with b'\x80\x81\x82"),
}


@pytest.mark.parametrize(
  "data, subject, says", NO_ARCHIVES.values(), ids=NO_ARCHIVES.keys()
)
def test_what_is_no_archive(unpack, data, subject, says):
  with pytest.raises(archives.BadArchiveError) as raised:
    unpack(data)
  assert str(raised.value).startswith(
    f"{SOURCE} does not appear to be a valid module: {subject} is not a tar "
    f"archive. {says}"
  )


def test_the_error_is_of_the_kinds_that_callers_expect(unpack):
  for kind in (errors.UserError, OSError, ValueError):
    with pytest.raises(kind, match="does not appear to be a valid module"):
      unpack(b"?")


WHOLE = build.packed(
  {"tfhub_module.pb": b"\x08\x03", "a/" + "b" * 110: b"1" * 600, "c": None},
  "pax",
)[: 9 * 512]


def test_the_archive_that_is_changed_is_whole(unpack):
  assert len(unpack(WHOLE)[0]) == 2


@hypothesis.settings(
  max_examples=500,
  derandomize=True,
  database=None,
  deadline=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(
  edits=strategies.lists(
    strategies.tuples(
      strategies.integers(0, len(WHOLE) - 1),
      strategies.sampled_from(["change", "insert", "delete"]),
      strategies.binary(min_size=1, max_size=4)
      | strategies.sampled_from([b"/", b"..", b"../", b"\0", b"9" * 9]),
    ),
    min_size=1,
    max_size=4,
  ),
  repair=strategies.booleans(),
  compression=strategies.sampled_from(["plain", "gzip", "bzip2", "xz"]),
  edits_inside=strategies.booleans(),
)
def test_changed_archives(
  tmp_path_factory, edits, repair, compression, edits_inside
):
  data = WHOLE if edits_inside else build.COMPRESS[compression](WHOLE)
  for place, action, value in edits:
    place %= len(data)
    end = place if action == "insert" else place + len(value)
    new = b"" if action == "delete" else value
    data = data[:place] + new + data[end:]
  if edits_inside:
    if repair:
      # Beyond the checksums is where most of the rules are.
      blocks = [data[i : i + 512] for i in range(0, len(data), 512)]
      data = b"".join(
        build.with_checksum(block) if b"ustar" in block else block
        for block in blocks
      )
    data = build.COMPRESS[compression](data)
  root = tmp_path_factory.mktemp("changed")
  archive, folder = root / "archive", root / "in" / "folder"
  archive.write_bytes(data)
  folder.mkdir(parents=True)
  before = build.snapshot(root, but=folder)
  try:
    returned = archives.unpack(str(archive), str(folder), SOURCE)
  except archives.BadArchiveError as error:
    assert str(error).startswith(SOURCE)
  else:
    found = build.snapshot(folder)
    assert returned == build.described(
      {name: content for name, (_, content) in found.items()}
    )
  assert build.snapshot(root, but=folder) == before
  shutil.rmtree(root)
