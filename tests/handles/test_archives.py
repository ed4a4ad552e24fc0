"""Archives that are unpacked: all forms that tools write."""

import functools
import os
import stat
import tracemalloc

import archive_builders as build
import pytest
from archive_builders import SOURCE

from hub_estimator import errors
from hub_estimator.handles import archives

MODULE = {
  "tfhub_module.pb": b"\x08\x03",
  "saved_model.pb": b"graph" * 200,
  "variables": None,
  "variables/variables.index": b"index",
  "variables/variables.data-00000-of-00001": bytes(range(256)) * 9,
  "assets": None,
  "assets/empty.txt": b"",
}
FILES = {name: c for name, c in MODULE.items() if c is not None}


@pytest.fixture
def unpack(tmp_path):
  return functools.partial(build.unpacked, tmp_path)


@pytest.mark.parametrize("form", build.FORMATS)
@pytest.mark.parametrize("compression", build.COMPRESS)
def test_formats_and_compressions(unpack, form, compression):
  data = build.COMPRESS[compression](build.packed(MODULE, form))
  assert unpack(data) == (build.described(FILES), {**MODULE})


def test_the_digest_is_that_of_sha256sum(unpack):
  returned, _ = unpack(build.member(b"a", b"abc") + build.END)
  assert returned["a"] == archives.UnpackedFile(
    3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
  )


def test_archives_without_folder_entries(unpack):
  returned, found = unpack(build.packed(FILES))
  assert returned == build.described(FILES)
  assert found == MODULE


def test_a_folder_may_come_after_what_is_in_it(unpack):
  data = build.member(b"a/b/c") + build.folder(b"a/b/") + build.folder(b"a")
  assert unpack(data + build.END)[1] == {"a": None, "a/b": None, "a/b/c": b""}


@pytest.mark.parametrize("root", ["./", "."])
def test_names_that_start_with_a_dot(unpack, root):
  data = build.folder(root.encode()) + build.packed(MODULE, prefix="./")
  assert unpack(data) == (build.described(FILES), MODULE)


LEGAL = {
  "dots before": "..foo",
  "dots after": "foo..",
  "three dots": ".../a",
  "dots within": "a..b/c",
  "hidden": ".hidden/.file",
  "spaces and quotes": " a 'b' \"c\"/ d ",
  "line break": "a\nb",
  "backslash": "a\\b",
  "colon": "model:0/a:b",
  "not ASCII": "größe/日本",
  "component of 255 bytes": "é" * 127 + "a",
  "path of 1,024 bytes": "/".join(["a" * 255] * 4),
  "ustar name of 100": "a" * 100,
  "ustar name of over 100": "a" * 90 + "/" + "b" * 90,
}


@pytest.mark.parametrize("form", build.FORMATS)
@pytest.mark.parametrize("name", LEGAL.values(), ids=LEGAL)
def test_legal_names(unpack, name, form):
  try:
    data = build.packed({name: b"1", "other": b"2"}, form)
  except ValueError:
    assert form == "ustar" and len(name) > 100
    return
  returned, found = unpack(data)
  assert returned == build.described({name: b"1", "other": b"2"})
  assert found[name] == b"1"


def test_names_that_differ_in_case_only(unpack):
  contents = {"Vocab.txt": b"1", "vocab.txt": b"2"}
  assert unpack(build.packed(contents))[1] == contents


def test_extra_headers_are_read_over(unpack):
  data = (
    build.pax(b"g", comment=b"0f3c")
    + build.pax(mtime=b"1.5", SCHILY_xattr_user=b"a=b\n", path=b"long/name")
    + build.member(b"short", b"1")
    + build.pax(b"X", size=b"3")
    + build.header(b"three")
    + build.padded(b"333")
    + build.long_name(b"gnu/" + b"n" * 200)
    + build.member(b"cut", b"4", magic=b"ustar  \0", prefix=b"times")
    + build.member(b"v7", b"5", magic=b"", kind=b"\0")
    + build.header(b"v7folder/", magic=b"", kind=b"\0")
    + build.member(b"contiguous", b"6", kind=b"7")
    + build.header(b"base256", size_field=b"\x80" + bytes(10) + b"\x02")
    + build.padded(b"77")
  )
  assert unpack(data + build.END)[1] == {
    "long": None,
    "long/name": b"1",
    "three": b"333",
    "gnu": None,
    "gnu/" + "n" * 200: b"4",
    "v7": b"5",
    "v7folder": None,
    "contiguous": b"6",
    "base256": b"77",
  }


