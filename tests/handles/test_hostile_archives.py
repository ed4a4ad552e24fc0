"""Archives that want what they must not have."""

import lzma
import os
import stat
import tarfile

import archive_builders as build
import pytest
from archive_builders import SOURCE
from hostile_archives import HOSTILE, NEW

from hub_estimator.handles import archives
from hub_estimator.handles.archives import tar_entries


@pytest.fixture
def refused(tmp_path):
  """Unpacks what must be refused, and returns the message."""
  (tmp_path / "victim").write_bytes(b"old")
  folder = tmp_path / "cache" / "folder"
  folder.mkdir(parents=True)
  archive = tmp_path / "archive"

  def run(data, **limits):
    archive.write_bytes(data)
    before = build.snapshot(tmp_path, but=folder)
    with pytest.raises(archives.BadArchiveError) as raised:
      archives.unpack(
        str(archive), str(folder), SOURCE, archives.ArchiveLimits(**limits)
      )
    assert build.snapshot(tmp_path, but=folder) == before
    message = str(raised.value)
    assert message.startswith(SOURCE + " ")
    assert len(message) < 700 and "\n" not in message and "\0" not in message
    for mode, _ in build.snapshot(folder).values():
      # Not even among the leftovers.
      assert stat.S_ISREG(mode) or stat.S_ISDIR(mode)
      assert not mode & 0o7022
    return message

  return run


@pytest.mark.parametrize("data, says", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives(refused, data, says):
  assert says in refused(build.member(b"first", b"1") + data + build.END)
  assert not os.path.lexists("/abs")


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_hostile_archives_are_refused_in_any_compression(refused, compression):
  data = build.member(b"../victim", NEW) + build.END
  assert refused(build.COMPRESS[compression](data)) == (
    f"{SOURCE} holds the entry '../victim', which has a '..' part in its name. "
    "Only regular files and folders with names inside of the archive are "
    "unpacked: repack it, if you trust it."
  )


def test_an_absolute_name_of_a_file_that_is_there(refused, tmp_path):
  name = str(tmp_path / "victim").encode()
  data = build.pax(path=name) + build.member(b"a", NEW) + build.END
  assert f"'{tmp_path / 'victim'}', which has an absolute name" in refused(data)


def test_links_that_tar_makes(refused, tmp_path):
  (tmp_path / "tree").mkdir()
  (tmp_path / "tree" / "link").symlink_to("../../victim")
  os.mkfifo(tmp_path / "tree" / "pipe")
  for name, kind in (("link", "a symbolic link"), ("pipe", "a fifo")):
    with tarfile.open(tmp_path / "made", "w") as tar:
      tar.add(tmp_path / "tree" / name, name)
    message = refused((tmp_path / "made").read_bytes())
    assert f"holds the entry '{name}', which is {kind}. " in message


def test_a_long_name_is_cut_in_the_message(refused):
  data = build.long_name(b"/" + b"n" * 10**6) + build.member(b"a")
  message = refused(data + build.END)
  assert "'/nnnn" in message and "nnn…nnn" in message


BYTES_SETTING = (
  "If you trust it, set the environment variable TFHUB_MAX_UNPACKED_BYTES to a "
  "higher number."
)
# Each unpacks to more than 100,000 bytes, and its files have less.
OVER_THE_BYTES = {
  "content": build.member(b"a", bytes(100_000)) + build.END,
  "small files": b"".join(build.member(b"%d" % i, NEW) for i in range(100)),
  "folders": b"".join(build.folder(b"%d" % i) for i in range(200)),
  "extensions": build.pax(b"g", comment=b"c" * 99_000) + build.member(b"a"),
  "after the end mark": build.member(b"a", NEW) + bytes(100_000),
}


@pytest.mark.parametrize("compression", ["plain", "gzip", "bzip2", "xz"])
@pytest.mark.parametrize("tar", OVER_THE_BYTES.values(), ids=OVER_THE_BYTES)
def test_every_unpacked_byte_counts(refused, tar, compression):
  data = build.COMPRESS[compression](tar + build.END)
  message = refused(data, max_bytes=100_000)
  assert f"{SOURCE} unpacks to more than the allowed 100000 bytes: " in message
  assert message.endswith(BYTES_SETTING)


def test_the_bound_of_bytes_itself_is_allowed(tmp_path):
  data = build.member(b"a", NEW) + build.END
  assert len(data) == 2048
  returned, _ = build.unpacked(tmp_path, data, max_entries=1, max_bytes=2048)
  assert list(returned) == ["a"]


def test_an_announced_size_over_the_bound_writes_nothing(refused, tmp_path):
  data = build.COMPRESS["gzip"](build.header(b"big", 10**9))
  assert refused(data, max_bytes=10**8) == (
    f"{SOURCE} unpacks to more than the allowed 100000000 bytes: its entry "
    f"'big' alone has 1000000000. {BYTES_SETTING}"
  )
  assert not os.listdir(tmp_path / "cache" / "folder")


@pytest.mark.parametrize("where", ["in a file", "after the end mark"])
def test_gzip_bombs(refused, where):
  size = 70 * 2**20
  head = build.header(b"bomb", size if where == "in a file" else 0)
  data = build.gzip_zeros(size + 1024, head)
  message = refused(data)
  assert message.startswith(
    f"{SOURCE} unpacks to more than the allowed 200 times its size: "
  )
  assert f"bytes so far, from {len(data)}. " in message
  assert "variable TFHUB_MAX_COMPRESSION_RATIO to a higher" in message


def test_the_ratio_of_small_archives_does_not_matter(tmp_path):
  head = build.header(b"zeros", 8 * 2**20)
  data = build.gzip_zeros(8 * 2**20 + 1024, head)
  assert 8 * 2**20 / len(data) > 900
  returned, _ = build.unpacked(tmp_path, data, max_ratio=1.0)
  assert returned["zeros"].size == 8 * 2**20


ENTRIES = {
  "files": b"".join(build.member(b"%d" % i) for i in range(6)),
  "folders": b"".join(build.folder(b"%d" % i) for i in range(6)),
  "folders without entries": build.member(b"1/2/3/4/5/6"),
  "both": build.member(b"1/2/3") + build.folder(b"1/4/5/6"),
}


@pytest.mark.parametrize("data", ENTRIES.values(), ids=ENTRIES.keys())
def test_too_many_entries(refused, data):
  assert refused(data + build.END, max_entries=5) == (
    f"{SOURCE} has more than the allowed 5 files and folders: 6 so far. If you "
    "trust it, set the environment variable TFHUB_MAX_ENTRIES to a higher "
    "number."
  )


def test_headers_that_only_take_time(refused, monkeypatch):
  monkeypatch.setattr(tar_entries, "_MAX_EXTENSION_BYTES_IN_ALL", 10_000)
  data = b"".join(
    build.pax(comment=b"x" * 3_000) + build.member(b"%d" % i) for i in range(6)
  )
  assert "extensions of its headers have more than the 10000 bytes" in (
    refused(data + build.END)
  )


def test_an_xz_file_that_wants_much_memory(refused):
  filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 256 * 2**20}]
  data = lzma.compress(build.member(b"a") + build.END, filters=filters)
  assert refused(data) == (
    f"{SOURCE} needs more than the allowed 134217728 bytes of memory to be "
    "decompressed as xz. Compress it again with a dictionary of at most "
    "64 MiB, as `xz -9` has."
  )


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_what_follows_compressed_data_is_refused(refused, compression):
  data = build.COMPRESS[compression](build.member(b"a") + build.END)
  assert "is damaged: it cannot be decompressed as" in refused(
    data + b"something else"
  )
