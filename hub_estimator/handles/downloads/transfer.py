"""One file on its way from a web server."""

from __future__ import annotations

import os
import time
import urllib.parse
from collections.abc import Callable
from typing import NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.handles import settings as settings_lib
from hub_estimator.handles.contents import content_kinds
from hub_estimator.handles.downloads import checksums
from hub_estimator.handles.downloads.download_errors import (
  InterruptedTransferError,
  NotAnArchiveError,
  RefusedError,
  how_to_import,
)

LONGEST_PAUSE_SECS = 30.0
_PIECE_BYTES = 2**18
_HEAD_BYTES = 2**10
# That many in the time of a time-out, or the connection is given up.
_LEAST_BYTES = 2**10
_ANY_PAGE = b"<!DOCTYPE html>"
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_IGNORED = 416


class Settings(NamedTuple):
  """How a download is made; see `settings` for the environment variables.

  Attributes:
    tries: how often it is begun, at most.
    timeout_secs: seconds without bytes after which a connection is given up.
    max_bytes: bytes above which it is given up.
    sleep: waits so many seconds between tries.
    clock: returns seconds.
  """

  tries: int
  timeout_secs: float
  max_bytes: int
  sleep: Callable[[float], None] = time.sleep
  clock: Callable[[], float] = time.monotonic

  @classmethod
  def of_environment(cls) -> Settings:
    """Returns what the environment variables say."""
    return cls(
      settings_lib.download_tries(),
      settings_lib.download_timeout_secs(),
      settings_lib.max_download_bytes(),
    )


