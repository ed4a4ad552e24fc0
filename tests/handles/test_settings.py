"""Settings: environment variables, then flags, then defaults."""

import subprocess
import sys

import pytest
from absl import flags

from hub_estimator.handles import settings as settings_lib

NUMBERS = {
  "TFHUB_LOCK_TIMEOUT_SECS": (settings_lib.lock_timeout_secs, 600.0),
  "TFHUB_DOWNLOAD_TRIES": (settings_lib.download_tries, 5),
  "TFHUB_DOWNLOAD_TIMEOUT_SECS": (settings_lib.download_timeout_secs, 60.0),
  "TFHUB_MAX_DOWNLOAD_BYTES": (settings_lib.max_download_bytes, 20 * 2**30),
}
BOOLEANS = {
  "TFHUB_OFFLINE": (settings_lib.is_offline, False),
  "TFHUB_CACHE_VERIFY": (settings_lib.verifies_cache, False),
  "TFHUB_CHIEF_DOWNLOADS": (settings_lib.chief_downloads, True),
}


@pytest.mark.parametrize("variable", NUMBERS)
def test_numbers(settings, variable):
  read, default = NUMBERS[variable]
  assert read() == default
  settings.setenv(variable, "7")
  assert read() == 7
  for wrong in ("x", "-1", "nan", "inf"):
    settings.setenv(variable, wrong)
    with pytest.raises(ValueError, match=f"{variable} is '{wrong}'"):
      read()


@pytest.mark.parametrize("variable", BOOLEANS)
def test_booleans(settings, variable):
  read, default = BOOLEANS[variable]
  assert read() is default
  for text, value in {"1": True, "TRUE": True, "0": False, "": False}.items():
    settings.setenv(variable, text)
    assert read() is value
  settings.setenv(variable, "perhaps")
  with pytest.raises(ValueError, match="must be 1 or 0"):
    read()


def test_the_environment_comes_before_the_flag(settings):
  settings.setattr(flags.FLAGS["tfhub_cache_dir"], "value", "/flag")
  settings.setenv("TFHUB_CACHE_DIR", "/environment")
  assert settings_lib.cache_dir() == "/environment"
  settings.delenv("TFHUB_CACHE_DIR")
  assert settings_lib.cache_dir() == "/flag"


def test_formats_are_read_in_any_case(settings):
  assert settings_lib.load_format() == "AUTO"
  settings.setattr(
    flags.FLAGS["tfhub_model_load_format"], "value", "uncompressed"
  )
  assert settings_lib.load_format() == "UNCOMPRESSED"


def test_flags_may_be_defined_by_two_packages(settings):
  """As tensorflow_hub does, which may come first or second."""
  settings.delenv("TFHUB_CACHE_DIR")
  program = """
from absl import flags
def define():
  for name in ("tfhub_cache_dir", "tfhub_model_load_format"):
    flags.DEFINE_string(name, None, "Theirs.")
if "{first}" == "ours":
  from hub_estimator import handles
  define()
else:
  define()
  from hub_estimator import handles
flags.FLAGS(["program", "--tfhub_cache_dir=/given"])
from hub_estimator.handles import settings
print(settings.cache_dir())
"""
  for first in ("ours", "theirs"):
    result = subprocess.run(
      [sys.executable, "-c", program.format(first=first)],
      capture_output=True,
      text=True,
    )
    assert result.stdout == "/given\n", result.stderr
