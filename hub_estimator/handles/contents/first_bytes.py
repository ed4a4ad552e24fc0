"""Telling formats of files apart by their first bytes."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from hub_estimator.file_formats import files
from hub_estimator.handles.contents import server_answers

NUM_BYTES = 4096


class Kind(NamedTuple):
  """What a file is.

  Attributes:
    what: its format, with an article.
    instead: what to do with it, a part of a sentence.
    is_model: whether it is a model or weights of one.
    is_archive: whether it is an archive, in which a module may be.
    answer: what to say where a server sent it in place of a file; "" for what
      is no server's answer.
  """

  what: str
  instead: str
  is_model: bool = False
  is_archive: bool = False
  answer: str = ""

  def sentence(self, subject: str = "It") -> str:
    """Returns what to say of a file."""
    return f"{subject} is {self.what}; {self.instead}."


def _model(what: str, instead: str) -> Kind:
  return Kind(what, instead, is_model=True)


def _archive(what: str, instead: str) -> Kind:
  return Kind(what, instead, is_archive=True)


_UNPACK = "unpack it and give the folder in it that holds tfhub_module.pb"
_PACK_ANEW = "a module's archive is a .tar.gz file, so unpack it and give the"
KERAS = _model(
  "a Keras model (.keras)", "load it with tf.keras.models.load_model()"
)
_PYTORCH = _model("a PyTorch file", "load it with torch.load()")
ZIP = _archive("a zip archive", _UNPACK)
# Of what begins with the same bytes, the longer row comes first.
_MAGIC = (
  (
    b"\x89HDF\r\n\x1a\n",
    _model(
      "an HDF5 file, in which Keras keeps models and weights (.h5)",
      "load it with tf.keras.models.load_model(), or with load_weights() if "
      "it holds weights only",
    ),
  ),
  (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", _PYTORCH),
  (b"\x93NUMPY", Kind("a NumPy array", "load it with np.load()")),
  (b"\x1f\x8b", _archive("a gzip archive", _UNPACK)),
  (b"BZh", _archive("a bzip2 archive", _UNPACK)),
  (b"\xfd7zXZ\x00", _archive("an xz archive", _UNPACK)),
  (b"PK\x05\x06", Kind("a zip archive without files", "pack it again")),
  (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", f"{_PACK_ANEW} folder")),
  (b"Rar!\x1a\x07", Kind("a RAR archive", f"{_PACK_ANEW} folder")),
  (b"\x28\xb5\x2f\xfd", Kind("a Zstandard file", f"{_PACK_ANEW} folder")),
)
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_TFJS = re.compile(rb'"modelTopology"|"format":\s*"(graph|layers)-model"')


def kind_of(head: bytes) -> Optional[Kind]:
  """Returns what a file is, None if that cannot be told.

  Args:
    head: its first bytes, `NUM_BYTES` of them if it has as many.
  """
  if not head:
    return Kind(
      "an empty file", "whatever wrote, copied or downloaded it ended early"
    )
  for magic, kind in _MAGIC:
    if head.startswith(magic):
      return kind
  if head.startswith(b"PK\x03\x04"):
    return _zip_kind(head)
  if is_lfs_pointer(head):
    return _lfs_kind(head)
  if head[257:262] == b"ustar":
    return _archive("a tar archive", _UNPACK)
  return _model_kind(head) or _answer_kind(head)


def read(path: str) -> Optional[bytes]:
  """Returns the first bytes of a file; None for what cannot be read."""
  if not files.is_file(path):
    return None
  try:
    return files.read(path, NUM_BYTES)
  except Exception:
    # Of TensorFlow's file systems, errors of its own.
    return None


def describe_bytes(head: bytes) -> Optional[str]:
  """Returns what a download or file is that should be a module's archive.

  Args:
    head: its first bytes.

  Returns:
    a sentence that says what it is and what to do; None if that cannot be told,
    and for archives, in which a module may well be.
  """
  kind = kind_of(head)
  if kind is not None:
    return None if kind.is_archive else kind.answer or kind.sentence()
  text = server_answers.short_text(head)
  return None if text is None else f"It is text, not an archive: {text!r}."


def is_lfs_pointer(head: bytes) -> bool:
  """Whether these are the first bytes of what Git LFS leaves for a file."""
  return head.startswith(_LFS_POINTER)


def _lfs_kind(head: bytes) -> Kind:
  size = re.search(rb"^size (\d+)$", head, re.MULTILINE)
  stands_for = f"{int(size.group(1)):,} bytes" if size else "the file"
  return Kind(
    f"a Git LFS pointer, which stands for {stands_for}",
    "run `git lfs pull` in its repository",
  )


def _zip_kind(head: bytes) -> Kind:
  """Returns the kind of a zip archive by its first file.

  https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3.7
  """
  name_bytes = int.from_bytes(head[26:28], "little")
  name = head[30 : 30 + name_bytes].decode("utf-8", "replace")
  if name == "config.json" or (
    name == "metadata.json" and b'"keras_version"' in head
  ):
    return KERAS
  if name.endswith(("/data.pkl", "/.format_version", "/byteorder")):
    return _PYTORCH
  if name.endswith(".npy"):
    return Kind("an archive of NumPy arrays (.npz)", "load it with np.load()")
  return ZIP


def _model_kind(head: bytes) -> Optional[Kind]:
  if head[4:8] == b"TFL3":
    return _model(
      "a TensorFlow Lite model", "run it with tf.lite.Interpreter()"
    )
  if _is_graph(head) or re.match(rb"\s*node\s*\{\s*name:", head):
    return _model(
      "a graph (GraphDef), frozen or without its weights",
      "wrap it in a module_fn with tf.import_graph_def() and export what "
      "hub.create_module_spec(module_fn) returns",
    )
  # The format's version, from 3 on, then the producer's name.
  if re.match(rb"\x08[\x03-\x20]\x12[\x01-\x7f][\w .-]", head):
    return _model("an ONNX model", "run it with the package onnxruntime")
  if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 2**30:
    return _model(
      "a safetensors file: weights without a graph",
      "load it with the package safetensors",
    )
  if head.lstrip()[:1] == b"{" and _TFJS.search(head):
    return _model(
      "a TensorFlow.js model", "load it in JavaScript with TensorFlow.js"
    )
  return None


def _is_graph(head: bytes) -> bool:
  """Whether these bytes begin a GraphDef: a node, its name and its op."""
  place = 0
  found = []
  for tag in (b"\x0a", b"\x0a", b"\x12"):
    if head[place : place + 1] != tag:
      return False
    place += 1
    size = shift = 0
    while place < len(head):
      byte = head[place]
      place += 1
      size |= (byte & 0x7F) << shift
      shift += 7
      if byte < 0x80:
        break
    found.append(head[place : place + size])
    # The first is the node itself, whose name comes next.
    place += size if len(found) > 1 else 0
  _, name, op = found
  return (
    re.fullmatch(rb"[\w.\\/>-]+", name) is not None
    and re.fullmatch(rb"[A-Z_]\w*(>\w+)*", op) is not None
  )


def _answer_kind(head: bytes) -> Optional[Kind]:
  answer = server_answers.describe(head)
  if answer is None:
    return None
  return Kind(
    answer.what,
    "a server sent it in place of the file, which has to be downloaded again",
    answer=answer.sentence,
  )