class Transfer:
  """What has been downloaded of a file, and what is known of it."""

  def __init__(self, url, path, handle, settings, progress):
    self._url, self._path, self._handle = url, path, handle
    self._settings, self._progress = settings, progress
    self._validator: Optional[str] = None
    self.asked_pause_secs = 0.0

  def run(self, session) -> str:
    """Makes one try; returns the address that sent the file."""
    import requests

    self.asked_pause_secs = 0.0
    try:
      with self._open(session) as response:
        self._check_status(response)
        self._receive(response)
        return self._shown(response.url)
    except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as e:
      raise RefusedError(self._connection_problem(e)) from e
    except (requests.exceptions.InvalidSchema, ValueError) as e:
      if isinstance(e, errors.UserError):
        raise
      raise RefusedError(self._connection_problem(e)) from e
    except requests.exceptions.TooManyRedirects as e:
      raise RefusedError(
        f"{self._handle} cannot be downloaded: {self._url} redirects without "
        "end."
      ) from e
    except requests.exceptions.Timeout as e:
      raise InterruptedTransferError(
        f"no answer within {self._settings.timeout_secs:g} s"
      ) from e
    except requests.exceptions.RequestException as e:
      raise InterruptedTransferError(_reason(e)) from e

  def _open(self, session):
    headers = {}
    received = self._received()
    if received and self._validator:
      headers = {
        "Range": f"bytes={received}-",
        "If-Range": self._validator,
      }
    response = session.get(
      self._url,
      headers=headers,
      stream=True,
      timeout=self._settings.timeout_secs,
    )
    for hop in (*response.history, response):
      if _scheme(self._url) == "https" and _scheme(hop.url) != "https":
        response.close()
        raise RefusedError(
          f"{self._handle} is not downloaded: {self._url} redirects to "
          f"{self._shown(hop.url)}, which is not encrypted."
        )
    return response

  def _shown(self, url: str) -> str:
    """Returns an address for messages and the manifest.

    Where a server redirects to, the query is often a signature that lets
    anybody in for a while.
    """
    if url == self._url:
      return url
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit((parts.scheme, host, parts.path, "", ""))

  def _received(self) -> int:
    return os.path.getsize(self._path) if os.path.exists(self._path) else 0

  def _check_status(self, response) -> None:
    status = response.status_code
    if status in (200, 206):
      return
    if status == _RANGE_IGNORED:
      os.remove(self._path)
      raise InterruptedTransferError("the server does not send the rest")
    if status in _TRY_AGAIN:
      asked = response.headers.get("Retry-After", "")
      self.asked_pause_secs = (
        min(float(asked), LONGEST_PAUSE_SECS) if asked.isdigit() else 0.0
      )
      raise InterruptedTransferError(f"the server answers {_status(response)}")
    raise RefusedError(
      f"{self._handle} cannot be downloaded: "
      f"{self._shown(response.url)} answers "
      f"{_status(response)}. {self._advice(status)}"
    )

  def _advice(self, status: int) -> str:
    if status in (401, 403, 407, 451):
      what = (
        "The server wants a login, or a proxy or the site itself does not let "
        "this machine in"
      )
    elif status in (404, 410):
      what = "There is no module at that address, or no longer"
    else:
      what = "It gives no reason that is known"
    return (
      f"{what}. Check the handle, give a mirror in TFHUB_MIRRORS, or get a "
      f"copy in another way: {how_to_import(self._handle)}."
    )

  def _receive(self, response) -> None:
    """Writes the content of a response to the file."""
    received = self._received()
    resumed = response.status_code == 206
    if resumed and not _range_starts_at(response, received):
      os.remove(self._path)
      raise InterruptedTransferError(
        "the server sends another part than the rest"
      )
    received = received if resumed else 0
    length = _content_length(response)
    total = None if length is None else received + length
    self._check_size(total or 0)
    if not resumed:
      # A weak validator says nothing of single bytes.
      tag = response.headers.get("ETag", "")
      tag = tag if not tag.startswith("W/") else ""
      self._validator = tag or response.headers.get("Last-Modified")
    with open(self._path, "ab" if resumed else "wb") as file:
      self._copy(response, file, received, total)
    checksum = checksums.checksum_of_headers(response.headers, resumed)
    if checksum and not checksums.matches(self._path, checksum):
      os.remove(self._path)
      raise InterruptedTransferError(
        f"what came has not the {checksum.algorithm} of its {checksum.header}"
      )

  def _copy(self, response, file, received, total) -> None:
    mark, mark_received = self._settings.clock(), received
    head = b"" if received == 0 else None  # None: it has been looked at.
    while total is None or received < total:
      piece = _read(response, _PIECE_BYTES)
      if not piece:
        break
      received += len(piece)
      self._check_size(received)
      file.write(piece)
      if head is not None:
        head += piece
        if len(head) >= _HEAD_BYTES:
          self._check_content(response, head[:_HEAD_BYTES])
          head = None
      self._progress.update(received, total)
      now = self._settings.clock()
      if now - mark > self._settings.timeout_secs:
        if received - mark_received < _LEAST_BYTES:
          raise InterruptedTransferError("the server sends next to nothing")
        mark, mark_received = now, received
    if total is not None and received < total:
      raise InterruptedTransferError(
        f"the connection broke off after {received:,} of {total:,} bytes"
      )
    if head is not None:
      self._check_content(response, head)

  def _check_size(self, num_bytes: int) -> None:
    if num_bytes > self._settings.max_bytes:
      raise RefusedError(
        f"{self._handle} is not downloaded: {self._url} sends more than "
        f"{self._settings.max_bytes:,} bytes. TFHUB_MAX_DOWNLOAD_BYTES raises "
        "the bound."
      )

  def _check_content(self, response, head: bytes) -> None:
    """Raises an error if a response is no file but a page about it."""
    content_type = response.headers.get("Content-Type", "").lower()
    if content_type.startswith("text/html"):
      head = _ANY_PAGE
    kind = content_kinds.describe_bytes(head)
    if kind is not None:
      raise NotAnArchiveError(
        f"{self._handle} does not appear to be a valid module: "
        f"{self._shown(response.url)} "
        f"sends no archive. {kind}"
      )

  def _connection_problem(self, error: Exception) -> str:
    advice = ""
    if "certificate" in str(error).lower() or "ssl" in str(error).lower():
      host = urllib.parse.urlsplit(self._url).hostname
      advice = (
        " REQUESTS_CA_BUNDLE names a file of certificates to trust (a company's"
        f" proxy has its own); TFHUB_INSECURE_HOSTS={host} trusts that host"
        " without one."
      )
    return (
      f"{self._handle} cannot be downloaded from {self._url}: "
      f"{_reason(error)}.{advice}"
    )


def _read(response, num_bytes: int) -> bytes:
  """Returns bytes as they come, without undoing a content's encoding."""
  import urllib3

  try:
    return response.raw.read1(num_bytes, decode_content=False)
  except (urllib3.exceptions.HTTPError, OSError) as error:
    raise InterruptedTransferError(
      f"the connection broke off ({_reason(error)})"
    ) from (error)


def _content_length(response) -> Optional[int]:
  text = response.headers.get("Content-Length", "")
  return int(text) if text.isdigit() else None


def _range_starts_at(response, place: int) -> bool:
  text = response.headers.get("Content-Range", "")
  return text.lower().replace(" ", "").startswith(f"bytes{place}-")


def _scheme(url: str) -> str:
  return urllib.parse.urlsplit(url).scheme


def _status(response) -> str:
  return f"{response.status_code} {response.reason or ''}".strip()


def _reason(error: BaseException) -> str:
  """Returns what lies at the bottom of a network error."""
  while True:
    inner = error.__cause__ or error.__context__
    inner = getattr(error, "reason", None) or inner
    if not isinstance(inner, BaseException):
      break
    error = inner
  return str(error).strip().rstrip(".") or type(error).__name__