@pytest.mark.parametrize("name", ["tfhub_module.pb", "saved_model.pb"])
@pytest.mark.parametrize("prefix", ["module/", "./module/", "m.tar/"])
def test_the_folder_of_a_module_is_stripped(unpack, name, prefix):
  contents = {name: b"1", "assets/a.txt": b"2", "empty": None}
  returned, found = unpack(build.packed(contents, prefix=prefix))
  assert returned == build.described(contents)
  assert found == {**contents, "assets": None}


def test_a_module_in_a_folder_may_hold_that_folders_name(unpack):
  contents = {
    "m/tfhub_module.pb": b"1",
    "m/m/m": b"2",
    "m/unpacked": b"3",
    "m/unpacked_/a": b"4",
  }
  returned, found = unpack(build.packed(contents))
  stripped = {name[2:]: content for name, content in contents.items()}
  assert returned == build.described(stripped)
  assert found == {**stripped, "m": None, "unpacked_": None}


NOT_STRIPPED = {
  "two levels": {"a/b/tfhub_module.pb": b"1"},
  "no module": {"a/variables.index": b"1"},
  "a folder of that name": {"a/tfhub_module.pb/b": b"1"},
  "two folders": {"a/tfhub_module.pb": b"1", "b/tfhub_module.pb": b"2"},
  "a file beside it": {"a/tfhub_module.pb": b"1", "README": b"2"},
  "an empty folder beside it": {"a/tfhub_module.pb": b"1", "b": None},
  "a module at the root": {"tfhub_module.pb": b"1", "a/saved_model.pb": b"2"},
}


@pytest.mark.parametrize(
  "contents", NOT_STRIPPED.values(), ids=NOT_STRIPPED.keys()
)
def test_other_folders_are_not_stripped(unpack, contents):
  returned, found = unpack(build.packed(contents))
  assert returned == build.described(contents)
  assert {n: found[n] for n in contents} == contents


def test_modes_and_times_are_not_those_of_the_archive(tmp_path, unpack):
  mask = os.umask(0)
  try:
    unpack(build.folder(b"d") + build.member(b"d/f", b"1") + build.END)
  finally:
    os.umask(mask)
  for name, mode in (("d", 0o755), ("d/f", 0o644)):
    status = os.stat(tmp_path / "unpacked" / name)
    assert stat.S_IMODE(status.st_mode) == mode
    assert status.st_mtime > 1e9


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_compressed_files_one_after_the_other(unpack, compression):
  # As pigz, lbzip2, bgzip and `cat` write them, cut anywhere.
  data = build.packed(MODULE)
  parts = [data[:700], b"", data[700:4000], data[4000:]]
  compressed = b"".join(map(build.COMPRESS[compression], parts))
  assert unpack(compressed + bytes(512))[1] == MODULE


def test_what_unpacks_to_much_in_one_step(unpack):
  # More than a step returns, from less input than a step reads.
  content = bytes(5 * 2**20 + 7)
  data = build.COMPRESS["gzip"](build.member(b"a", content) + build.END)
  assert len(data) < 10_000
  assert unpack(data) == (build.described({"a": content}), {"a": content})


def test_memory_does_not_grow_with_the_members(tmp_path):
  peaks = []
  for size in (4 * 2**20, 48 * 2**20):
    archive, folder = tmp_path / f"{size}.gz", tmp_path / str(size)
    head = build.header(b"a", size)
    archive.write_bytes(build.gzip_zeros(size + 1024, head))
    folder.mkdir()
    tracemalloc.start()
    archives.unpack(str(archive), str(folder), SOURCE)
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
  assert max(peaks) < 8 * 2**20
  assert peaks[1] < peaks[0] + 2**20


def test_the_folder_has_to_be_empty(tmp_path):
  (tmp_path / "a").write_bytes(build.member(b"a") + build.END)
  with pytest.raises(errors.UserOSError) as raised:
    archives.unpack(str(tmp_path / "a"), str(tmp_path), SOURCE)
  assert str(raised.value) == (
    f"{SOURCE} cannot be unpacked into {tmp_path}, which is not empty. Give "
    "another folder, or remove what it holds."
  )
