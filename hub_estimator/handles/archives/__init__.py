"""Archives of modules: unpacking what anybody may have made."""

from hub_estimator.handles.archives.limits import ArchiveLimits, BadArchiveError
from hub_estimator.handles.archives.unpacking import UnpackedFile, unpack

__all__ = ["ArchiveLimits", "BadArchiveError", "UnpackedFile", "unpack"]
