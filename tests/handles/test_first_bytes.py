"""What is said of a download that is no archive."""

import io
import zipfile

import pytest
import tiny_modules

from hub_estimator.handles.contents.content_kinds import describe_bytes

PAGE = (
  "The server sent a web page, not an archive: a login, a proxy or a moved "
  "address."
)


def zipped(name):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w") as archive:
    archive.writestr(name, "x")
  return buffer.getvalue()


@pytest.mark.parametrize(
  "head",
  [
    b"<html>",
    b"<HTML lang=de>",
    b"<!DOCTYPE html>\n<html>",
    b"<!doctype HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>",
    b" \r\n\t<html><body>",
    b"\xef\xbb\xbf<!DOCTYPE html>",
    b"<!-- saved --> <!-- twice -->\n<html>",
    b'<?xml version="1.0"?><!DOCTYPE html><html xmlns="x">',
    b"<head><meta charset=utf-8>",
    b"\xff\xfe" + "<html>".encode("utf-16-le"),
    b"<html><p>caf\xe9 au lait</html>",
  ],
)
def test_web_pages(head):
  assert describe_bytes(head) == PAGE


def test_the_title_of_a_page():
  head = b"<!doctype html><head><title>\n Sign&nbsp;in &amp; up</title>"
  assert describe_bytes(head) == f"{PAGE} Its title is 'Sign in & up'."
  head = f"<html><title>{'x' * 500}</title>".encode()
  assert describe_bytes(head) == f"{PAGE} Its title is '{'x' * 120}…'."


@pytest.mark.parametrize(
  ("head", "text"),
  [
    (
      b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code>"
      b"<Message>Access denied.</Message><Details>x</Details></Error>",
      "The server sent an error, not an archive: AccessDenied: Access denied.",
    ),
    (
      b"<Error><Code>NoSuchKey</Code></Error>",
      "The server sent an error, not an archive: NoSuchKey.",
    ),
    (b"<?xml version='1.0'?><a/>", "It is a text in XML, not an archive."),
    (
      b'{"error": {"code": 403, "message": "Forbidden", "status": "DENIED"}}',
      "The server sent an error, not an archive: 403: Forbidden.",
    ),
    (
      b'{"code": 404, "message": "Not found"}',
      "The server sent an error, not an archive: 404: Not found.",
    ),
    (
      b'{"error": "no such model"}',
      "The server sent an error, not an archive: no such model.",
    ),
    (
      b'{"error": {"code": 500, "message": "Cut off he',
      "The server sent an error, not an archive: 500: Cut off he.",
    ),
    (b'{"a": [1]}', "It is a text in JSON, not an archive."),
    (b'{"error": [1]}', "It is a text in JSON, not an archive."),
    (b"404: Not Found\n", "It is text, not an archive: '404: Not Found'."),
    ("caf\u00e9".encode(), "It is text, not an archive: 'caf\u00e9'."),
    (
      "caf\u00e9".encode()[:-1],
      "It is text, not an archive: 'caf\ufffd'.",
    ),
    (
      b"",
      "It is an empty file; whatever wrote, copied or downloaded it ended "
      "early.",
    ),
    (
      b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n",
      "It is a Git LFS pointer, which stands for 7 bytes; run `git lfs pull` "
      "in its repository.",
    ),
    (
      b"version https://git-lfs.github.com/spec/v1\n",
      "It is a Git LFS pointer, which stands for the file; run `git lfs pull` "
      "in its repository.",
    ),
    (
      b"\x89HDF\r\n\x1a\n\0",
      "It is an HDF5 file, in which Keras keeps models and weights (.h5); load "
      "it with tf.keras.models.load_model(), or with load_weights() if it "
      "holds weights only.",
    ),
    (
      zipped("config.json"),
      "It is a Keras model (.keras); load it with "
      "tf.keras.models.load_model().",
    ),
  ],
)
def test_what_is_no_archive(head, text):
  assert describe_bytes(head) == text


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz", ""])
def test_archives_are_left_to_who_unpacks_them(compression):
  assert describe_bytes(tiny_modules.archive(None, compression)) is None


@pytest.mark.parametrize(
  "head", [zipped("m/saved_model.pb"), b"\xff\xff", b"\0", b"\x08\x03", b" \n"]
)
def test_what_cannot_be_told(head):
  assert describe_bytes(head) is None


def test_no_beginning_of_a_known_format_breaks():
  heads = [
    b"\x0a\x2f\x0a\x01x\x12\x0bPlaceholder*\x0b",
    b"PK\x03\x04" + bytes(26),
    b"\x08\x08\x12\x07tf2onnx",
    b'\x40\0\0\0\0\0\0\0{"w"',
    b"<?xml version='1.0'?><Error><Code>A</Code>",
    b'{"error": {"code": 500}}',
    b"\x0a" + b"\xff" * 40,
  ]
  for head in heads:
    for end in range(len(head) + 1):
      found = describe_bytes(head[:end])
      assert found is None or found.endswith(".")
