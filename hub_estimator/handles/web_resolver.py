"""Modules on web servers: `https://…`."""

from __future__ import annotations

import contextlib
import re
import urllib.parse
from typing import Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.handles import downloads, settings
from hub_estimator.handles.cache.module_cache import ModuleCache
from hub_estimator.handles.downloads import sessions
from hub_estimator.handles.resolver import Resolver

_FORMAT_PARAMETER = "tf-hub-format"
_SEE_OTHER = 303
_BODY_BYTES = 2**16
_CHINESE_SITE = re.compile(r"https://hub\.tensorflow\.google\.cn/([^?#]+)")
_KAGGLE_PAGE = re.compile(
  r"https://(?:www\.)?kaggle\.com/models/([^/?#]+)/([^/?#]+)/"
  # As Kaggle wrote its addresses first, and as it does now.
  r"(?:frameworks/)?([^/?#]+)/(?:variations/)?([^/?#]+)/"
  r"(?:versions/)?([^/?#]+)/?"
)


class OfflineError(errors.UserOSError):
  """A module that would have to be downloaded, with TFHUB_OFFLINE set."""


class WebResolver(Resolver):
  """Downloads a module's archive into the cache.

  An address is asked for with `?tf-hub-format=compressed`, redirects are
  followed, and the archive that comes is unpacked. With the load format
  UNCOMPRESSED the server is asked where the module lies (`gs://…`), and it is
  read there.
  """

  def is_supported(self, handle: str) -> bool:
    """Whether a handle is a web address."""
    return files.is_web(handle)

  def resolve(self, handle: str, mirror: Optional[str] = None) -> str:
    """Returns the folder of a module.

    Args:
      handle: its address.
      mirror: the address to fetch it from instead.
    """
    if settings.load_format() == "UNCOMPRESSED":
      return _uncompressed_place(handle, mirror or handle)
    cache = ModuleCache()
    return cache.get(
      handle, lambda path: _fetch(handle, mirror or handle, path, cache)
    )


def archive_urls(address: str) -> list[str]:
  """Returns where the archive of a module may be had, the best place first."""
  chinese = _CHINESE_SITE.fullmatch(address)
  if chinese:
    return [
      "https://gcs.tensorflow.google.cn/tfhub-modules/"
      f"{chinese.group(1).rstrip('/')}.tar.gz"
    ]
  urls = [_with_format(address, "compressed")]
  kaggle = _KAGGLE_PAGE.fullmatch(address)
  if kaggle:
    urls.append(
      "https://www.kaggle.com/api/v1/models/"
      f"{'/'.join(kaggle.groups())}/download"
    )
  return urls


def _fetch(handle: str, address: str, path: str, cache: ModuleCache) -> str:
  check_online(handle, cache)
  sessions.warn_if_unencrypted(address)
  *better, last = archive_urls(address)
  for url in better:
    with contextlib.suppress(downloads.RefusedError):
      return downloads.download(url, path, handle)
  return downloads.download(last, path, handle)


def check_online(handle: str, cache: ModuleCache) -> None:
  """Raises OfflineError if no connection may be opened."""
  if settings.is_offline():
    problems = cache.problems(handle)
    how = f"whole ({'; '.join(problems[:3])}) " if problems else ""
    raise OfflineError(
      f"{handle} is not {how}in the cache {cache.folder}, and TFHUB_OFFLINE is "
      "set: "
      "nothing is downloaded. On a machine with a connection, python -m "
      f"hub_estimator.cache fetch {handle} downloads it; with a copy of the "
      f"module here, {downloads.how_to_import(handle)}; TFHUB_MIRRORS "
      "names a folder that has it."
    )


def _with_format(address: str, value: str) -> str:
  """Returns an address that asks for a format, unless it does so already."""
  parts = urllib.parse.urlsplit(address)
  names = [name for name, _ in urllib.parse.parse_qsl(parts.query)]
  if _FORMAT_PARAMETER in names:
    return address
  parameter = f"{_FORMAT_PARAMETER}={value}"
  query = f"{parts.query}&{parameter}" if parts.query else parameter
  return urllib.parse.urlunsplit(parts._replace(query=query))


def _uncompressed_place(handle: str, address: str) -> str:
  """Returns the folder (`gs://…`) in which a server says that a module lies.

  Raises:
    ValueError: it says something else.
    OSError: it cannot be asked.
  """
  import requests

  check_online(handle, ModuleCache())
  url = _with_format(address, "uncompressed")
  try:
    with (
      sessions.session() as session,
      session.get(
        url,
        allow_redirects=False,
        stream=True,
        timeout=settings.download_timeout_secs(),
      ) as response,
    ):
      status = response.status_code
      body = response.raw.read(_BODY_BYTES, decode_content=True)
  except requests.exceptions.RequestException as error:
    raise downloads.DownloadError(
      f"{handle} cannot be found: {url} does not answer ({error})."
    ) from error
  place = body.decode("utf-8", "replace").strip()
  if status != _SEE_OTHER or not place.startswith("gs://"):
    raise errors.UserValueError(
      f"{url} answers {status} and {place[:80]!r}: with "
      "TFHUB_MODEL_LOAD_FORMAT=UNCOMPRESSED a server must answer 303 and an "
      "address gs://…. Use COMPRESSED to download the module."
    )
  return place
