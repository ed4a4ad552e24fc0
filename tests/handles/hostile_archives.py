"""A table of archives that want what they must not have."""

import archive_builders as build

# More than the 1 MiB that are read of a header's extension.
HUGE = 2**20 + 1
NEW = b"new"


def linked(kind):
  return build.header(b"link", kind=kind, target=b"../victim")


def sparse_pax(**records):
  return build.pax(**records) + build.member(b"sparse", NEW)


# What comes after a first, harmless entry; what the message has to say.
HOSTILE = {
  # Names.
  "absolute": (build.member(b"/abs", NEW), "'/abs', which has an absolute"),
  "absolute by ustar's prefix": (
    build.member(b"name", NEW, prefix=b"/abs"),
    "'/abs/name', which has an absolute name",
  ),
  "absolute by slashes": (build.member(b"//abs", NEW), "'//abs', which has an"),
  "absolute folder": (build.folder(b"/abs/"), "'/abs/', which has an absolute"),
  "absolute in pax": (
    build.pax(path=b"/abs") + build.member(b"a", NEW),
    "'/abs', which has an absolute name",
  ),
  "absolute in GNU": (
    build.long_name(b"/" + b"abs" * 50) + build.member(b"a", NEW),
    "'/absabs",
  ),
  "parent": (build.member(b"../victim", NEW), "'../victim', which has a '..'"),
  "parent inside": (
    build.member(b"a/../../victim", NEW),
    "'a/../../victim', which has a '..' part",
  ),
  "parent that stays inside": (
    build.member(b"a/../b", NEW),
    "'a/../b', which has a '..' part",
  ),
  "parent at the end": (build.folder(b"a/.."), "'a/..', which has a '..' part"),
  "parent alone": (build.folder(b".."), "'..', which has a '..' part"),
  "parent after a dot": (
    build.member(b"./../victim", NEW),
    "'./../victim', which has a '..' part",
  ),
  "parent by ustar's prefix": (
    build.member(b"victim", NEW, prefix=b".."),
    "'../victim', which has a '..' part",
  ),
  "parent in pax": (
    build.pax(path=b"../victim") + build.member(b"a", NEW),
    "'../victim', which has a '..' part",
  ),
  "parent in GNU": (
    build.long_name(b"../victim") + build.member(b"a", NEW),
    "'../victim', which has a '..' part",
  ),
  "backslashes": (
    build.member(b"..\\..\\victim", NEW),
    r"'..\\..\\victim', which has a '..' part",
  ),
  "both kinds of slashes": (
    build.member(b"a/b\\../victim", NEW),
    r"'a/b\\../victim', which has a '..' part",
  ),
  "absolute by a backslash": (
    build.member(b"\\abs", NEW),
    r"'\\abs', which has an absolute name",
  ),
  "network path": (
    build.member(b"\\\\server\\share", NEW),
    r"'\\\\server\\share', which has an absolute name",
  ),
  "backslash after a dot": (
    build.member(b"./\\abs", NEW),
    r"'./\\abs', which has an absolute name",
  ),
  "drive": (build.member(b"C:\\a", NEW), r"'C:\\a', which has an absolute"),
  "drive with a slash": (build.member(b"c:/a", NEW), "'c:/a', which has an"),
  "drive alone": (build.member(b"C:a", NEW), "'C:a', which has an absolute"),
  "drive after a dot": (build.member(b"./C:a", NEW), "'./C:a', which has an"),
  "NUL in pax": (
    build.pax(path=b"a\0.txt") + build.member(b"a", NEW),
    r"'a\x00.txt', which has a NUL character",
  ),
  "NUL in GNU": (
    build.long_name(b"a\0.txt") + build.member(b"a", NEW),
    r"'a\x00.txt', which has a NUL character",
  ),
  "empty": (build.member(b"", NEW), "'', which has an empty name"),
  "empty folder name": (build.folder(b""), "'', which has an empty name"),
  "empty in pax": (
    build.pax(path=b"") + build.member(b"a", NEW),
    "'', which has an empty name",
  ),
  "root as a file": (build.member(b".", NEW), "'.', which is a file where a"),
  "file named as a folder": (
    build.member(b"a/", NEW),
    "'a/', which is a file with the name of a folder",
  ),
  "not UTF-8": (
    build.member(b"gr\xfc\xdfe", NEW),
    r"b'gr\xfc\xdfe', which has a name that is not UTF-8",
  ),
  "long part": (
    build.pax(path=b"a/" + b"b" * 256) + build.member(b"a", NEW),
    "which has a part of more than 255 bytes",
  ),
  "long part of few characters": (
    build.pax(path="é".encode() * 128) + build.member(b"a", NEW),
    "which has a part of more than 255 bytes",
  ),
  "long path": (
    build.pax(path=b"a/" * 512 + b"b") + build.member(b"a", NEW),
    "which has a name of more than 1024 bytes",
  ),
  "long path in GNU": (
    build.long_name(b"a/" * 300_000 + b"b") + build.member(b"a", NEW),
    "which has a name of more than 1024 bytes",
  ),
  # Kinds.
  "symbolic link": (linked(b"2"), "'link', which is a symbolic link"),
  "hard link": (linked(b"1"), "'link', which is a hard link"),
  "hard link with content": (
    build.member(b"link", NEW, kind=b"1", target=b"../victim"),
    "'link', which is a hard link",
  ),
  "link with a long target": (
    build.member(b"././@LongLink", b"t" * 200 + b"\0", kind=b"K")
    + linked(b"2"),
    "'link', which is a symbolic link",
  ),
  "link, then a file through it": (
    linked(b"2") + build.member(b"link/a", NEW),
    "'link', which is a symbolic link",
  ),
  "link, then a file in its place": (
    linked(b"2") + build.member(b"link", NEW),
    "'link', which is a symbolic link",
  ),
  "character device": (
    build.header(b"null", kind=b"3"),
    "'null', which is a character device",
  ),
  "block device": (
    build.header(b"disk", kind=b"4"),
    "'disk', which is a block device",
  ),
  "fifo": (build.header(b"pipe", kind=b"6"), "'pipe', which is a fifo"),
  "sparse file": (
    build.member(b"sparse", NEW, kind=b"S"),
    "'sparse', which is a sparse file",
  ),
  "sparse file of pax 0.0": (
    sparse_pax(GNU_sparse_size=b"999999999", GNU_sparse_numblocks=b"0"),
    "'sparse', which is a sparse file",
  ),
  "sparse file of pax 0.1": (
    sparse_pax(GNU_sparse_map=b"0,1", GNU_sparse_name=b"../victim"),
    "'sparse', which is a sparse file",
  ),
  "sparse file of pax 1.0": (
    sparse_pax(GNU_sparse_major=b"1", GNU_sparse_minor=b"0"),
    "'sparse', which is a sparse file",
  ),
  "sparse file of star": (
    sparse_pax(SCHILY_realsize=b"999999999"),
    "'sparse', which is a sparse file",
  ),
  "volume label": (
    build.header(b"label", kind=b"V"),
    "'label', which is of the unknown type b'V'",
  ),
  "later part of a file": (
    build.member(b"rest", NEW, kind=b"M"),
    "'rest', which is of the unknown type b'M'",
  ),
  "folder with content": (
    build.member(b"d/", NEW, kind=b"5"),
    "'d/', which is a folder with 3 bytes of content",
  ),
  # Twice.
  "the same file": (build.member(b"first", NEW), "'first', which is there"),
  "the same file by a dot": (
    build.member(b"./first", NEW),
    "'./first', which is there twice",
  ),
  "the same file by slashes": (
    build.member(b"a/b", NEW) + build.member(b"a//./b", NEW),
    "'a//./b', which is there twice",
  ),
  "the same folder": (
    build.folder(b"a") + build.folder(b"./a/"),
    "'./a/', which is there twice",
  ),
  "the root": (
    build.folder(b"./") + build.folder(b"."),
    "'.', which is there twice",
  ),
  "file in place of a folder": (
    build.folder(b"a") + build.member(b"a", NEW),
    "'a', which is a file where a folder is",
  ),
  "file in place of a parent": (
    build.member(b"a/b", NEW) + build.member(b"a", NEW),
    "'a', which is a file where a folder is",
  ),
  "folder in place of a file": (
    build.folder(b"first/"),
    "'first/', which is a folder where a file is",
  ),
  "parent in place of a file": (
    build.member(b"first/a/b", NEW),
    "'first/a/b', which needs a folder where the file 'first' is",
  ),
  # Sizes and headers.
  "negative size": (
    build.header(b"a", size_field=b"-0000000777"),
    "a header has the size -511, at byte 1024",
  ),
  "negative size, base 256": (
    build.header(b"a", size_field=b"\xff" * 12),
    "a header has the size -1, at byte 1024",
  ),
  "negative size of an extension": (
    build.header(b"a", kind=b"x", size_field=b"\xff" * 11 + b"\x00"),
    "a header has the size -256, at byte 1024",
  ),
  "size that is no number": (
    build.header(b"a", size_field=b"0x10"),
    "is damaged: a header is wrong (invalid header), at byte 1024",
  ),
  "absurd size": (
    build.header(b"a", size_field=b"\x80" + b"\xff" * 11),
    "the allowed 21474836480 bytes: its entry 'a' alone has 3094850098213450",
  ),
  "negative size in pax": (
    build.pax(size=b"-512") + build.member(b"a", NEW),
    "'a', which has the size b'-512'",
  ),
  "no size in pax": (
    build.pax(size=b"1e3") + build.member(b"a", NEW),
    "'a', which has the size b'1e3'",
  ),
  "absurd size in pax": (
    build.pax(size=b"9" * 19) + build.member(b"a", NEW),
    "its entry 'a' alone has 9999999999999999999",
  ),
  "endless size in pax": (
    build.pax(size=b"9" * 5000) + build.member(b"a", NEW),
    "'a', which has the size b'999999",
  ),
  "size beyond the end": (
    build.header(b"a", 10**6),
    "is truncated: it ends within the entry 'a'",
  ),
  "huge pax header": (
    build.header(b"pax", HUGE, kind=b"x"),
    f"has an extension of {HUGE} bytes, more than the 1048576",
  ),
  "huge global header": (
    build.header(b"pax", 2**33 - 1, kind=b"g"),
    "has an extension of 8589934591 bytes, more than the 1048576",
  ),
  "huge long name": (
    build.header(b"././@LongLink", HUGE, kind=b"L"),
    f"has an extension of {HUGE} bytes, more than the 1048576",
  ),
  "huge long link": (
    build.header(b"././@LongLink", 2**30, kind=b"K"),
    "has an extension of 1073741824 bytes, more than the 1048576",
  ),
  "global path": (
    build.pax(b"g", path=b"../victim") + build.member(b"a", NEW),
    "a header sets b'path' of all entries, at byte 1024",
  ),
  "global size": (
    build.pax(b"g", size=b"0") + build.member(b"a", NEW),
    "a header sets b'size' of all entries, at byte 1024",
  ),
  "two pax headers": (
    build.pax(path=b"a") * 2 + build.member(b"a", NEW),
    "two headers extend the same entry, at byte 2048",
  ),
  "many pax headers": (
    build.pax(mtime=b"1") * 3000 + build.member(b"a", NEW),
    "two headers extend the same entry, at byte 2048",
  ),
  "two names": (
    build.pax(path=b"a") + build.long_name(b"b") + build.member(b"c", NEW),
    "two headers extend the same entry, at byte 3072",
  ),
  "pax header without an entry": (
    build.pax(path=b"a"),
    "its end mark is where an entry has to be, at byte 2048",
  ),
  "pax record without an end": (
    build.member(b"pax", b"99 path=../victim\n", kind=b"x"),
    "a pax header is wrong, at byte 1024",
  ),
  "pax record of no length": (
    build.member(b"pax", b"0 path=../victim\n", kind=b"x"),
    "a pax header is wrong, at byte 1024",
  ),
  "pax record of an endless length": (
    build.member(b"pax", b"9" * 9000 + b" path=a\n", kind=b"x"),
    "a pax header is wrong, at byte 1024",
  ),
  "long name of an unknown format": (
    build.member(b"victim", NEW, prefix=b"a", magic=b"usher\x0000"),
    r"a header is of the unknown format b'usher\x00', at byte 1024",
  ),
  "wrong checksum": (
    build.header(b"a")[:-1] + b"?",
    "is damaged: a header is wrong (bad checksum), at byte 1024",
  ),
  "an archive after the archive": (
    build.END + build.member(b"a", NEW),
    "is damaged: something follows its end mark, at byte 1024",
  ),
}
