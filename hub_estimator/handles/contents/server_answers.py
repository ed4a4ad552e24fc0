"""What servers send where a file should come: pages and errors."""

from __future__ import annotations

import html
import json
import re
from typing import NamedTuple, Optional

_COMMENTS = re.compile(r"\A(\s*<!--.*?-->)+", re.DOTALL)
_HTML = re.compile(
  r"\s*(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body|title|meta|script)"
  r"\b",
  re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]*>([^<]+)<", re.IGNORECASE)
_XML = re.compile(r"\s*<(\?xml|Error\b)")
_CODES = ("code", "status", "reason")
_MAX_LETTERS = 120


class Answer(NamedTuple):
  """What a server sent.

  Attributes:
    what: what it is, with an article.
    sentence: what to say of it where an archive was expected.
  """

  what: str
  sentence: str


def describe(head: bytes) -> Optional[Answer]:
  """Returns what the first bytes of a page or error say, None for others.

  Args:
    head: the first bytes of a download or file.
  """
  text = _text(head)
  if text is None:
    return None
  if _HTML.match(_COMMENTS.sub("", text)):
    return _web_page(text)
  if _XML.match(text):
    return _error("XML", _of_xml(text, "Code"), _of_xml(text, "Message"))
  if text.lstrip()[:1] == "{":
    return _json(text)
  return None


def short_text(head: bytes) -> Optional[str]:
  """Returns the first line of text, shortened; None for what is not text."""
  text = _text(head)
  if text is None or not text.strip():
    return None
  if any(not (c.isprintable() or c.isspace()) for c in text):
    return None
  return _shortened(text.strip().splitlines()[0])


def _text(head: bytes) -> Optional[str]:
  for mark, encoding in (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
  ):
    if head.startswith(mark):
      return head[len(mark) :].decode(encoding, "replace")
  if b"\0" in head:
    return None
  try:
    return head.decode("utf-8")
  except UnicodeDecodeError as error:
    # The head may end inside of a letter; pages may have other encodings.
    is_cut = error.start > 0 and error.reason == "unexpected end of data"
    if is_cut or head.lstrip()[:1] == b"<":
      return head.decode("utf-8", "replace")
    return None


def _web_page(text: str) -> Answer:
  title = _TITLE.search(text)
  named = ""
  if title:
    named = f" Its title is {_shortened(html.unescape(title.group(1)))!r}."
  return Answer(
    "a web page",
    "The server sent a web page, not an archive: a login, a proxy or a moved "
    f"address.{named}",
  )


def _of_xml(text: str, name: str) -> str:
  found = re.search(rf"<{name}>([^<]*)<", text)
  return html.unescape(found.group(1)) if found else ""


def _json(text: str) -> Answer:
  try:
    content = json.loads(text)
  except ValueError:
    # The beginning of a longer one.
    pairs = re.findall(r'"(\w+)"\s*:\s*"?([^\s",{}][^",{}]*)', text)
    content = dict(reversed(pairs))
  # Web APIs put what went wrong under this name.
  error = content.get("error", content) if isinstance(content, dict) else {}
  if isinstance(error, str):
    error = {**content, "message": error}
  if not isinstance(error, dict):
    error = {}
  codes = [error[name] for name in _CODES if error.get(name)]
  return _error("JSON", str((codes or [""])[0]), str(error.get("message", "")))


def _error(language: str, code: str, message: str) -> Answer:
  if not code and not message:
    return Answer(
      f"a text in {language}", f"It is a text in {language}, not an archive."
    )
  said = ": ".join(_shortened(part) for part in (code, message) if part)
  return Answer(
    f"a server's error ({said})",
    f"The server sent an error, not an archive: {said.rstrip('.')}.",
  )


def _shortened(text: str) -> str:
  text = " ".join(text.split())
  return text if len(text) <= _MAX_LETTERS else f"{text[:_MAX_LETTERS]}…"
