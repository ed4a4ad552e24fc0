"""Downloads from web servers."""

from hub_estimator.handles.downloads.download_errors import (
  DownloadError,
  NotAnArchiveError,
  RefusedError,
  how_to_import,
)
from hub_estimator.handles.downloads.http_download import download
from hub_estimator.handles.downloads.transfer import Settings

__all__ = [
  "DownloadError",
  "NotAnArchiveError",
  "RefusedError",
  "Settings",
  "download",
  "how_to_import",
]
