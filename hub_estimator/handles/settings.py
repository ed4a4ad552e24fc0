"""What users set about downloads and the cache: environment variables, flags.

Each setting is read when it is needed, so that a program may still set it after
the import. An environment variable comes before its flag.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Optional, TypeVar

from absl import flags

from hub_estimator import errors

_Number = TypeVar("_Number", int, float)

# For commands that show them: `flags.declare_key_flag(settings.CACHE_FLAG)`.
CACHE_FLAG, FORMAT_FLAG = "tfhub_cache_dir", "tfhub_model_load_format"
LOAD_FORMATS = ("AUTO", "COMPRESSED", "UNCOMPRESSED")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def _define(name: str, default: Optional[str], help_text: str) -> None:
  """Defines a flag unless tensorflow_hub has; it may still do so later."""
  if name not in flags.FLAGS:
    flags.DEFINE_string(name, default, help_text, allow_override=True)


_define(
  CACHE_FLAG,
  None,
  "Folder of downloaded modules; the environment variable TFHUB_CACHE_DIR comes"
  " first.",
)
_define(
  FORMAT_FLAG,
  "AUTO",
  "How modules are fetched: COMPRESSED downloads archives, UNCOMPRESSED reads"
  " them where a server says that they lie, AUTO is COMPRESSED; the environment"
  " variable TFHUB_MODEL_LOAD_FORMAT comes first.",
)


def _text(variable: str, flag: Optional[str] = None) -> str:
  """Returns the value of a setting, "" if it has none."""
  value = os.environ.get(variable, "").strip()
  if value or flag is None or flag not in flags.FLAGS:
    return value
  # Unparsed flags have their defaults: a program need not use absl's app.
  return str(flags.FLAGS[flag].value or "").strip()


def cache_dir() -> Optional[str]:
  """Returns the folder that the user chose for the cache, None if none."""
  return _text("TFHUB_CACHE_DIR", CACHE_FLAG) or None


def load_format() -> str:
  """Returns how modules are fetched, one of `LOAD_FORMATS`.

  Raises:
    ValueError: the setting has another value.
  """
  value = _text("TFHUB_MODEL_LOAD_FORMAT", FORMAT_FLAG) or "AUTO"
  if value.upper() not in LOAD_FORMATS:
    raise errors.UserValueError(
      f"TFHUB_MODEL_LOAD_FORMAT (or --tfhub_model_load_format) is {value!r}: "
      f"it must be one of {', '.join(LOAD_FORMATS)}."
    )
  return value.upper()


def is_offline() -> bool:
  """Whether no connection may be opened."""
  return _boolean("TFHUB_OFFLINE")


def verifies_cache() -> bool:
  """Whether a cached module's bytes are compared with its manifest's."""
  return _boolean("TFHUB_CACHE_VERIFY")


def prints_progress() -> bool:
  """Whether the progress of downloads goes to stdout."""
  return bool(os.environ.get("TFHUB_DOWNLOAD_PROGRESS"))


def chief_downloads() -> bool:
  """Whether the other tasks of a cluster leave downloads to its chief."""
  return _boolean("TFHUB_CHIEF_DOWNLOADS", default=True)


def lock_timeout_secs() -> float:
  """Returns how long to wait for another process's download, in seconds."""
  return _number("TFHUB_LOCK_TIMEOUT_SECS", 600.0, float, minimum=0.0)


def download_tries() -> int:
  """Returns how often a download is begun before it is given up."""
  return _number("TFHUB_DOWNLOAD_TRIES", 5, int, minimum=1)


def download_timeout_secs() -> float:
  """Returns after how many seconds without bytes a connection is given up."""
  return _number("TFHUB_DOWNLOAD_TIMEOUT_SECS", 60.0, float, minimum=0.001)


def max_download_bytes() -> int:
  """Returns the bytes above which a download is given up."""
  return _number("TFHUB_MAX_DOWNLOAD_BYTES", 20 * 2**30, int, minimum=1)


def archive_limit(variable: str, default: _Number) -> _Number:
  """Returns a bound on what an archive may hold."""
  return _number(variable, default, type(default), minimum=1)


def insecure_hosts() -> frozenset[str]:
  """Returns the hosts whose certificates are not checked."""
  return frozenset(_text("TFHUB_INSECURE_HOSTS").replace(",", " ").split())


def _boolean(variable: str, default: bool = False) -> bool:
  value = os.environ.get(variable)
  if value is None:
    return default
  if value.strip().lower() in _TRUE:
    return True
  if value.strip().lower() in _FALSE:
    return False
  raise errors.UserValueError(
    f"The environment variable {variable} is {value!r}: it must be 1 or 0."
  )


def _number(
  variable: str,
  default: _Number,
  kind: Callable[[str], _Number],
  minimum: float,
) -> _Number:
  text = _text(variable)
  if not text:
    return default
  try:
    value = kind(text)
    if not minimum <= value < float("inf"):
      raise ValueError(text)
  except ValueError:
    what = "a whole number" if kind is int else "a number"
    raise errors.UserValueError(
      f"The environment variable {variable} is {text!r}: it must be {what} of "
      f"at least {minimum:g}."
    ) from None
  return value
