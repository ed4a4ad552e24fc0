"""Downloading a file from a web server."""

from __future__ import annotations

from typing import Optional

from hub_estimator.handles.downloads import download_errors, sessions
from hub_estimator.handles.downloads.progress import DownloadProgress
from hub_estimator.handles.downloads.transfer import (
  LONGEST_PAUSE_SECS,
  Settings,
  Transfer,
)

_FIRST_PAUSE_SECS = 0.5


def download(
  url: str, path: str, handle: str, settings: Optional[Settings] = None
) -> str:
  """Downloads a file; a broken connection is resumed, or begun again.

  Proxies and certificates are those of the usual environment variables
  (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`); see `sessions` for
  certificates that are not checked.

  Args:
    url: its address; redirects are followed.
    path: where to write it.
    handle: what it is downloaded for, for messages.
    settings: how; None takes the environment's.

  Returns:
    the address that sent it, after redirects.

  Raises:
    DownloadError (an OSError): the server refuses it, sends something else or
      less than it says, or all tries have failed.
  """
  settings = settings or Settings.of_environment()
  progress = DownloadProgress(handle, clock=settings.clock)
  transfer = Transfer(url, path, handle, settings, progress)
  try:
    with sessions.session() as session:
      for number in range(1, settings.tries + 1):
        try:
          return transfer.run(session)
        except download_errors.InterruptedTransferError as error:
          problem = error
        if number < settings.tries:
          pause = min(_FIRST_PAUSE_SECS * 2 ** (number - 1), LONGEST_PAUSE_SECS)
          settings.sleep(max(pause, transfer.asked_pause_secs))
  finally:
    progress.close()
  tries = f"{settings.tries} tries" if settings.tries > 1 else "1 try"
  raise download_errors.DownloadError(
    f"{handle} cannot be downloaded: {problem} ({url}, {tries}). Try again "
    "later, raise TFHUB_DOWNLOAD_TRIES, or get it in another way: "
    f"{download_errors.how_to_import(handle)}."
  )
